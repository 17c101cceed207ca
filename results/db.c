/* SQLite in few words; see db.h. */
#include "db.h"

#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_STATEMENTS 64

struct vb_db {
    sqlite3 *handle;
    char path[4096];
    int n;
    struct {
        const char *sql;
        sqlite3_stmt *stmt;
    } kept[MOST_STATEMENTS];
};

sqlite3 *vb_db_handle(vb_db *db) { return db->handle; }

vb_status vb_db_fail(vb_db *db, const char *what, vb_err *err)
{
    int code = sqlite3_errcode(db->handle) & 0xff;
    const char *remedy = "";

    if (sqlite3_extended_errcode(db->handle) == SQLITE_CANTOPEN_SYMLINK)
        remedy = "; it is a symbolic link, which is not followed: put the file itself there, or use --state-dir";
    else if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        remedy = "; move it away and run again: finished trials are taken up from their shards";
    else if (code == SQLITE_FULL)
        remedy = "; free some space there";
    else if (code == SQLITE_READONLY || code == SQLITE_CANTOPEN)
        remedy = "; check the folder's permissions";
    return vb_fail(err, code == SQLITE_NOMEM ? VB_ENOMEM : VB_ESTORE, "database '%.200s': %s: %s%s", db->path, what, sqlite3_errmsg(db->handle), remedy);
}

/* The path by which SQLite may not follow a link: none in a results folder is, but the folder itself may lie behind some. */
static void behind_links(char out[PATH_MAX + 64], const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX], real[PATH_MAX];
    int n = snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");

    if (n >= (int)sizeof folder || !realpath(folder, real)) /* SQLite says what is wrong with it */
        snprintf(out, PATH_MAX + 64, "%s", path);
    else
        snprintf(out, PATH_MAX + 64, "%s/%s", real, slash ? slash + 1 : path);
}

vb_status vb_db_open(vb_db **out, const char *path, vb_db_mode mode, vb_err *err)
{
    int flags = mode == VB_DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    char real[PATH_MAX + 64] = ":memory:";
    vb_db *db = calloc(1, sizeof *db);
    vb_status st;

    if (!db)
        return vb_fail(err, VB_ENOMEM, "database '%s'", path);
    snprintf(db->path, sizeof db->path, "%s", mode == VB_DB_MEMORY ? ":memory:" : path);
    if (mode != VB_DB_MEMORY)
        behind_links(real, path);
    if (sqlite3_open_v2(real, &db->handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL) != SQLITE_OK) {
        st = db->handle ? vb_db_fail(db, "open", err) : vb_fail(err, VB_ENOMEM, "database '%s'", path);
        goto fail;
    }
    sqlite3_busy_timeout(db->handle, 10000);
    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    /* FULL is more than WAL's default: a commit that was acknowledged survives a power cut. */
    if (mode == VB_DB_WRITE && (st = vb_db_exec(db, "PRAGMA synchronous=FULL", err)))
        goto fail;
    *out = db;
    return VB_OK;
fail:
    vb_db_close(db);
    return st;
}

void vb_db_forget(vb_db *db)
{
    for (int i = 0; i < db->n; i++)
        sqlite3_finalize(db->kept[i].stmt);
    db->n = 0;
}

void vb_db_close(vb_db *db)
{
    if (!db)
        return;
    vb_db_forget(db);
    sqlite3_close(db->handle);
    free(db);
}

vb_status vb_db_exec(vb_db *db, const char *sql, vb_err *err)
{
    char what[80];

    if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK)
        return VB_OK;
    snprintf(what, sizeof what, "%.60s", sql);
    return vb_db_fail(db, what, err);
}

static vb_status keep(sqlite3_stmt **out, vb_db *db, const char *sql, vb_err *err)
{
    for (int i = 0; i < db->n; i++)
        if (db->kept[i].sql == sql) {
            *out = db->kept[i].stmt;
            sqlite3_reset(*out);
            return VB_OK;
        }
    if (db->n == MOST_STATEMENTS) {
        int i = 0;

        while (i < db->n - 1 && sqlite3_stmt_busy(db->kept[i].stmt))
            i++;
        sqlite3_finalize(db->kept[i].stmt);
        db->n--;
        memmove(&db->kept[i], &db->kept[i + 1], (size_t)(db->n - i) * sizeof *db->kept);
    }
    if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) != SQLITE_OK)
        return vb_db_fail(db, sql, err);
    db->kept[db->n].sql = sql;
    db->kept[db->n++].stmt = *out;
    return VB_OK;
}

static vb_status bind(vb_db *db, sqlite3_stmt *s, const char *format, va_list ap, vb_err *err)
{
    int rc = SQLITE_OK;

    for (int i = 1; *format && rc == SQLITE_OK; format++, i++) {
        if (*format == 'i')
            rc = sqlite3_bind_int64(s, i, va_arg(ap, int64_t));
        else if (*format == 'd') {
            double v = va_arg(ap, double);

            rc = isnan(v) ? sqlite3_bind_null(s, i) : sqlite3_bind_double(s, i, v);
        } else {
            const char *text = va_arg(ap, const char *);

            rc = text ? sqlite3_bind_text(s, i, text, -1, SQLITE_TRANSIENT) : sqlite3_bind_null(s, i);
        }
    }
    return rc == SQLITE_OK ? VB_OK : vb_db_fail(db, sqlite3_sql(s), err);
}

vb_status vb_db_run(vb_db *db, vb_err *err, const char *sql, const char *format, ...)
{
    sqlite3_stmt *s;
    va_list ap;
    bool row;
    vb_status st = keep(&s, db, sql, err);

    if (st)
        return st;
    va_start(ap, format);
    st = bind(db, s, format, ap, err);
    va_end(ap);
    if (st == VB_OK)
        st = vb_db_step(&row, db, s, err);
    sqlite3_reset(s);
    return st;
}

vb_status vb_db_query(sqlite3_stmt **out, vb_db *db, vb_err *err, const char *sql, const char *format, ...)
{
    va_list ap;
    vb_status st = keep(out, db, sql, err);

    if (st)
        return st;
    va_start(ap, format);
    st = bind(db, *out, format, ap, err);
    va_end(ap);
    return st;
}

vb_status vb_db_step(bool *row, vb_db *db, sqlite3_stmt *stmt, vb_err *err)
{
    vb_status st = VB_OK;
    int rc = sqlite3_step(stmt);

    *row = rc == SQLITE_ROW;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        st = vb_db_fail(db, sqlite3_sql(stmt), err);
    if (rc != SQLITE_ROW)
        sqlite3_reset(stmt);
    return st;
}

vb_status vb_db_int(int64_t *value, bool *found, vb_db *db, vb_err *err, const char *sql, const char *format, ...)
{
    sqlite3_stmt *s;
    va_list ap;
    bool row = false;
    vb_status st = keep(&s, db, sql, err);

    if (st)
        return st;
    va_start(ap, format);
    st = bind(db, s, format, ap, err);
    va_end(ap);
    if (st == VB_OK && (st = vb_db_step(&row, db, s, err)) == VB_OK && row)
        *value = sqlite3_column_int64(s, 0);
    if (found)
        *found = row;
    sqlite3_reset(s);
    return st;
}

void vb_db_text(char *out, size_t size, sqlite3_stmt *stmt, int column)
{
    const unsigned char *text = sqlite3_column_text(stmt, column);

    snprintf(out, size, "%s", text ? (const char *)text : "");
}

double vb_db_real(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt, column) == SQLITE_NULL ? NAN : sqlite3_column_double(stmt, column);
}

vb_status vb_db_copy(vb_db *to, vb_db *from, vb_err *err)
{
    char what[300];
    sqlite3_backup *b = sqlite3_backup_init(to->handle, "main", from->handle, "main");

    if (b)
        (void)sqlite3_backup_step(b, -1);
    if (b && sqlite3_backup_finish(b) == SQLITE_OK) /* this, not the step, tells `to` what went wrong */
        return VB_OK;
    snprintf(what, sizeof what, "copy of '%.250s'", from->path);
    return vb_db_fail(to, what, err);
}

vb_status vb_db_begin(vb_db *db, vb_err *err) { return vb_db_exec(db, "BEGIN IMMEDIATE", err); }

vb_status vb_db_end(vb_db *db, vb_status st, vb_err *err)
{
    if (st == VB_OK && (st = vb_db_exec(db, "COMMIT", err)) == VB_OK)
        return VB_OK;
    if (!sqlite3_get_autocommit(db->handle))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    return st;
}
