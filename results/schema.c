/* Schema and its versions; see schema.h. */
#include "schema.h"

#include "hash.h"
#include "sql_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define APPLICATION_ID 0x53415642 /* "SAVB" */

/* migrations[v] takes a database of version v to v + 1. */
static const char *const migrations[VB_SCHEMA_VERSION] = {vb_sql_schema};

static vb_status drop_views(vb_db *db, vb_err *err)
{
    for (;;) {
        sqlite3_stmt *s;
        char name[128] = "", sql[192];
        bool row;
        vb_status st = vb_db_query(&s, db, err, "SELECT name FROM sqlite_schema WHERE type = 'view' LIMIT 1", "");

        if (st || (st = vb_db_step(&row, db, s, err)) || !row)
            return st;
        vb_db_text(name, sizeof name, s, 0);
        sqlite3_reset(s);
        sqlite3_snprintf(sizeof sql, sql, "DROP VIEW \"%w\"", name);
        if ((st = vb_db_exec(db, sql, err)))
            return st;
    }
}

static vb_status refresh_views(vb_db *db, vb_err *err)
{
    char hash[65];
    vb_status st = vb_sha256(hash, vb_sql_views, strlen(vb_sql_views), err);

    if (st || (st = drop_views(db, err)) || (st = vb_db_exec(db, vb_sql_views, err)))
        return st;
    return vb_db_run(db, err, "UPDATE store SET views_sha256 = ?1", "s", hash);
}

static vb_status read_version(int64_t *version, vb_db *db, vb_err *err)
{
    int64_t application = 0, things = 0;
    vb_status st;

    if ((st = vb_db_int(&application, NULL, db, err, "PRAGMA application_id", "")) ||
        (st = vb_db_int(version, NULL, db, err, "PRAGMA user_version", "")) ||
        (st = vb_db_int(&things, NULL, db, err, "SELECT count(*) FROM sqlite_schema", "")))
        return st;
    if (application != APPLICATION_ID && (application || *version || things))
        return vb_fail(err, VB_ESTORE, "summary.db is a database of another program; choose another --out-dir");
    if (*version > VB_SCHEMA_VERSION || *version < 0)
        return vb_fail(err, VB_ESTORE, "summary.db has schema %lld, this savbench knows %d: use the newer savbench that wrote it",
                       (long long)*version, VB_SCHEMA_VERSION);
    return VB_OK;
}

/* " table.column table.column ... ", malloc'ed. */
static vb_status list_columns(char **out, vb_db *db, vb_err *err)
{
    sqlite3_stmt *s;
    bool row;
    vb_status st;

    *out = NULL;
    if ((st = vb_db_query(&s, db, err,
                          "SELECT ' ' || coalesce(group_concat(name, ' '), '') || ' ' FROM (SELECT t.name || '.' || c.name AS name"
                          " FROM sqlite_schema t, pragma_table_xinfo(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'"
                          " ORDER BY t.name, c.name)", "")) ||
        (st = vb_db_step(&row, db, s, err)))
        return st;
    if (row && sqlite3_column_text(s, 0))
        *out = strdup((const char *)sqlite3_column_text(s, 0));
    sqlite3_reset(s);
    return *out ? VB_OK : vb_fail(err, VB_ENOMEM, "list of columns");
}

/* The first word of one list that the other lacks, with a space before it; false: there is none. */
static bool find_missing(char word[160], const char *list, const char *other)
{
    for (const char *at = list, *end; (end = strchr(at + 1, ' ')); at = end) {
        snprintf(word, 160, "%.*s", (int)(end + 1 - at), at);
        if (!strstr(other, word)) {
            word[strlen(word) - 1] = '\0';
            return true;
        }
    }
    return false;
}

/* Builds on the way to version 1 have added columns without a new number. What such a one has written is refused before anything
 * fails halfway, or recovery takes its shards, which have other columns too, for broken. */
static vb_status check_columns(vb_db *db, vb_err *err)
{
    char *expected = NULL, *there = NULL, word[160];
    vb_db *ours = NULL;
    bool lacks;
    vb_status st;

    if ((st = vb_db_open(&ours, NULL, VB_DB_MEMORY, err)) == VB_OK && (st = vb_db_exec(ours, vb_sql_schema, err)) == VB_OK &&
        (st = list_columns(&expected, ours, err)) == VB_OK && (st = list_columns(&there, db, err)) == VB_OK &&
        ((lacks = find_missing(word, expected, there)) || find_missing(word, there, expected)))
        st = vb_fail(err, VB_ESTORE,
                     "summary.db is of another development build of savbench (%s%.100s): use the build that wrote it, or another --out-dir",
                     lacks ? "it lacks" : "only it has", word);
    free(expected);
    free(there);
    vb_db_close(ours);
    return st;
}

/* Each view of made is in db by the same text. More may be there: people add their own. */
static vb_status holds_views(bool *all, vb_db *db, vb_db *made, vb_err *err)
{
    sqlite3_stmt *s;
    int64_t same = 1;
    bool row = false;
    vb_status st = vb_db_query(&s, made, err, "SELECT name, sql FROM sqlite_schema WHERE type = 'view'", "");

    if (st)
        return st;
    while (same && (st = vb_db_step(&row, made, s, err)) == VB_OK && row &&
           (st = vb_db_int(&same, NULL, db, err, "SELECT count(*) FROM sqlite_schema WHERE type = 'view' AND name = ?1 AND sql = ?2", "ss",
                           (const char *)sqlite3_column_text(s, 0), (const char *)sqlite3_column_text(s, 1))) == VB_OK)
        ;
    sqlite3_reset(s);
    *all = same;
    return st;
}

vb_status vb_schema_views(bool *ours, bool *claimed, vb_db *db, vb_err *err)
{
    char hash[65];
    int64_t same = 0;
    vb_db *made = NULL;
    vb_status st;

    if ((st = vb_sha256(hash, vb_sql_views, strlen(vb_sql_views), err)) == VB_OK &&
        (st = vb_db_int(&same, NULL, db, err, "SELECT views_sha256 = ?1 FROM store", "s", hash)) == VB_OK &&
        (st = vb_db_open(&made, NULL, VB_DB_MEMORY, err)) == VB_OK &&
        (st = vb_db_exec(made, vb_sql_views, err)) == VB_OK) /* their tables need not be there */
        st = holds_views(ours, db, made, err);
    *claimed = same;
    vb_db_close(made);
    return st;
}

vb_status vb_schema_apply(vb_db *db, vb_err *err)
{
    bool ours = false, claimed = false;
    int64_t version = 0;
    char pragma[96];
    vb_status st = read_version(&version, db, err);

    if (st)
        return st;
    if (version == VB_SCHEMA_VERSION && ((st = check_columns(db, err)) || (st = vb_schema_views(&ours, &claimed, db, err)) || (ours && claimed)))
        return st;
    if ((st = vb_db_begin(db, err)))
        return st;
    /* Again, now that nobody else can be at it. */
    st = read_version(&version, db, err);
    for (; st == VB_OK && version < VB_SCHEMA_VERSION; version++)
        st = vb_db_exec(db, migrations[version], err);
    if (st == VB_OK) {
        snprintf(pragma, sizeof pragma, "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID,
                 VB_SCHEMA_VERSION);
        st = vb_db_exec(db, pragma, err);
    }
    if (st == VB_OK)
        st = refresh_views(db, err);
    return vb_db_end(db, st, err);
}

vb_status vb_schema_check(vb_db *db, const char *shown, vb_err *err)
{
    int64_t version = 0;
    vb_status st = read_version(&version, db, err);

    if (st == VB_OK && version != VB_SCHEMA_VERSION)
        st = vb_fail(err, VB_ESTORE, "'%s' has schema %lld, this savbench reads %d: run `savbench finalize` on its folder",
                     shown, (long long)version, VB_SCHEMA_VERSION);
    return st ? st : check_columns(db, err);
}
