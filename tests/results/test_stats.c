/* Percentiles, intervals, overlap of run lengths, text made safe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mask.h"
#include "noise.h"
#include "rle_overlap.h"
#include "stats.h"
#include "text_safe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void close_to(double got, double want)
{
    if (!(fabs(got - want) <= 1e-9 * fmax(1, fabs(want))))
        fail_msg("got %.15g, expected %.15g", got, want);
}

static void percentiles_are_nearest_rank(void **state)
{
    double v[100];

    (void)state;
    for (int i = 0; i < 100; i++)
        v[i] = i + 1;
    close_to(vb_percentile(v, 100, 50), 50);
    close_to(vb_percentile(v, 100, 95), 95);
    close_to(vb_percentile(v, 100, 99), 99);
    close_to(vb_percentile(v, 20, 95), 19);
    close_to(vb_percentile(v, 21, 95), 20); /* ceil(19.95) */
    close_to(vb_percentile(v, 3, 50), 2);
    assert_true(isnan(vb_percentile(v, 19, 95)));
    assert_true(isnan(vb_percentile(v, 99, 99)));
    assert_true(isnan(vb_percentile(v, 1, 50)));
    assert_int_equal(vb_percentile_needs(50), 2);
    assert_int_equal(vb_percentile_needs(95), 20);
    assert_int_equal(vb_percentile_needs(99), 100);
}

static void student_quantiles(void **state)
{
    /* R: qt(0.975, df), to twelve digits. */
    static const double table[][2] = {{1, 12.706204736175}, {2, 4.302652729749}, {5, 2.570581835636}, {10, 2.228138851986},
                                      {30, 2.042272456301}, {154, 1.975488057766}, {1000, 1.962339080826}};

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        close_to(vb_student_975(table[i][0]), table[i][1]);
}

static void interval_is_the_paired_t_interval(void **state)
{
    /* Differences 1, 2, 3, 6: mean 3, standard deviation sqrt(14 / 3), t(3) = 3.182446305284. */
    const vb_cluster equal[] = {{1, 1}, {2, 1}, {3, 1}, {6, 1}};
    vb_interval r = vb_cluster_interval(equal, 4);

    (void)state;
    close_to(r.estimate, 3);
    close_to(r.high, 3 + 3.182446305284 * sqrt(14.0 / 3) / 2);
    close_to(r.low, 6 - r.high);
    r = vb_cluster_interval(equal, 1);
    close_to(r.estimate, 1);
    assert_true(isnan(r.low) && isnan(r.high));
    assert_true(isnan(vb_cluster_interval(equal, 0).estimate));
}

static char *rle_of(const uint8_t *pixels, int h, int w, vb_mask *m)
{
    char *rle = NULL;
    vb_err err;

    assert_int_equal(vb_mask_init(m, h, w, &err), VB_OK);
    vb_mask_from_bytes(m, pixels, (size_t)w);
    assert_int_equal(vb_mask_rle(&rle, m, &err), VB_OK);
    return rle;
}

static void overlap_is_that_of_the_masks(void **state)
{
    enum { H = 37, W = 91 };
    static uint8_t a[H * W], b[H * W];
    uint32_t random = 7;

    (void)state;
    for (int round = 0; round < 60; round++) {
        int64_t inter, uni, i2, u2;
        vb_mask x, y;
        vb_err err = {0};
        char *s, *t;

        /* From empty over blobs to noise: short and long runs, also an empty first one. */
        for (int i = 0; i < H * W; i++) {
            random = random * 1664525u + 1013904223u;
            a[i] = round == 0 ? 0 : (random >> 20) % 60 < (unsigned)round || (i / 200) % 3 == round % 4;
            b[i] = round == 1 ? 1 : (random >> 10) % 60 < (unsigned)round;
        }
        s = rle_of(a, H, W, &x);
        t = rle_of(b, H, W, &y);
        vb_mask_overlap(&inter, &uni, &x, &y);
        if (vb_rle_overlap(&i2, &u2, s, t, H * W, &err))
            fail_msg("round %d: %s", round, err.msg);
        assert_int_equal(inter, i2);
        assert_int_equal(uni, u2);
        free(s);
        free(t);
        vb_mask_deinit(&x);
        vb_mask_deinit(&y);
    }
}

static void malformed_run_lengths_are_refused(void **state)
{
    /* 6 pixels: "6" is one run of six; the others are short, long, negative, unfinished, out of the alphabet. */
    static const char *const bad[] = {"", "5", "7", "61", "f", "P", "6 ", "6\x7f", "\x01", "3o1", "PPPPPPPPPPPPPPPPPP0"};
    int64_t inter, uni;
    vb_err err;

    (void)state;
    assert_int_equal(vb_rle_overlap(&inter, &uni, "6", "33", 6, &err), VB_OK);
    assert_int_equal(uni, 3);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(vb_rle_overlap(&inter, &uni, bad[i], "6", 6, &err), VB_EFORMAT);
        assert_int_equal(vb_rle_overlap(&inter, &uni, "6", bad[i], 6, &err), VB_EFORMAT);
    }
}

static void csv_and_json(const char *in, const char *csv, const char *json)
{
    char *got = NULL;
    size_t n;
    FILE *f = open_memstream(&got, &n);

    vb_csv_text(f, in);
    fclose(f);
    assert_string_equal(got, csv);
    free(got);
    f = open_memstream(&got, &n);
    vb_json_text(f, in);
    fclose(f);
    assert_string_equal(got, json);
    free(got);
}

static void text_is_made_safe(void **state)
{
    static const struct {
        const char *in, *out;
    } shown[] = {{"plain", "plain"},
                 {"\033[31mred\r\n", "\\x1B[31mred\\x0D\\x0A"},
                 {"na\xc3\xafve \xe6\xbc\xa2", "na\xc3\xafve \xe6\xbc\xa2"},
                 {"\xc2\x9b" "1m", "\\xC2\\x9B1m"},                  /* C1 control */
                 {"\xe2\x80\xae" "txt", "\\xE2\\x80\\xAEtxt"},        /* right-to-left override */
                 {"\xff\xc0\xaf\xed\xa0\x80", "\\xFF\\xC0\\xAF\\xED\\xA0\\x80"},
                 {"\x7f", "\\x7F"},
                 {"\xe2\x80\xa8|\xe2\x81\xa6|\xe2\x81\xa9", "\\xE2\\x80\\xA8|\\xE2\\x81\\xA6|\\xE2\\x81\\xA9"}, /* new line, isolates */
                 {"\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa\xe2\x82\xac\xc2\xa0", /* their neighbours do nothing */
                  "\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa\xe2\x82\xac\xc2\xa0"},
                 {"\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\xed\x9f\xbf\xe0\xa0\x80", /* the ends of what UTF-8 may say, and beyond */
                  "\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\xed\x9f\xbf\xe0\xa0\x80"},
                 {"\xe0\x9f\xbf", "\\xE0\\x9F\\xBF"},
                 {"\xf0\x8f\xbf\xbf", "\\xF0\\x8F\\xBF\\xBF"},
                 {"\xf4\x90\x80\x80", "\\xF4\\x90\\x80\\x80"},
                 {"\xf5\x80", "\\xF5\\x80"},
                 {"\xe6\xbc", "\\xE6\\xBC"}, /* cut short */
                 {"\xe6(\xbc", "\\xE6(\\xBC"}};

    (void)state;
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        char *out = vb_text_printable(shown[i].in);

        assert_string_equal(out, shown[i].out);
        free(out);
    }
    csv_and_json("a", "a", "\"a\"");
    csv_and_json("a,b\"c\n", "\"a,b\"\"c\n\"", "\"a,b\\\"c\\u000a\"");
    csv_and_json("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\"", "\"=cmd|' /C calc'!A0\"");
    csv_and_json("@x", "\"'@x\"", "\"@x\"");
    csv_and_json("\xff\\", "\xff\\", "\"\\ufffd\\\\\"");
    csv_and_json("", "", "\"\"");
    csv_and_json(" a", "\" a\"", "\" a\"");
    csv_and_json("a ", "\"a \"", "\"a \"");
    csv_and_json("-\x7f", "\"'-\x7f\"", "\"-\\u007f\"");
}

/* Noise of n frames of times ms[i % period] + i * slope; objects come in on the frames 0 and second (-1: one alone). */
static vb_noise noise_of(int n, const double *ms, int period, double slope, int second, vb_mode mode)
{
    vb_trial t = {.n_frames = n, .frames = calloc((size_t)n, sizeof *t.frames)};
    vb_noise out;
    vb_err err = {0};

    assert_non_null(t.frames);
    t.key.variant.mode = mode;
    for (int i = 0; i < n; i++) {
        bool begins = i == 0 || i == second;

        t.frames[i] = (vb_frame_row){.first = i == 0, .prompted = begins, .n_objects = second >= 0 && i >= second ? 2 : 1,
                                     .latency_ms = ms[i % period] + slope * i + (begins ? 1000 : 0)};
    }
    assert_int_equal(vb_noise_of(&out, &t, &err), VB_OK);
    free(t.frames);
    return out;
}

static void noise_is_of_steady_frames(void **state)
{
    static const double still[] = {10}, four[] = {8, 10, 10, 12};
    vb_noise r = noise_of(47, still, 1, 0, -1, VB_STREAM);

    (void)state;
    assert_int_equal(r.n, 40); /* without the first one and the six after it */
    close_to(r.spread, 0);
    close_to(r.drift, 0);
    r = noise_of(47, four, 4, 0, -1, VB_STREAM); /* ten of 8, twenty of 10, ten of 12: quartiles 8 and 10 by nearest rank */
    close_to(r.spread, 0.2);
    close_to(r.drift, 0);
    r = noise_of(37, still, 1, -0.1, -1, VB_STREAM); /* frames 7 .. 36: 9.3 to 6.4 */
    assert_int_equal(r.n, 30);
    close_to(r.drift, (6.8 - 8.8) / 7.8); /* thirds of ten */
    close_to(r.spread, (8.6 - 7.1) / 7.8); /* ranks 23 and 8 of 30 */
    r = noise_of(60, still, 1, 0, 40, VB_STREAM); /* the second object is there from 40 on, its bank full from 47 */
    assert_int_equal(r.n, 13);
    close_to(r.spread, 0);
    r = noise_of(18, four, 4, 0, -1, VB_STREAM);
    assert_true(r.n == 11 && isnan(r.spread) && isnan(r.drift));
    r = noise_of(47, four, 4, 0, -1, VB_OFFLINE);
    assert_true(r.n == 0 && isnan(r.spread) && isnan(r.drift));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_nearest_rank),      cmocka_unit_test(student_quantiles),
        cmocka_unit_test(interval_is_the_paired_t_interval), cmocka_unit_test(overlap_is_that_of_the_masks),
        cmocka_unit_test(malformed_run_lengths_are_refused), cmocka_unit_test(text_is_made_safe),
        cmocka_unit_test(noise_is_of_steady_frames),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
