/* Commands that read a finished or running output folder: report, query, export. Read-only, always. */
#ifndef VB_REPORT_H
#define VB_REPORT_H

#include "err.h"

#include <stdbool.h>
#include <stdio.h>

typedef enum { VB_REPORT_TABLE, VB_REPORT_CSV, VB_REPORT_JSON } vb_report_format;

/* The dtype comparison, paired against float32, by model, prompt, size, bank, mode and device. */
vb_status vb_report_dtypes(const char *out_dir, vb_report_format format, FILE *to, vb_err *err);
/* Rows of one statement; anything but reading is refused by an authorizer. */
vb_status vb_report_query(const char *out_dir, const char *sql, vb_report_format format, FILE *to, vb_err *err);
/* A whole view or table by name, NULL: their names; into a file, NULL: to the terminal. */
vb_status vb_report_export(const char *out_dir, const char *view, vb_report_format format, const char *file, vb_err *err);

int vb_report_main(int argc, char **argv);   /* report OUT [--format table|csv|json] */
int vb_query_main(int argc, char **argv);    /* query OUT SQL [--format ...] */
int vb_export_main(int argc, char **argv);   /* export OUT [VIEW] [--format csv|json] [--out FILE] */
int vb_finalize_main(int argc, char **argv); /* finalize OUT */

#endif
