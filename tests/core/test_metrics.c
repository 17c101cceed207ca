/* J and F against Meta's evaluator: golden/jf/pairs.h5, adversarial pairs of masks. */
#include "support.h"

#include "metrics.h"

#include <hdf5.h>
#include <math.h>
#include <stdlib.h>

/* A whole dataset as a native type; malloc'ed. */
static void *read_all(hid_t file, const char *name, hid_t type)
{
    hid_t set = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(set);
    void *data = malloc((size_t)H5Sget_simple_extent_npoints(space) * H5Tget_size(type) + 1);

    assert_true(set >= 0 && data);
    assert_true(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Sclose(space);
    H5Dclose(set);
    return data;
}

enum { PAIRS = 77 };

static void equal_to_meta(void **state)
{
    hid_t f = H5Fopen(VB_TEST_DIR "/golden/jf/pairs.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    double *j = read_all(f, "J", H5T_NATIVE_DOUBLE), *fm = read_all(f, "F", H5T_NATIVE_DOUBLE);
    int *shape = read_all(f, "shape", H5T_NATIVE_INT);
    int64_t *counts = read_all(f, "counts", H5T_NATIVE_INT64), *at = read_all(f, "gt_offset", H5T_NATIVE_INT64);
    uint8_t *gt_bits = read_all(f, "gt_packed", H5T_NATIVE_UINT8), *pred_bits = read_all(f, "pred_packed", H5T_NATIVE_UINT8);

    (void)state;
    for (int i = 0; i < PAIRS; i++) {
        vb_scorer *s;
        vb_mask gt, pred;
        double our_j, our_f;
        int64_t inter, uni;

        ok(vb_mask_init(&gt, shape[2 * i], shape[2 * i + 1], &ok_err));
        ok(vb_mask_init(&pred, shape[2 * i], shape[2 * i + 1], &ok_err));
        vb_mask_unpackbits(&gt, gt_bits + at[i]);
        vb_mask_unpackbits(&pred, pred_bits + at[i]);
        vb_mask_overlap(&inter, &uni, &pred, &gt);
        assert_int_equal(inter, counts[4 * i + 2]);
        assert_int_equal(uni, counts[4 * i + 3]);
        ok(vb_scorer_create(&s, gt.h, gt.w, VB_SAV_BOUND, &ok_err));
        for (int again = 0; again < 2; again++) { /* the scratch of one frame must not show in the next */
            ok(vb_score_frame(s, &our_j, &our_f, &pred, &gt, &ok_err));
            if (fabs(our_j - j[i]) > 1e-10 || fabs(our_f - fm[i]) > 1e-10)
                fail_msg("pair %d (%d x %d): J %.12f, F %.12f; Meta's %.12f, %.12f", i, gt.h, gt.w, our_j, our_f, j[i], fm[i]);
        }
        vb_scorer_free(s);
        vb_mask_deinit(&gt);
        vb_mask_deinit(&pred);
    }
    free(j);
    free(fm);
    free(shape);
    free(counts);
    free(at);
    free(gt_bits);
    free(pred_bits);
    H5Fclose(f);
}

/* F by its definition, pixel by pixel: what the goldens' sizes do not reach, radii over a word. */
static double slow_f(const vb_mask *a, const vb_mask *b, int radius)
{
    const vb_mask *m[2] = {a, b};
    const int h = a->h, w = a->w;
    uint8_t *edge[2];
    double rate[2];
    int64_t n[2] = {0, 0};

    for (int k = 0; k < 2; k++) {
        edge[k] = calloc((size_t)h, (size_t)w);
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                const bool v = vb_mask_get(m[k], y, x), right = x + 1 < w, below = y + 1 < h;
                bool e = false;

                if (right && below)
                    e = v != vb_mask_get(m[k], y, x + 1) || v != vb_mask_get(m[k], y + 1, x) || v != vb_mask_get(m[k], y + 1, x + 1);
                else if (right)
                    e = v != vb_mask_get(m[k], y, x + 1);
                else if (below)
                    e = v != vb_mask_get(m[k], y + 1, x);
                edge[k][y * w + x] = e;
                n[k] += e;
            }
    }
    for (int k = 0; k < 2; k++) {
        int64_t near = 0;

        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                bool found = false;

                for (int dy = -radius; edge[k][y * w + x] && dy <= radius && !found; dy++)
                    for (int dx = -radius; dx <= radius && !found; dx++)
                        found = dy * dy + dx * dx <= radius * radius && y + dy >= 0 && y + dy < h && x + dx >= 0 && x + dx < w &&
                                edge[!k][(y + dy) * w + x + dx];
                near += found;
            }
        rate[k] = (double)near / (double)n[k];
    }
    free(edge[0]);
    free(edge[1]);
    if (!n[0] || !n[1])
        return !n[0] && !n[1];
    return rate[0] + rate[1] == 0 ? 0 : 2 * rate[0] * rate[1] / (rate[0] + rate[1]);
}

static void any_radius_as_defined(void **state)
{
    static const struct {
        int h, w;
        double tol;
    } sizes[] = {{20, 700, 0.1}, {300, 40, 0.25}, {65, 65, 0}, {40, 200, 0.33}, {64, 128, 0.02}, {7, 64, 0.01}};
    uint32_t r = 3;

    (void)state;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        const int h = sizes[k].h, w = sizes[k].w;
        vb_scorer *s;
        vb_mask a, b;

        ok(vb_scorer_create(&s, h, w, sizes[k].tol, &ok_err));
        ok(vb_mask_init(&a, h, w, &ok_err));
        ok(vb_mask_init(&b, h, w, &ok_err));
        for (int trial = 0; trial < 4; trial++) {
            double j, f, expected;

            memset(a.bits, 0, (size_t)h * a.stride * 8);
            memset(b.bits, 0, (size_t)h * b.stride * 8);
            for (int i = 0; i < 3; i++) { /* single pixels far apart: only the disk's rim decides */
                const int y = (int)((r = r * 1664525u + 1013904223u) >> 8) % h, x = (int)((r = r * 1664525u + 1013904223u) >> 8) % w;

                a.bits[(size_t)y * a.stride + (size_t)x / 64] |= UINT64_C(1) << (x % 64);
                b.bits[(size_t)(h - 1 - y) * b.stride + (size_t)(w - 1 - x) / 64] |= UINT64_C(1) << ((w - 1 - x) % 64);
            }
            ok(vb_score_frame(s, &j, &f, &a, &b, &ok_err));
            expected = slow_f(&a, &b, (int)ceil(sizes[k].tol * sqrt((double)h * h + (double)w * w)));
            if (fabs(f - expected) > 1e-12)
                fail_msg("%d x %d, tolerance %g: F %.12f, by definition %.12f", w, h, sizes[k].tol, f, expected);
        }
        vb_mask_deinit(&a);
        vb_mask_deinit(&b);
        vb_scorer_free(s);
    }
}

static void other_sizes_are_refused(void **state)
{
    vb_scorer *s;
    vb_mask a, b;
    double j, f;
    vb_err err;

    (void)state;
    ok(vb_scorer_create(&s, 4, 6, VB_SAV_BOUND, &ok_err));
    ok(vb_mask_init(&a, 4, 6, &ok_err));
    ok(vb_mask_init(&b, 6, 4, &ok_err));
    assert_int_equal(vb_score_frame(s, &j, &f, &a, &b, &err), VB_ESHAPE);
    assert_int_equal(vb_score_frame(s, &j, &f, &b, &a, &err), VB_ESHAPE);
    assert_says(&err, "6 x 4", NULL);
    vb_mask_deinit(&a);
    vb_mask_deinit(&b);
    vb_scorer_free(s);
    assert_int_equal(vb_scorer_create(&s, 0, 6, VB_SAV_BOUND, NULL), VB_EARG);
    assert_int_equal(vb_scorer_create(&s, 5, 6, NAN, NULL), VB_EARG);
}

static void frames_count_from_the_first_sight(void **state)
{
    vb_masklet_score m = {0};
    double j = -1, f = -1;

    (void)state;
    assert_false(vb_masklet_add(&m, false, false, 1, 1)); /* would raise the mean */
    assert_false(vb_masklet_mean(&j, &f, &m));
    assert_true(vb_masklet_add(&m, false, true, 0, 0)); /* the prediction's is enough */
    assert_false(vb_masklet_mean(&j, &f, &m));          /* but not for a score */
    assert_true(vb_masklet_add(&m, true, true, 0.5, 0.25));
    assert_true(vb_masklet_add(&m, false, false, 1, 1)); /* once seen, empty frames count */
    assert_true(vb_masklet_mean(&j, &f, &m));
    assert_int_equal(m.n, 3);
    assert_true(fabs(j - 0.5) < 1e-15 && fabs(f - 1.25 / 3) < 1e-15);
}

static void first_and_last_are_dropped_by_place(void **state)
{
    static const int expected[][5] = {/* annotated, without ends: first, end; with: first, end */
                                      {0, 1, 1, 0, 0}, {1, 1, 1, 0, 1}, {2, 1, 1, 0, 2}, {3, 1, 2, 0, 3}, {10, 1, 9, 0, 10}};

    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        int first, end;

        vb_scored_range(&first, &end, expected[i][0], false);
        assert_int_equal(first, expected[i][1]);
        assert_int_equal(end, expected[i][2]);
        vb_scored_range(&first, &end, expected[i][0], true);
        assert_int_equal(first, expected[i][3]);
        assert_int_equal(end, expected[i][4]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_to_meta),
        cmocka_unit_test(any_radius_as_defined),
        cmocka_unit_test(other_sizes_are_refused),
        cmocka_unit_test(frames_count_from_the_first_sight),
        cmocka_unit_test(first_and_last_are_dropped_by_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
