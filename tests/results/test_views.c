/* Every view and every file of sql/reports on a fixture whose numbers are worked out by hand, to the digit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compare.h"
#include "db.h"
#include "emit.h"
#include "schema.h"

#include <dirent.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HERE VB_TEST_DIR "/results"
#define REPORTS VB_TEST_DIR "/../sql/reports"

static char *read_text(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = calloc(1, 1 << 20);

    assert_non_null(text);
    if (!f)
        fail_msg("no file '%s'", path);
    assert_true(fread(text, 1, (1 << 20) - 1, f) < (1 << 20) - 1);
    fclose(f);
    return text;
}

static int make_database(void **state)
{
    char *fixture = read_text(HERE "/fixture.sql");
    vb_err err = {0};
    vb_db *db;

    if (vb_db_open(&db, NULL, VB_DB_MEMORY, &err) || vb_schema_apply(db, &err) || vb_db_exec(db, fixture, &err) || vb_compare(db, &err))
        fail_msg("%s", err.msg);
    free(fixture);
    *state = db;
    return 0;
}

static int drop_database(void **state)
{
    vb_db_close(*state);
    return 0;
}

/* Equal text, but that numbers may differ in what SQLite's versions sum in another order. */
static bool same_line(const char *a, const char *b)
{
    bool cell = true; /* a cell begins here */

    for (; *a && *b; a++, b++) {
        char *end_a, *end_b;
        double x = strtod(a, &end_a), y = strtod(b, &end_b);

        if (cell && end_a > a && end_b > b && (!*end_a || *end_a == ',') && (!*end_b || *end_b == ',')) {
            if (fabs(x - y) > 1e-9 * fmax(1, fabs(y)))
                return false;
            a = end_a - 1;
            b = end_b - 1;
        } else if (*a != *b)
            return false;
        cell = *b == ',';
    }
    return *a == *b;
}

/* Rows of sql as CSV against expected/NAME.csv, line by line. */
static void compare_rows(vb_db *db, const char *sql, const char *name)
{
    char path[512], *got = NULL, *want, *a, *b, *save_a = NULL, *save_b = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&got, &n);
    sqlite3_stmt *s = NULL;
    vb_err err = {0};
    int line = 1;

    assert_non_null(to);
    if (sqlite3_prepare_v2(vb_db_handle(db), sql, -1, &s, NULL) != SQLITE_OK)
        fail_msg("%s: %s", name, sqlite3_errmsg(vb_db_handle(db)));
    if (vb_emit(db, s, VB_REPORT_CSV, to, &err) != VB_OK)
        fail_msg("%s: %s", name, err.msg);
    fclose(to);
    sqlite3_finalize(s);
    snprintf(path, sizeof path, HERE "/expected/%s.csv", name);
    want = read_text(path);
    for (a = strtok_r(got, "\r\n", &save_a), b = strtok_r(want, "\r\n", &save_b); a || b;
         a = strtok_r(NULL, "\r\n", &save_a), b = strtok_r(NULL, "\r\n", &save_b), line++)
        if (!a || !b || !same_line(a, b))
            fail_msg("%s line %d:\n  got      %s\n  expected %s", name, line, a ? a : "(end)", b ? b : "(end)");
    free(got);
    free(want);
}

static void views_are_right_to_the_digit(void **state)
{
    static const char *const views[] = {"dtype_comparison", "video_comparison", "leaderboard", "attention_proof", "failures", "pareto",
                                        "comparison", "record", "energy", "noise", "memory"};
    char sql[128], name[96];

    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        snprintf(sql, sizeof sql, "SELECT * FROM %s", views[i]);
        snprintf(name, sizeof name, "view_%s", views[i]);
        compare_rows(*state, sql, name);
    }
}

static void reports_are_right_to_the_digit(void **state)
{
    DIR *d = opendir(REPORTS);
    int n = 0;

    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        char path[600], name[300], *text;
        size_t length = strlen(e->d_name);

        if (length < 5 || strcmp(e->d_name + length - 4, ".sql") != 0)
            continue;
        snprintf(path, sizeof path, REPORTS "/%s", e->d_name);
        snprintf(name, sizeof name, "report_%.*s", (int)(length - 4), e->d_name);
        text = read_text(path);
        /* Lines that begin with a dot are for the sqlite3 shell alone. */
        for (char *line = text; (line = strstr(line, "\n.")); line++)
            for (char *c = line + 1; *c && *c != '\n'; c++)
                *c = ' ';
        compare_rows(*state, text, name);
        free(text);
        n++;
    }
    closedir(d);
    assert_true(n >= 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(views_are_right_to_the_digit), cmocka_unit_test(reports_are_right_to_the_digit)};

    return cmocka_run_group_tests(tests, make_database, drop_database);
}
