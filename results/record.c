/* Records of trials as rows; see record.h and sql/schema.sql. */
#include "record.h"

#include "noise.h"
#include "stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

vb_status vb_record_video(int64_t *id, vb_db *db, const char *name, vb_err *err)
{
    vb_status st = vb_db_run(db, err, "INSERT OR IGNORE INTO video (video) VALUES (?1)", "s", name);

    return st ? st : vb_db_int(id, NULL, db, err, "SELECT video_id FROM video WHERE video = ?1", "s", name);
}

vb_status vb_record_variant(int64_t *id, vb_db *db, const vb_variant *v, vb_err *err)
{
    char tag[VB_TAG_MAX];
    vb_status st;

    vb_variant_tag(tag, v);
    st = vb_db_run(db, err,
                   "INSERT OR IGNORE INTO variant (tag, model, prompt, image_size, dtype, bank_dtype, mode)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                   "sssisss", tag, v->setup.model, vb_prompt_kind_name(v->setup.prompt), (int64_t)v->setup.image_size,
                   vb_dtype_name(v->dtype), vb_bank_name(v->bank), vb_mode_name(v->mode));
    return st ? st : vb_db_int(id, NULL, db, err, "SELECT variant_id FROM variant WHERE tag = ?1", "s", tag);
}

static vb_status put_device(int64_t *id, vb_db *db, const vb_trial *t, vb_err *err)
{
    const vb_provenance *p = &t->from;
    /* On a GPU the host's threads do not make another kind of device. */
    int64_t host, class, threads = strcmp(p->device_kind, "cuda") == 0 ? 0 : t->threads;
    vb_status st;

    if ((st = vb_db_run(db, err, "INSERT OR IGNORE INTO host (host, arch) VALUES (?1, ?2)", "ss", p->host, p->arch)) ||
        (st = vb_db_int(&host, NULL, db, err, "SELECT host_id FROM host WHERE host = ?1 AND arch = ?2", "ss", p->host, p->arch)) ||
        (st = vb_db_run(db, err,
                        "INSERT OR IGNORE INTO device_class (device_kind, device, capability, power_mode, threads)"
                        " VALUES (?1, ?2, ?3, ?4, ?5)",
                        "ssssi", p->device_kind, p->device, p->capability, p->power_mode, threads)) ||
        (st = vb_db_int(&class, NULL, db, err,
                        "SELECT device_class_id FROM device_class WHERE device_kind = ?1 AND device = ?2"
                        " AND capability = ?3 AND power_mode = ?4 AND threads = ?5",
                        "ssssi", p->device_kind, p->device, p->capability, p->power_mode, threads)) ||
        (st = vb_db_run(db, err, "INSERT OR IGNORE INTO device (host_id, device_class_id, device_uuid) VALUES (?1, ?2, ?3)",
                        "iis", host, class, p->device_uuid)))
        return st;
    return vb_db_int(id, NULL, db, err,
                     "SELECT device_id FROM device WHERE host_id = ?1 AND device_class_id = ?2 AND device_uuid = ?3", "iis",
                     host, class, p->device_uuid);
}

static vb_status put_provenance(int64_t *id, vb_db *db, const vb_provenance *p, vb_err *err)
{
    vb_status st = vb_db_run(db, err,
                             "INSERT OR IGNORE INTO provenance (savbench_version, git_revision, torch, cuda, driver,"
                             " checkpoint, checkpoint_sha256, postprocess, point_rule, options, deviation)"
                             " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                             "sssssssssss", p->savbench_version, p->git_revision, p->torch, p->cuda, p->driver,
                             p->checkpoint, p->checkpoint_sha256, p->postprocess, p->point_rule, p->options, p->deviation);

    if (st)
        return st;
    return vb_db_int(id, NULL, db, err,
                     "SELECT provenance_id FROM provenance WHERE savbench_version = ?1 AND git_revision = ?2 AND torch = ?3"
                     " AND cuda = ?4 AND driver = ?5 AND checkpoint = ?6 AND checkpoint_sha256 = ?7 AND postprocess = ?8"
                     " AND point_rule = ?9 AND options = ?10 AND deviation = ?11",
                     "sssssssssss", p->savbench_version, p->git_revision, p->torch, p->cuda, p->driver, p->checkpoint,
                     p->checkpoint_sha256, p->postprocess, p->point_rule, p->options, p->deviation);
}

/* What the device spent on a frame: until its memory was stored, or the next frame was taken up. */
static double busy_ms(const vb_trial *t, int32_t i)
{
    const vb_frame_row *r = &t->frames[i];
    double end = r->stored_ms;

    if (i + 1 < t->n_frames && r[1].start_ms < end)
        end = r[1].start_ms;
    return (end > r->end_ms ? end : r->end_ms) - r->start_ms;
}

void vb_record_timed(const vb_trial *t, int64_t *n_timed, double *timed_ms)
{
    double sum = 0, begin = NAN, end = 0;
    int64_t n = 0;

    for (int32_t i = 0; i < t->n_frames; i++) {
        const vb_frame_row *r = &t->frames[i];

        if (r->first) {
            begin = isnan(begin) || r->end_ms > begin ? r->end_ms : begin;
            continue;
        }
        n++;
        sum += busy_ms(t, i);
        end = r->end_ms > end ? r->end_ms : end;
    }
    if (t->key.variant.mode == VB_OFFLINE && n > 0)
        sum = end - (isnan(begin) ? t->frames[0].start_ms : begin);
    *n_timed = n;
    *timed_ms = sum;
}

static vb_status put_stages(vb_db *db, int64_t trial, const vb_trial *t, vb_err *err)
{
    double *v = malloc(((size_t)t->n_frames + 1) * sizeof *v);
    vb_status st = VB_OK;

    if (!v)
        return vb_fail(err, VB_ENOMEM, "times of %d frames", t->n_frames);
    for (int stage = 0; st == VB_OK && stage <= VB_STAGE_COUNT; stage++) {
        size_t n = 0;
        vb_summary s;

        for (int32_t i = 0; i < t->n_frames; i++)
            if (!t->frames[i].first)
                v[n++] = stage == VB_STAGE_COUNT ? t->frames[i].latency_ms : t->frames[i].stage_ms[stage];
        s = vb_summarize(v, n);
        st = vb_db_run(db, err,
                       "INSERT INTO trial_stage (trial_id, stage, n, mean_ms, median_ms, p95_ms, p99_ms, max_ms)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                       "isiddddd", trial, stage == VB_STAGE_COUNT ? "latency" : vb_stage_name((vb_stage)stage), (int64_t)n,
                       s.mean, s.median, s.p95, s.p99, s.max);
    }
    free(v);
    return st;
}

static vb_status put_objects(vb_db *db, int64_t trial, int64_t video, const vb_trial *t, vb_err *err)
{
    vb_status st = VB_OK;

    for (int32_t i = 0; st == VB_OK && i < t->n_objects; i++) {
        const vb_object_row *o = &t->objects[i];
        bool scored = o->n_counted > 0;
        double j = scored ? o->j : NAN, f = scored ? o->f : NAN;

        st = vb_db_run(db, err, "INSERT OR IGNORE INTO object (video_id, obj_id) VALUES (?1, ?2)", "is", video, o->obj_id);
        if (st == VB_OK)
            st = vb_db_run(db, err,
                           "INSERT INTO trial_object (trial_id, object_id, prompt_frame, prompt, n_counted, j, f, jf)"
                           " SELECT ?1, object_id, ?4, ?5, ?6, ?7, ?8, ?9 FROM object WHERE video_id = ?2 AND obj_id = ?3",
                           "iisisiddd", trial, video, o->obj_id, (int64_t)o->prompt_frame, o->prompt, (int64_t)o->n_counted,
                           j, f, (j + f) / 2);
    }
    return st;
}

static vb_status put_attention(vb_db *db, int64_t trial, const vb_trial *t, vb_err *err)
{
    vb_status st = VB_OK;

    for (int32_t i = 0; st == VB_OK && i < t->n_attention; i++) {
        const vb_attention_row *a = &t->attention[i];

        st = vb_db_run(db, err,
                       "INSERT INTO attention (trial_id, site, dtype, backend, op, reason, batch, heads, q_len, k_len,"
                       " head_dim, calls) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                       "isssssiiiiii", trial, a->site, a->dtype, a->backend, a->op, a->reason, (int64_t)a->batch,
                       (int64_t)a->heads, (int64_t)a->q_len, (int64_t)a->k_len, (int64_t)a->head_dim, a->calls);
    }
    return st;
}

/* Negative means "not told": NULL. Byte counts are exact as double up to 2^53. */
static double told(int64_t v) { return v < 0 ? NAN : (double)v; }

static vb_status put_trial(int64_t *id, vb_db *db, int64_t video, int64_t variant, int64_t device, int64_t provenance,
                           const vb_trial *t, const vb_record_source *from, vb_err *err)
{
    double j, f, timed_ms;
    int64_t n_timed, n_scored = 0, nonfinite = 0;
    int64_t device_bytes = t->peak_device_bytes > 0 ? t->peak_device_bytes : -1; /* 0: an allocator that does not count */
    vb_status st;

    vb_trial_mean(t, &j, &f);
    vb_record_timed(t, &n_timed, &timed_ms);
    for (int32_t i = 0; i < t->n_objects; i++)
        n_scored += t->objects[i].n_counted > 0;
    for (int32_t i = 0; i < t->n_frames; i++)
        nonfinite += t->frames[i].nonfinite;
    st = vb_db_run(db, err,
                   "INSERT INTO trial (video_id, variant_id, repetition, status, epoch, recorded_utc, run_id, device_id,"
                   " provenance_id, started_utc, shard, shard_sha256, shard_bytes, n_frames, n_objects, n_scored, j, f, jf,"
                   " n_timed, timed_ms, fps, wall_ms, warmup_ms, peak_device_bytes, peak_rss_bytes, weights_bytes,"
                   " holes_filled, nonfinite, order_in_block, threads, clicks, sprinkles_removed)"
                   " VALUES (?1, ?2, ?3, 'done', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,"
                   " ?20, ?21, ?22, ?23, CAST(?24 AS INTEGER), CAST(?25 AS INTEGER), CAST(?26 AS INTEGER),"
                   " CAST(?27 AS INTEGER), ?28, ?29, ?30, ?31, CAST(?32 AS INTEGER))",
                   "iiiissiisssiiiidddiddddddddiiiid", video, variant, (int64_t)t->key.repetition, from->epoch,
                   from->recorded_utc, t->from.run_id, device, provenance, t->from.started_utc, from->shard, from->sha256,
                   from->bytes, (int64_t)t->n_frames, (int64_t)t->n_objects, n_scored, j, f, (j + f) / 2, n_timed,
                   n_timed ? timed_ms : NAN, n_timed && timed_ms > 0 ? 1000.0 * (double)n_timed / timed_ms : NAN, t->wall_ms,
                   t->warmup_ms, told(device_bytes), told(t->peak_rss_bytes), told(t->weights_bytes), told(t->holes_filled), nonfinite, (int64_t)t->order_in_block, (int64_t)t->threads, (int64_t)t->clicks, told(t->sprinkles_removed));
    *id = sqlite3_last_insert_rowid(vb_db_handle(db));
    return st;
}

/* What the shard's telemetry comes to; NaN, "" and -1 become NULL. */
static vb_status put_telemetry(vb_db *db, int64_t trial, const vb_trial *t, vb_err *err)
{
    return vb_db_run(db, err,
                     "UPDATE trial SET energy_j = ?2, idle_j = ?3, power_mean_w = ?4, power_max_w = ?5, temperature_max_c = ?6,"
                     " gpu_clock_mhz = ?7, rss_bytes_per_frame = ?8, power_source = nullif(?9, ''), throttled = nullif(?10, -1),"
                     " throttle_reasons = nullif(?11, ''), throttle_repeats = ?12, unified = ?13 WHERE trial_id = ?1",
                     "idddddddsisii", trial, t->energy_j, t->idle_j, t->power_mean_w, t->power_max_w, t->temperature_max_c,
                     t->gpu_clock_mhz, t->rss_bytes_per_frame, t->from.power_source, (int64_t)t->throttled,
                     t->throttle_reasons, (int64_t)t->throttle_repeats, (int64_t)t->unified);
}

/* How the trial was warmed up, and how steady it then ran. */
static vb_status put_steadiness(vb_db *db, int64_t trial, const vb_trial *t, vb_err *err)
{
    vb_noise noise;
    vb_status st = vb_noise_of(&noise, t, err);

    return st ? st : vb_db_run(db, err,
                               "UPDATE trial SET warmup_frames_ms = ?2, warmup_frames = ?3, warmup_converged = nullif(?4, -1),"
                               " n_steady = ?5, latency_spread = ?6, latency_drift = ?7 WHERE trial_id = ?1",
                               "idiiidd", trial, t->warmup_frames_ms, (int64_t)t->warmup_frames, (int64_t)t->warmup_converged, noise.n,
                               noise.spread, noise.drift);
}

/* What was expected of its memory, and what was done to make it fit. */
static vb_status put_memory(vb_db *db, int64_t trial, const vb_trial *t, vb_err *err)
{
    return vb_db_run(db, err,
                     "UPDATE trial SET estimate_device_bytes = nullif(?2, -1), estimate_rss_bytes = nullif(?3, -1), max_batch = ?4,"
                     " oom_retries = ?5 WHERE trial_id = ?1",
                     "iiiii", trial, t->estimate_device_bytes, t->estimate_rss_bytes, (int64_t)t->max_batch, (int64_t)t->oom_retries);
}

vb_status vb_record_done(vb_db *db, const vb_trial *t, const vb_record_source *from, vb_err *err)
{
    int64_t video, variant, device, provenance, trial;
    vb_status st;

    if ((st = vb_record_video(&video, db, t->key.video, err)) ||
        (st = vb_record_variant(&variant, db, &t->key.variant, err)) || (st = put_device(&device, db, t, err)) ||
        (st = put_provenance(&provenance, db, &t->from, err)) ||
        (st = vb_db_run(db, err, "INSERT OR IGNORE INTO run (run_id, started_utc) VALUES (?1, ?2)", "ss", t->from.run_id,
                        t->from.started_utc)) ||
        (st = vb_db_run(db, err,
                        "UPDATE video SET h = ?2, w = ?3, n_frames = ?4, n_objects = ?5 WHERE video_id = ?1 AND h IS NULL",
                        "iiiii", video, (int64_t)t->h, (int64_t)t->w, (int64_t)t->n_video_frames, (int64_t)t->n_objects)) ||
        (st = vb_db_run(db, err, "DELETE FROM trial WHERE video_id = ?1 AND variant_id = ?2 AND repetition = ?3", "iii", video,
                        variant, (int64_t)t->key.repetition)) ||
        (st = put_trial(&trial, db, video, variant, device, provenance, t, from, err)) ||
        (st = put_objects(db, trial, video, t, err)) || (st = put_stages(db, trial, t, err)) ||
        (st = put_telemetry(db, trial, t, err)) || (st = put_steadiness(db, trial, t, err)) ||
        (st = put_memory(db, trial, t, err)))
        return st;
    return put_attention(db, trial, t, err);
}
