/* Rows of two databases side by side; see row_compare.h. */
#include "row_compare.h"

#include <string.h>

enum { KEY, ID, FIRST };

static bool numbers_rows(const char *column)
{
    size_t n = strlen(column);

    return n > 3 && !strcmp(column + n - 3, "_id") && strcmp(column, "run_id");
}

static bool same_value(sqlite3_stmt *a, sqlite3_stmt *b, int i)
{
    double x, y;
    int type = sqlite3_column_type(a, i), n;

    if (type != sqlite3_column_type(b, i))
        return false;
    switch (type) {
    case SQLITE_INTEGER:
        return sqlite3_column_int64(a, i) == sqlite3_column_int64(b, i);
    case SQLITE_FLOAT: /* by bits: -0 is not 0 */
        x = sqlite3_column_double(a, i);
        y = sqlite3_column_double(b, i);
        return memcmp(&x, &y, sizeof x) == 0;
    case SQLITE_NULL:
        return true;
    default:
        n = sqlite3_column_bytes(a, i); /* of nothing there is no address */
        return n == sqlite3_column_bytes(b, i) &&
               (n == 0 || memcmp(sqlite3_column_blob(a, i), sqlite3_column_blob(b, i), (size_t)n) == 0);
    }
}

static const char *text(sqlite3_stmt *s, int i)
{
    const unsigned char *t = sqlite3_column_text(s, i);

    return t ? (const char *)t : "NULL";
}

static void compare_row(sqlite3_stmt *a, sqlite3_stmt *b, vb_on_difference on_difference, void *ctx)
{
    for (int i = FIRST; i < sqlite3_column_count(a); i++)
        if (!numbers_rows(sqlite3_column_name(a, i)) && !same_value(a, b, i)) {
            vb_difference d = {.key = text(a, KEY), .column = sqlite3_column_name(a, i), .id = sqlite3_column_int64(a, ID)};

            d.told = text(a, i);
            d.made = text(b, i);
            on_difference(ctx, &d);
        }
}

vb_status vb_rows_compare(vb_db *told, vb_db *made, const char *sql, vb_on_difference on_difference, void *ctx, vb_err *err)
{
    sqlite3_stmt *a = NULL, *b = NULL;
    bool in_a, in_b;
    vb_status st;

    if ((st = vb_db_query(&a, told, err, sql, "")) || (st = vb_db_query(&b, made, err, sql, "")) ||
        (st = vb_db_step(&in_a, told, a, err)) || (st = vb_db_step(&in_b, made, b, err)))
        goto out;
    while (st == VB_OK && (in_a || in_b)) {
        int order = !in_a ? 1 : !in_b ? -1 : strcmp(text(a, KEY), text(b, KEY));

        if (order == 0)
            compare_row(a, b, on_difference, ctx);
        else if (order < 0)
            on_difference(ctx, &(vb_difference){text(a, KEY), "", "a row", "-", sqlite3_column_int64(a, ID)});
        else
            on_difference(ctx, &(vb_difference){text(b, KEY), "", "-", "a row", 0});
        if (order <= 0)
            st = vb_db_step(&in_a, told, a, err);
        if (st == VB_OK && order >= 0)
            st = vb_db_step(&in_b, made, b, err);
    }
out:
    if (a)
        sqlite3_reset(a);
    if (b)
        sqlite3_reset(b);
    return st;
}
