/* Re-computation and comparison of an output folder; see verify.h. */
#include "verify.h"

#include "columnar_compare.h"
#include "derive.h"
#include "listing.h"
#include "paths.h"
#include "publish.h"
#include "record.h"
#include "row_compare.h"
#include "schema.h"
#include "shard.h"
#include "shard_file.h"
#include "text_safe.h"
#include "viewer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRIAL_KEY "v.video || ' ' || a.tag || ' r' || t.repetition"
#define OF_TRIALS "FROM trial t JOIN video v USING (video_id) JOIN variant a USING (variant_id) "
#define DONE_ROWS \
    OF_TRIALS "JOIN device d USING (device_id) JOIN device_class c USING (device_class_id) JOIN host h USING (host_id) " \
              "JOIN provenance p USING (provenance_id) WHERE t.status = 'done' "

/* What a shard makes. */
static const struct {
    const char *table, *sql;
} recorded[] = {
    {"trial", "SELECT " TRIAL_KEY ", t.trial_id, t.*, v.h, v.w, a.*, d.*, c.*, h.*, p.* " DONE_ROWS "ORDER BY 1"},
    {"trial_object", "SELECT " TRIAL_KEY " || ' ' || o.obj_id, t.trial_id, x.* " OF_TRIALS
                     "JOIN trial_object x USING (trial_id) JOIN object o USING (object_id) ORDER BY 1"},
    {"trial_stage", "SELECT " TRIAL_KEY " || ' ' || x.stage, t.trial_id, x.* " OF_TRIALS
                    "JOIN trial_stage x USING (trial_id) ORDER BY 1"},
    {"attention", "SELECT " TRIAL_KEY " || ' ' || x.site || printf(' %05d', row_number() OVER (PARTITION BY x.trial_id, x.site"
                  " ORDER BY x.attention_id)), t.trial_id, x.* " OF_TRIALS "JOIN attention x USING (trial_id) ORDER BY 1"},
};

/* What finalize makes, in a copy of the database: there even the numbers of rows are the same. No row of a trial is at fault. */
static const struct {
    const char *table, *sql;
} derived[] = {
    {"trial_pair", "SELECT " TRIAL_KEY ", 0, x.*, x.baseline_trial_id AS baseline " OF_TRIALS
                   "JOIN trial_pair x USING (trial_id) ORDER BY 1"},
    {"variant_stage", "SELECT a.tag || ' ' || x.stage || printf(' class %05d', x.device_class_id), 0, x.* FROM variant_stage x"
                      " JOIN variant a USING (variant_id) ORDER BY 1"},
    {"comparison", "SELECT a.tag || ' ' || x.metric || printf(' class %05d', x.device_class_id), 0, x.*, x.baseline_id AS baseline"
                   " FROM comparison x JOIN variant a USING (variant_id) ORDER BY 1"},
};

typedef struct {
    vb_verdict_on *v;
    FILE *to;
    const char *out_dir, *table;
    int dir;
    vb_db *told, *made;
    int64_t *bad; /* [n_bad] trial_id, ascending, of rows without a sound shard: told once */
    size_t n_bad, room_bad;
    vb_status failed; /* of a callback */
} verifier;

static void tell(verifier *f, const char *what, const char *how)
{
    char *shown = vb_text_printable(what);

    f->v->differences++;
    fprintf(f->to, "%s: %s\n", shown ? shown : "?", how);
    free(shown);
}

static vb_status push(int64_t **list, size_t *n, size_t *room, int64_t id, vb_err *err)
{
    if (*n == *room) {
        size_t more = *room ? 2 * *room : 64;
        int64_t *grown = realloc(*list, more * sizeof *grown);

        if (!grown)
            return vb_fail(err, VB_ENOMEM, "%zu differences", more);
        *list = grown;
        *room = more;
    }
    (*list)[(*n)++] = id;
    return VB_OK;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* What SQLite complains of: counted, and told where that is wanted. */
static vb_status list_complaints(int *n, verifier *f, bool aloud, vb_err *err)
{
    static const char *const checks[] = {"PRAGMA integrity_check(20)", "SELECT 'a row of ' || \"table\" || ' refers to none of ' || parent FROM pragma_foreign_key_check"};
    sqlite3_stmt *q;
    char line[400];
    bool row = false;
    vb_status st = VB_OK;

    for (size_t i = 0; i < sizeof checks / sizeof *checks && st == VB_OK; i++) {
        st = vb_db_query(&q, f->told, err, checks[i], "");
        while (st == VB_OK && (st = vb_db_step(&row, f->told, q, err)) == VB_OK && row) {
            vb_db_text(line, sizeof line, q, 0);
            if (!strcmp(line, "ok"))
                continue;
            if (aloud)
                tell(f, line, "summary.db does not hold together");
            ++*n;
        }
    }
    return st;
}

/* A page that finds no memory is one more complaint to SQLite's check, in words that tell it from damage in some places only. What
 * is damaged is so at the second look too. */
static vb_status check_database(verifier *f, vb_err *err)
{
    int first = 0, again = 0;
    vb_status st = list_complaints(&first, f, false, err);

    if (st || !first || (st = list_complaints(&again, f, true, err)))
        return st;
    return again ? VB_OK : vb_fail(err, VB_ENOMEM, "summary.db could not be read to its end, and then it could: run it again with more memory");
}

/* One done row: its shard, and the rows that the shard gives. */
static vb_status remake(verifier *f, int64_t id, const vb_record_source *from, vb_err *err)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    bool holds;
    vb_trial t = {0};
    vb_err why = {0};
    vb_status st = vb_shard_file_check(&bytes, &n, &holds, f->dir, from->shard, from->sha256, from->bytes, err);

    if (st)
        return st;
    f->v->trials++;
    if (holds && (st = vb_shard_decode(&t, bytes, n, &why)) && st != VB_EFORMAT) {
        vb_fail(err, st, "%.60s: %.180s", from->shard, why.msg);
    } else if (!holds || st) {
        tell(f, from->shard, holds ? why.msg : "missing or altered: not the file that its row was made from");
        st = push(&f->bad, &f->n_bad, &f->room_bad, id, err);
    } else {
        f->v->shards++;
        st = vb_record_done(f->made, &t, from, err);
    }
    free(bytes);
    vb_trial_deinit(&t);
    return st;
}

static vb_status remake_all(verifier *f, vb_err *err)
{
    sqlite3_stmt *q;
    bool row = false;
    vb_status st;

    if ((st = vb_db_query(&q, f->told, err, "SELECT trial_id, epoch, recorded_utc, shard, shard_sha256, shard_bytes FROM trial"
                          " WHERE status = 'done' ORDER BY shard", "")))
        return st;
    while (st == VB_OK && (st = vb_db_step(&row, f->told, q, err)) == VB_OK && row) {
        char now[64], path[512], sha[80];
        vb_record_source from = {sqlite3_column_int64(q, 1), now, path, sha, sqlite3_column_int64(q, 5)};

        vb_db_text(now, sizeof now, q, 2);
        vb_db_text(path, sizeof path, q, 3);
        vb_db_text(sha, sizeof sha, q, 4);
        st = remake(f, sqlite3_column_int64(q, 0), &from, err);
    }
    if (st)
        sqlite3_reset(q);
    return st;
}

static void on_difference(void *ctx, const vb_difference *d)
{
    verifier *f = ctx;
    char *key = vb_text_printable(d->key), *told = vb_text_printable(d->told), *made = vb_text_printable(d->made);

    if (d->id && f->n_bad && bsearch(&d->id, f->bad, f->n_bad, sizeof *f->bad, by_value))
        goto out;
    f->v->differences++;
    fprintf(f->to, "%s '%s'%s%s: summary.db has %s, its source gives %s\n", f->table, key ? key : "?", *d->column ? ": " : "",
            d->column, told ? told : "?", made ? made : "?");
    if (d->id && !f->failed)
        f->failed = push(&f->v->rows, &f->v->n_rows, &f->v->room, d->id, NULL);
out:
    free(key);
    free(told);
    free(made);
}

/* A row may differ in several tables and columns. */
static void keep_each_once(vb_verdict_on *v)
{
    size_t n = 0;

    if (v->n_rows)
        qsort(v->rows, v->n_rows, sizeof *v->rows, by_value);
    for (size_t i = 0; i < v->n_rows; i++)
        if (n == 0 || v->rows[n - 1] != v->rows[i])
            v->rows[n++] = v->rows[i];
    v->n_rows = n;
}

static vb_status compare_recorded(verifier *f, vb_err *err)
{
    vb_status st = VB_OK;

    if (f->n_bad)
        qsort(f->bad, f->n_bad, sizeof *f->bad, by_value);
    for (size_t i = 0; i < sizeof recorded / sizeof *recorded && st == VB_OK; i++) {
        f->table = recorded[i].table;
        st = vb_rows_compare(f->told, f->made, recorded[i].sql, on_difference, f, err);
    }
    keep_each_once(f->v);
    return st == VB_OK && f->failed ? vb_fail(err, f->failed, "list of differences") : st;
}

/* Files that no row names. */
static vb_status check_folder(verifier *f, int shards, const char *video, vb_err *err)
{
    char path[512];
    vb_listing l = {0};
    int64_t known = 0;
    int fd = -1;
    vb_status st = vb_folder_open(&fd, shards, video, false, err);

    if (st || fd < 0)
        return st;
    st = vb_listing_of(&l, fd, video, err);
    for (size_t i = 0; i < l.n && st == VB_OK; i++) {
        snprintf(path, sizeof path, "shards/%.64s/%.300s", video, l.names[i]);
        if (!vb_file_name_ok(l.names[i]))
            tell(f, path, "no file of a finished result");
        else if ((st = vb_db_int(&known, NULL, f->told, err, "SELECT count(*) FROM trial WHERE shard = ?1 AND status = 'done'", "s", path)) == VB_OK && !known)
            tell(f, path, "no row names it");
    }
    vb_listing_deinit(&l);
    close(fd);
    return st;
}

static vb_status check_folders(verifier *f, vb_err *err)
{
    vb_listing l = {0};
    int shards = -1;
    vb_status st = vb_folder_open(&shards, f->dir, "shards", false, err);

    if (st || shards < 0)
        return st;
    st = vb_listing_of(&l, shards, "shards", err);
    for (size_t i = 0; i < l.n && st == VB_OK; i++)
        if (vb_name_ok(l.names[i]))
            st = check_folder(f, shards, l.names[i], err);
    vb_listing_deinit(&l);
    close(shards);
    return st;
}

/* results.h5 against one that was made anew. Only what has the hash that finalize left may be read. */
static vb_status check_results(verifier *f, const char *made, vb_err *err)
{
    char there[VB_PATH_MAX + 16], hash[65], hash_made[65], what[160] = "";
    int64_t same = 0;
    vb_status st;

    snprintf(there, sizeof there, "%s/results.h5", f->out_dir);
    if ((st = vb_columnar_hash(hash, there, err)) || (st = vb_columnar_hash(hash_made, made, err)) ||
        (st = vb_db_int(&same, NULL, f->told, err, "SELECT results_sha256 IS ?1 FROM store", "s", hash)))
        return st;
    if (!same)
        tell(f, "results.h5", *hash ? "not what finalize wrote: `savbench finalize` makes it anew" : "missing: `savbench finalize` makes it");
    else if (strcmp(hash, hash_made) && (st = vb_columnar_compare(what, there, made, err)) == VB_OK && *what)
        tell(f, "results.h5", what);
    return st;
}

/* The derived tables and results.h5, anew from the rows (which are what the shards give), against those that are there. */
static vb_status check_derived(verifier *f, const char *key, vb_err *err)
{
    const char *tmp = getenv("TMPDIR");
    char folder[VB_PATH_MAX], file[VB_PATH_MAX + 16] = "";
    vb_columnar *sink = NULL;
    vb_status st = VB_OK;

    snprintf(folder, sizeof folder, "%.*s/savbench-verify-XXXXXX", VB_PATH_MAX - 64, tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(folder))
        return vb_fail(err, VB_EIO, "make a temporary folder '%s': %s", folder, strerror(errno));
    snprintf(file, sizeof file, "%s/results.h5", folder);
    if ((st = vb_columnar_create(&sink, file, key, err)))
        goto out;
    if ((st = vb_derive(f->made, f->dir, sink, err))) {
        vb_columnar_free(sink);
        goto out;
    }
    if ((st = vb_columnar_finish(sink, err)) || (st = check_results(f, file, err)))
        goto out;
    for (size_t i = 0; i < sizeof derived / sizeof *derived && st == VB_OK; i++) {
        f->table = derived[i].table;
        st = vb_rows_compare(f->told, f->made, derived[i].sql, on_difference, f, err);
    }
out:
    unlink(file);
    rmdir(folder);
    return st;
}

/* In place of the rows made from shards, a copy of all that is told. */
static vb_status copy_told(verifier *f, vb_err *err)
{
    vb_status st;

    vb_db_close(f->made);
    f->made = NULL;
    st = vb_db_open(&f->made, NULL, VB_DB_MEMORY, err);
    return st ? st : vb_db_copy(f->made, f->told, err);
}

/* No number is stored in a view, but what readers see comes from them. */
static vb_status check_views(verifier *f, vb_err *err)
{
    bool ours, claimed;
    vb_status st = vb_schema_views(&ours, &claimed, f->told, err);

    if (st || ours)
        return st;
    if (claimed)
        tell(f, "summary.db", "views were altered: `savbench finalize` makes them anew");
    else
        fputs("note: the views are another savbench's: `savbench finalize` makes this one's, which its reports use already\n", f->to);
    return VB_OK;
}

static vb_status verify_all(verifier *f, vb_err *err)
{
    char key[65];
    int64_t made = 0, current = 0;
    vb_status st;

    if ((st = check_database(f, err)) || (st = vb_db_open(&f->made, NULL, VB_DB_MEMORY, err)) ||
        (st = vb_schema_apply(f->made, err)) || (st = vb_db_begin(f->made, err)) ||
        (st = vb_db_end(f->made, remake_all(f, err), err)) || (st = compare_recorded(f, err)) ||
        (st = check_folders(f, err)) || (st = check_views(f, err)) || f->v->differences)
        return st; /* what is derived from rows that are wrong is not worth a word */
    if ((st = vb_derive_key(key, f->told, err)) ||
        (st = vb_db_int(&made, NULL, f->told, err, "SELECT derived_key IS NOT NULL FROM store", "")) ||
        (st = vb_db_int(&current, NULL, f->told, err, "SELECT derived_key IS ?1 FROM store", "s", key)))
        return st;
    if (!current) {
        fprintf(f->to, "note: %s: `savbench finalize` makes results.h5 and the derived tables\n",
                made ? "there are records since the last finalize" : "not finalized yet");
        return VB_OK;
    }
    return (st = copy_told(f, err)) ? st : check_derived(f, key, err);
}

vb_status vb_verify(vb_verdict_on *out, const char *out_dir, FILE *to, vb_err *err)
{
    verifier f = {.v = out, .to = to, .out_dir = out_dir, .dir = -1};
    vb_status st;

    memset(out, 0, sizeof *out);
    if ((st = vb_viewer_open(&f.told, out_dir, err)))
        return st;
    if ((f.dir = open(out_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        st = vb_fail(err, VB_EIO, "output folder '%s': %s", out_dir, strerror(errno));
    else
        st = verify_all(&f, err);
    if (f.dir >= 0)
        close(f.dir);
    vb_db_close(f.made);
    vb_db_close(f.told);
    free(f.bad);
    return st;
}

void vb_verify_deinit(vb_verdict_on *v)
{
    free(v->rows);
    memset(v, 0, sizeof *v);
}
