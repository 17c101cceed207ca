/* Estimates: what is left of a plan, and hours scaled by the records that are most like it. */
#include "test.h"

#include "cost.h"
#include "estimate.h"

#include <string.h>

static int annotated[] = {0, 4, 8}, frames[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
static vb_masklet masklet = {"000", 3, annotated};
static vb_video video = {.name = "v", .h = 100, .w = 100, .n_frames = 10, .frames = frames, .n_masklets = 1, .masklets = &masklet};
static vb_video *videos[] = {&video};
static vb_options o;
static vb_block blocks[2];
static vb_plan plan = {.n_blocks = 2, .blocks = blocks, .n_videos = 1, .videos = videos};

static int setup(void **state)
{
    (void)state;
    o = (vb_options){.n_setups = 2,
                     .n_dtypes = 2,
                     .dtypes = {VB_FLOAT32, VB_BFLOAT16},
                     .n_banks = 1,
                     .n_modes = 1,
                     .repeats = 1};
    o.setups[0] = (vb_setup){"edgetam", VB_PROMPT_POINT, 1024};
    o.setups[1] = (vb_setup){"sam2.1_t", VB_PROMPT_POINT, 1024};
    for (int i = 0; i < 2; i++)
        assert_int_equal(vb_block_make(&blocks[i], &o, "v", &o.setups[i], NULL), VB_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vb_block_deinit(&blocks[0]);
    vb_block_deinit(&blocks[1]);
    return 0;
}

static double cost(int setup, vb_dtype dtype)
{
    vb_variant v = {o.setups[setup], dtype, VB_BANK_BFLOAT16, VB_STREAM};

    return vb_cost_trial(&v, 10, 1);
}

/* A done trial that took times its cost in seconds. */
static vb_recorded record(const char *name, const vb_setup *s, vb_dtype dtype, const char *device, double times)
{
    vb_variant v = {*s, dtype, VB_BANK_BFLOAT16, VB_STREAM};
    vb_recorded r = {.status = VB_TRIAL_DONE, .n_frames = 10, .n_objects = 1};

    strcpy(r.video, name);
    strcpy(r.device, device);
    vb_variant_tag(r.tag, &v);
    r.seconds = times * vb_cost_trial(&v, 10, 1);
    return r;
}

static vb_estimate *estimate(const vb_recorded *r, int n, double speed)
{
    vb_estimate *e;

    assert_int_equal(vb_estimate_make(&e, &plan, &o, r, n, speed, NULL), VB_OK);
    return e;
}

static void near(double a, double b)
{
    if (!(a > b * (1 - 1e-9) && a < b * (1 + 1e-9)))
        fail_msg("%.12g is not %.12g", a, b);
}

static void without_records_a_speed_is_assumed(void **state)
{
    vb_estimate *e = estimate(NULL, 0, 0);

    (void)state;
    assert_int_equal(e->n_devices, 1);
    assert_string_equal(e->devices[0].device, "");
    assert_int_equal(e->devices[0].basis[0], VB_BASIS_ASSUMED);
    near(e->devices[0].seconds[0], cost(0, VB_FLOAT32) + cost(0, VB_BFLOAT16));
    assert_int_equal(e->setups[0].n_trials, 2);
    assert_int_equal(e->setups[0].n_left, 2);
    assert_int_equal(e->setups[0].n_frames_left, 20);
    vb_estimate_free(e);
    e = estimate(NULL, 0, 4);
    near(e->devices[0].seconds[1], (cost(1, VB_FLOAT32) + cost(1, VB_BFLOAT16)) / 4);
    near(e->devices[0].total_s, e->devices[0].seconds[0] + e->devices[0].seconds[1]);
    vb_estimate_free(e);
}

static void records_scale_what_is_like_them(void **state)
{
    /* another video's trial of edgetam in float32 at pace 3, in bfloat16 at another size at pace 5 */
    vb_setup small = {"edgetam", VB_PROMPT_BOX, 512};
    vb_recorded r[2];
    vb_estimate *e;
    double cheap, dear, mean;

    (void)state;
    r[0] = record("u", &small, VB_BFLOAT16, "gpu", 5);
    r[1] = record("u", &o.setups[0], VB_FLOAT32, "gpu", 3);
    cheap = r[0].seconds / 5;
    dear = r[1].seconds / 3;
    mean = (5 * cheap + 3 * dear) / (cheap + dear);
    e = estimate(r, 2, 0);
    assert_int_equal(e->n_devices, 1);
    assert_int_equal(e->devices[0].n_records, 2);
    near(e->devices[0].seconds[0], 3 * cost(0, VB_FLOAT32) + mean * cost(0, VB_BFLOAT16));
    assert_int_equal(e->devices[0].basis[0], VB_BASIS_MODEL);
    near(e->devices[0].seconds[1], mean * (cost(1, VB_FLOAT32) + cost(1, VB_BFLOAT16)));
    assert_int_equal(e->devices[0].basis[1], VB_BASIS_DEVICE);
    vb_estimate_free(e);
}

static void kinds_of_device_stay_apart_and_the_stub_tells_nothing(void **state)
{
    vb_setup stub = {"stub", VB_PROMPT_BOX, 1024};
    vb_recorded r[3];
    vb_estimate *e;

    (void)state;
    r[0] = record("t", &o.setups[0], VB_FLOAT32, "slow", 8);
    r[1] = record("u", &stub, VB_FLOAT32, "fast", 100);
    r[2] = record("v", &stub, VB_FLOAT32, "fast", 100);
    e = estimate(r, 3, 0);
    assert_int_equal(e->n_devices, 2);
    assert_string_equal(e->devices[0].device, "fast");
    assert_int_equal(e->devices[0].basis[0], VB_BASIS_ASSUMED);
    near(e->devices[0].seconds[0], cost(0, VB_FLOAT32) + cost(0, VB_BFLOAT16));
    assert_string_equal(e->devices[1].device, "slow");
    near(e->devices[1].seconds[0], 8 * (cost(0, VB_FLOAT32) + cost(0, VB_BFLOAT16)));
    vb_estimate_free(e);
    e = estimate(r, 3, 2);
    assert_int_equal(e->n_devices, 3);
    assert_string_equal(e->devices[0].device, "");
    near(e->devices[0].seconds[0], (cost(0, VB_FLOAT32) + cost(0, VB_BFLOAT16)) / 2);
    vb_estimate_free(e);
}

static void what_is_recorded_is_not_to_do(void **state)
{
    vb_recorded r[2];
    vb_estimate *e;
    double whole;

    (void)state;
    e = estimate(NULL, 0, 0);
    whole = e->setups[0].result_bytes;
    vb_estimate_free(e);
    r[0] = record("v", &o.setups[0], VB_BFLOAT16, "gpu", 1); /* in the store's order: by tag */
    r[1] = record("v", &o.setups[0], VB_FLOAT32, "", 0);
    r[1].status = VB_TRIAL_FAILED;
    e = estimate(r, 2, 0);
    assert_int_equal(e->setups[0].n_done, 1);
    assert_int_equal(e->setups[0].n_failed, 1);
    assert_int_equal(e->setups[0].n_left, 0);
    assert_true(e->devices[0].seconds[0] <= 0);
    assert_int_equal(e->setups[1].n_left, 2);
    vb_estimate_free(e);
    /* Neither a quarantined trial nor records without a time, or of what this build does not know, tell of speed. */
    r[1].status = VB_TRIAL_QUARANTINED;
    e = estimate(r, 2, 0);
    assert_int_equal(e->setups[0].n_failed, 1);
    vb_estimate_free(e);
    r[1].status = VB_TRIAL_DONE;
    strcpy(r[1].device, "gpu");
    for (int i = 0; i < 2; i++) {
        vb_recorded odd = r[1];

        if (i) {
            odd.seconds = 1;
            strcpy(odd.tag, "a tag of another time");
        }
        e = estimate(&odd, 1, 0);
        assert_string_equal(e->devices[0].device, "");
        vb_estimate_free(e);
    }
    strcpy(r[1].device, "");
    r[1].status = VB_TRIAL_FAILED;
    o.retry_failed = true;
    e = estimate(r, 2, 0);
    assert_int_equal(e->setups[0].n_left, 1);
    near(e->setups[0].result_bytes, whole / 2);
    vb_estimate_free(e);
}

static void masks_and_pictures_take_room(void **state)
{
    static const vb_save_masks kinds[] = {VB_SAVE_NONE, VB_SAVE_ANNOTATED, VB_SAVE_ALL};
    double before = 0;

    (void)state;
    for (int i = 0; i < 4; i++) {
        vb_estimate *e;

        o.save_masks = kinds[i < 3 ? i : 2];
        o.save_overlays = i < 3 ? 0 : 2;
        e = estimate(NULL, 0, 0);
        assert_true(e->setups[0].result_bytes > before);
        before = e->setups[0].result_bytes;
        vb_estimate_free(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_records_a_speed_is_assumed, setup, teardown),
        cmocka_unit_test_setup_teardown(records_scale_what_is_like_them, setup, teardown),
        cmocka_unit_test_setup_teardown(kinds_of_device_stay_apart_and_the_stub_tells_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_recorded_is_not_to_do, setup, teardown),
        cmocka_unit_test_setup_teardown(masks_and_pictures_take_room, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
