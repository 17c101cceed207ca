/* Values of a shard's rows, checked; see shard_check.h. */
#include "shard_check.h"

#include <math.h>
#include <string.h>

#define REFUSE(table, row, what) return vb_fail(err, VB_EFORMAT, "shard: /%s row %d: %s", table, (int)(row), what)

static bool share(double v) { return v >= 0 && v <= 1; } /* false for NaN */
static bool time_ok(double v) { return isfinite(v) && v >= 0; }

static vb_status check_frames(const vb_trial *t, vb_err *err)
{
    for (int32_t i = 0; i < t->n_frames; i++) {
        const vb_frame_row *r = &t->frames[i];

        if (r->frame_idx < 0 || (i > 0 && r->frame_idx <= t->frames[i - 1].frame_idx))
            REFUSE("frames", i, "frame_idx does not ascend");
        if (r->first > 1 || r->prompted > 1 || r->annotated > 1)
            REFUSE("frames", i, "a flag is neither 0 nor 1");
        if (r->n_objects < 0 || r->nonfinite < 0)
            REFUSE("frames", i, "a count is negative");
        if (!time_ok(r->start_ms) || !time_ok(r->end_ms) || !time_ok(r->latency_ms))
            REFUSE("frames", i, "a time is negative or not finite");
        if (!time_ok(r->stored_ms) || r->stored_ms < r->end_ms)
            REFUSE("frames", i, "stored_ms is before end_ms or not finite");
        for (int s = 0; s < VB_STAGE_COUNT; s++)
            if (!time_ok(r->stage_ms[s]))
                REFUSE("frames", i, "a stage's time is negative or not finite");
    }
    return VB_OK;
}

static vb_status check_objects(const vb_trial *t, vb_err *err)
{
    for (int32_t i = 0; i < t->n_objects; i++) {
        const vb_object_row *r = &t->objects[i];

        if (!vb_name_ok(r->obj_id))
            REFUSE("objects", i, "obj_id is not a plain name");
        for (int32_t k = 0; k < i; k++)
            if (!strcmp(t->objects[k].obj_id, r->obj_id))
                REFUSE("objects", i, "obj_id appears twice");
        if (r->prompt_frame < -1 || r->n_counted < 0) /* -1: never in the ground truth, so never prompted */
            REFUSE("objects", i, "prompt_frame or n_counted is negative");
        if (r->n_counted > 0 && (!share(r->j) || !share(r->f)))
            REFUSE("objects", i, "J or F is outside 0..1");
    }
    return VB_OK;
}

static vb_status check_scores(const vb_trial *t, vb_err *err)
{
    for (int32_t i = 0; i < t->n_scores; i++) {
        const vb_score_row *r = &t->scores[i];

        if (r->object < 0 || r->object >= t->n_objects)
            REFUSE("scores", i, "object is no row of /objects");
        if (r->frame_idx < 0 || r->counted > 1 || r->nonfinite < 0 || r->area < 0)
            REFUSE("scores", i, "a count or flag is out of range");
        if (!share(r->j) || !share(r->f))
            REFUSE("scores", i, "J or F is outside 0..1");
    }
    return VB_OK;
}

static vb_status check_rest(const vb_trial *t, vb_err *err)
{
    for (int32_t i = 0; i < t->n_masks; i++)
        if (t->masks[i].object < 0 || t->masks[i].object >= t->n_objects || t->masks[i].frame_idx < 0)
            REFUSE("masks", i, "object or frame_idx is out of range");
    for (int32_t i = 0; i < t->n_overlays; i++)
        if (t->overlays[i].frame_idx < 0)
            REFUSE("overlays", i, "frame_idx is negative");
    for (int32_t i = 0; i < t->n_attention; i++)
        if (t->attention[i].calls < 0)
            REFUSE("attention", i, "calls is negative");
    for (int32_t i = 0; i < t->n_telemetry; i++)
        if (!isfinite(t->telemetry[i].t_ms) || (i > 0 && t->telemetry[i].t_ms < t->telemetry[i - 1].t_ms) ||
            t->telemetry[i].throttle < -1 || isinf(t->telemetry[i].power_w) || isinf(t->telemetry[i].energy_j))
            REFUSE("telemetry", i, "t_ms does not ascend, or a value is not finite");
    for (int32_t i = 0; i < t->n_sensors; i++)
        if (t->sensors[i].n < 0)
            REFUSE("sensors", i, "n is negative");
    if (isinf(t->energy_j) || t->energy_j < 0 || isinf(t->idle_j) || t->idle_j < 0 || isinf(t->power_mean_w) ||
        isinf(t->power_max_w) || isinf(t->temperature_max_c) || isinf(t->gpu_clock_mhz) ||
        isinf(t->rss_bytes_per_frame) || t->throttled < -1 || t->throttled > 1 || t->throttle_repeats < 0 ||
        t->unified < 0 || t->unified > 1)
        return vb_fail(err, VB_EFORMAT, "shard: a number from telemetry is out of range");
    if (t->h < 1 || t->w < 1 || t->h > VB_MAX_SIDE || t->w > VB_MAX_SIDE)
        return vb_fail(err, VB_EFORMAT, "shard: a video of %d x %d pixels", t->h, t->w);
    if (!time_ok(t->warmup_frames_ms) || t->warmup_frames < 0 || t->warmup_converged < -1 || t->warmup_converged > 1)
        return vb_fail(err, VB_EFORMAT, "shard: a number of the warm-up is out of range");
    if (t->estimate_device_bytes < -1 || t->estimate_rss_bytes < -1 || t->max_batch < 0 || t->oom_retries < 0)
        return vb_fail(err, VB_EFORMAT, "shard: a number of the trial's memory is out of range");
    if (t->n_video_frames < 0 || t->order_in_block < 0 || t->threads < 0 || t->clicks < 0 || !time_ok(t->warmup_ms) ||
        !time_ok(t->wall_ms) || t->peak_device_bytes < -1 || t->peak_rss_bytes < -1 || t->weights_bytes < -1 ||
        t->holes_filled < -1 || t->sprinkles_removed < -1)
        return vb_fail(err, VB_EFORMAT, "shard: a number of the trial is negative or not finite");
    return VB_OK;
}

vb_status vb_shard_check(const vb_trial *t, vb_err *err)
{
    vb_status st;

    if ((st = check_objects(t, err)) || (st = check_frames(t, err)) || (st = check_scores(t, err)))
        return st;
    return check_rest(t, err);
}
