/* Scoring by several threads: the rows and sums of one, in the order of frames; and the fault of the first frame that has one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "image_io.h"
#include "scoring.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FRAMES = 100, MAX_OBJECTS = 4 };

typedef struct {
    vb_dataset *dataset;
    vb_video *video;
    const vb_masklet *masklets[MAX_OBJECTS];
    double score_ms[MAX_FRAMES];
} clip;

static vb_err err;

static int open_clip(void **state)
{
    static clip c;

    assert_int_equal(vb_dataset_open(&c.dataset, VB_DATA_DIR, NULL, NULL, &err), VB_OK);
    assert_int_equal(vb_video_scan(&c.video, c.dataset, "shapes_000003", &err), VB_OK);
    assert_in_range(c.video->n_frames, 20, MAX_FRAMES);
    assert_in_range(c.video->n_masklets, 2, MAX_OBJECTS);
    for (int i = 0; i < c.video->n_masklets; i++)
        c.masklets[i] = &c.video->masklets[i];
    *state = &c;
    return 0;
}

static int close_clip(void **state)
{
    clip *c = *state;

    vb_video_free(c->video);
    vb_dataset_free(c->dataset);
    return 0;
}

/* An object's annotation that is some frames late, as if a model had made it. */
static void late(vb_mask *to, const clip *c, int object, int frame_idx)
{
    const vb_masklet *m = c->masklets[object];
    int place = 0;
    char path[PATH_MAX];

    while (place + 1 < m->n_annotated && m->annotated[place + 1] <= frame_idx - 5)
        place++;
    vb_video_mask_path(path, sizeof path, c->dataset, c->video, m, m->annotated[place]);
    assert_int_equal(vb_png_read_mask(to, path, &err), VB_OK);
}

/* The trial's rows; the status of the first call that failed. */
static vb_status score(clip *c, int threads, const vb_dataset *where, vb_trial *t)
{
    vb_scoring_config config = {.dataset = where, .video = c->video, .n_objects = c->video->n_masklets, .masklets = c->masklets, .save_masks = VB_SAVE_ALL,
                                .save_overlays = 2, .threads = threads, .score_ms = c->score_ms};
    uint8_t *rgb = calloc(3, (size_t)c->video->h * (size_t)c->video->w);
    vb_scoring *s;
    vb_status st;

    assert_int_equal(vb_scoring_open(&s, &config, &err), VB_OK);
    t->objects = calloc(MAX_OBJECTS, sizeof *t->objects);
    t->n_objects = config.n_objects;
    st = VB_OK;
    for (int i = 0; i < c->video->n_frames && st == VB_OK; i++) {
        vb_object_out outs[MAX_OBJECTS] = {{0}};
        vb_mask masks[MAX_OBJECTS] = {{0}};

        for (int o = 0; o < config.n_objects; o++) {
            late(&masks[o], c, o, c->video->frames[i]);
            outs[o] = (vb_object_out){.active = true, .mask = &masks[o], .predicted_iou = (float)i};
        }
        st = vb_scoring_submit(s, i, c->video->frames[i], outs, rgb, &err);
        for (int o = 0; o < config.n_objects; o++)
            vb_mask_deinit(&masks[o]);
    }
    if (st == VB_OK)
        st = vb_scoring_finish(s, t, &err);
    vb_scoring_close(s);
    free(rgb);
    return st;
}

static void many_threads_record_what_one_does(void **state)
{
    clip *c = *state;
    vb_trial one = {0};

    assert_int_equal(score(c, 1, c->dataset, &one), VB_OK);
    assert_int_equal(one.n_masks, c->video->n_frames * c->video->n_masklets);
    assert_true(one.n_scores > 0 && one.n_overlays > 0);
    assert_true(one.objects[0].j > 0.1 && one.objects[0].j < 0.999); /* late, but not elsewhere */
    for (int threads = 2; threads <= 12; threads += 5) {
        vb_trial many = {0};

        assert_int_equal(score(c, threads, c->dataset, &many), VB_OK);
        assert_int_equal(many.n_scores, one.n_scores);
        for (int64_t i = 0; i < (int64_t)one.n_scores; i++) {
            assert_int_equal(many.scores[i].frame_idx, one.scores[i].frame_idx);
            assert_int_equal(many.scores[i].object, one.scores[i].object);
            assert_int_equal(many.scores[i].counted, one.scores[i].counted);
            assert_memory_equal(&many.scores[i].j, &one.scores[i].j, sizeof(double));
            assert_memory_equal(&many.scores[i].f, &one.scores[i].f, sizeof(double));
        }
        assert_int_equal(many.n_masks, one.n_masks);
        for (int64_t i = 0; i < (int64_t)one.n_masks; i++) {
            assert_int_equal(many.masks[i].frame_idx, one.masks[i].frame_idx);
            assert_string_equal(many.masks[i].rle, one.masks[i].rle);
        }
        assert_int_equal(many.n_overlays, one.n_overlays);
        for (int64_t i = 0; i < (int64_t)one.n_overlays; i++)
            assert_int_equal(many.overlays[i].frame_idx, one.overlays[i].frame_idx);
        for (int o = 0; o < one.n_objects; o++) {
            assert_int_equal(many.objects[o].n_counted, one.objects[o].n_counted);
            assert_memory_equal(&many.objects[o].j, &one.objects[o].j, sizeof(double));
        }
        vb_trial_deinit(&many);
    }
    vb_trial_deinit(&one);
}

/* Every annotation is missing: what is told is the first one, whichever thread was quickest. */
static void the_first_fault_is_told(void **state)
{
    clip *c = *state;
    vb_dataset elsewhere = *c->dataset;
    char first[64];

    snprintf(elsewhere.masks_dir, sizeof elsewhere.masks_dir, "/nonexistent");
    snprintf(first, sizeof first, "/%05d.png", c->masklets[0]->annotated[0]);
    for (int i = 0; i < 20; i++) {
        vb_trial t = {0};

        assert_int_equal(score(c, 4, &elsewhere, &t), VB_EIO);
        assert_non_null(strstr(err.msg, first));
        vb_trial_deinit(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_threads_record_what_one_does),
        cmocka_unit_test(the_first_fault_is_told),
    };

    return cmocka_run_group_tests(tests, open_clip, close_clip);
}
