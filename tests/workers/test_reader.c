/* Frames decoded ahead by several threads: in order, whole while they are held, and a bad one no sooner than its turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "reader.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { W = 640, H = 480, FRAMES = 29, HELD = 4 };

typedef struct {
    int bad;        /* number of a frame whose file is another one; -1: none */
    const char *by; /* that file */
    int allocated, freed;
    int most; /* allocations; 0: any number */
} clip;

static void path_of(void *ctx, int i, char *buf, size_t n)
{
    const clip *c = ctx;

    if (i == c->bad)
        snprintf(buf, n, "%s", c->by);
    else
        snprintf(buf, n, VB_DATA_DIR "/JPEGImages_24fps/shapes_000004/%05d.jpg", i);
}

static void *count_alloc(void *mem, size_t bytes)
{
    clip *c = mem;

    if (c->most && c->allocated == c->most)
        return NULL;
    c->allocated++;
    return malloc(bytes);
}

static void count_free(void *mem, void *p, size_t bytes)
{
    assert_int_equal(bytes, (size_t)H * W * 3);
    ((clip *)mem)->freed++;
    free(p);
}

static vb_reader *open_clip(clip *c, int threads, int held, bool own_memory)
{
    vb_reader_source src = {.n_frames = FRAMES, .h = H, .w = W, .threads = threads, .ahead = threads + 1, .held = held, .ctx = c,
                            .path = path_of, .mem = c, .alloc = own_memory ? count_alloc : NULL, .free = count_free};
    vb_reader *r;
    vb_err err;

    assert_int_equal(vb_reader_open(&r, &src, 0, &err), VB_OK);
    return r;
}

static void frames_come_in_order_and_stay(void **state)
{
    clip c = {.bad = -1};
    vb_jpeg *jpeg;
    vb_image want[FRAMES] = {{0}};
    char path[4096];
    vb_err err;

    (void)state;
    assert_int_equal(vb_jpeg_create(&jpeg, &err), VB_OK);
    for (int i = 0; i < FRAMES; i++) {
        path_of(&c, i, path, sizeof path);
        assert_int_equal(vb_jpeg_decode(jpeg, path, &want[i], &err), VB_OK);
    }
    for (int own = 0; own < 2; own++) {
        const vb_decoded *held[FRAMES];
        vb_reader *r = open_clip(&c, 4, HELD, own);

        for (int i = 0; i < FRAMES; i++) {
            assert_int_equal(vb_reader_next(r, &held[i], &err), VB_OK);
            for (int k = i - HELD + 1 > 0 ? i - HELD + 1 : 0; k <= i; k++)
                assert_memory_equal(held[k]->image.rgb, want[k].rgb, (size_t)H * W * 3);
            assert_true(held[i]->decode_ms > 0);
        }
        assert_int_equal(vb_reader_next(r, &held[0], &err), VB_EARG);
        vb_reader_close(r);
    }
    assert_true(c.allocated > HELD);
    assert_int_equal(c.freed, c.allocated);
    for (int i = 0; i < FRAMES; i++)
        vb_image_deinit(&want[i]);
    vb_jpeg_free(jpeg);
}

static void a_bad_frame_is_its_own_error(void **state)
{
    static const struct {
        const char *file, *says;
        vb_status status;
    } bad[] = {
        {VB_DATA_DIR "/no such frame.jpg", "no such frame.jpg", VB_EIO},
        {VB_DATA_DIR "/JPEGImages_24fps/shapes_000001/00000.jpg", "848x480", VB_EFORMAT}, /* more than there is room for */
        {VB_DATA_DIR "/sav_shapes.txt", "sav_shapes.txt", VB_EFORMAT},
    };

    (void)state;
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        for (int own = 0; own < 2; own++) {
            clip c = {.bad = 7, .by = bad[k].file};
            vb_reader *r = open_clip(&c, 3, 1, own);
            const vb_decoded *frame;
            vb_err err;

            for (int i = 0; i < 7; i++)
                assert_int_equal(vb_reader_next(r, &frame, &err), VB_OK);
            assert_int_equal(vb_reader_next(r, &frame, &err), bad[k].status);
            assert_non_null(strstr(err.msg, bad[k].says));
            vb_reader_close(r);
            assert_int_equal(c.freed, c.allocated);
        }
}

static void closing_early_stops_the_threads(void **state)
{
    clip c = {.bad = -1};
    const vb_decoded *frame;
    vb_err err;

    (void)state;
    vb_reader_close(open_clip(&c, 4, 2, true));
    vb_reader *r = open_clip(&c, 4, 2, true);
    assert_int_equal(vb_reader_next(r, &frame, &err), VB_OK);
    vb_reader_close(r);
    assert_int_equal(c.freed, c.allocated);
    vb_reader_close(NULL);
}

static void memory_that_runs_out_is_named(void **state)
{
    clip c = {.bad = -1, .most = 3};
    vb_reader_source src = {.n_frames = FRAMES, .h = H, .w = W, .threads = 2, .ahead = 3, .held = 2, .ctx = &c, .path = path_of,
                            .mem = &c, .alloc = count_alloc, .free = count_free};
    vb_reader *r;
    vb_err err;

    (void)state;
    assert_int_equal(vb_reader_open(&r, &src, 0, &err), VB_ENOMEM);
    assert_non_null(strstr(err.msg, "page-locked host memory: none is left for frame 4 of 5"));
    assert_non_null(strstr(err.msg, "--batch-frames"));
    assert_null(r);
    assert_int_equal(c.freed, c.allocated);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_in_order_and_stay),
        cmocka_unit_test(a_bad_frame_is_its_own_error),
        cmocka_unit_test(closing_early_stops_the_threads),
        cmocka_unit_test(memory_that_runs_out_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
