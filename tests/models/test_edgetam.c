/* EdgeTAM behind model.h: official numbers, objects that do not touch each other, precisions that come back, the
 * record of attention, and what is refused. Seeded weights, 512 pixels, CPU. */
#include "expect.h"
#include "golden_case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CASES VB_TEST_DIR "/golden/cases/"
#define CLIPS VB_TEST_DIR "/golden/clips"

static const vb_model_ops *ops(void)
{
    const vb_model_ops *found = vb_model_find("edgetam");

    assert_non_null(found);
    return found;
}

static vb_model *open_for(const golden_case *c)
{
    vb_model *m = NULL;
    vb_model_config config = {.model = "edgetam", .image_size = c->image_size, .checkpoint = c->weights, .fills = &c->fill,
                              .n_fills = c->fill.key ? 1 : 0, .threads = 2};

    ok(ops()->open(&m, &config, &err));
    return m;
}

static void configure(vb_model *m, vb_dtype dtype, vb_bank bank, vb_require_flash flash)
{
    ok(ops()->configure(m, &(vb_precision){dtype, bank, VB_STREAM, flash}, &err));
}

static void open_case(golden_case *c, const char *name)
{
    char path[512];

    snprintf(path, sizeof path, CASES "%s.h5", name);
    ok(golden_open(c, path, &err));
}

/* What a run gave, per object and frame. */
typedef struct {
    vb_mask masks[GOLDEN_MAX_OBJECTS][GOLDEN_MAX_FRAMES];
    float score[GOLDEN_MAX_OBJECTS][GOLDEN_MAX_FRAMES], iou[GOLDEN_MAX_OBJECTS][GOLDEN_MAX_FRAMES];
    bool active[GOLDEN_MAX_OBJECTS][GOLDEN_MAX_FRAMES];
    const golden_case *c;
} tracked;

static void keep(void *ctx, int t, const vb_step *step)
{
    tracked *r = ctx;

    for (int i = 0; i < r->c->n_objects; i++) {
        const vb_object_out *o = &step->objects[i];
        if (!(r->active[i][t] = o->active))
            continue;
        ok(vb_mask_init(&r->masks[i][t], o->mask->h, o->mask->w, &err));
        memcpy(r->masks[i][t].bits, o->mask->bits, (size_t)o->mask->h * o->mask->stride * sizeof *o->mask->bits);
        r->score[i][t] = o->object_score;
        r->iou[i][t] = o->predicted_iou;
        assert_int_equal(o->nonfinite, 0);
    }
}

static tracked *run(const golden_case *c, vb_model *m)
{
    tracked *r = calloc(1, sizeof *r);

    assert_non_null(r);
    r->c = c;
    ok(golden_run(c, ops(), m, CLIPS, NULL, keep, r, &err));
    return r;
}

static void free_tracked(tracked *r)
{
    for (int i = 0; i < GOLDEN_MAX_OBJECTS; i++)
        for (int t = 0; t < GOLDEN_MAX_FRAMES; t++)
            vb_mask_deinit(&r->masks[i][t]);
    free(r);
}

/* Every object and frame against the file: mask IoU, object score, predicted IoU. */
static void compare_with_file(const golden_case *c, const tracked *r)
{
    const size_t packed = (size_t)c->h * (size_t)((c->w + 7) / 8);
    uint8_t *golden = malloc(packed * GOLDEN_MAX_FRAMES);
    float scores[GOLDEN_MAX_FRAMES], ious[GOLDEN_MAX_FRAMES][4];
    int8_t chosen[GOLDEN_MAX_FRAMES];
    vb_mask want;

    assert_non_null(golden);
    ok(vb_mask_init(&want, c->h, c->w, &err));
    for (int i = 0; i < c->n_objects; i++) {
        golden_read(c, i, "mask_packed", H5T_NATIVE_UINT8, golden);
        golden_read(c, i, "object_score_logits", H5T_NATIVE_FLOAT, scores);
        golden_read(c, i, "ious4", H5T_NATIVE_FLOAT, ious);
        golden_read(c, i, "chosen", H5T_NATIVE_INT8, chosen);
        for (int t = 0; t < c->n_frames; t++) {
            const int row = t - c->objects[i].start_frame;
            int64_t both, either;
            assert_int_equal(r->active[i][t], row >= 0);
            if (row < 0)
                continue;
            vb_mask_unpackbits(&want, golden + (size_t)row * packed);
            vb_mask_overlap(&both, &either, &want, &r->masks[i][t]);
            if (either && (double)both / (double)either < 0.999)
                fail_msg("object %d, frame %d: mask IoU %g", i, t, (double)both / (double)either);
            assert_true(fabsf(r->score[i][t] - scores[row]) < 5e-3f);
            assert_true(fabsf(r->iou[i][t] - (chosen[row] < 0 ? 1.0f : ious[row][chosen[row]])) < 5e-3f);
        }
    }
    vb_mask_deinit(&want);
    free(golden);
}

static void meets_the_official_numbers(void **state)
{
    static const char *const names[] = {"edgetam_512_b_late_f32bank", "edgetam_512_holes_bf16bank"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        golden_case c;
        vb_bank bank;
        open_case(&c, names[i]);
        ok(vb_bank_parse(&bank, c.bank, &err));
        vb_model *m = open_for(&c);
        configure(m, VB_FLOAT32, bank, VB_FLASH_ANY);
        tracked *r = run(&c, m);
        compare_with_file(&c, r);
        free_tracked(r);
        ops()->close(m);
        golden_close(&c);
    }
}

static void objects_do_not_touch_each_other(void **state)
{
    golden_case both, one;

    (void)state;
    open_case(&both, "edgetam_512_two_bf16bank");
    assert_int_equal(both.n_objects, 2);
    both.n_frames = 4;
    vb_model *m = open_for(&both);
    configure(m, VB_FLOAT32, VB_BANK_BFLOAT16, VB_FLASH_ANY);
    tracked *together = run(&both, m);
    for (int i = 0; i < 2; i++) {
        one = both;
        one.n_objects = 1;
        one.objects[0] = both.objects[i];
        tracked *alone = run(&one, m);
        for (int t = 0; t < both.n_frames; t++) {
            assert_true(vb_mask_hash(&alone->masks[0][t]) == vb_mask_hash(&together->masks[i][t]));
            assert_true(alone->score[0][t] == together->score[i][t]);
        }
        free_tracked(alone);
    }
    free_tracked(together);
    ops()->close(m);
    golden_close(&both);
}

/* In batches through the encoder, the last one short, ahead of tracking: the same masks but for the order of sums. */
static void frames_ahead_give_what_one_by_one_gives(void **state)
{
    golden_case c;
    int64_t both, either;

    (void)state;
    open_case(&c, "edgetam_512_two_bf16bank");
    c.objects[1].prompt_frame = c.objects[1].start_frame = 2;
    vb_model *m = open_for(&c);
    configure(m, VB_FLOAT32, VB_BANK_BFLOAT16, VB_FLASH_ANY);
    c.ahead = 1;
    tracked *stream = run(&c, m);
    c.ahead = 3;
    tracked *offline = run(&c, m);
    for (int i = 0; i < 2; i++)
        for (int t = c.objects[i].start_frame; t < c.n_frames; t++) {
            assert_true(stream->active[i][t] && offline->active[i][t]);
            vb_mask_overlap(&both, &either, &stream->masks[i][t], &offline->masks[i][t]);
            assert_true((double)both >= 0.9999 * (double)either);
        }
    free_tracked(stream);
    free_tracked(offline);
    ops()->close(m);
    golden_close(&c);
}

static void an_object_is_tracked_before_its_prompt(void **state)
{
    golden_case c;

    (void)state;
    open_case(&c, "edgetam_512_two_bf16bank");
    c.n_frames = 4;
    c.objects[1].prompt_frame = 2; /* tracked from frame 0 on */
    vb_model *m = open_for(&c);
    configure(m, VB_FLOAT32, VB_BANK_BFLOAT16, VB_FLASH_ANY);
    tracked *r = run(&c, m);
    assert_true(r->active[1][0] && r->active[1][3]);
    assert_true(r->iou[1][2] == 1.0f); /* the mask prompt itself on its frame */
    int64_t both, either;
    vb_mask_overlap(&both, &either, &r->masks[1][2], &c.prompts[1].mask);
    assert_true((double)both / (double)either > 0.9);
    free_tracked(r);
    ops()->close(m);
    golden_close(&c);
}

static void precisions_come_back_and_attention_is_recorded(void **state)
{
    golden_case c;
    vb_attention_site sites[32];

    (void)state;
    open_case(&c, "edgetam_512_mask_f32bank");
    c.n_frames = 3;
    vb_model *m = open_for(&c);
    configure(m, VB_FLOAT32, VB_BANK_FLOAT32, VB_FLASH_REQUIRED); /* concerns half dtypes alone */
    tracked *first = run(&c, m);
    assert_string_equal(ops()->deviations(m), "");

    configure(m, VB_BFLOAT16, VB_BANK_BFLOAT16, VB_FLASH_STRICT);
    assert_int_equal(ops()->attention(m, sites, 32), 0);
    tracked *half = run(&c, m);
    assert_true(strstr(ops()->deviations(m), "float32") != NULL);
    const size_t n = ops()->attention(m, sites, 32);
    static const struct {
        const char *site;
        int heads, head_dim, q_len;
        long calls; /* 1 prompt and 2 tracked frames, 2 layers each */
    } want[] = {
        {"memory.self", 1, 256, 1024, 4},   {"memory.cross", 1, 256, 1024, 4},   {"decoder.self", 8, 32, 8, 6},
        {"decoder.token_to_image", 8, 16, 8, 9}, {"perceiver.global", 1, 64, 256, 6}, {"perceiver.window", 1, 64, 1, 6},
    };
    for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
        size_t i = 0;
        while (i < n && strcmp(sites[i].site, want[k].site))
            i++;
        if (i == n)
            fail_msg("no record of '%s'", want[k].site);
        assert_string_equal(sites[i].dtype, "bfloat16");
        assert_string_equal(sites[i].backend, "flash");
        assert_string_equal(sites[i].reason, "");
        assert_int_equal(sites[i].heads, want[k].heads);
        assert_int_equal(sites[i].head_dim, want[k].head_dim);
        assert_int_equal(sites[i].q_len, want[k].q_len);
        assert_int_equal(sites[i].calls, want[k].calls);
        /* the second tracked frame sees two memories of 512 and two pointers of 4 tokens */
        if (!strcmp(want[k].site, "memory.cross"))
            assert_int_equal(sites[i].k_len, 2 * 512 + 2 * 4);
    }

    configure(m, VB_FLOAT32, VB_BANK_FLOAT32, VB_FLASH_ANY);
    tracked *again = run(&c, m);
    int64_t both, either;
    for (int t = 0; t < c.n_frames; t++) {
        assert_true(vb_mask_hash(&first->masks[0][t]) == vb_mask_hash(&again->masks[0][t]));
        assert_true(first->score[0][t] == again->score[0][t]);
        vb_mask_overlap(&both, &either, &first->masks[0][t], &half->masks[0][t]);
        assert_true((double)both / (double)either > 0.95);
    }
    ops()->attention(m, sites, 32);
    assert_string_equal(sites[0].dtype, "float32");
    assert_string_equal(sites[0].backend, "math");
    assert_true(strlen(sites[0].reason) > 0);
    free_tracked(first);
    free_tracked(half);
    free_tracked(again);
    ops()->close(m);
    golden_close(&c);
}

static void what_cannot_be_is_refused_by_name(void **state)
{
    vb_model *m = NULL;
    vb_model_config config = {.model = "edgetam", .image_size = 512, .checkpoint = "seed:2", .threads = 2};
    vb_weight_fill typo = {"no_mem_embde", 0.0};

    (void)state;
    config.image_size = 384;
    refused(ops()->open(&m, &config, &err), VB_EARG, "384");
    assert_null(m);
    config.image_size = 512;
    config.checkpoint = "seed:x";
    refused(ops()->open(&m, &config, &err), VB_EARG, "seed:x");
    config.checkpoint = VB_TEST_DIR "/no such file.pt";
    refused(ops()->open(&m, &config, &err), VB_EIO, "no such file.pt");
    config.checkpoint = "seed:2";
    config.fills = &typo;
    config.n_fills = 1;
    refused(ops()->open(&m, &config, &err), VB_EARG, "no_mem_embde");
    config.n_fills = 0;
    config.device = (vb_device){VB_DEVICE_CUDA, 99};
    refused(ops()->open(&m, &config, &err), VB_EARG, "CUDA device 99");
    config.device = (vb_device){VB_DEVICE_CPU, 0};
    ok(ops()->open(&m, &config, &err));

    refused(ops()->configure(m, &(vb_precision){VB_TF32, VB_BANK_BFLOAT16, VB_STREAM, VB_FLASH_ANY}, &err), VB_EARG, "tf32");
    vb_prompt prompt = {.n_points = 1, .xy = {{10, 10}}, .label = {1}}, empty = {0};
    vb_track_object object = {1, 1, &prompt};
    vb_clip clip = {.n_frames = 4, .h = 48, .w = 64, .n_objects = 1, .objects = &object};
    refused(ops()->begin(m, &clip, &err), VB_EARG, "configure");
    configure(m, VB_FLOAT32, VB_BANK_BFLOAT16, VB_FLASH_ANY);

    object.prompt_frame = 4;
    refused(ops()->begin(m, &clip, &err), VB_EARG, "object 0");
    object.prompt_frame = 1;
    object.prompt = &empty;
    refused(ops()->begin(m, &clip, &err), VB_ESHAPE, "empty");
    object.prompt = &prompt;
    ok(ops()->begin(m, &clip, &err));

    uint8_t rgb[48 * 64 * 3] = {0};
    vb_mask mask;
    ok(vb_mask_init(&mask, 48, 64, &err));
    vb_object_out out = {.mask = &mask};
    vb_step step = {.objects = &out};
    refused(ops()->prompt(m, 0, &(vb_frame){0, rgb}, NULL, &err), VB_EARG, "prompt_frame");
    refused(ops()->prompt(m, 1, &(vb_frame){1, rgb}, NULL, &err), VB_EARG, "object 1");
    refused(ops()->step(m, &(vb_frame){1, rgb}, &step, &err), VB_EARG, "has not been prompted");
    ops()->end(m);
    refused(ops()->step(m, &(vb_frame){1, rgb}, &step, &err), VB_EARG, "no clip");
    vb_mask_deinit(&mask);
    ops()->close(m);
    ops()->close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(meets_the_official_numbers),
        cmocka_unit_test(objects_do_not_touch_each_other),
        cmocka_unit_test(frames_ahead_give_what_one_by_one_gives),
        cmocka_unit_test(an_object_is_tracked_before_its_prompt),
        cmocka_unit_test(precisions_come_back_and_attention_is_recorded),
        cmocka_unit_test(what_cannot_be_is_refused_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
