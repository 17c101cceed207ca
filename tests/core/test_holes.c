/* Components against scipy, and hole filling on logits. */
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
