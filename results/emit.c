/* Rows in three formats; see emit.h. */
#include "emit.h"

#include "grid.h"
#include "text_safe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const format_names[] = {"table", "csv", "json"};

vb_status vb_report_format_parse(vb_report_format *out, const char *s, vb_err *err)
{
    for (int i = VB_REPORT_TABLE; i <= VB_REPORT_JSON; i++)
        if (!strcmp(s, format_names[i])) {
            *out = (vb_report_format)i;
            return VB_OK;
        }
    return vb_fail(err, VB_EARG, "unknown format '%.32s': choose from table, csv, json", s);
}

/* A value as text, malloc'ed: reals with as many digits as come back to the same value (or six), blobs in hexadecimal. */
static char *value_text(sqlite3_stmt *s, int c, bool exact)
{
    char number[40], *out;

    if (sqlite3_column_type(s, c) == SQLITE_FLOAT) {
        double v = sqlite3_column_double(s, c);

        snprintf(number, sizeof number, exact ? "%.15g" : "%.6g", v);
        if (exact && strtod(number, NULL) != v)
            snprintf(number, sizeof number, "%.17g", v);
        return strdup(number);
    }
    if (sqlite3_column_type(s, c) == SQLITE_BLOB) {
        const unsigned char *blob = sqlite3_column_blob(s, c);
        size_t n = (size_t)sqlite3_column_bytes(s, c);

        if (!(out = malloc(2 * n + 1)))
            return NULL;
        for (size_t i = 0; i < n; i++)
            sprintf(out + 2 * i, "%02x", blob[i]);
        out[2 * n] = 0;
        return out;
    }
    return strdup(sqlite3_column_text(s, c) ? (const char *)sqlite3_column_text(s, c) : "");
}

static bool is_number(sqlite3_stmt *s, int c)
{
    int type = sqlite3_column_type(s, c);

    return type == SQLITE_INTEGER || type == SQLITE_FLOAT;
}

static vb_status emit_csv_row(sqlite3_stmt *s, FILE *to, vb_err *err)
{
    for (int c = 0; c < sqlite3_column_count(s); c++) {
        bool null = sqlite3_column_type(s, c) == SQLITE_NULL;
        char *text = null ? NULL : value_text(s, c, true);

        if (!null && !text)
            return vb_fail(err, VB_ENOMEM, "a value");
        if (c > 0)
            putc(',', to);
        if (text && is_number(s, c))
            fputs(text, to);
        else if (text)
            vb_csv_text(to, text);
        free(text);
    }
    fputs("\r\n", to);
    return VB_OK;
}

static vb_status emit_json_row(sqlite3_stmt *s, FILE *to, vb_err *err)
{
    for (int c = 0; c < sqlite3_column_count(s); c++) {
        bool null = sqlite3_column_type(s, c) == SQLITE_NULL;
        char *text = null ? NULL : value_text(s, c, true);
        bool plain = text && is_number(s, c) && (sqlite3_column_type(s, c) == SQLITE_INTEGER || isfinite(sqlite3_column_double(s, c)));

        if (!null && !text)
            return vb_fail(err, VB_ENOMEM, "a value");
        fputs(c ? ", " : "  {", to);
        vb_json_text(to, sqlite3_column_name(s, c));
        fputs(": ", to);
        if (null || (is_number(s, c) && !plain))
            fputs("null", to); /* JSON has no infinity */
        else if (plain)
            fputs(text, to);
        else
            vb_json_text(to, text);
        free(text);
    }
    putc('}', to);
    return VB_OK;
}

static vb_status add_grid_row(vb_grid *g, sqlite3_stmt *s, vb_err *err)
{
    vb_status st = VB_OK;

    for (int c = 0; st == VB_OK && c < sqlite3_column_count(s); c++) {
        bool null = sqlite3_column_type(s, c) == SQLITE_NULL;
        char *text = null ? strdup("-") : value_text(s, c, false);

        st = text ? vb_grid_add(g, text, is_number(s, c), err) : vb_fail(err, VB_ENOMEM, "a value");
        free(text);
    }
    return st;
}

vb_status vb_emit(vb_db *db, sqlite3_stmt *s, vb_report_format format, FILE *to, vb_err *err)
{
    int columns = sqlite3_column_count(s);
    vb_grid *g = NULL;
    bool row, first = true;
    vb_status st = VB_OK;

    if (format == VB_REPORT_TABLE)
        st = vb_grid_create(&g, columns, err);
    for (int c = 0; st == VB_OK && c < columns; c++) {
        if (format == VB_REPORT_TABLE)
            st = vb_grid_add(g, sqlite3_column_name(s, c), false, err);
        else if (format == VB_REPORT_CSV) {
            if (c > 0)
                putc(',', to);
            vb_csv_text(to, sqlite3_column_name(s, c));
        }
    }
    if (format == VB_REPORT_CSV)
        fputs("\r\n", to);
    else if (format == VB_REPORT_JSON)
        putc('[', to);
    for (; st == VB_OK && (st = vb_db_step(&row, db, s, err)) == VB_OK && row; first = false) {
        if (format == VB_REPORT_TABLE)
            st = add_grid_row(g, s, err);
        else if (format == VB_REPORT_CSV)
            st = emit_csv_row(s, to, err);
        else {
            fputs(first ? "\n" : ",\n", to);
            st = emit_json_row(s, to, err);
        }
    }
    if (st == VB_OK && format == VB_REPORT_JSON)
        fputs(first ? "]\n" : "\n]\n", to);
    if (st == VB_OK && g)
        vb_grid_print(g, "", to);
    vb_grid_free(g);
    sqlite3_reset(s);
    if (st == VB_OK && (fflush(to) != 0 || ferror(to)))
        st = vb_fail(err, VB_EIO, "writing the rows: is the disk full, or the reader gone?");
    return st;
}
