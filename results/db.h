/* SQLite in few words: one open database, statements prepared once, values bound by a format string.
 *
 * A format has one letter per value: i int64_t, d double (NaN: NULL), s text (NULL: NULL). There is no other way
 * from a value into a statement here: text is never pasted into SQL. */
#ifndef VB_DB_H
#define VB_DB_H

#include "err.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct vb_db vb_db;

typedef enum {
    VB_DB_READ,  /* existing file, read-only; a link in its place is not followed, in this and the next */
    VB_DB_WRITE, /* created when missing; foreign keys on, writes are durable at COMMIT */
    VB_DB_MEMORY /* private, empty; path is ignored */
} vb_db_mode;

vb_status vb_db_open(vb_db **out, const char *path, vb_db_mode mode, vb_err *err);
void vb_db_close(vb_db *db);
sqlite3 *vb_db_handle(vb_db *db);
/* vb_fail with SQLite's message; what: the thing that was being done. */
vb_status vb_db_fail(vb_db *db, const char *what, vb_err *err);

/* Drops the kept statements: some PRAGMAs want none to be prepared. */
void vb_db_forget(vb_db *db);

/* One or more statements without values. */
vb_status vb_db_exec(vb_db *db, const char *sql, vb_err *err);

/* A statement that returns no rows. sql is a string literal: statements are kept by its address. */
vb_status vb_db_run(vb_db *db, vb_err *err, const char *sql, const char *format, ...);

/* A statement with rows: bound and ready; step it with vb_db_step until *row is false or stop early with
 * sqlite3_reset. The statement belongs to db. */
vb_status vb_db_query(sqlite3_stmt **out, vb_db *db, vb_err *err, const char *sql, const char *format, ...);
vb_status vb_db_step(bool *row, vb_db *db, sqlite3_stmt *stmt, vb_err *err);

/* The first column of the first row; found (may be NULL) tells whether there is one, value is left alone when not. */
vb_status vb_db_int(int64_t *value, bool *found, vb_db *db, vb_err *err, const char *sql, const char *format, ...);

/* A text column copied, cut to size; NULL gives "". A real column; NULL gives NaN. */
void vb_db_text(char *out, size_t size, sqlite3_stmt *stmt, int column);
double vb_db_real(sqlite3_stmt *stmt, int column);

/* All of from in place of what is in to. */
vb_status vb_db_copy(vb_db *to, vb_db *from, vb_err *err);

/* Transactions: BEGIN IMMEDIATE; COMMIT when st is VB_OK, else ROLLBACK. Returns st or the commit's error. */
vb_status vb_db_begin(vb_db *db, vb_err *err);
vb_status vb_db_end(vb_db *db, vb_status st, vb_err *err);

#endif
