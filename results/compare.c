/* Paired comparisons; see compare.h, and METRICS.md for the formulas. */
#include "compare.h"

#include "stats.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* Each statement gives variant, device class, baseline, video, value, weight, in that order of rows. A video or object that was
 * paired on several devices of the kind, or with several weights, is one unit all the same: its pairs share it. */
#define PAIRS(value, of, unit)                                                              \
    "SELECT variant_id, device_class_id, baseline_id, video_id, " value ", "                \
    "1.0 / count(*) OVER (PARTITION BY variant_id, device_class_id, " unit ") FROM " of " " \
    "WHERE " value " IS NOT NULL ORDER BY 1, 2, 4, " unit ", device_id"
#define VIDEOS(value) PAIRS(value, "video_pair", "video_id")
#define OBJECTS(value) PAIRS(value, "object_pair", "object_id")

static const struct {
    const char *metric, *sql;
    enum { DIFFERENCE, RATIO /* averaged as logarithms */, SHARE /* of 1: its interval ends there */ } kind;
} metrics[] = {
    {"jf", OBJECTS("jf"), DIFFERENCE},
    {"j", OBJECTS("j"), DIFFERENCE},
    {"f", OBJECTS("f"), DIFFERENCE},
    {"mask_iou",
     "SELECT t.variant_id, t.device_class_id, b.variant_id, t.video_id, p.mask_iou, p.n_masks FROM trial_pair p "
     "JOIN done t USING (trial_id) JOIN trial b ON b.trial_id = p.baseline_trial_id "
     "WHERE p.n_masks > 0 ORDER BY 1, 2, 4, t.device_id, t.repetition",
     SHARE},
    {"latency_median_ms", VIDEOS("latency_median_ms"), DIFFERENCE},
    {"latency_p95_ms", VIDEOS("latency_p95_ms"), DIFFERENCE},
    {"fps", VIDEOS("fps"), DIFFERENCE},
    {"speedup", VIDEOS("speedup"), RATIO},
    {"peak_device_mib", VIDEOS("peak_device_mib"), DIFFERENCE},
    {"peak_rss_mib", VIDEOS("peak_rss_mib"), DIFFERENCE},
    {"frame_energy_j", VIDEOS("frame_energy_j"), DIFFERENCE},
};

/* The comparison that is being gathered: one cluster per video. */
typedef struct {
    int64_t variant, class, baseline, video;
    vb_cluster *clusters;
    size_t n, room;
} group;

static vb_status write_group(vb_db *db, const group *g, size_t m, vb_err *err)
{
    vb_interval r = vb_cluster_interval(g->clusters, g->n);
    double units = 0;

    if (g->n == 0 || isnan(r.estimate))
        return VB_OK;
    for (size_t i = 0; i < g->n; i++)
        units += g->clusters[i].weight;
    if (metrics[m].kind == RATIO)
        r = (vb_interval){exp(r.estimate), exp(r.low), exp(r.high)};
    if (metrics[m].kind == SHARE && !isnan(r.low))
        r = (vb_interval){r.estimate, r.low < 0 ? 0 : r.low, r.high > 1 ? 1 : r.high};
    return vb_db_run(db, err,
                     "INSERT INTO comparison (variant_id, device_class_id, baseline_id, metric, n_videos, n_units, estimate,"
                     " low, high) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                     "iiisiiddd", g->variant, g->class, g->baseline, metrics[m].metric, (int64_t)g->n, (int64_t)llround(units), r.estimate,
                     r.low, r.high);
}

static vb_status add(group *g, int64_t video, double value, double weight, vb_err *err)
{
    if (g->n == 0 || g->video != video) {
        if (g->n == g->room) {
            size_t room = g->room ? 2 * g->room : 256;
            vb_cluster *more = realloc(g->clusters, room * sizeof *more);

            if (!more)
                return vb_fail(err, VB_ENOMEM, "comparison of %zu videos", g->n);
            g->clusters = more;
            g->room = room;
        }
        g->clusters[g->n++] = (vb_cluster){0, 0};
        g->video = video;
    }
    g->clusters[g->n - 1].sum += value * weight;
    g->clusters[g->n - 1].weight += weight;
    return VB_OK;
}

static vb_status compare_metric(vb_db *db, group *g, size_t m, vb_err *err)
{
    sqlite3_stmt *q;
    bool row;
    vb_status st = vb_db_query(&q, db, err, metrics[m].sql, "");

    g->n = 0;
    while (st == VB_OK && (st = vb_db_step(&row, db, q, err)) == VB_OK && row) {
        int64_t variant = sqlite3_column_int64(q, 0), class = sqlite3_column_int64(q, 1);
        double value = sqlite3_column_double(q, 4);

        if (g->n > 0 && (g->variant != variant || g->class != class)) {
            st = write_group(db, g, m, err);
            g->n = 0;
        }
        g->variant = variant;
        g->class = class;
        g->baseline = sqlite3_column_int64(q, 2);
        if (st == VB_OK)
            st = add(g, sqlite3_column_int64(q, 3), metrics[m].kind == RATIO ? log(value) : value, sqlite3_column_double(q, 5), err);
    }
    return st ? st : write_group(db, g, m, err);
}

vb_status vb_compare(vb_db *db, vb_err *err)
{
    group g = {0};
    vb_status st = vb_db_exec(db, "DELETE FROM comparison", err);

    for (size_t m = 0; st == VB_OK && m < sizeof metrics / sizeof *metrics; m++)
        st = compare_metric(db, &g, m, err);
    free(g.clusters);
    return st;
}
