/* Pipeline: one trial after the other on this process's device; see pipeline.h.
 *
 * Life of a trial: configure the model (weights cast once) -> warm-up frames, thrown away -> peak counters reset ->
 * the clock starts -> decoded frame -> prompts due on it -> step -> masks to the scoring thread -> ... -> the result.
 * Loading, casting and warm-up are warmup_ms and in no other number. */
#include "pipeline.h"

#include "checkpoint.h"
#include "engine_env.h"
#include "hash.h"
#include "memory_guard.h"
#include "nvml.h"
#include "feed.h"
#include "scene.h"
#include "scoring.h"
#include "telemetry.h"
#include "timing.h"
#include "version.h"
#include "warmup.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum {
    DECODE_THREADS = 8, /* at most: a GPU takes frames faster than one thread decodes them */
    THREADS_PER_SCORER = 4, /* of those that a GPU leaves idle: reading an annotation takes longer than EdgeTAM's frame */
    STUB_WARM_UP = 2,   /* frames: it has nothing to warm */
    IDLE_MS = 500,       /* watched at a time for idle power, before the first weights are loaded */
    COOLING_MS = 600000, /* the longest wait for a throttled device */
    MAX_REPEATS = 2,
    LATE_FRAMES = 8 /* a late allocation in as many frames is too many */
};

struct vb_pipeline {
    vb_options options; /* borrows argv */
    vb_device device;
    vb_dataset *dataset;
    int threads;
    vb_telemetry *telemetry;
    vb_provenance from; /* what is the same for all trials */

    /* the setup in memory */
    const vb_model_ops *ops; /* NULL: none */
    vb_model *model;
    vb_setup setup;
    int max_batch; /* of the trial at hand */
    char checkpoint_model[32]; /* whose hash is in `from` */
};

/* Frames that the model gets in one call. */
static int batch_of(const vb_pipeline *p, vb_mode mode)
{
    return p->ops->ahead ? vb_options_batch_frames(&p->options, p->device.kind == VB_DEVICE_CUDA, mode) : 1;
}

static vb_status begin(vb_pipeline *p, vb_scene *s, vb_mode mode, vb_frame_times *times, vb_err *err)
{
    const vb_options *o = &p->options;
    vb_clip clip = {.n_frames = s->video->n_frames, .h = s->video->h, .w = s->video->w, .n_objects = s->n_prompted,
                    .objects = s->objects, .fill_hole_area = o->fill_hole_area, .sprinkle_area = o->sprinkle_area,
                    .non_overlap = o->non_overlap, .ahead = batch_of(p, mode), .times = times, .max_batch = p->max_batch};

    vb_scene_forget_clicks(s);
    return p->ops->begin(p->model, &clip, err);
}

/* The scene's frames up to `end`, decoded on threads that a GPU leaves idle; on a CPU the model needs them. */
static vb_status open_feed(vb_feed **out, const vb_pipeline *p, const vb_scene *s, int end, vb_mode mode, vb_err *err)
{
    int threads = p->device.kind == VB_DEVICE_CUDA ? p->threads / 2 : 1;
    vb_feed_source src = {.scene = s, .end = end, .batch = batch_of(p, mode), .ops = p->ops, .model = p->model};

    src.threads = threads < 1 ? 1 : threads > DECODE_THREADS ? DECODE_THREADS : threads;
    return vb_feed_open(out, &src, err);
}

/* Frames of the video from the first one on, tracked and thrown away, until it ends or w has had enough. */
static vb_status warm_up_once(vb_pipeline *p, vb_scene *s, vb_mode mode, vb_warmup *w, const vb_block_sink *sink, int trial, vb_err *err)
{
    vb_feed *feed = NULL;
    vb_fed fed;
    vb_step step = {.objects = s->outs};
    vb_prompting prompting;
    int end = s->video->n_frames, left = w->rule.fixed - w->n;
    double last = 0;
    vb_status st;

    if (w->rule.fixed >= 0 && left < end - s->first)
        end = s->first + left;
    if ((st = open_feed(&feed, p, s, end, mode, err)))
        return st;
    if ((st = begin(p, s, mode, NULL, err)) == VB_OK) {
        for (int i = s->first; i < end && vb_warmup_wants_more(w) && st == VB_OK; i++) {
            if (sink->stop && sink->stop(sink->ctx))
                st = vb_fail(err, VB_EARG, "stopped");
            else if ((st = vb_feed_next(feed, &fed, err)) == VB_OK) {
                double taken = fmax(fed.taken_ms, last); /* offline, frames are taken up before those ahead of them are done */

                st = vb_scene_track(s, p->ops, p->model, &(vb_frame){.frame_idx = i, .rgb = fed.decoded->image.rgb}, &step, &prompting, err);
                last = vb_now_ms();
                vb_warmup_add(w, last - taken - prompting.choice_ms, prompting.n > 0);
            }
            if (sink->progress) /* silence would be a hang */
                sink->progress(sink->ctx, trial, -1, s->video->n_frames, VB_STAGE_PREPROCESS);
        }
        p->ops->end(p->model);
    }
    vb_feed_close(feed);
    return st;
}

static vb_status warm_up(vb_pipeline *p, vb_scene *s, vb_mode mode, vb_trial *t, const vb_block_sink *sink, int trial, vb_err *err)
{
    int fixed = p->options.warmup_frames >= 0 ? p->options.warmup_frames : strcmp(p->setup.model, "stub") ? -1 : STUB_WARM_UP;
    int last_start = 0, n_timed;
    vb_warmup_rule rule;
    vb_warmup w;
    vb_status st = VB_OK;

    for (int i = 0; i < s->n_prompted; i++)
        if (s->objects[i].prompt_frame - s->first > last_start)
            last_start = s->objects[i].prompt_frame - s->first;
    rule = vb_warmup_rule_of(p->device.kind, fixed, last_start, s->video->n_frames - s->first);
    vb_warmup_begin(&w, &rule);
    do {
        n_timed = w.n_timed;
        st = vb_warmup_wants_more(&w) ? warm_up_once(p, s, mode, &w, sink, trial, err) : VB_OK;
    } while (st == VB_OK && vb_warmup_wants_more(&w) && (fixed >= 0 || w.n_timed > n_timed)); /* prompts alone tell nothing */
    t->warmup_frames = w.n;
    t->warmup_frames_ms = w.ms;
    t->warmup_converged = fixed >= 0 ? -1 : w.converged;
    return st;
}

/* The frame loop of the timed trial. */
static vb_status track_video(vb_pipeline *p, const vb_scene *s, vb_feed *feed, vb_scoring *scoring, vb_trial *t,
                             int trial, const vb_block_sink *sink, double t0, vb_err *err)
{
    vb_step step = {.objects = s->outs};
    vb_status st = VB_OK;

    for (int place = s->first; place < s->video->n_frames; place++) {
        vb_frame_row *row = &t->frames[t->n_frames];
        vb_fed fed;
        vb_prompting prompting;

        if (sink->stop && sink->stop(sink->ctx))
            return vb_fail(err, VB_EARG, "stopped");
        if ((st = vb_feed_next(feed, &fed, err)))
            return st;
        row->frame_idx = s->video->frames[place];
        row->first = place == s->first;
        row->annotated = vb_scoring_annotated(scoring, row->frame_idx);
        row->start_ms = fmax(fed.taken_ms - t0, 0); /* offline it may have been taken before clicks were chosen */
        if ((st = vb_scene_track(s, p->ops, p->model, &(vb_frame){.frame_idx = place, .rgb = fed.decoded->image.rgb}, &step, &prompting, err)))
            return st;
        if (prompting.choice_ms > 0) { /* the trial's clock stands still while clicks are chosen */
            t0 += prompting.choice_ms;
            vb_telemetry_skip(p->telemetry, prompting.choice_ms);
        }
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

static void describe_attention(vb_pipeline *p, vb_trial *t)
{
    size_t n = p->ops->attention ? p->ops->attention(p->model, NULL, 0) : 0;
    vb_attention_site *sites = n ? calloc(n, sizeof *sites) : NULL;

    if (!sites || !(t->attention = calloc(n, sizeof *t->attention)))
        n = 0;
    else
        p->ops->attention(p->model, sites, n);
    for (size_t i = 0; i < n; i++) {
        vb_attention_row *r = &t->attention[i];

        memcpy(r->site, sites[i].site, sizeof r->site);
        memcpy(r->dtype, sites[i].dtype, sizeof r->dtype);
        memcpy(r->backend, sites[i].backend, sizeof r->backend);
        memcpy(r->op, sites[i].op, sizeof r->op);
        memcpy(r->reason, sites[i].reason, sizeof r->reason);
        r->batch = sites[i].batch;
        r->heads = sites[i].heads;
        r->q_len = sites[i].q_len;
        r->k_len = sites[i].k_len;
        r->head_dim = sites[i].head_dim;
        r->calls = sites[i].calls;
    }
    t->n_attention = (int32_t)n;
    free(sites);
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

static vb_status run_trial(vb_pipeline *p, vb_scene *s, const vb_block *b, int trial, const vb_block_sink *sink, vb_trial *t, vb_err *err)
{
    const vb_trial_key *key = &b->trials[trial];
    vb_precision precision = {.dtype = key->variant.dtype, .bank = key->variant.bank, .mode = key->variant.mode,
                              .require_flash = (vb_require_flash)p->options.require_flash};
    double *score_ms = calloc((size_t)s->video->n_frames, sizeof *score_ms), start = vb_now_ms(), t0, tracked, reading_ms;
    vb_frame_times *times = calloc((size_t)s->video->n_frames, sizeof *times);
    vb_scoring_config scoring_config = {.dataset = p->dataset, .video = s->video, .n_objects = s->n_prompted,
                                        .masklets = s->masklets, .save_masks = p->options.save_masks,
                                        .save_overlays = p->options.save_overlays, .score_ms = score_ms,
                                        .threads = p->device.kind == VB_DEVICE_CUDA ? p->threads / THREADS_PER_SCORER : 1};
    vb_feed *feed = NULL;
    vb_scoring *scoring = NULL;
    vb_model_memory memory = {.peak_alloc_bytes = -1};
    vb_status st;

    t->key = *key;
    t->from = p->from;
    t->h = s->video->h;
    t->w = s->video->w;
    t->n_video_frames = s->video->n_frames;
    t->order_in_block = trial;
    t->max_batch = p->max_batch;
    t->threads = p->threads;
    t->clicks = s->clicks;
    t->holes_filled = p->options.fill_hole_area ? 0 : -1;
    t->sprinkles_removed = p->options.sprinkle_area ? 0 : -1;
    vb_utc_now(t->from.started_utc);
    vb_telemetry_clear(t);
    t->frames = calloc((size_t)s->video->n_frames, sizeof *t->frames);
    if (!score_ms || !times || !t->frames) {
        st = vb_fail(err, VB_ENOMEM, "rows of %d frames", s->video->n_frames);
        goto out;
    }
    if (sink->progress)
        sink->progress(sink->ctx, trial, -1, s->video->n_frames, VB_STAGE_PREPROCESS);
    if ((st = p->ops->configure(p->model, &precision, err)) || (st = warm_up(p, s, precision.mode, t, sink, trial, err)) ||
        (st = describe_objects(s, t, err)))
        goto out;
    t->warmup_ms = vb_now_ms() - start;
    vb_reset_peak_rss();
    if ((st = p->ops->memory(p->model, &memory, true, err)) || (st = vb_scoring_open(&scoring, &scoring_config, err)))
        goto out;
    start = vb_now_ms();
    if ((st = open_feed(&feed, p, s, s->video->n_frames, precision.mode, err)) ||
        (st = begin(p, s, precision.mode, times, err)))
        goto out;
    t0 = vb_now_ms();
    st = vb_telemetry_begin(p->telemetry, t0, err);
    reading_ms = vb_now_ms() - t0;
    if (st == VB_OK)
        st = track_video(p, s, feed, scoring, t, trial, sink, t0, err);
    p->ops->end(p->model);
    tracked = vb_now_ms();
    if (st || (st = vb_telemetry_finish(p->telemetry, t, err)))
        goto out;
    reading_ms += vb_now_ms() - tracked;
    if ((st = vb_scoring_finish(scoring, t, err)))
        goto out;
    describe_prompts(s, t);
    t->wall_ms = vb_now_ms() - start - reading_ms; /* sensors of a GPU may take milliseconds to answer */
    describe_times(s, t, times, score_ms);
    if ((st = p->ops->memory(p->model, &memory, false, err)))
        goto out;
    if (memory.late_allocs > t->n_frames / LATE_FRAMES) { /* it fits, but what was measured is the allocator */
        st = vb_fail(err, VB_ENOMEM, "CUDA device memory: so short that %lld allocations in %d frames had to wait until others were given back; free memory there, or take "
                     "smaller images or fewer objects", (long long)memory.late_allocs, t->n_frames);
        goto out;
    }
    t->peak_device_bytes = memory.peak_alloc_bytes;
    t->weights_bytes = memory.weights_bytes;
    t->peak_rss_bytes = vb_peak_rss_bytes();
    describe_attention(p, t);
    if (p->ops->deviations)
        snprintf(t->from.deviation, sizeof t->from.deviation, "%s", p->ops->deviations(p->model));
out:
    vb_feed_close(feed);
    vb_scoring_close(scoring);
    free(score_ms);
    free(times);
    return st;
}

/* Hash and name of the weights for provenance, once per model. */
static vb_status describe_checkpoint(vb_pipeline *p, const char *model, const char *path, vb_err *err)
{
    vb_status st = VB_OK;

    if (!strcmp(p->checkpoint_model, model))
        return VB_OK;
    snprintf(p->from.checkpoint, sizeof p->from.checkpoint, "%.255s", path);
    p->from.checkpoint_sha256[0] = '\0';
    if (*path && strncmp(path, "seed:", 5))
        st = vb_sha256_file(p->from.checkpoint_sha256, path, err);
    if (st == VB_OK)
        snprintf(p->checkpoint_model, sizeof p->checkpoint_model, "%s", model);
    return st;
}

static void drop_setup(vb_pipeline *p)
{
    if (p->ops && p->model)
        p->ops->close(p->model);
    p->model = NULL;
    p->ops = NULL;
}

static vb_status hold_setup(vb_pipeline *p, const vb_setup *setup, vb_err *err)
{
    char checkpoint[PATH_MAX];
    vb_model_config config = {.model = setup->model, .image_size = setup->image_size, .device = p->device,
                              .checkpoint = checkpoint, .threads = p->threads,
                              .eager = p->options.eager, .repeatable = p->options.repeatable, .holes_on_cpu = p->options.postprocess == VB_POST_CPU};
    vb_status st;

    /* The prompt is no matter of weights: only a change of model or size loads anew. */
    if (p->model && !strcmp(p->setup.model, setup->model) && p->setup.image_size == setup->image_size) {
        p->setup = *setup;
        return VB_OK;
    }
    drop_setup(p);
    if (!(p->ops = vb_model_find(setup->model)))
        return vb_fail(err, VB_EARG, "model '%s' is not in this build of savbench-engine; a package's engine with all of them is made by `savbench build-engine`", setup->model);
    if ((st = vb_options_checkpoint(checkpoint, sizeof checkpoint, &p->options, setup->model, err)) ||
        (st = describe_checkpoint(p, setup->model, checkpoint, err)) || (st = p->ops->open(&p->model, &config, err))) {
        drop_setup(p);
        return st;
    }
    p->setup = *setup;
    return VB_OK;
}

/* After these the process is of no further use: the device's context is gone. */
static bool fatal(vb_status st)
{
    return st == VB_ECUDA;
}

/* Until heat or supply lets clocks go again, the longest wait is over, or the owner asks to stop. The owner is told every
 * second: silence would be a hang. */
static void let_cool(vb_pipeline *p, const vb_block_sink *sink, int trial, int n_frames)
{
    double until = vb_now_ms() + COOLING_MS;

    while ((vb_telemetry_throttle(p->telemetry) & ~(int64_t)VB_THROTTLE_POWER_CAP) > 0 && vb_now_ms() < until &&
           !(sink->stop && sink->stop(sink->ctx))) {
        if (sink->progress)
            sink->progress(sink->ctx, trial, -1, n_frames, VB_STAGE_PREPROCESS);
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
}

/* One trial as --on-throttle wants it. */
static vb_status run_settled(vb_pipeline *p, vb_scene *s, const vb_block *b, int trial, const vb_block_sink *sink,
                             vb_trial *t, vb_err *err)
{
    for (int repeats = 0;; repeats++) {
        vb_status st;

        if (p->options.on_throttle != VB_THROTTLE_MARK)
            let_cool(p, sink, trial, s->video->n_frames);
        st = run_trial(p, s, b, trial, sink, t, err);
        t->throttle_repeats = repeats;
        if (st || p->options.on_throttle != VB_THROTTLE_REPEAT || t->throttled != 1 || repeats == MAX_REPEATS)
            return st;
        vb_trial_deinit(t);
    }
}

/* With half as many objects in a pass, and anew from the beginning, as long as memory does not do. */
static vb_status run_fitting(vb_pipeline *p, vb_scene *s, const vb_block *b, int trial, const vb_block_sink *sink,
                             vb_trial *t, vb_err *err)
{
    const vb_variant *v = &b->trials[trial].variant;
    const vb_memory_case asked = vb_memory_case_of(&p->options, p->device, v, s);
    vb_memory_case memory = asked;

    p->max_batch = asked.max_batch;
    for (int retries = 0;; retries++) {
        vb_memory_estimate e = vb_memory_estimate_of(&memory);
        vb_status st = run_settled(p, s, b, trial, sink, t, err);

        t->estimate_device_bytes = e.device_bytes;
        t->estimate_rss_bytes = e.rss_bytes;
        t->oom_retries = retries;
        if (st == VB_ENOMEM && retries > 0 && p->max_batch == 1) {
            vb_err last = *err;

            vb_fail(err, st, "%.400s (with one object in a pass too; asked for were %d)", last.msg, asked.max_batch);
        }
        if (st != VB_ENOMEM || p->max_batch <= 1)
            return st;
        fprintf(stderr, "%s, %d objects in a pass: %s; once more with %d\n", b->video, p->max_batch, err->msg, p->max_batch / 2);
        vb_trial_deinit(t);
        drop_setup(p); /* with all that it captured and holds */
        if ((st = hold_setup(p, &b->setup, err)))
            return st;
        p->max_batch = memory.max_batch = p->max_batch / 2;
    }
}

/* VB_ENOMEM: by its estimate the trial does not fit into what is free. */
static vb_status guard_memory(vb_pipeline *p, const vb_scene *s, const vb_variant *v, vb_err *err)
{
    vb_memory_case c = vb_memory_case_of(&p->options, p->device, v, s);
    vb_room room;

    if (p->options.memory_guard == VB_GUARD_OFF)
        return VB_OK;
    vb_room_read(&room, p->device);
    return vb_memory_guard(&c, &room, err);
}

vb_status vb_pipeline_block(vb_pipeline *p, const vb_block *b, const vb_block_sink *sink, vb_err *err)
{
    vb_scene scene = {0};
    vb_err why = {0};
    vb_status ready, st = VB_OK; /* not ready: the same error for every trial */

    ready = vb_scene_init(&scene, p->dataset, b->video, b->setup.prompt, &p->options, &why);
    for (int i = 0; i < b->n_trials && st == VB_OK; i++) {
        vb_trial t = {0};
        vb_status ran;

        if (sink->stop && sink->stop(sink->ctx))
            break;
        ran = ready;
        /* The setup not before something fits: weights take memory too. */
        if (ran == VB_OK && (ran = guard_memory(p, &scene, &b->trials[i].variant, &why)) == VB_OK &&
            (ran = ready = hold_setup(p, &b->setup, &why)) == VB_OK)
            ran = run_fitting(p, &scene, b, i, sink, &t, &why);

        if (sink->stop && sink->stop(sink->ctx)) {
            vb_trial_deinit(&t);
            break;
        }
        st = ran ? sink->failed(sink->ctx, i, &why, err) : sink->result(sink->ctx, i, &t, err);
        vb_trial_deinit(&t);
        if (st == VB_OK && fatal(ran))
            st = vb_fail(err, ran, "%s", why.msg);
    }
    vb_scene_deinit(&scene);
    return st;
}

static vb_status describe(vb_pipeline *p, const char *run_id, vb_err *err)
{
    const vb_options *o = &p->options;
    vb_provenance *f = &p->from;
    vb_backend_info info;
    struct utsname u;
    char *options;
    vb_status st;

    if ((st = vb_postprocess_choose(f->postprocess, o->postprocess, o->fill_hole_area || o->sprinkle_area, p->device, err)) ||
        (st = vb_options_json(&options, o, err)))
        return st;
    vb_backend_describe(&info, p->device);
    if (snprintf(f->options, sizeof f->options, "%s", options) >= (int)sizeof f->options)
        st = vb_fail(err, VB_EARG, "the options take %zu bytes in a record, which holds %zu: give checkpoints shorter paths, or --weights-dir", strlen(options),
                     sizeof f->options - 1);
    free(options);
    if (st)
        return st;
    snprintf(f->savbench_version, sizeof f->savbench_version, "%s", vb_version);
    snprintf(f->git_revision, sizeof f->git_revision, "%s", vb_git_revision);
    snprintf(f->run_id, sizeof f->run_id, "%s", run_id);
    gethostname(f->host, sizeof f->host - 1);
    snprintf(f->device_kind, sizeof f->device_kind, "%s", p->device.kind == VB_DEVICE_CUDA ? "cuda" : "cpu");
    vb_device_name(f->device, sizeof f->device, p->device);
    snprintf(f->capability, sizeof f->capability, "%s", info.capability);
    snprintf(f->torch, sizeof f->torch, "%s", info.torch);
    snprintf(f->cuda, sizeof f->cuda, "%s", info.cuda);
    snprintf(f->driver, sizeof f->driver, "%s", info.driver);
    uname(&u);
    snprintf(f->arch, sizeof f->arch, "%.*s", (int)sizeof f->arch - 1, u.machine);
    vb_telemetry_describe(p->telemetry, f);
    snprintf(f->point_rule, sizeof f->point_rule, "%s", vb_point_rule_name(o->point_rule));
    return VB_OK;
}

static vb_status open_telemetry(vb_pipeline *p, vb_err *err)
{
    vb_backend_info info;
    vb_telemetry_config c = {.device = p->device.kind, .pci = info.pci, .hz = p->options.telemetry_hz,
                             .alone = vb_local_size() == 1};
    vb_status st;

    vb_backend_describe(&info, p->device);
    if ((st = vb_telemetry_open(&p->telemetry, &c, err)) == VB_OK)
        vb_telemetry_measure_idle(p->telemetry, IDLE_MS);
    return st;
}

vb_status vb_pipeline_open(vb_pipeline **out, const vb_options *o, vb_device device, const char *run_id, vb_err *err)
{
    vb_pipeline *p = calloc(1, sizeof *p);
    vb_status st;

    *out = NULL;
    if (!p)
        return vb_fail(err, VB_ENOMEM, "pipeline");
    p->options = *o;
    p->device = device;
    p->threads = o->threads ? o->threads : vb_default_threads();
    if ((st = vb_dataset_open(&p->dataset, o->split_dir, o->split_name, &o->limits, err)) || (st = open_telemetry(p, err)) || (st = describe(p, run_id, err))) {
        vb_pipeline_close(p);
        return st;
    }
    *out = p;
    return VB_OK;
}

void vb_pipeline_close(vb_pipeline *p)
{
    if (!p)
        return;
    drop_setup(p);
    vb_telemetry_close(p->telemetry);
    vb_dataset_free(p->dataset);
    free(p);
}
