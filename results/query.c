/* Statements of users, and whole views: read-only by an authorizer, bounded in time and size. */
#include "emit.h"
#include "viewer.h"
#include "report.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MOST_SECONDS 60
#define MOST_HEAP_BYTES (512 << 20) /* of SQLite, in this process, which does nothing else */

/* Of this process: while a reader pauses (`| less`) no time goes by. */
static int64_t used_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int past_deadline(void *deadline) { return used_ms() > *(const int64_t *)deadline; }

static int only_reading(void *unused, int action, const char *a, const char *function, const char *database, const char *view)
{
    (void)unused, (void)a, (void)database, (void)view;
    if (action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_RECURSIVE)
        return SQLITE_OK;
    if (action == SQLITE_FUNCTION && sqlite3_stricmp(function, "load_extension") != 0)
        return SQLITE_OK;
    return SQLITE_DENY;
}

static void set_limits(sqlite3 *h)
{
    sqlite3_hard_heap_limit64(MOST_HEAP_BYTES);
    sqlite3_exec(h, "PRAGMA temp_store = MEMORY", NULL, NULL, NULL); /* or a sort could fill a disk instead */
    sqlite3_limit(h, SQLITE_LIMIT_LENGTH, 16 << 20);
    sqlite3_limit(h, SQLITE_LIMIT_SQL_LENGTH, 1 << 20);
    sqlite3_limit(h, SQLITE_LIMIT_EXPR_DEPTH, 200);
    sqlite3_limit(h, SQLITE_LIMIT_COMPOUND_SELECT, 100);
    sqlite3_limit(h, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(h, SQLITE_LIMIT_WORKER_THREADS, 0);
}

/* Rows of one statement on an open database. */
static vb_status run_statement(vb_db *db, const char *sql, vb_report_format format, FILE *to, vb_err *err)
{
    sqlite3 *h = vb_db_handle(db);
    int64_t deadline = used_ms() + MOST_SECONDS * 1000;
    sqlite3_stmt *s = NULL, *more = NULL;
    const char *tail = NULL;
    int rc;
    vb_status st;

    set_limits(h);
    sqlite3_set_authorizer(h, only_reading, NULL);
    sqlite3_progress_handler(h, 10000, past_deadline, &deadline);
    if ((rc = sqlite3_prepare_v2(h, sql, -1, &s, &tail)) != SQLITE_OK) {
        st = rc == SQLITE_AUTH ? vb_fail(err, VB_EARG, "only reading is allowed: a SELECT (%s)", sqlite3_errmsg(h))
                               : vb_fail(err, VB_EARG, "%s", sqlite3_errmsg(h));
        goto out;
    }
    if (!s || sqlite3_column_count(s) == 0) {
        st = vb_fail(err, VB_EARG, "there is no SELECT in the statement");
        goto out;
    }
    /* What follows must hold nothing but space and comments. */
    if (sqlite3_prepare_v2(h, tail, -1, &more, NULL) != SQLITE_OK || more) {
        st = vb_fail(err, VB_EARG, "one statement at a time; this one is followed by '%.40s'", tail);
        goto out;
    }
    st = vb_emit(db, s, format, to, err);
    if (st && past_deadline(&deadline))
        st = vb_fail(err, VB_EARG, "not done after %d s of processor time; ask for less in a query, or use sqlite3 on summary.db", MOST_SECONDS);
out:
    sqlite3_finalize(more);
    sqlite3_finalize(s);
    return st;
}

vb_status vb_report_query(const char *out_dir, const char *sql, vb_report_format format, FILE *to, vb_err *err)
{
    vb_db *db = NULL;
    int64_t n_new;
    vb_status st = vb_viewer_open_derived(&db, &n_new, out_dir, err);

    if (st == VB_OK)
        st = run_statement(db, sql, format, to, err);
    vb_db_close(db);
    return st;
}

/* Into a file that is opened by mode; shown: the user's name for it. */
static vb_status run_opened(const char *file, const char *mode, const char *shown, vb_db *db, const char *sql, vb_report_format format, vb_err *err)
{
    FILE *to = fopen(file, mode);
    vb_status st;

    if (!to)
        return vb_fail(err, VB_EIO, "create '%s': %s", shown, strerror(errno));
    st = run_statement(db, sql, format, to, err);
    if (fclose(to) != 0 && st == VB_OK)
        st = vb_fail(err, VB_EIO, "write '%s': %s", shown, strerror(errno));
    return st;
}

/* Into a file, which stays as it was unless all rows are there; what is no regular file (a pipe, a device) has nothing to lose and
 * is not to be replaced. NULL: the terminal. */
static vb_status run_into(const char *file, vb_db *db, const char *sql, vb_report_format format, vb_err *err)
{
    char target[PATH_MAX], temporary[PATH_MAX + 32];
    struct stat info;
    vb_status st;

    if (!file)
        return run_statement(db, sql, format, stdout, err);
    if (stat(file, &info) == 0 ? !S_ISREG(info.st_mode) || access(file, W_OK) != 0 : errno != ENOENT)
        return run_opened(file, "w", file, db, sql, format, err);
    if (!realpath(file, target) && snprintf(target, sizeof target, "%s", file) >= (int)sizeof target) /* not there yet */
        return vb_fail(err, VB_EARG, "create '%.200s...': %s", file, strerror(ENAMETOOLONG));
    snprintf(temporary, sizeof temporary, "%s.%ld.tmp", target, (long)getpid());
    st = run_opened(temporary, "wx", file, db, sql, format, err);
    if (st == VB_OK && rename(temporary, target) != 0)
        st = vb_fail(err, VB_EIO, "create '%s': %s", file, strerror(errno));
    if (st)
        unlink(temporary);
    return st;
}

vb_status vb_report_export(const char *out_dir, const char *view, vb_report_format format, const char *file, vb_err *err)
{
    vb_db *db = NULL;
    int64_t n_new, there = 0;
    char sql[192];
    vb_status st;

    if (!view) {
        if ((st = vb_viewer_open(&db, out_dir, err)) == VB_OK)
            st = run_into(file, db, "SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' "
                                    "ORDER BY type DESC, name", format, err);
        goto out;
    }
    if ((st = vb_viewer_open_derived(&db, &n_new, out_dir, err)) ||
        (st = vb_db_int(&there, NULL, db, err, "SELECT count(*) FROM sqlite_schema WHERE type IN ('table', 'view') AND name = ?1", "s", view)))
        goto out;
    if (!there) {
        st = vb_fail(err, VB_EARG, "no view or table '%.64s'; `savbench export OUT` lists them", view);
        goto out;
    }
    sqlite3_snprintf(sizeof sql, sql, "SELECT * FROM \"%w\"", view);
    st = run_into(file, db, sql, format, err);
out:
    vb_db_close(db);
    return st;
}
