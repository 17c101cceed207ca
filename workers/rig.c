/* Trials on a rig; see rig.h.
 *
 * Life of a trial: configure the model (weights cast once) -> warm-up frames, thrown away -> peak counters reset ->
 * the clock starts -> decoded frame -> prompts due on it -> step -> masks to the scoring thread -> ... -> the result.
 * Loading, casting and warm-up are warmup_ms and in no other number. */
#include "rig.h"

#include "engine_env.h"
#include "feed.h"
#include "scoring.h"
#include "timing.h"
#include "warmup.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    DECODE_THREADS = 8, /* at most: a GPU takes frames faster than one thread decodes them */
    THREADS_PER_SCORER = 4, /* of those that a GPU leaves idle: reading an annotation takes longer than EdgeTAM's frame */
    STUB_WARM_UP = 2,   /* frames: it has nothing to warm */
    LATE_FRAMES = 8 /* a late allocation in as many frames is too many */
};

/* Frames that the model gets in one call. */
static int batch_of(const vb_rig *r, vb_mode mode)
{
    return r->ops->ahead ? vb_options_batch_frames(r->options, r->device.kind == VB_DEVICE_CUDA, mode) : 1;
}

static vb_status begin(const vb_rig *r, vb_scene *s, vb_mode mode, vb_frame_times *times, vb_err *err)
{
    const vb_options *o = r->options;
    vb_clip clip = {.n_frames = s->video->n_frames, .h = s->video->h, .w = s->video->w, .n_objects = s->n_prompted,
                    .objects = s->objects, .fill_hole_area = o->fill_hole_area, .sprinkle_area = o->sprinkle_area,
                    .non_overlap = o->non_overlap, .ahead = batch_of(r, mode), .times = times, .max_batch = r->max_batch};

    vb_scene_forget_clicks(s);
    return r->ops->begin(r->model, &clip, err);
}

/* The scene's frames up to `end`, decoded on threads that a GPU leaves idle; on a CPU the model needs them. */
static vb_status open_feed(vb_feed **out, const vb_rig *r, const vb_scene *s, int end, vb_mode mode, vb_err *err)
{
    int threads = r->device.kind == VB_DEVICE_CUDA ? r->threads / 2 : 1;
    vb_feed_source src = {.scene = s, .end = end, .batch = batch_of(r, mode), .ops = r->ops, .model = r->model};

    src.threads = threads < 1 ? 1 : threads > DECODE_THREADS ? DECODE_THREADS : threads;
    return vb_feed_open(out, &src, err);
}

/* Frames of the video from the first one on, tracked and thrown away, until it ends or w has had enough. */
static vb_status warm_up_once(const vb_rig *r, vb_scene *s, vb_mode mode, vb_warmup *w, const vb_block_sink *sink, int trial, vb_err *err)
{
    vb_feed *feed = NULL;
    vb_fed fed;
    vb_step step = {.objects = s->outs};
    vb_prompting prompting = {0};
    int end = s->video->n_frames, left = w->rule.fixed - w->n;
    double last = 0;
    vb_status st;

    if (w->rule.fixed >= 0 && left < end - s->first)
        end = s->first + left;
    if ((st = open_feed(&feed, r, s, end, mode, err)))
        return st;
    if ((st = begin(r, s, mode, NULL, err)) == VB_OK) {
        for (int i = s->first; i < end && vb_warmup_wants_more(w) && st == VB_OK; i++) {
            if (sink->stop && sink->stop(sink->ctx))
                st = vb_fail(err, VB_EARG, "stopped");
            else if ((st = vb_feed_next(feed, &fed, err)) == VB_OK) {
                double taken = fmax(fed.taken_ms, last); /* offline, frames are taken up before those ahead of them are done */

                st = vb_scene_track(s, r->ops, r->model, &(vb_frame){.frame_idx = i, .rgb = fed.decoded->image.rgb}, &step, &prompting, err);
                last = vb_now_ms();
                vb_warmup_add(w, last - taken - prompting.choice_ms, prompting.n > 0);
            }
            if (sink->progress) /* silence would be a hang */
                sink->progress(sink->ctx, trial, -1, s->video->n_frames, VB_STAGE_PREPROCESS);
        }
        r->ops->end(r->model);
    }
    vb_feed_close(feed);
    return st;
}

static vb_status warm_up(const vb_rig *r, vb_scene *s, const vb_block *b, vb_mode mode, vb_trial *t, const vb_block_sink *sink, int trial, vb_err *err)
{
    int fixed = r->options->warmup_frames >= 0 ? r->options->warmup_frames : strcmp(b->setup.model, "stub") ? -1 : STUB_WARM_UP;
    int last_start = 0, n_timed;
    vb_warmup_rule rule;
    vb_warmup w;
    vb_status st = VB_OK;

    for (int i = 0; i < s->n_prompted; i++)
        if (s->objects[i].prompt_frame - s->first > last_start)
            last_start = s->objects[i].prompt_frame - s->first;
    rule = vb_warmup_rule_of(r->device.kind, fixed, last_start, s->video->n_frames - s->first);
    vb_warmup_begin(&w, &rule);
    do {
        n_timed = w.n_timed;
        st = vb_warmup_wants_more(&w) ? warm_up_once(r, s, mode, &w, sink, trial, err) : VB_OK;
    } while (st == VB_OK && vb_warmup_wants_more(&w) && (fixed >= 0 || w.n_timed > n_timed)); /* prompts alone tell nothing */
    t->warmup_frames = w.n;
    t->warmup_frames_ms = w.ms;
    t->warmup_converged = fixed >= 0 ? -1 : w.converged;
    return st;
}

static void skip_choice(void *telemetry, double ms)
{
    vb_telemetry_skip(telemetry, ms);
}

/* The frame loop of the timed trial. */
static vb_status track_video(const vb_rig *r, const vb_scene *s, vb_feed *feed, vb_scoring *scoring, vb_trial *t,
                             int trial, const vb_block_sink *sink, double t0, vb_err *err)
{
    vb_step step = {.objects = s->outs};
    vb_status st = VB_OK;

    for (int place = s->first; place < s->video->n_frames; place++) {
        vb_frame_row *row = &t->frames[t->n_frames];
        vb_fed fed;
        vb_prompting prompting = {.chosen = skip_choice, .ctx = r->telemetry};

        if (sink->stop && sink->stop(sink->ctx))
            return vb_fail(err, VB_EARG, "stopped");
        if ((st = vb_feed_next(feed, &fed, err)))
            return st;
        row->frame_idx = s->video->frames[place];
        row->first = place == s->first;
        row->annotated = vb_scoring_annotated(scoring, row->frame_idx);
        row->start_ms = fmax(fed.taken_ms - t0, 0); /* offline it may have been taken before clicks were chosen */
        if ((st = vb_scene_track(s, r->ops, r->model, &(vb_frame){.frame_idx = place, .rgb = fed.decoded->image.rgb}, &step, &prompting, err)))
            return st;
        t0 += prompting.choice_ms; /* the trial's clock stands still while clicks are chosen */
        row->end_ms = vb_now_ms() - t0;
        row->latency_ms = row->end_ms - row->start_ms;
        row->prompted = prompting.n > 0;
        if (t->holes_filled >= 0)
            t->holes_filled += step.holes_filled;
        if (t->sprinkles_removed >= 0)
            t->sprinkles_removed += step.sprinkles_removed;
        row->stage_ms[VB_STAGE_DECODE] = fed.decoded->decode_ms;
        for (int i = 0; i < s->n_prompted; i++)
            if (s->outs[i].active) {
                row->n_objects++;
                row->nonfinite += s->outs[i].nonfinite;
            }
        t->n_frames++;
        if (vb_scoring_wants(scoring, row->frame_idx) &&
            (st = vb_scoring_submit(scoring, place, row->frame_idx, s->outs, fed.decoded->image.rgb, err)))
            return st;
        if (sink->progress)
            sink->progress(sink->ctx, trial, row->frame_idx, s->video->n_frames, VB_STAGE_SCORE);
    }
    return VB_OK;
}

/* What the model and the scoring thread know of each frame when all is over. */
static void describe_times(const vb_scene *s, vb_trial *t, const vb_frame_times *times, const double *score_ms)
{
    for (int i = 0; i < t->n_frames; i++) {
        vb_frame_row *row = &t->frames[i];

        for (int stage = VB_STAGE_PREPROCESS; stage <= VB_STAGE_POSTPROCESS; stage++)
            row->stage_ms[stage] = times[s->first + i].stage_ms[stage];
        row->stage_ms[VB_STAGE_SCORE] = score_ms[s->first + i];
        row->stored_ms = row->end_ms + times[s->first + i].after_ms;
    }
}

static vb_status describe_attention(const vb_rig *r, vb_trial *t, vb_err *err)
{
    size_t n = r->ops->attention ? r->ops->attention(r->model, NULL, 0) : 0;
    vb_attention_site *sites;

    if (!n)
        return VB_OK;
    sites = calloc(n, sizeof *sites);
    t->attention = calloc(n, sizeof *t->attention);
    if (!sites || !t->attention) {
        free(sites);
        return vb_fail(err, VB_ENOMEM, "rows of %zu attention sites", n);
    }
    r->ops->attention(r->model, sites, n);
    for (size_t i = 0; i < n; i++) {
        vb_attention_row *row = &t->attention[i];

        memcpy(row->site, sites[i].site, sizeof row->site);
        memcpy(row->dtype, sites[i].dtype, sizeof row->dtype);
        memcpy(row->backend, sites[i].backend, sizeof row->backend);
        memcpy(row->op, sites[i].op, sizeof row->op);
        memcpy(row->reason, sites[i].reason, sizeof row->reason);
        row->batch = sites[i].batch;
        row->heads = sites[i].heads;
        row->q_len = sites[i].q_len;
        row->k_len = sites[i].k_len;
        row->head_dim = sites[i].head_dim;
        row->calls = sites[i].calls;
    }
    t->n_attention = (int32_t)n;
    free(sites);
    return VB_OK;
}

static vb_status describe_objects(const vb_scene *s, vb_trial *t, vb_err *err)
{
    t->objects = calloc((size_t)s->n_objects, sizeof *t->objects);
    if (!t->objects)
        return vb_fail(err, VB_ENOMEM, "rows of %d objects", s->n_objects);
    t->n_objects = s->n_objects;
    for (int i = 0; i < s->n_objects; i++) {
        vb_object_row *o = &t->objects[i];

        memcpy(o->obj_id, s->masklets[i]->obj_id, sizeof o->obj_id);
        o->prompt_frame = -1;
        o->j = o->f = NAN;
        if (i < s->n_prompted)
            o->prompt_frame = s->video->frames[s->objects[i].prompt_frame];
    }
    return VB_OK;
}

/* After tracking, which adds the corrective clicks. */
static void describe_prompts(const vb_scene *s, vb_trial *t)
{
    for (int i = 0; i < s->n_prompted; i++)
        vb_prompt_text(t->objects[i].prompt, sizeof t->objects[i].prompt, &s->prompts[i]);
}

vb_status vb_rig_run(vb_trial *t, const vb_rig *r, vb_scene *s, const vb_block *b, int trial, const vb_block_sink *sink, vb_err *err)
{
    const vb_trial_key *key = &b->trials[trial];
    vb_precision precision = {.dtype = key->variant.dtype, .bank = key->variant.bank, .mode = key->variant.mode,
                              .require_flash = (vb_require_flash)r->options->require_flash};
    double *score_ms = calloc((size_t)s->video->n_frames, sizeof *score_ms), start = vb_now_ms(), t0, tracked, reading_ms;
    vb_frame_times *times = calloc((size_t)s->video->n_frames, sizeof *times);
    vb_scoring_config scoring_config = {.dataset = r->dataset, .video = s->video, .n_objects = s->n_prompted,
                                        .masklets = s->masklets, .save_masks = r->options->save_masks,
                                        .save_overlays = r->options->save_overlays, .score_ms = score_ms,
                                        .threads = r->device.kind == VB_DEVICE_CUDA ? r->threads / THREADS_PER_SCORER : 1};
    vb_feed *feed = NULL;
    vb_scoring *scoring = NULL;
    vb_model_memory memory = {.peak_alloc_bytes = -1};
    vb_status st;

    t->key = *key;
    t->from = r->from;
    t->h = s->video->h;
    t->w = s->video->w;
    t->n_video_frames = s->video->n_frames;
    t->order_in_block = trial;
    t->max_batch = r->max_batch;
    t->threads = r->threads;
    t->clicks = s->clicks;
    t->holes_filled = r->options->fill_hole_area ? 0 : -1;
    t->sprinkles_removed = r->options->sprinkle_area ? 0 : -1;
    vb_utc_now(t->from.started_utc);
    vb_telemetry_clear(t);
    t->frames = calloc((size_t)s->video->n_frames, sizeof *t->frames);
    if (!score_ms || !times || !t->frames) {
        st = vb_fail(err, VB_ENOMEM, "rows of %d frames", s->video->n_frames);
        goto out;
    }
    if (sink->progress)
        sink->progress(sink->ctx, trial, -1, s->video->n_frames, VB_STAGE_PREPROCESS);
    if ((st = r->ops->configure(r->model, &precision, err)) || (st = warm_up(r, s, b, precision.mode, t, sink, trial, err)) ||
        (st = describe_objects(s, t, err)))
        goto out;
    t->warmup_ms = vb_now_ms() - start;
    vb_reset_peak_rss();
    if ((st = r->ops->memory(r->model, &memory, true, err)) || (st = vb_scoring_open(&scoring, &scoring_config, err)))
        goto out;
    start = vb_now_ms();
    if ((st = open_feed(&feed, r, s, s->video->n_frames, precision.mode, err)) ||
        (st = begin(r, s, precision.mode, times, err)))
        goto out;
    t0 = vb_now_ms();
    st = vb_telemetry_begin(r->telemetry, t0, err);
    reading_ms = vb_now_ms() - t0;
    if (st == VB_OK)
        st = track_video(r, s, feed, scoring, t, trial, sink, t0, err);
    r->ops->end(r->model);
    tracked = vb_now_ms();
    if (st || (st = vb_telemetry_finish(r->telemetry, t, err)))
        goto out;
    reading_ms += vb_now_ms() - tracked;
    if ((st = vb_scoring_finish(scoring, t, err)))
        goto out;
    describe_prompts(s, t);
    t->wall_ms = vb_now_ms() - start - reading_ms; /* sensors of a GPU may take milliseconds to answer */
    describe_times(s, t, times, score_ms);
    if ((st = r->ops->memory(r->model, &memory, false, err)))
        goto out;
    if (memory.late_allocs > t->n_frames / LATE_FRAMES) { /* it fits, but what was measured is the allocator */
        st = vb_fail(err, VB_ENOMEM, "CUDA device memory: so short that %lld allocations in %d frames had to wait until others were given back; free memory there, or take "
                     "smaller images or fewer objects", (long long)memory.late_allocs, t->n_frames);
        goto out;
    }
    t->peak_device_bytes = memory.peak_alloc_bytes;
    t->weights_bytes = memory.weights_bytes;
    t->peak_rss_bytes = vb_peak_rss_bytes();
    if ((st = describe_attention(r, t, err)))
        goto out;
    if (r->ops->deviations)
        snprintf(t->from.deviation, sizeof t->from.deviation, "%s", r->ops->deviations(r->model));
out:
    vb_telemetry_stop(r->telemetry);
    vb_feed_close(feed);
    vb_scoring_close(scoring);
    free(score_ms);
    free(times);
    return st;
}
