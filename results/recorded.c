/* What an output folder holds already, for plans; see store.h. */
#include "store.h"

#include "store_impl.h"
#include "viewer.h"

#include <stdlib.h>
#include <string.h>

static vb_trial_status status_of(const char *name)
{
    for (vb_trial_status s = VB_TRIAL_DONE; s < VB_TRIAL_QUARANTINED; s++)
        if (!strcmp(name, vb_trial_status_name(s)))
            return s;
    return VB_TRIAL_QUARANTINED;
}

static void read_row(vb_recorded *r, sqlite3_stmt *q)
{
    char status[16];

    memset(r, 0, sizeof *r);
    vb_db_text(r->video, sizeof r->video, q, 0);
    vb_db_text(r->tag, sizeof r->tag, q, 1);
    r->repetition = sqlite3_column_int(q, 2);
    vb_db_text(status, sizeof status, q, 3);
    r->status = status_of(status);
    vb_db_text(r->device, sizeof r->device, q, 4);
    r->n_frames = sqlite3_column_int(q, 5);
    r->n_objects = sqlite3_column_int(q, 6);
    r->seconds = sqlite3_column_double(q, 7);
    r->shard_bytes = sqlite3_column_int64(q, 8);
}

static vb_status read_rows(vb_recorded **out, int *n, vb_db *db, vb_err *err)
{
    vb_recorded *all = NULL;
    sqlite3_stmt *q;
    int64_t total = 0;
    int used = 0;
    bool row = false;
    vb_status st;

    if ((st = vb_db_int(&total, NULL, db, err, "SELECT count(*) FROM trial", "")))
        return st;
    if (!(all = calloc((size_t)total + 1, sizeof *all)))
        return vb_fail(err, VB_ENOMEM, "%lld records", (long long)total);
    st = vb_db_query(&q, db, err,
                     "SELECT v.video, a.tag, t.repetition, t.status, c.label, t.n_frames, t.n_objects,"
                     " (t.wall_ms + t.warmup_ms) / 1000, t.shard_bytes"
                     " FROM trial t JOIN video v USING (video_id) JOIN variant a USING (variant_id)"
                     " LEFT JOIN device d USING (device_id) LEFT JOIN device_class c USING (device_class_id)"
                     " ORDER BY v.video, a.tag, t.repetition LIMIT ?1",
                     "i", total);
    while (st == VB_OK && (st = vb_db_step(&row, db, q, err)) == VB_OK && row)
        read_row(&all[used++], q);
    if (st) {
        free(all);
        return st;
    }
    *out = all;
    *n = used;
    return VB_OK;
}

vb_status vb_last_options(char **options_json, vb_db *db, vb_err *err)
{
    sqlite3_stmt *q;
    bool row;
    vb_status st;

    *options_json = NULL;
    if ((st = vb_db_query(&q, db, err,
                          "SELECT options FROM run WHERE options IS NOT NULL ORDER BY epoch DESC, started_utc DESC LIMIT 1", "")) ||
        (st = vb_db_step(&row, db, q, err)) || !row)
        return st;
    if (!(*options_json = strdup((const char *)sqlite3_column_text(q, 0))))
        st = vb_fail(err, VB_ENOMEM, "record of the last run");
    sqlite3_reset(q);
    return st;
}

vb_status vb_store_recorded(vb_recorded **out, int *n, char **options_json, const char *out_dir, vb_err *err)
{
    vb_db *db = NULL;
    vb_status st = vb_viewer_open(&db, out_dir, err);

    *out = NULL;
    *n = 0;
    *options_json = NULL;
    if (st == VB_EARG) /* no results folder yet */
        return VB_OK;
    if (st == VB_OK && (st = vb_last_options(options_json, db, err)) == VB_OK)
        st = read_rows(out, n, db, err);
    vb_db_close(db);
    return st;
}
