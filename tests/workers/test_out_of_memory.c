/* EdgeTAM on a CPU whose allocator refuses what only a pass of two objects asks for: the trial is repeated with one object in a pass
 * and is then what it is when one was asked for; where no pass will do, it is a failure and the engine goes on. And what records say of
 * the weights after a checkpoint that could not be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pipeline.h"

#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libtorch's allocator of tensors is posix_memalign; this one, in the program, comes before the library's. */
enum { MOST_SIZES = 65536 };
static struct {
    pthread_mutex_t lock;
    size_t refused;            /* bytes of the requests that are refused; 0: none */
    size_t least_refused;      /* and of all from here on; 0: none */
    int n_refused;
    size_t seen[MOST_SIZES];   /* sizes asked for, once each */
    int n_seen;
} allocator = {.lock = PTHREAD_MUTEX_INITIALIZER};

int posix_memalign(void **out, size_t alignment, size_t n)
{
    static int (*next)(void **, size_t, size_t);
    bool refuse, known = false;

    pthread_mutex_lock(&allocator.lock);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "posix_memalign");
    refuse = n && (n == allocator.refused || (allocator.least_refused && n >= allocator.least_refused));
    allocator.n_refused += refuse;
    for (int i = 0; i < allocator.n_seen && !known; i++)
        known = allocator.seen[i] == n;
    if (!known && allocator.n_seen < MOST_SIZES)
        allocator.seen[allocator.n_seen++] = n;
    pthread_mutex_unlock(&allocator.lock);
    return refuse ? ENOMEM : next(out, alignment, n);
}

static bool was_seen(const size_t *sizes, int n, size_t size)
{
    for (int i = 0; i < n; i++)
        if (sizes[i] == size)
            return true;
    return false;
}

typedef struct {
    int n_results, n_failed;
    int32_t max_batch, oom_retries, n_frames, n_objects, h, w;
    double jf;
    char checkpoint[256];
    vb_err why;
} outcome;

static vb_status on_result(void *ctx, int trial, const vb_trial *t, vb_err *err)
{
    outcome *o = ctx;
    double j, f;

    (void)trial, (void)err;
    vb_trial_mean(t, &j, &f);
    o->n_results++;
    o->max_batch = t->max_batch;
    o->oom_retries = t->oom_retries;
    o->n_frames = t->n_frames;
    snprintf(o->checkpoint, sizeof o->checkpoint, "%s", t->from.checkpoint);
    o->n_objects = t->n_objects;
    o->h = t->h;
    o->w = t->w;
    o->jf = (j + f) / 2;
    return VB_OK;
}

static vb_status on_failed(void *ctx, int trial, const vb_err *why, vb_err *err)
{
    outcome *o = ctx;

    (void)trial, (void)err;
    o->n_failed++;
    o->why = *why;
    return VB_OK;
}

static outcome run_setup(vb_pipeline *p, const vb_options *o, const vb_setup *setup)
{
    vb_block b;
    outcome out = {0};
    vb_block_sink sink = {.ctx = &out, .result = on_result, .failed = on_failed};
    vb_err err = {0};

    allocator.n_seen = allocator.n_refused = 0;
    if (vb_block_make(&b, o, "shapes_000001", setup, &err) || vb_pipeline_block(p, &b, &sink, &err))
        fail_msg("%s", err.msg);
    vb_block_deinit(&b);
    return out;
}

static outcome run(vb_pipeline *p, const vb_options *o)
{
    return run_setup(p, o, &o->setups[0]);
}

static vb_pipeline *open_models(vb_options *o, const char *models, const char *checkpoint, const char *max_batch)
{
    char *argv[] = {"run", "--split-dir", VB_DATA_DIR, "--models", (char *)(uintptr_t)models, "--checkpoint", (char *)(uintptr_t)checkpoint, "--image-size", "256",
                    "--dtype", "float32", "--device", "cpu", "--max-clip-frames", "9", "--warmup-frames", "0", "--telemetry-hz", "0", "--threads", "1",
                    "--max-batch", (char *)(uintptr_t)max_batch, NULL};
    vb_pipeline *p;
    vb_err err = {0};

    if (vb_options_parse(o, (int)(sizeof argv / sizeof *argv) - 1, argv, &err) ||
        vb_pipeline_open(&p, o, (vb_device){.kind = VB_DEVICE_CPU}, "test", &err))
        fail_msg("%s", err.msg);
    return p;
}

static vb_pipeline *open_pipeline(vb_options *o, const char *max_batch)
{
    return open_models(o, "edgetam_mask", VB_DATA_DIR "/edgetam_shapes.pt", max_batch);
}

static void half_the_objects_then_failure(void **state)
{
    static size_t alone[MOST_SIZES];
    vb_options one, two;
    vb_pipeline *p = open_pipeline(&one, "1");
    outcome single = run(p, &one), pair, halved, none, after;
    int n_alone = allocator.n_seen;
    size_t of_pairs = 0;

    (void)state;
    memcpy(alone, allocator.seen, sizeof alone);
    vb_pipeline_close(p);
    assert_true(single.n_results == 1 && single.max_batch == 1 && single.oom_retries == 0 && single.n_frames == 9);

    p = open_pipeline(&two, "2");
    pair = run(p, &two);
    assert_true(pair.n_results == 1 && pair.max_batch == 2 && pair.oom_retries == 0);
    for (int i = 0; i < allocator.n_seen; i++)
        if (allocator.seen[i] > of_pairs && !was_seen(alone, n_alone, allocator.seen[i]))
            of_pairs = allocator.seen[i];
    assert_true(of_pairs > 0);

    allocator.refused = of_pairs;
    halved = run(p, &two);
    print_message("%d and %d sizes of allocations; refused once: %zu bytes\n", n_alone, allocator.n_seen, of_pairs);
    assert_int_equal(allocator.n_refused, 1);
    assert_true(halved.n_results == 1 && halved.n_failed == 0);
    assert_int_equal(halved.max_batch, 1);
    assert_int_equal(halved.oom_retries, 1);
    assert_int_equal(halved.n_frames, 9); /* anew from the first one */
    if (!(halved.jf == single.jf && halved.jf > 0.1))
        fail_msg("J&F %.17g, with one object in a pass from the start %.17g, with two %.17g", halved.jf, single.jf, pair.jf);

    allocator.refused = 0;
    allocator.least_refused = 1 << 20;
    none = run(p, &two);
    assert_true(none.n_results == 0 && none.n_failed == 1 && allocator.n_refused > 0);
    assert_int_equal(none.why.code, VB_ENOMEM);
    assert_non_null(strstr(none.why.msg, "host memory"));

    allocator.least_refused = 0; /* the same engine, with memory again */
    after = run(p, &two);
    assert_true(after.n_results == 1 && after.max_batch == 2 && after.jf == pair.jf);
    vb_pipeline_close(p);
}

/* The masks of all objects, which a clip of other objects allocates anew: refused in the first clip, so that nothing is there yet. */
static void a_model_that_ran_out_goes(void **state)
{
    vb_options o;
    vb_pipeline *p = open_pipeline(&o, "1");
    outcome refused, after, want = run(p, &o);

    (void)state;
    vb_pipeline_close(p);
    p = open_pipeline(&o, "1");
    allocator.refused = (size_t)want.n_objects * (size_t)want.h * vb_mask_stride(want.w) * sizeof(uint64_t);
    refused = run(p, &o);
    assert_true(refused.n_failed == 1 && allocator.n_refused == 1);
    assert_int_equal(refused.why.code, VB_ENOMEM);
    allocator.refused = 0;
    after = run(p, &o);
    if (after.n_results != 1)
        fail_msg("%s", after.why.msg);
    assert_true(after.jf == want.jf && after.max_batch == 1);
    vb_pipeline_close(p);
}

/* A folder has no hash. The stub, whose name was kept beside its checkpoint, has none either. */
static void a_checkpoint_that_cannot_be_read_is_in_no_record(void **state)
{
    vb_options o;
    vb_pipeline *p = open_models(&o, "edgetam_mask,stub", "edgetam=" VB_DATA_DIR, "1");
    const vb_setup *stub = &o.setups[strcmp(o.setups[0].model, "stub") != 0], *edgetam = &o.setups[stub == o.setups];
    outcome before = run_setup(p, &o, stub), failed = run_setup(p, &o, edgetam), after = run_setup(p, &o, stub);

    (void)state;
    assert_int_equal(o.n_setups, 2);
    assert_true(before.n_results == 1 && failed.n_failed == 1 && after.n_results == 1);
    assert_non_null(strstr(failed.why.msg, VB_DATA_DIR));
    assert_string_equal(before.checkpoint, "");
    assert_string_equal(after.checkpoint, "");
    vb_pipeline_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(half_the_objects_then_failure), cmocka_unit_test(a_model_that_ran_out_goes),
                                       cmocka_unit_test(a_checkpoint_that_cannot_be_read_is_in_no_record)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
