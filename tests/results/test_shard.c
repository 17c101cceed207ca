/* Shards: every field comes back, equal trials give equal bytes, and no damaged byte is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sample.h"
#include "shard.h"
#include "tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void encode(uint8_t **bytes, size_t *n, const vb_trial *t)
{
    vb_err err = {0};

    if (vb_shard_encode(bytes, n, t, &err) != VB_OK)
        fail_msg("encode: %s", err.msg);
}

/* Field by field by the tables of columns, so that padding does not count. */
static void same_rows(const vb_table *t, const void *a, const void *b, int n)
{
    for (int i = 0; i < n; i++)
        for (int c = 0; c < t->n_columns; c++) {
            const vb_column *col = &t->columns[c];
            const char *x = (const char *)a + (size_t)i * t->row_size + col->offset;
            const char *y = (const char *)b + (size_t)i * t->row_size + col->offset;

            if (col->type == VB_COL_TEXT ? strcmp(x, y) != 0 : memcmp(x, y, col->size) != 0)
                fail_msg("/%s row %d: '%s' differs", t->name, i, col->name);
        }
}

static void round_trip_keeps_every_field(void **state)
{
    uint8_t *bytes;
    size_t n;
    vb_trial in, out = {0};
    vb_err err = {0};

    (void)state;
    sample_trial(&in, "v1", VB_FLOAT16, 2, 3);
    in.objects[1].j = in.objects[1].f = NAN; /* an object that no frame counted */
    in.objects[1].n_counted = 0;
    in.peak_device_bytes = -1;
    encode(&bytes, &n, &in);
    if (vb_shard_decode(&out, bytes, n, &err) != VB_OK)
        fail_msg("decode: %s", err.msg);
    assert_true(vb_trial_key_equal(&in.key, &out.key));
    same_rows(&VB_TABLE_TRIAL, &in, &out, 1);
    assert_int_equal(in.n_frames, out.n_frames);
    same_rows(&VB_TABLE_FRAMES, in.frames, out.frames, in.n_frames);
    assert_int_equal(in.n_scores, out.n_scores);
    same_rows(&VB_TABLE_SCORES, in.scores, out.scores, in.n_scores);
    assert_int_equal(in.n_objects, out.n_objects);
    same_rows(&VB_TABLE_OBJECTS, in.objects, out.objects, in.n_objects);
    assert_int_equal(in.n_attention, out.n_attention);
    same_rows(&VB_TABLE_ATTENTION, in.attention, out.attention, in.n_attention);
    assert_int_equal(in.n_masks, out.n_masks);
    for (int i = 0; i < in.n_masks; i++) {
        assert_int_equal(in.masks[i].object, out.masks[i].object);
        assert_int_equal(in.masks[i].frame_idx, out.masks[i].frame_idx);
        assert_string_equal(in.masks[i].rle, out.masks[i].rle);
    }
    assert_int_equal(out.n_overlays, 1);
    assert_int_equal(out.overlays[0].frame_idx, 4);
    assert_int_equal(out.overlays[0].n_bytes, 5);
    assert_memory_equal(in.overlays[0].png, out.overlays[0].png, 5);
    free(bytes);
    vb_trial_deinit(&in);
    vb_trial_deinit(&out);
}

static void tables_cover_the_structs(void **state)
{
    (void)state;
    for (int s = 0; s < VB_STAGE_COUNT; s++) {
        char name[32];
        bool found = false;

        snprintf(name, sizeof name, "%s_ms", vb_stage_name((vb_stage)s));
        for (int c = 0; c < VB_TABLE_FRAMES.n_columns; c++)
            if (!strcmp(VB_TABLE_FRAMES.columns[c].name, name))
                found = VB_TABLE_FRAMES.columns[c].offset == offsetof(vb_frame_row, stage_ms) + (size_t)s * sizeof(double);
        if (!found)
            fail_msg("no column '%s' at its stage's place", name);
    }
}

static void trial_without_rows(void **state)
{
    uint8_t *bytes;
    size_t n;
    vb_trial in = {.key = sample_key("v1", VB_FLOAT32, 0), .h = 4, .w = 4}, out = {0};
    double j, f;
    vb_err err = {0};

    (void)state;
    encode(&bytes, &n, &in);
    if (vb_shard_decode(&out, bytes, n, &err) != VB_OK)
        fail_msg("decode: %s", err.msg);
    assert_int_equal(out.n_frames + out.n_scores + out.n_masks, 0);
    vb_trial_mean(&out, &j, &f);
    assert_true(isnan(j) && isnan(f));
    free(bytes);
    vb_trial_deinit(&out);
}

static void equal_trials_give_equal_bytes(void **state)
{
    uint8_t *a, *b;
    size_t n, m;
    vb_trial x, y;

    (void)state;
    sample_trial(&x, "v1", VB_FLOAT32, 0, 1);
    sample_trial(&y, "v1", VB_FLOAT32, 0, 1);
    memset(y.objects[0].obj_id + 10, 'x', 20); /* behind the NUL: not part of the value */
    encode(&a, &n, &x);
    encode(&b, &m, &y);
    assert_int_equal(n, m);
    assert_memory_equal(a, b, n);
    free(a);
    free(b);
    vb_trial_deinit(&x);
    vb_trial_deinit(&y);
}

static void refused(const uint8_t *bytes, size_t n, const char *what, long where)
{
    vb_trial out = {0};
    vb_err err = {0};
    uint8_t *copy = malloc(n ? n : 1); /* exact size: an overrun is seen by the sanitizer */

    assert_non_null(copy);
    memcpy(copy, bytes, n);
    if (vb_shard_decode(&out, copy, n, &err) != VB_EFORMAT || !err.msg[0])
        fail_msg("%s at %ld was taken", what, where);
    free(copy);
}

static void damaged_bytes_are_refused(void **state)
{
    uint8_t *bytes;
    size_t n;
    vb_trial t;

    (void)state;
    sample_trial(&t, "v1", VB_FLOAT32, 0, 1);
    encode(&bytes, &n, &t);
    for (size_t i = 0; i < n; i += i < 1024 ? 1 : 97) {
        bytes[i] ^= (uint8_t)(1u << i % 8);
        refused(bytes, n, "a flipped bit", (long)i);
        bytes[i] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t cut = 0; cut < n; cut += 1 + n / 50)
        refused(bytes, cut, "a cut", (long)cut);
    free(bytes);
    vb_trial_deinit(&t);
}

static void add_telemetry(vb_trial *t)
{
    assert_non_null(t->telemetry = calloc(2, sizeof *t->telemetry));
    t->telemetry[1].t_ms = 1;
    t->n_telemetry = 2;
    assert_non_null(t->sensors = calloc(1, sizeof *t->sensors));
    t->n_sensors = 1;
}

/* One value out of range each, by every check that there is: a number that reached the database would be shown as measured. */
#define EACH_LIE(X)                                                                                                           \
    X(frames[0].frame_idx = -1) X(frames[1].prompted = 2) X(frames[1].annotated = 2) X(frames[1].n_objects = -1)              \
    X(frames[1].nonfinite = -1) X(frames[1].start_ms = -1) X(frames[1].end_ms = NAN) X(frames[1].stored_ms = NAN)             \
    X(frames[1].stored_ms = t.frames[1].end_ms - 1) X(objects[0].prompt_frame = -2) X(objects[0].n_counted = -1)             \
    X(objects[0].f = -0.1) X(scores[0].object = -1) X(scores[0].frame_idx = -1) X(scores[0].counted = 2)                      \
    X(scores[0].nonfinite = -1) X(scores[0].area = -1) X(scores[0].j = 2) X(masks[0].object = t.n_objects)                   \
    X(masks[0].frame_idx = -1) X(overlays[0].frame_idx = -1) X(telemetry[0].t_ms = NAN) X(telemetry[0].throttle = -2)         \
    X(telemetry[0].power_w = INFINITY) X(telemetry[0].energy_j = INFINITY) X(telemetry[1].t_ms = t.telemetry[0].t_ms - 1)    \
    X(sensors[0].n = -1) X(energy_j = INFINITY) X(energy_j = -1) X(idle_j = INFINITY) X(idle_j = -1)                          \
    X(power_mean_w = INFINITY) X(power_max_w = INFINITY) X(temperature_max_c = INFINITY) X(gpu_clock_mhz = INFINITY)          \
    X(rss_bytes_per_frame = INFINITY) X(throttled = -2) X(throttled = 2) X(throttle_repeats = -1) X(unified = -1)             \
    X(unified = 2) X(w = 0) X(h = VB_MAX_SIDE + 1) X(warmup_frames_ms = -1) X(warmup_frames = -1) X(warmup_converged = -2)    \
    X(warmup_converged = 2) X(estimate_device_bytes = -2) X(estimate_rss_bytes = -2) X(max_batch = -1) X(oom_retries = -1)    \
    X(n_video_frames = -1) X(order_in_block = -1) X(threads = -1) X(clicks = -1) X(warmup_ms = -1)                            \
    X(peak_device_bytes = -2) X(weights_bytes = -2) X(holes_filled = -2) X(sprinkles_removed = -2)

/* Whoever seals anew what he altered meets the checks on structure and values. */
static void resealed_lies_are_refused(void **state)
{
    vb_trial t, honest;
    uint8_t *bytes;
    size_t n;

    (void)state;
    sample_trial(&t, "v1", VB_FLOAT32, 0, 1);
    add_telemetry(&t);
    encode(&bytes, &n, &t);
    assert_int_equal(vb_shard_decode(&honest, bytes, n, NULL), VB_OK);
    same_rows(&VB_TABLE_TELEMETRY, t.telemetry, honest.telemetry, 2);
    same_rows(&VB_TABLE_SENSORS, t.sensors, honest.sensors, 1);
    free(bytes);
    vb_trial_deinit(&t);
    vb_trial_deinit(&honest);
#define LIE(statement)                              \
    do {                                            \
        sample_trial(&t, "v1", VB_FLOAT32, 0, 1);   \
        add_telemetry(&t);                          \
        statement;                                  \
        encode(&bytes, &n, &t);                     \
        refused(bytes, n, #statement, 0);           \
        free(bytes);                                \
        vb_trial_deinit(&t);                        \
    } while (0)
    LIE(strcpy(t.key.video, "../../etc"));
    LIE(strcpy(t.key.variant.setup.model, "a b"));
    LIE(t.key.variant.dtype = (vb_dtype)9);
    LIE(t.key.repetition = -1);
    LIE(t.h = 0);
    LIE(t.w = VB_MAX_SIDE + 1);
    LIE(t.wall_ms = NAN);
    LIE(t.peak_rss_bytes = -2);
    LIE(t.frames[4].frame_idx = t.frames[3].frame_idx);
    LIE(t.frames[2].latency_ms = INFINITY);
    LIE(t.frames[2].stage_ms[VB_STAGE_SCORE] = -1);
    LIE(t.frames[1].first = 2);
    LIE(strcpy(t.objects[0].obj_id, "a/b"));
    LIE(strcpy(t.objects[0].obj_id, t.objects[1].obj_id));
    LIE(t.objects[0].j = 1.5);
    LIE(t.scores[0].object = 2);
    LIE(t.scores[1].f = NAN);
    LIE(t.masks[3].object = -1);
    LIE(t.attention[0].calls = -1);
#define X(assignment) LIE(t.assignment);
    EACH_LIE(X)
#undef X
#undef LIE
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip_keeps_every_field), cmocka_unit_test(tables_cover_the_structs),
        cmocka_unit_test(trial_without_rows),           cmocka_unit_test(equal_trials_give_equal_bytes),
        cmocka_unit_test(damaged_bytes_are_refused),    cmocka_unit_test(resealed_lies_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
