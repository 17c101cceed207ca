/* Several objects in one video: each gets what it has alone, however many are tracked beside it and in one pass, whenever
 * it starts. Seeded weights, 256 pixels, CPU, float32 with the bfloat16 bank. */
#include "expect.h"
#include "model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { H = 96, W = 128, SIZE = 256, N_MIXED = 8, N_MANY = 50, MAX_FRAMES = 4 };

/* An object's clip: what it was given and, frame by frame, what it got. */
typedef struct {
    vb_prompt prompt;
    int prompt_frame, start_frame;
    bool active[MAX_FRAMES];
    vb_mask masks[MAX_FRAMES];
    float iou[MAX_FRAMES], score[MAX_FRAMES];
} object;

static vb_model *open_model(const vb_model_ops *ops, const char *name)
{
    vb_model *m = NULL;
    vb_model_config config = {.model = name, .image_size = SIZE, .checkpoint = "seed:5", .threads = 1};

    ok(ops->open(&m, &config, &err));
    ok(ops->configure(m, &(vb_precision){VB_FLOAT32, VB_BANK_BFLOAT16, VB_STREAM, VB_FLASH_ANY}, &err));
    return m;
}

/* Two discs that move over stripes. */
static void draw(uint8_t *rgb, int t)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++, rgb += 3) {
            const int a = (x - 30 - 6 * t) * (x - 30 - 6 * t) + (y - 40) * (y - 40);
            const int b = (x - 90) * (x - 90) + (y - 60 + 5 * t) * (y - 60 + 5 * t);
            rgb[0] = (uint8_t)(a < 400 ? 230 : 40 + x);
            rgb[1] = (uint8_t)(b < 500 ? 210 : (x + 2 * y) / 12 % 2 ? 90 : 130);
            rgb[2] = (uint8_t)(a < 400 ? 60 : 200 - y);
        }
}

/* Points, boxes and masks by turns, each somewhere else. Where late: some objects come on frame 1 or 2, some of those
 * are tracked before that. */
static void describe(object *objects, int n, bool late)
{
    memset(objects, 0, (size_t)n * sizeof *objects);
    for (int i = 0; i < n; i++) {
        object *o = &objects[i];
        vb_prompt *p = &o->prompt;
        const int x = 8 + 37 * i % (W - 40), y = 6 + 23 * i % (H - 36);
        if (i % 3 == 0) {
            p->n_points = 1;
            p->xy[0][0] = (float)(x + 12);
            p->xy[0][1] = (float)(y + 12);
            p->label[0] = 1;
        } else if (i % 3 == 1) {
            p->has_box = true;
            memcpy(p->box, (float[]){(float)x, (float)y, (float)(x + 30), (float)(y + 26)}, sizeof p->box);
        } else {
            uint8_t bytes[H * W] = {0};
            for (int row = y; row < y + 24; row++)
                memset(bytes + row * W + x, 1, 28);
            p->has_mask = true;
            ok(vb_mask_init(&p->mask, H, W, &err));
            vb_mask_from_bytes(&p->mask, bytes, W);
        }
        if (late) {
            o->prompt_frame = i % 4 == 3 ? 2 : i % 4 == 1;
            o->start_frame = i % 8 == 7 ? 0 : o->prompt_frame;
        }
        for (int t = 0; t < MAX_FRAMES; t++)
            ok(vb_mask_init(&o->masks[t], H, W, &err));
    }
}

static void forget(object *objects, int n)
{
    for (int i = 0; i < n; i++) {
        vb_prompt_deinit(&objects[i].prompt);
        for (int t = 0; t < MAX_FRAMES; t++)
            vb_mask_deinit(&objects[i].masks[t]);
    }
}

/* Tracks n objects together; their results are written over. */
static void track(const vb_model_ops *ops, vb_model *m, object *objects, int n, int n_frames, int max_batch)
{
    vb_track_object given[N_MANY];
    vb_object_out outs[N_MANY];
    uint8_t rgb[H * W * 3];
    vb_clip clip = {.n_frames = n_frames, .h = H, .w = W, .n_objects = n, .objects = given, .max_batch = max_batch};
    vb_step step = {.objects = outs};
    int first = n_frames;

    for (int i = 0; i < n; i++) {
        given[i] = (vb_track_object){objects[i].prompt_frame, objects[i].start_frame, &objects[i].prompt};
        first = objects[i].start_frame < first ? objects[i].start_frame : first;
    }
    ok(ops->begin(m, &clip, &err));
    for (int t = 0; t < n_frames; t++) {
        draw(rgb, t);
        for (int i = 0; i < n; i++)
            if (given[i].prompt_frame == t)
                ok(ops->prompt(m, i, &(vb_frame){t, rgb}, NULL, &err));
    }
    for (int t = first; t < n_frames; t++) {
        draw(rgb, t);
        for (int i = 0; i < n; i++)
            outs[i] = (vb_object_out){.mask = &objects[i].masks[t]};
        ok(ops->step(m, &(vb_frame){t, rgb}, &step, &err));
        for (int i = 0; i < n; i++) {
            objects[i].active[t] = outs[i].active;
            objects[i].iou[t] = outs[i].predicted_iou;
            objects[i].score[t] = outs[i].object_score;
            assert_int_equal(outs[i].nonfinite, 0);
        }
    }
    ops->end(m);
}

static int64_t differing(const vb_mask *a, const vb_mask *b)
{
    int64_t both, either;

    vb_mask_overlap(&both, &either, a, b);
    return either - both;
}

static void same(const object *alone, const object *among, int n_frames, const char *what, int which)
{
    for (int t = 0; t < n_frames; t++) {
        assert_int_equal(among->active[t], t >= alone->start_frame);
        if (t < alone->start_frame)
            continue;
        const int64_t pixels = differing(&alone->masks[t], &among->masks[t]);
        const float iou = fabsf(alone->iou[t] - among->iou[t]), score = fabsf(alone->score[t] - among->score[t]);
        if (pixels * 1000 > H * W || !(iou <= 1e-4f) || !(score <= 1e-4f))
            fail_msg("%s, object %d, frame %d: other than alone by %lld pixels, %g of predicted IoU, %g of object score", what, which, t,
                     (long long)pixels, (double)iou, (double)score);
    }
}

/* No two objects would pass for each other: by mask or by score they lie farther apart than same() lets pass. */
static void all_differ(const object *objects, int n, int frame)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++)
            assert_true(differing(&objects[i].masks[frame], &objects[j].masks[frame]) * 1000 > H * W ||
                        fabsf(objects[i].score[frame] - objects[j].score[frame]) > 1e-4f);
}

static void each_object_has_what_it_has_alone(void **state)
{
    static const struct {
        int n, max_batch;
    } ways[] = {{1, 8}, {2, 0}, {2, 2}, {8, 0}, {8, 2}, {8, 8}};
    const char *name = *state;
    const vb_model_ops *ops = vb_model_find(name);
    object alone[N_MIXED], together[N_MIXED];
    char what[64];

    assert_non_null(ops);
    vb_model *m = open_model(ops, name);
    describe(alone, N_MIXED, true);
    describe(together, N_MIXED, true);
    for (int i = 0; i < N_MIXED; i++)
        track(ops, m, &alone[i], 1, MAX_FRAMES, 1);
    all_differ(alone, N_MIXED, MAX_FRAMES - 1);
    for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
        track(ops, m, together, ways[k].n, MAX_FRAMES, ways[k].max_batch);
        snprintf(what, sizeof what, "%d objects, max_batch %d", ways[k].n, ways[k].max_batch);
        for (int i = 0; i < ways[k].n; i++)
            same(&alone[i], &together[i], MAX_FRAMES, what, i);
    }
    forget(alone, N_MIXED);
    forget(together, N_MIXED);
    ops->close(m);
}

static void fifty_objects_finish(void **state)
{
    enum { N_FRAMES = 3 };
    static const int looked_at[] = {0, 20, 49};
    const char *name = *state;
    const vb_model_ops *ops = vb_model_find(name);
    object *alone = calloc(N_MANY, sizeof *alone), *together = calloc(N_MANY, sizeof *together);

    assert_non_null(ops);
    assert_true(alone && together);
    vb_model *m = open_model(ops, name);
    describe(alone, N_MANY, false);
    describe(together, N_MANY, false);
    track(ops, m, together, N_MANY, N_FRAMES, 16);
    for (size_t k = 0; k < sizeof looked_at / sizeof *looked_at; k++) {
        track(ops, m, &alone[looked_at[k]], 1, N_FRAMES, 1);
        same(&alone[looked_at[k]], &together[looked_at[k]], N_FRAMES, "50 objects, max_batch 16", looked_at[k]);
    }
    forget(alone, N_MANY);
    forget(together, N_MANY);
    free(alone);
    free(together);
    ops->close(m);
}

/* Without overlaps, a prompt's mask loses pixels to objects that have a mask on its frame, not to what others had on the frame before. */
static void prompts_see_the_masks_of_their_own_frame(void **state)
{
    enum { PROMPTED, OTHER };
    static const int other_frame[] = {-1, 0, 1}; /* -1: there is none */
    const vb_model_ops *ops = vb_model_find(*state);
    object o[2];
    vb_mask shown[3] = {{0}};
    int64_t both, either;

    assert_non_null(ops);
    vb_model *m = open_model(ops, *state);
    describe(o, 2, false);
    for (int k = 0; k < 3; k++) {
        const vb_track_object given[2] = {{1, 1, &o[PROMPTED].prompt}, {other_frame[k], other_frame[k], &o[OTHER].prompt}};
        vb_object_out outs[2] = {{.mask = &o[PROMPTED].masks[k]}, {.mask = &o[OTHER].masks[k]}};
        vb_clip clip = {.n_frames = 2, .h = H, .w = W, .n_objects = k ? 2 : 1, .objects = given, .non_overlap = true};
        vb_step step = {.objects = outs};
        uint8_t rgb[H * W * 3];

        ok(vb_mask_init(&shown[k], H, W, &err));
        ok(ops->begin(m, &clip, &err));
        for (int t = 0; t < 2; t++) {
            draw(rgb, t);
            if (other_frame[k] == t)
                ok(ops->prompt(m, OTHER, &(vb_frame){t, rgb}, NULL, &err));
            if (t == 1) {
                if (k == 1) { /* else this test says nothing */
                    vb_mask_overlap(&both, &either, &shown[0], outs[OTHER].mask);
                    assert_true(both * 20 > vb_mask_area(&shown[0]));
                }
                ok(ops->prompt(m, PROMPTED, &(vb_frame){t, rgb}, &shown[k], &err));
            }
            if (t == 1 || other_frame[k] == 0)
                ok(ops->step(m, &(vb_frame){t, rgb}, &step, &err));
        }
        ops->end(m);
        vb_mask_overlap(&both, &either, outs[PROMPTED].mask, outs[OTHER].mask);
        assert_int_equal(both, 0);
    }
    assert_true(vb_mask_area(&shown[0]) > 0);
    assert_int_equal(differing(&shown[0], &shown[1]), 0);
    assert_true(differing(&shown[0], &shown[2]) > 0);
    assert_int_equal(differing(&shown[2], &o[PROMPTED].masks[2]), 0); /* as its frame shows it */
    for (int k = 0; k < 3; k++)
        vb_mask_deinit(&shown[k]);
    forget(o, 2);
    ops->close(m);
}

int main(void)
{
    static char edgetam[] = "edgetam", sam[] = "sam2.1_t";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(each_object_has_what_it_has_alone, edgetam),
        cmocka_unit_test_prestate(each_object_has_what_it_has_alone, sam),
        cmocka_unit_test_prestate(prompts_see_the_masks_of_their_own_frame, edgetam),
        cmocka_unit_test_prestate(fifty_objects_finish, edgetam),
        cmocka_unit_test_prestate(fifty_objects_finish, sam),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
