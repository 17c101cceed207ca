/* Attempts: a row for every time that a trial was begun, whatever came of it; and how many of them count against it. */
#include "record.h"
#include "store_impl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* With video, tag and repetition, "ssi". */
#define OF_TRIAL                                                         \
    " WHERE video_id = (SELECT video_id FROM video WHERE video = ?1)"    \
    " AND variant_id = (SELECT variant_id FROM variant WHERE tag = ?2) AND repetition = ?3"

/* A number that was not told is NULL. */
static double unless(int v, int none) { return v == none ? NAN : (double)v; }

static vb_status put(vb_store *s, const vb_trial_key *key, const vb_attempt *a, const char *run_id, const char *now, vb_err *err)
{
    int64_t video, variant;
    vb_status st;

    if ((st = vb_record_video(&video, s->db, key->video, err)) ||
        (st = vb_record_variant(&variant, s->db, &key->variant, err)))
        return st;
    return vb_db_run(s->db, err,
                     "INSERT INTO attempt (video_id, variant_id, repetition, run_id, epoch, ended_utc, host, device, outcome,"
                     " detail, signal, exit_code, last_frame, last_stage, duration_ms, log, counts) VALUES (?1, ?2, ?3,"
                     " nullif(?4, ''), ?5, ?6, ?7, ?8, ?9, ?10, CAST(?11 AS INTEGER), CAST(?12 AS INTEGER),"
                     " CAST(?13 AS INTEGER), nullif(?14, ''), ?15, ?16, ?17)",
                     "iiisisssssdddsdsi", video, variant, (int64_t)key->repetition, run_id, s->epoch, now, a->host, a->device,
                     a->outcome, a->detail, unless(a->signal, 0), unless(a->exit_code, 0), unless(a->last_frame, -1),
                     a->last_stage, a->duration_ms, a->log, (int64_t)a->counts);
}

vb_status vb_attempt_done(vb_store *s, const vb_trial *t, const char *outcome, const char *now, vb_err *err)
{
    vb_attempt a = {.last_frame = -1, .duration_ms = t->warmup_ms + t->wall_ms};

    snprintf(a.host, sizeof a.host, "%s", t->from.host);
    snprintf(a.device, sizeof a.device, "%s", t->from.device);
    snprintf(a.outcome, sizeof a.outcome, "%s", outcome);
    return put(s, &t->key, &a, t->from.run_id, now, err);
}

vb_status vb_store_attempt(vb_store *s, const vb_trial_key *key, const vb_attempt *a, vb_err *err)
{
    char now[32], file[VB_SHARD_PATH_MAX];
    vb_status st;

    if ((st = vb_store_shard_name(file, key, err)) || (st = vb_store_begin(s, err)))
        return st;
    vb_store_now(now);
    return vb_store_end(s, put(s, key, a, s->run_id, now, err), err);
}

vb_status vb_store_kills(vb_store *s, const vb_trial_key *key, int64_t *n, vb_err *err)
{
    char tag[VB_TAG_MAX];

    if (!key)
        return vb_db_int(n, NULL, s->db, err, "SELECT count(*) FROM attempt WHERE counts", "");
    vb_variant_tag(tag, &key->variant);
    return vb_db_int(n, NULL, s->db, err,
                     "SELECT count(*) FROM attempt" OF_TRIAL " AND counts", "ssi", key->video, tag, (int64_t)key->repetition);
}

vb_status vb_store_forget_failed(vb_store *s, const vb_trial_key *key, vb_err *err)
{
    static const char *const sql[] = {"DELETE FROM trial" OF_TRIAL, "UPDATE attempt SET counts = 0" OF_TRIAL " AND counts"};
    char tag[VB_TAG_MAX];
    vb_trial_status status;
    vb_status st = vb_store_status(s, key, &status, err);

    if (st || status == VB_TRIAL_MISSING || status == VB_TRIAL_DONE || (st = vb_store_begin(s, err)))
        return st;
    vb_variant_tag(tag, &key->variant);
    for (size_t i = 0; i < sizeof sql / sizeof *sql && st == VB_OK; i++)
        st = vb_db_run(s->db, err, sql[i], "ssi", key->video, tag, (int64_t)key->repetition);
    return vb_store_end(s, st, err);
}
