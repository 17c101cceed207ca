/* Prompts and corrective clicks from masks against OpenCV's exact distances, and the words of `track --object`. */
#include "support.h"

#include "image_io.h"
#include "prompt.h"

#include <math.h>
#include <stdlib.h>

static void opencv_case(char *line)
{
    int h, w, x, y, used = 0;
    float mean[2], box[4];
    vb_mask m;
    vb_prompt p;

    assert_int_equal(sscanf(line, "%d %d %d %d %f %f %f %f %f %f %n", &h, &w, &x, &y, &mean[0], &mean[1], &box[0], &box[1],
                            &box[2], &box[3], &used), 10);
    mask_of_text(&m, h, w, line + used);
    ok(vb_prompt_from_mask(&p, &m, VB_PROMPT_POINT, VB_RULE_CENTER, &ok_err));
    assert_int_equal(p.n_points, 1);
    assert_int_equal(p.label[0], 1);
    assert_true(p.xy[0][0] == (float)x && p.xy[0][1] == (float)y);
    assert_true(vb_mask_get(&m, y, x));
    vb_prompt_deinit(&p);
    ok(vb_prompt_from_mask(&p, &m, VB_PROMPT_POINT, VB_RULE_CENTROID, &ok_err));
    assert_true(fabsf(p.xy[0][0] - mean[0]) < 1e-4f && fabsf(p.xy[0][1] - mean[1]) < 1e-4f);
    vb_prompt_deinit(&p);
    ok(vb_prompt_from_mask(&p, &m, VB_PROMPT_BOX, VB_RULE_CENTER, &ok_err));
    assert_true(p.has_box && !p.n_points && !p.has_mask);
    assert_memory_equal(p.box, box, sizeof box);
    vb_prompt_deinit(&p);
    ok(vb_prompt_from_mask(&p, &m, VB_PROMPT_MASK, VB_RULE_CENTER, &ok_err));
    assert_true(p.has_mask && p.mask.bits != m.bits);
    assert_int_equal(vb_mask_hash(&p.mask), vb_mask_hash(&m));
    vb_prompt_deinit(&p);
    vb_mask_deinit(&m);
}

static void equal_to_opencv(void **state)
{
    (void)state;
    for_lines(FIXTURES "/prompts.txt", opencv_case);
}

static void click_case(char *line)
{
    int h, w, x, y, label, used = 0;
    char *second;
    vb_mask gt, shown;
    vb_prompt p = {.n_points = 1, .xy = {{3, 4}}, .label = {1}};

    assert_int_equal(sscanf(line, "%d %d %d %d %d %n", &h, &w, &x, &y, &label, &used), 5);
    second = strchr(line + used, ' ');
    *second++ = '\0';
    mask_of_text(&gt, h, w, line + used);
    mask_of_text(&shown, h, w, second);
    ok(vb_prompt_correct(&p, &gt, &shown, &ok_err));
    assert_int_equal(p.n_points, 2);
    assert_true(p.xy[0][0] == 3 && p.xy[0][1] == 4 && p.label[0] == 1);
    if (p.xy[1][0] != (float)x || p.xy[1][1] != (float)y || p.label[1] != label)
        fail_msg("%d x %d: clicked %g,%g,%d, expected %d,%d,%d", w, h, (double)p.xy[1][0], (double)p.xy[1][1], p.label[1], x, y, label);
    vb_mask_deinit(&gt);
    vb_mask_deinit(&shown);
}

static void clicks_are_upstreams(void **state)
{
    (void)state;
    for_lines(FIXTURES "/clicks.txt", click_case);
}

static void clicks(const char *gt_picture, const char *shown_picture, const char *text)
{
    vb_mask gt, shown;
    vb_prompt p = {0};
    char got[64];

    mask_of_picture(&gt, 5, 9, gt_picture);
    mask_of_picture(&shown, 5, 9, shown_picture);
    ok(vb_prompt_correct(&p, &gt, &shown, &ok_err));
    vb_prompt_text(got, sizeof got, &p);
    assert_string_equal(got, text);
    vb_mask_deinit(&gt);
    vb_mask_deinit(&shown);
}

static void a_click_goes_to_the_deeper_error(void **state)
{
    static const char object[] = "........."
                                 ".###....."
                                 ".###....."
                                 ".###....."
                                 ".........";
    static const char none[] = "........."
                               "........."
                               "........."
                               "........."
                               ".........";
    static const char beside[] = "........."
                                 ".....###."
                                 ".....###."
                                 ".....###."
                                 ".........";
    static const char much[] = "....#####"
                               ".#..#####"
                               ".#..#####"
                               ".#..#####"
                               "....#####";

    (void)state;
    clicks(object, none, "point:2,2,1");   /* missed */
    clicks(none, object, "point:2,2,0");   /* too much */
    clicks(object, beside, "point:6,2,0"); /* both equally deep: the one that is too much */
    clicks(object, much, "point:6,2,0");   /* the picture's edge is a border like any other */
    clicks(much, object, "point:6,2,1");
    clicks(object, object, "point:0,0,0"); /* nothing is wrong */
}

static void what_cannot_be_corrected_is_refused(void **state)
{
    vb_mask a, b;
    vb_prompt p = {.n_points = VB_MAX_POINTS};

    (void)state;
    ok(vb_mask_init(&a, 4, 4, &ok_err));
    ok(vb_mask_init(&b, 4, 5, &ok_err));
    assert_int_equal(vb_prompt_correct(&p, &a, &a, NULL), VB_EARG);
    p.n_points = 1;
    assert_int_equal(vb_prompt_correct(&p, &a, &b, NULL), VB_ESHAPE);
    assert_int_equal(p.n_points, 1);
    vb_mask_deinit(&a);
    vb_mask_deinit(&b);
}

static void an_empty_mask_gives_none(void **state)
{
    vb_mask m;
    vb_prompt p;

    (void)state;
    ok(vb_mask_init(&m, 4, 4, &ok_err));
    for (int k = 0; k < VB_PROMPT_COUNT; k++)
        assert_int_equal(vb_prompt_from_mask(&p, &m, (vb_prompt_kind)k, VB_RULE_CENTER, NULL), VB_EARG);
    vb_mask_deinit(&m);
}

static void specs_read_back_as_text(void **state)
{
    static const char *const specs[][2] = {
        {"point:12,40,1", "point:12,40,1"},
        {"point:12.5,-3,0;1e2,0.1,1", "point:12.5,-3,0;100,0.1,1"},
        {"box:0,2,40.25,31", "box:0,2,40.25,31"},
        {"point:3,4,1+box:1,2,3,4", "box:1,2,3,4+point:3,4,1"}, /* the box comes first, as the model takes it */
        {"point:1,1,1+point:2,2,0", "point:1,1,1;2,2,0"},
        {"box:5,5,5,5", "box:5,5,5,5"},
    };
    char text[256];
    vb_prompt p;

    (void)state;
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        ok(vb_prompt_parse(&p, specs[i][0], &ok_err));
        vb_prompt_text(text, sizeof text, &p);
        assert_string_equal(text, specs[i][1]);
        vb_prompt_deinit(&p);
    }
}

static void broken_specs_are_refused(void **state)
{
    static const char *const bad[] = {"", "point", "point:", "point:1,2", "point:1,2,2", "point:1,2,1;", "point:1,2,1,", "point:nan,2,1",
                                      "point:inf,2,1", "point: 1,2,1", "point:1,,1", "point:1,2,0.5", "box:1,2,3", "box:3,2,1,4",
                                      "box:1,2,3,4+box:1,2,3,4", "box:1,2,3,4+mask:a.png", "box:1,2,3,4+", "line:1,2", "point:1,2,1 ",
                                      "point:1,2,1+box"};
    char many[VB_MAX_POINTS * 8 + 32] = "point:1,1,1";
    vb_prompt p;
    vb_err err;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (vb_prompt_parse(&p, bad[i], &err) != VB_EARG)
            fail_msg("'%s' was taken", bad[i]);
    for (int i = 1; i < VB_MAX_POINTS; i++)
        strcat(many, ";1,1,1");
    ok(vb_prompt_parse(&p, many, &ok_err));
    assert_int_equal(p.n_points, VB_MAX_POINTS);
    vb_prompt_deinit(&p);
    strcat(many, ";1,1,1");
    assert_int_equal(vb_prompt_parse(&p, many, &err), VB_EARG);
    assert_says(&err, "32", NULL);
}

static void a_mask_file_is_read(void **state)
{
    char dir[256], spec[300], text[64];
    vb_mask m;
    vb_prompt p;

    (void)state;
    make_scratch(dir);
    mask_of_picture(&m, 2, 3, "#.#"
                              "...");
    snprintf(spec, sizeof spec, "mask:%s/a+b,c;d.png", dir); /* whatever the name holds */
    ok(vb_png_write_mask(spec + 5, &m, &ok_err));
    ok(vb_prompt_parse(&p, spec, &ok_err));
    assert_true(p.has_mask);
    assert_int_equal(vb_mask_hash(&p.mask), vb_mask_hash(&m));
    vb_prompt_text(text, sizeof text, &p);
    assert_string_equal(text, "mask:area=2");
    vb_prompt_deinit(&p);
    assert_int_equal(vb_prompt_parse(&p, "mask:/no/such/file.png", NULL), VB_EIO);
    vb_mask_deinit(&m);
    remove_tree(dir);
}

static void text_is_cut_off_not_overrun(void **state)
{
    char text[16];
    vb_prompt p;

    (void)state;
    memset(text, 'x', sizeof text);
    ok(vb_prompt_parse(&p, "box:1000,2000,3000,4000+point:12345,6789,1", &ok_err));
    vb_prompt_text(text, 8, &p);
    assert_string_equal(text, "box:100");
    assert_int_equal(text[8], 'x');
    vb_prompt_text(text, 1, &p);
    assert_string_equal(text, "");
    vb_prompt_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_to_opencv),          cmocka_unit_test(an_empty_mask_gives_none),
        cmocka_unit_test(specs_read_back_as_text),  cmocka_unit_test(broken_specs_are_refused),
        cmocka_unit_test(a_mask_file_is_read),      cmocka_unit_test(text_is_cut_off_not_overrun),
        cmocka_unit_test(clicks_are_upstreams),     cmocka_unit_test(a_click_goes_to_the_deeper_error),
        cmocka_unit_test(what_cannot_be_corrected_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
