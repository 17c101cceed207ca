/* SAM 2 and SAM 2.1 behind model.h: what the table of variants tells apart shows in what they do. Seeded weights, the
 * smallest image size, CPU; the official numbers are in tests/golden. */
#include "expect.h"
#include "model.h"

#include <string.h>

enum { H = 48, W = 64, SIZE = 96 };

static uint8_t rgb[H * W * 3];

static const vb_model_ops *ops_of(const char *model)
{
    const vb_model_ops *ops = vb_model_find(model);

    assert_non_null(ops);
    return ops;
}

static vb_model *open_model(const char *model)
{
    vb_model *m = NULL;
    vb_model_config config = {.model = model, .image_size = SIZE, .checkpoint = "seed:3", .threads = 1};

    ok(ops_of(model)->open(&m, &config, &err));
    ok(ops_of(model)->configure(m, &(vb_precision){VB_FLOAT32, VB_BANK_BFLOAT16, VB_STREAM, VB_FLASH_ANY}, &err));
    return m;
}

/* One object, clicked on frame 0, on n frames of a clip that counts as n_frames long; the scores that it got. */
static void track(float *scores, const char *model, vb_model *m, int n, int n_frames)
{
    const vb_model_ops *ops = ops_of(model);
    vb_prompt prompt = {.n_points = 1, .xy = {{30, 20}}, .label = {1}};
    vb_track_object object = {0, 0, &prompt};
    vb_clip clip = {.n_frames = n_frames, .h = H, .w = W, .n_objects = 1, .objects = &object};
    vb_mask mask;
    vb_object_out out = {.mask = &mask};
    vb_step step = {.objects = &out};

    ok(vb_mask_init(&mask, H, W, &err));
    ok(ops->begin(m, &clip, &err));
    for (int t = 0; t < n; t++) {
        for (int i = 0; i < H * W * 3; i++)
            rgb[i] = (uint8_t)((i / 3 % W / 8 + i / (3 * W) / 8 + t) % 2 ? 40 + i % 3 * 60 : 220);
        if (t == 0)
            ok(ops->prompt(m, 0, &(vb_frame){t, rgb}, NULL, &err));
        ok(ops->step(m, &(vb_frame){t, rgb}, &step, &err));
        assert_true(out.active);
        assert_int_equal(out.nonfinite, 0);
        scores[t] = out.object_score;
    }
    ops->end(m);
    vb_mask_deinit(&mask);
}

static void each_trunk_has_its_own_windows_and_heads(void **state)
{
    /* global attention is in the third stage: four times the first one's heads, over a map of 6 x 6 */
    static const struct {
        const char *model;
        int heads, head_dim, global_blocks, window_blocks, memory_layers;
    } want[] = {{"sam2_t", 4, 96, 3, 6, 4}, {"sam2.1_s", 4, 96, 3, 10, 4}, {"sam2.1_b+", 8, 56, 3, 18, 4}};
    float scores[3];

    (void)state;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        vb_model *m = open_model(want[i].model);
        vb_attention_site sites[32];
        int seen = 0;
        track(scores, want[i].model, m, 3, 3);
        const size_t n = ops_of(want[i].model)->attention(m, sites, 32);
        for (size_t s = 0; s < n; s++) {
            if (!strcmp(sites[s].site, "encoder.global")) {
                assert_int_equal(sites[s].heads, want[i].heads);
                assert_int_equal(sites[s].head_dim, want[i].head_dim);
                assert_int_equal(sites[s].q_len, 36);
                assert_int_equal(sites[s].calls, 3 * want[i].global_blocks);
            } else if (!strcmp(sites[s].site, "encoder.window")) {
                assert_int_equal(sites[s].calls, 3 * want[i].window_blocks);
            } else if (!strcmp(sites[s].site, "encoder.pool")) {
                assert_int_equal(sites[s].calls, 3 * 3);
                assert_int_equal(sites[s].k_len, 4 * sites[s].q_len);
            } else if (!strcmp(sites[s].site, "memory.cross")) {
                assert_int_equal(sites[s].calls, 2 * want[i].memory_layers);
                assert_int_equal(sites[s].k_len, 2 * 36 + 2 * 4); /* two memories, two pointers */
            } else {
                continue;
            }
            seen++;
        }
        assert_int_equal(seen, 4);
        ops_of(want[i].model)->close(m);
    }
}

/* 2.1 tells its pointers their age over the greatest one, which depends on the video's length; 2.0 does not. */
static void pointers_have_ages_in_2_1_alone(void **state)
{
    float of_five[3], of_nine[3];

    (void)state;
    for (int i = 0; i < 2; i++) {
        const char *model = i ? "sam2.1_t" : "sam2_t";
        vb_model *m = open_model(model);
        track(of_five, model, m, 3, 5);
        track(of_nine, model, m, 3, 9);
        assert_true(of_five[0] == of_nine[0]);
        assert_int_equal(of_five[2] != of_nine[2], i);
        ops_of(model)->close(m);
    }
}

static void what_cannot_be_is_refused_by_name(void **state)
{
    vb_model *m = NULL;
    vb_weight_fill fill = {"no_obj_embed_spatial", 0.0};
    vb_model_config config = {.model = "sam2.1_t", .checkpoint = "seed:3", .threads = 1};
    const vb_model_ops *ops = ops_of("sam2.1_t");

    (void)state;
    config.image_size = 100;
    refused(ops->open(&m, &config, &err), VB_EARG, "100");
    config.image_size = 64;
    refused(ops->open(&m, &config, &err), VB_EARG, "64");
    config.image_size = SIZE;
    config.checkpoint = VB_DATA_DIR "/edgetam_shapes.pt";
    refused(ops->open(&m, &config, &err), VB_EFORMAT, "edgetam");
    assert_null(m);
    config.checkpoint = "seed:3";
    config.model = "sam2_t";
    config.fills = &fill; /* 2.1's alone */
    config.n_fills = 1;
    refused(ops->open(&m, &config, &err), VB_EARG, "no_obj_embed_spatial");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_trunk_has_its_own_windows_and_heads),
        cmocka_unit_test(pointers_have_ages_in_2_1_alone),
        cmocka_unit_test(what_cannot_be_is_refused_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
