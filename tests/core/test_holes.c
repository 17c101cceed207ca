/* Components against scipy; hole filling and sprinkle removal on logits. */
#include "support.h"

#include "holes.h"

#include <math.h>
#include <stdlib.h>

/* Background (logit <= 0) where the mask is set. */
static void logits_of(float *logits, const vb_mask *m)
{
    for (int y = 0; y < m->h; y++)
        for (int x = 0; x < m->w; x++)
            logits[y * m->w + x] = vb_mask_get(m, y, x) ? (x % 2 ? 0.0f : -3.0f) : 2.5f;
}

static void scipy_case(char *line)
{
    int h, w, used = 0, smaller[3];
    static const int max_area[3] = {1, 8, 30};
    char label_hash[65], area_hash[65], *second;
    vb_mask m, filled;
    int32_t *labels, *areas;
    uint8_t *fg;
    float *logits;
    size_t n;

    assert_int_equal(sscanf(line, "%d %d %64s %64s %d %d %d %n", &h, &w, label_hash, area_hash, &smaller[0], &smaller[1],
                            &smaller[2], &used), 7);
    second = strchr(line + used, ' ');
    *second++ = '\0';
    mask_of_text(&m, h, w, line + used);
    mask_of_text(&filled, h, w, second);
    n = (size_t)h * (size_t)w;
    labels = malloc(n * sizeof *labels);
    areas = malloc(n * sizeof *areas);
    fg = malloc(n);
    logits = malloc(n * sizeof *logits);
    for (size_t i = 0; i < n; i++)
        fg[i] = vb_mask_get(&m, (int)(i / (size_t)w), (int)(i % (size_t)w)) ? (uint8_t)(1 + i % 255) : 0;
    ok(vb_label_components(labels, areas, fg, h, w, &ok_err));
    sha256_is(labels, n * sizeof *labels, label_hash);
    sha256_is(areas, n * sizeof *areas, area_hash);

    for (int k = 0; k < 3; k++) {
        int64_t n_filled = -1;

        logits_of(logits, &m);
        ok(vb_fill_holes(logits, h, w, max_area[k], &n_filled, &ok_err));
        assert_int_equal(n_filled, smaller[k]);
        for (size_t i = 0; k == 1 && i < n; i++) {
            const int y = (int)(i / (size_t)w), x = (int)(i % (size_t)w);
            const float expected = vb_mask_get(&filled, y, x) ? 0.1f : vb_mask_get(&m, y, x) ? (x % 2 ? 0.0f : -3.0f) : 2.5f;

            assert_true(logits[i] == expected);
        }
    }
    free(labels);
    free(areas);
    free(fg);
    free(logits);
    vb_mask_deinit(&m);
    vb_mask_deinit(&filled);
}

/* Sprinkles are the holes of the mask turned inside out. */
static void sprinkle_case(char *line)
{
    int h, w, used = 0, smaller[3];
    static const int max_area[3] = {1, 8, 30};
    vb_mask m;
    float *logits, *mirrored;
    size_t n;

    assert_int_equal(sscanf(line, "%d %d %*s %*s %d %d %d %n", &h, &w, &smaller[0], &smaller[1], &smaller[2], &used), 5);
    *strchr(line + used, ' ') = '\0';
    mask_of_text(&m, h, w, line + used);
    n = (size_t)h * (size_t)w;
    logits = malloc(n * sizeof *logits);
    mirrored = malloc(n * sizeof *mirrored);
    assert_true(logits && mirrored);
    for (int k = 0; k < 3; k++) {
        int64_t n_removed = -1;

        for (size_t i = 0; i < n; i++) /* never 0, which is background on either side */
            mirrored[i] = -(logits[i] = vb_mask_get(&m, (int)(i / (size_t)w), (int)(i % (size_t)w)) ? 3.0f : -2.5f);
        ok(vb_remove_sprinkles(logits, h, w, max_area[k], &n_removed, &ok_err));
        assert_int_equal(n_removed, smaller[k]);
        ok(vb_fill_holes(mirrored, h, w, max_area[k], NULL, &ok_err));
        for (size_t i = 0; i < n; i++)
            assert_true(logits[i] == -mirrored[i]);
    }
    free(logits);
    free(mirrored);
    vb_mask_deinit(&m);
}

static void sprinkles_are_equal_to_scipy(void **state)
{
    (void)state;
    for_lines(FIXTURES "/components.txt", sprinkle_case);
}

/* 0 is background; NaN is no sprinkle; what a filled hole has joined is one component. */
static void sprinkles_come_after_holes(void **state)
{
    float dots[6] = {1, 0, NAN, -1, INFINITY, -1};
    float ring[9] = {1, 1, 1, 1, -1, 1, 1, 1, 1};
    int64_t n;

    (void)state;
    ok(vb_remove_sprinkles(dots, 1, 6, 1, &n, &ok_err));
    assert_int_equal(n, 2);
    assert_true(dots[0] == -0.1f && dots[1] == 0 && isnan(dots[2]) && dots[3] == -1 && dots[4] == -0.1f);
    ok(vb_fill_holes(ring, 3, 3, 8, &n, &ok_err));
    ok(vb_remove_sprinkles(ring, 3, 3, 8, &n, &ok_err));
    assert_int_equal(n, 0);
    ok(vb_remove_sprinkles(ring, 3, 3, 9, &n, &ok_err));
    assert_int_equal(n, 9);
    ok(vb_remove_sprinkles(ring, 3, 3, 0, &n, &ok_err));
    assert_int_equal(n, 0);
    assert_int_equal(vb_remove_sprinkles(ring, 0, 3, 1, NULL, NULL), VB_ESHAPE);
}

static void equal_to_scipy(void **state)
{
    (void)state;
    for_lines(FIXTURES "/components.txt", scipy_case);
}

static void nan_is_no_background(void **state)
{
    float logits[9] = {1, 1, 1, 1, NAN, 1, 1, 1, -INFINITY};
    int64_t n;

    (void)state;
    ok(vb_fill_holes(logits, 3, 3, 8, &n, &ok_err));
    assert_int_equal(n, 1);
    assert_true(isnan(logits[4]));
    assert_true(logits[8] == 0.1f);
}

static void area_0_changes_nothing(void **state)
{
    float logits[2] = {1, -1};
    int64_t n = 7;

    (void)state;
    ok(vb_fill_holes(logits, 1, 2, 0, &n, &ok_err));
    assert_int_equal(n, 0);
    assert_true(logits[1] == -1);
    ok(vb_fill_holes(logits, 1, 2, 1, NULL, &ok_err));
    assert_true(logits[1] == 0.1f);
    assert_int_equal(vb_fill_holes(logits, 0, 2, 1, NULL, NULL), VB_ESHAPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_to_scipy),
        cmocka_unit_test(nan_is_no_background),
        cmocka_unit_test(area_0_changes_nothing),
        cmocka_unit_test(sprinkles_are_equal_to_scipy),
        cmocka_unit_test(sprinkles_come_after_holes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
