/* The rows of a statement as CSV, JSON or an aligned table. */
#ifndef VB_EMIT_H
#define VB_EMIT_H

#include "db.h"
#include "report.h"

/* Steps stmt to its end. CSV: RFC 4180, a head line, NULL empty. JSON: an array of objects. Table: numbers of six digits,
 * NULL as "-". Blobs appear as hexadecimal text. */
vb_status vb_emit(vb_db *db, sqlite3_stmt *stmt, vb_report_format format, FILE *to, vb_err *err);

vb_status vb_report_format_parse(vb_report_format *out, const char *s, vb_err *err);

#endif
