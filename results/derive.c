/* Derived tables and results.h5 from the shards; see derive.h. */
#include "derive.h"

#include "agreement.h"
#include "compare.h"
#include "hash.h"
#include "shard.h"
#include "shard_file.h"
#include "stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DERIVED_VERSION "savbench derived tables 2, results.h5 1\n" /* grows when what is derived changes */

#define IN_ORDER                                                                                                          \
    "FROM done t JOIN variant a USING (variant_id) JOIN video v USING (video_id) JOIN device d USING (device_id) "          \
    "JOIN device_class c ON c.device_class_id = t.device_class_id JOIN host h USING (host_id) "                             \
    "ORDER BY a.tag, c.device_kind, c.device, c.capability, c.power_mode, c.threads, v.video, t.repetition"

typedef struct {
    int64_t id, variant, class;
    int64_t baseline_id; /* trial_id of the sibling, 0: none */
    int32_t baseline; /* place of the sibling in the list, or -1 */
    char sha256[65];
} entry;

/* Times of the frames of one variant on one kind of device, by stage; VB_STAGE_COUNT: the whole frame. */
typedef struct {
    int64_t variant, class;
    double *v[VB_STAGE_COUNT + 1];
    size_t n, room;
} pool;

vb_status vb_derive_key(char out[65], vb_db *db, vb_err *err)
{
    sqlite3_stmt *q;
    vb_sha *sha = NULL;
    bool row = true;
    vb_status st;

    if ((st = vb_sha_create(&sha, err)))
        return st;
    st = vb_sha_add(sha, DERIVED_VERSION, sizeof DERIVED_VERSION - 1, err);
    if (st == VB_OK)
        st = vb_db_query(&q, db, err, "SELECT a.tag || ' ' || v.video || ' ' || t.repetition || ' ' || t.shard_sha256 || char(10) " IN_ORDER, "");
    while (st == VB_OK && (st = vb_db_step(&row, db, q, err)) == VB_OK && row)
        st = vb_sha_add(sha, sqlite3_column_text(q, 0), (size_t)sqlite3_column_bytes(q, 0), err);
    if (st) {
        char unused[65];

        vb_sha_finish(sha, unused, NULL);
        return st;
    }
    return vb_sha_finish(sha, out, err);
}

static int by_id(const void *a, const void *b)
{
    const entry *x = *(const entry *const *)a, *y = *(const entry *const *)b;

    return (x->id > y->id) - (x->id < y->id);
}

/* Places of the siblings, by their trial ids. */
static vb_status find_baselines(entry *list, size_t n, vb_err *err)
{
    entry **sorted = malloc((n + 1) * sizeof(entry *)), wanted, *key = &wanted;

    if (!sorted)
        return vb_fail(err, VB_ENOMEM, "list of %zu trials", n);
    for (size_t i = 0; i < n; i++)
        sorted[i] = &list[i];
    qsort(sorted, n, sizeof *sorted, by_id);
    for (size_t i = 0; i < n; i++) {
        entry **found;

        list[i].baseline = -1;
        wanted.id = list[i].baseline_id;
        if (wanted.id && (found = bsearch(&key, sorted, n, sizeof *sorted, by_id)))
            list[i].baseline = (int32_t)(*found - list);
    }
    free(sorted);
    return VB_OK;
}

static vb_status list_trials(entry **out, size_t *count, vb_db *db, vb_err *err)
{
    entry *list = NULL;
    size_t n = 0, room = 0;
    sqlite3_stmt *q;
    bool row;
    vb_status st = vb_db_query(&q, db, err,
                               "SELECT t.trial_id, t.variant_id, t.device_class_id, t.shard_sha256,"
                               " (SELECT b.trial_id FROM baseline l JOIN done b ON b.variant_id = l.baseline_id"
                               "  WHERE l.variant_id = t.variant_id AND b.video_id = t.video_id AND b.device_id = t.device_id"
                               "  AND b.repetition = t.repetition AND b.checkpoint_sha256 = t.checkpoint_sha256"
                               "  AND b.point_rule = t.point_rule) " IN_ORDER,
                               "");

    while (st == VB_OK && (st = vb_db_step(&row, db, q, err)) == VB_OK && row) {
        entry *more = list;

        if (n == room) {
            room = room ? 2 * room : 256;
            if (!(more = realloc(list, room * sizeof *more))) {
                st = vb_fail(err, VB_ENOMEM, "list of %zu trials", n);
                sqlite3_reset(q);
                break;
            }
            list = more;
        }
        list[n] = (entry){.id = sqlite3_column_int64(q, 0),
                          .variant = sqlite3_column_int64(q, 1),
                          .class = sqlite3_column_int64(q, 2),
                          .baseline_id = sqlite3_column_int64(q, 4)};
        vb_db_text(list[n].sha256, sizeof list[n].sha256, q, 3);
        n++;
    }
    if (st == VB_OK && n > 0)
        st = find_baselines(list, n, err);
    if (st) {
        free(list);
        return st;
    }
    *out = list;
    *count = n;
    return VB_OK;
}

/* A committed shard, checked against the hash in its row. */
static vb_status load(vb_trial *t, vb_db *db, int dir, const entry *e, vb_err *err)
{
    char path[512] = "";
    int64_t size;
    uint8_t *bytes = NULL;
    size_t n = 0;
    bool holds, row;
    sqlite3_stmt *q;
    vb_status st = vb_db_query(&q, db, err, "SELECT shard, shard_bytes FROM trial WHERE trial_id = ?1", "i", e->id);

    if (st || (st = vb_db_step(&row, db, q, err)))
        return st;
    vb_db_text(path, sizeof path, q, 0);
    size = sqlite3_column_int64(q, 1);
    sqlite3_reset(q);
    if ((st = vb_shard_file_check(&bytes, &n, &holds, dir, path, e->sha256, size, err)) == VB_OK && !holds)
        st = vb_fail(err, VB_ESTORE, "%s is missing or altered: run the same command again, it repeats that trial", path);
    if (st == VB_OK)
        st = vb_shard_decode(t, bytes, n, err);
    free(bytes);
    return st;
}

static vb_status flush_pool(vb_db *db, pool *p, vb_err *err)
{
    vb_status st = VB_OK;

    for (int s = 0; st == VB_OK && p->n > 0 && s <= VB_STAGE_COUNT; s++) {
        vb_summary r = vb_summarize(p->v[s], p->n);

        st = vb_db_run(db, err,
                       "INSERT INTO variant_stage (variant_id, device_class_id, stage, n, mean_ms, median_ms, p95_ms, p99_ms,"
                       " max_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                       "iisiddddd", p->variant, p->class, s == VB_STAGE_COUNT ? "latency" : vb_stage_name((vb_stage)s),
                       (int64_t)r.n, r.mean, r.median, r.p95, r.p99, r.max);
    }
    p->n = 0;
    return st;
}

static vb_status fill_pool(pool *p, const vb_trial *t, vb_err *err)
{
    size_t needed = p->n + (size_t)t->n_frames;

    if (needed > p->room) {
        for (int s = 0; s <= VB_STAGE_COUNT; s++) {
            double *more = realloc(p->v[s], 2 * needed * sizeof *more);

            if (!more)
                return vb_fail(err, VB_ENOMEM, "times of %zu frames", needed);
            p->v[s] = more;
        }
        p->room = 2 * needed;
    }
    for (int32_t i = 0; i < t->n_frames; i++) {
        if (t->frames[i].first)
            continue;
        for (int s = 0; s < VB_STAGE_COUNT; s++)
            p->v[s][p->n] = t->frames[i].stage_ms[s];
        p->v[VB_STAGE_COUNT][p->n++] = t->frames[i].latency_ms;
    }
    return VB_OK;
}

static double mean_jf(const vb_trial *t)
{
    double j, f;

    vb_trial_mean(t, &j, &f);
    return (j + f) / 2;
}

/* The pair's row; its masks' rows for results.h5. */
static vb_status derive_pair(vb_agreement_row **rows, vb_db *db, int dir, const entry *list, size_t i, const vb_trial *t, vb_err *err)
{
    const entry *b = &list[list[i].baseline];
    vb_trial baseline = {0};
    vb_agreement sum;
    vb_status st = load(&baseline, db, dir, b, err);

    if (st == VB_OK)
        st = vb_agreement_of(rows, &sum, t, &baseline, err);
    for (int32_t k = 0; st == VB_OK && *rows && k < t->n_masks; k++)
        (*rows)[k].baseline_trial = list[i].baseline;
    if (st == VB_OK)
        st = vb_db_run(db, err,
                       "INSERT INTO trial_pair (trial_id, baseline_trial_id, jf_delta, n_masks, mask_iou, mask_iou_min)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                       "iididd", list[i].id, b->id, mean_jf(t) - mean_jf(&baseline), sum.n, sum.mean, sum.min);
    vb_trial_deinit(&baseline);
    return st;
}

vb_status vb_derive(vb_db *db, int dir, vb_columnar *sink, vb_err *err)
{
    entry *list = NULL;
    size_t n = 0;
    pool p = {0};
    vb_status st;

    if ((st = vb_db_exec(db, "DELETE FROM trial_pair; DELETE FROM variant_stage", err)) ||
        (st = list_trials(&list, &n, db, err)))
        return st;
    for (size_t i = 0; st == VB_OK && i < n; i++) {
        vb_trial t = {0};
        vb_agreement_row *rows = NULL;

        st = load(&t, db, dir, &list[i], err);
        if (st == VB_OK && (p.variant != list[i].variant || p.class != list[i].class)) {
            st = flush_pool(db, &p, err);
            p.variant = list[i].variant;
            p.class = list[i].class;
        }
        if (st == VB_OK)
            st = fill_pool(&p, &t, err);
        if (st == VB_OK && list[i].baseline >= 0)
            st = derive_pair(&rows, db, dir, list, i, &t, err);
        if (st == VB_OK && sink)
            st = vb_columnar_add(sink, &t, list[i].sha256, rows, rows ? t.n_masks : 0, err);
        free(rows);
        vb_trial_deinit(&t);
    }
    if (st == VB_OK)
        st = flush_pool(db, &p, err);
    for (int s = 0; s <= VB_STAGE_COUNT; s++)
        free(p.v[s]);
    free(list);
    return st ? st : vb_compare(db, err);
}
