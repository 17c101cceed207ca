/* Pipeline: block after block on this process's device: the setup that a block wants, its trials one by one, and what is tried when
 * heat or memory stand in their way; see pipeline.h. One trial is the rig's. */
#include "pipeline.h"

#include "checkpoint.h"
#include "engine_env.h"
#include "hash.h"
#include "memory_guard.h"
#include "nvml.h"
#include "rig.h"
#include "timing.h"
#include "version.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum {
    IDLE_MS = 500,       /* watched at a time for idle power, before the first weights are loaded */
    COOLING_MS = 600000, /* the longest wait for a throttled device */
    MAX_REPEATS = 2
};

struct vb_pipeline {
    vb_options options; /* borrows argv */
    vb_rig rig;
    vb_setup setup;            /* of the model in memory */
    char checkpoint_model[32]; /* whose hash is in rig.from */
};

/* Hash and name of the weights for provenance, once per model. */
static vb_status describe_checkpoint(vb_pipeline *p, const char *model, const char *path, vb_err *err)
{
    char *sha256 = p->rig.from.checkpoint_sha256;
    uint64_t seed = 0;
    bool seeded;
    vb_status st;

    if (!strcmp(p->checkpoint_model, model))
        return VB_OK;
    p->checkpoint_model[0] = '\0'; /* until the hash is there */
    snprintf(p->rig.from.checkpoint, sizeof p->rig.from.checkpoint, "%.255s", path);
    *sha256 = '\0';
    if ((st = vb_seed_parse(&seeded, &seed, path, err)) == VB_OK && seeded) /* tells weights apart as a hash does */
        snprintf(sha256, sizeof p->rig.from.checkpoint_sha256, "seed:%" PRIu64, seed);
    else if (st == VB_OK && *path)
        st = vb_sha256_file(sha256, path, err);
    if (st == VB_OK)
        snprintf(p->checkpoint_model, sizeof p->checkpoint_model, "%s", model);
    return st;
}

static void drop_setup(vb_pipeline *p)
{
    if (p->rig.ops && p->rig.model)
        p->rig.ops->close(p->rig.model);
    p->rig.model = NULL;
    p->rig.ops = NULL;
}

static vb_status hold_setup(vb_pipeline *p, const vb_setup *setup, vb_err *err)
{
    char checkpoint[PATH_MAX];
    vb_model_config config = {.model = setup->model, .image_size = setup->image_size, .device = p->rig.device,
                              .checkpoint = checkpoint, .threads = p->rig.threads,
                              .eager = p->options.eager, .repeatable = p->options.repeatable, .holes_on_cpu = p->options.postprocess == VB_POST_CPU};
    vb_status st;

    /* The prompt is no matter of weights: only a change of model or size loads anew. */
    if (p->rig.model && !strcmp(p->setup.model, setup->model) && p->setup.image_size == setup->image_size) {
        p->setup = *setup;
        return VB_OK;
    }
    drop_setup(p);
    if (!(p->rig.ops = vb_model_find(setup->model)))
        return vb_fail(err, VB_EARG, "model '%s' is not in this build of savbench-engine; a package's engine with all of them is made by `savbench build-engine`", setup->model);
    if ((st = vb_options_checkpoint(checkpoint, sizeof checkpoint, &p->options, setup->model, err)) ||
        (st = describe_checkpoint(p, setup->model, checkpoint, err)) || (st = p->rig.ops->open(&p->rig.model, &config, err))) {
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

/* Until heat or supply lets clocks go again or the longest wait is over; VB_EARG with "stopped" where the owner asks for it meanwhile. The
 * owner is told every second: silence would be a hang. */
static vb_status let_cool(vb_pipeline *p, const vb_block_sink *sink, int trial, int n_frames, vb_err *err)
{
    double until = vb_now_ms() + COOLING_MS;

    while ((vb_telemetry_throttle(p->rig.telemetry) & ~(int64_t)VB_THROTTLE_POWER_CAP) > 0 && vb_now_ms() < until) {
        if (sink->waits)
            sink->waits(sink->ctx, trial, n_frames);
        if (sink->stop && sink->stop(sink->ctx))
            return vb_fail(err, VB_EARG, "stopped");
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
    return VB_OK;
}

/* One trial as --on-throttle wants it. */
static vb_status run_settled(vb_pipeline *p, vb_scene *s, const vb_block *b, int trial, const vb_block_sink *sink,
                             vb_trial *t, vb_err *err)
{
    for (int repeats = 0;; repeats++) {
        vb_status st;

        if (p->options.on_throttle != VB_THROTTLE_MARK && (st = let_cool(p, sink, trial, s->video->n_frames, err)))
            return st;
        st = vb_rig_run(t, &p->rig, s, b, trial, sink, err);
        t->throttle_repeats = repeats;
        if (st || p->options.on_throttle != VB_THROTTLE_REPEAT || t->throttled != 1 || repeats == MAX_REPEATS)
            return st;
        vb_trial_deinit(t);
    }
}

/* With half as many objects in a pass, and anew from the beginning, as long as memory does not do. The model that ran out of it goes, with all
 * that it captured, holds and was about to allocate. */
static vb_status run_fitting(vb_pipeline *p, vb_scene *s, const vb_block *b, int trial, const vb_block_sink *sink,
                             vb_trial *t, vb_err *err)
{
    const vb_variant *v = &b->trials[trial].variant;
    const vb_memory_case asked = vb_memory_case_of(&p->options, p->rig.device, v, s);
    vb_memory_case memory = asked;

    p->rig.max_batch = asked.max_batch;
    for (int retries = 0;; retries++) {
        vb_memory_estimate e = vb_memory_estimate_of(&memory);
        vb_status st = run_settled(p, s, b, trial, sink, t, err);

        t->estimate_device_bytes = e.device_bytes;
        t->estimate_rss_bytes = e.rss_bytes;
        t->oom_retries = retries;
        if (st != VB_ENOMEM)
            return st;
        drop_setup(p);
        if (retries > 0 && p->rig.max_batch == 1) {
            vb_err last = *err;

            vb_fail(err, st, "%.400s (with one object in a pass too; asked for were %d)", last.msg, asked.max_batch);
        }
        if (p->rig.max_batch <= 1)
            return st;
        fprintf(stderr, "%s, %d objects in a pass: %s; once more with %d\n", b->video, p->rig.max_batch, err->msg, p->rig.max_batch / 2);
        vb_trial_deinit(t);
        if ((st = hold_setup(p, &b->setup, err)))
            return st;
        p->rig.max_batch = memory.max_batch = p->rig.max_batch / 2;
    }
}

/* VB_ENOMEM: by its estimate the trial does not fit into what is free. */
static vb_status guard_memory(vb_pipeline *p, const vb_scene *s, const vb_variant *v, vb_err *err)
{
    vb_memory_case c = vb_memory_case_of(&p->options, p->rig.device, v, s);
    vb_room room;

    if (p->options.memory_guard == VB_GUARD_OFF)
        return VB_OK;
    vb_room_read(&room, p->rig.device);
    return vb_memory_guard(&c, &room, err);
}

vb_status vb_pipeline_block(vb_pipeline *p, const vb_block *b, const vb_block_sink *sink, vb_err *err)
{
    vb_scene scene = {0};
    vb_err why = {0};
    vb_status ready, st = VB_OK; /* not ready: the same error for every trial */

    ready = vb_scene_init(&scene, p->rig.dataset, b->video, b->setup.prompt, &p->options, &why);
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
    vb_provenance *f = &p->rig.from;
    vb_backend_info info;
    struct utsname u;
    char *options;
    vb_status st;

    if ((st = vb_postprocess_choose(f->postprocess, o->postprocess, o->fill_hole_area || o->sprinkle_area, p->rig.device, err)) ||
        (st = vb_options_json(&options, o, err)))
        return st;
    vb_backend_describe(&info, p->rig.device);
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
    snprintf(f->device_kind, sizeof f->device_kind, "%s", p->rig.device.kind == VB_DEVICE_CUDA ? "cuda" : "cpu");
    vb_device_name(f->device, sizeof f->device, p->rig.device);
    snprintf(f->capability, sizeof f->capability, "%s", info.capability);
    snprintf(f->torch, sizeof f->torch, "%s", info.torch);
    snprintf(f->cuda, sizeof f->cuda, "%s", info.cuda);
    snprintf(f->driver, sizeof f->driver, "%s", info.driver);
    uname(&u);
    snprintf(f->arch, sizeof f->arch, "%.*s", (int)sizeof f->arch - 1, u.machine);
    vb_telemetry_describe(p->rig.telemetry, f);
    snprintf(f->point_rule, sizeof f->point_rule, "%s", vb_point_rule_name(o->point_rule));
    return VB_OK;
}

static vb_status open_telemetry(vb_pipeline *p, vb_err *err)
{
    vb_backend_info info;
    vb_telemetry_config c = {.device = p->rig.device.kind, .pci = info.pci, .hz = p->options.telemetry_hz,
                             .alone = vb_local_size() == 1, .shares_gpu = p->options.ranks_per_device > 1};
    vb_status st;

    vb_backend_describe(&info, p->rig.device);
    if ((st = vb_telemetry_open(&p->rig.telemetry, &c, err)) == VB_OK)
        vb_telemetry_measure_idle(p->rig.telemetry, IDLE_MS);
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
    p->rig.options = &p->options;
    p->rig.device = device;
    p->rig.threads = o->threads ? o->threads : vb_default_threads();
    if ((st = vb_dataset_open(&p->rig.dataset, o->split_dir, o->split_name, &o->limits, err)) || (st = open_telemetry(p, err)) || (st = describe(p, run_id, err))) {
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
    vb_telemetry_close(p->rig.telemetry);
    vb_dataset_free(p->rig.dataset);
    free(p);
}
