/* The option table: the words users type, the ancestor's command lines among them, and what is refused. */
#include "cli.h"
#include "models.h"
#include "options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static vb_err err;
static vb_options o;
static char words[32][128]; /* getopt permutes argv, and the options borrow from it */

static char *argv[33];

static int split(const char *command, const char *line)
{
    char copy[1024], *save = NULL;
    int argc = 0;

    snprintf(copy, sizeof copy, "%s %s", command, line);
    for (char *w = strtok_r(copy, " ", &save); w && argc < 32; w = strtok_r(NULL, " ", &save)) {
        snprintf(words[argc], sizeof words[argc], "%s", w);
        argv[argc] = words[argc];
        argc++;
    }
    argv[argc] = NULL;
    return argc;
}

static vb_status parse(const char *line)
{
    return vb_options_parse(&o, split("run", line), argv, &err);
}

/* As a command that runs nothing: every model, whatever the build. */
static vb_status parse_any(const char *line)
{
    return vb_options_parse_with(&o, NULL, 0, split("plan", line), argv, &err);
}

static void refuses(const char *line, const char *named)
{
    assert_int_equal(parse(line), VB_EARG);
    if (!strstr(err.msg, named))
        fail_msg("'%s': message '%s' does not name '%s'", line, err.msg, named);
}

static void ancestors_lines_work_unchanged(void **state)
{
    (void)state;
    assert_int_equal(parse("--split_dir D --models stub_points --limit_videos 1 --autocast_dtype bfloat16 --imgsz 512 "
                           "--weights_dir W --out_dir O"), VB_OK);
    assert_string_equal(o.split_dir, "D");
    assert_string_equal(o.weights_dir, "W");
    assert_string_equal(o.out_dir, "O");
    assert_int_equal(o.limits.limit_videos, 1);
    assert_int_equal(o.n_setups, 1);
    assert_int_equal(o.setups[0].prompt, VB_PROMPT_POINT);
    assert_int_equal(o.setups[0].image_size, 512);
    assert_int_equal(o.n_dtypes, 1);
    assert_int_equal(o.dtypes[0], VB_BFLOAT16);
    assert_int_equal(o.banks[0], VB_BANK_BFLOAT16);
    assert_int_equal(o.fill_hole_area, 8);
}

static void models_prompts_and_sizes_are_crossed(void **state)
{
    (void)state;
    assert_int_equal(parse("--split-dir D --models stub,stub_mask --prompts point,box --image-size 64,128 --dtype fp32,bf16,float32"), VB_OK);
    /* stub x (point, box) x 2, stub_mask x 2 */
    assert_int_equal(o.n_setups, 6);
    assert_int_equal(o.setups[5].prompt, VB_PROMPT_MASK);
    assert_int_equal(o.setups[5].image_size, 128);
    assert_int_equal(o.n_dtypes, 2);
}

static void what_cannot_be_is_named(void **state)
{
    (void)state;
    refuses("--models stub", "--split-dir");
    refuses("--split-dir D", "--models");
    refuses("--split-dir D --models sam3", "sam3");
    refuses("--split-dir D --models stub --dtype float8", "float8");
    refuses("--split-dir D --models stub --dtype float32,", "empty");
    refuses("--split-dir D --models stub --limit-videos -1", "--limit-videos");
    refuses("--split-dir D --models stub --repeats 1e3", "--repeats");
    refuses("--split-dir D --models stub --seed -4", "--seed");
    refuses("--split-dir D --models stub --no-such", "--no-such");
    refuses("--split-dir D --models stub --out-dir", "--out-dir");
    refuses("--split-dir D --models stub extra", "extra");
    refuses("--split-dir D --models stub --save-masks some", "annotated");
    refuses("--split-dir D --models stub --mode batch", "batch");
    refuses("--split-dir D --models stub --clicks 2", "1, 3, 5");
    refuses("--split-dir D --models stub --clicks 1,3", "1, 3, 5");
    refuses("--split-dir D --models stub_point,stub_mask --clicks 3", "mask");
    refuses("--split-dir D --models stub --objects all", "separate");
    refuses("--split-dir D --models stub --sprinkle-area -1", "--sprinkle-area");
    refuses("--split-dir D --models sam9*", "sam9*");
    refuses("--split-dir D --models stub* --image-size 64", "stub*");
    refuses("--split-dir D --models stub --checkpoint sam9=FILE", "sam9");
    refuses("--split-dir D --models stub --checkpoint seed:", "--checkpoint seed:");
    refuses("--split-dir D --models stub --checkpoint seed:-1", "--checkpoint seed:-1");
    refuses("--split-dir D --models stub --checkpoint edgetam=seed:18446744073709551616", "--checkpoint seed:18446744073709551616");
}

static void expands(const char *line, const char *names)
{
    char got[512] = "", whole[256];

    snprintf(whole, sizeof whole, "--split-dir D %s", line);
    if (parse_any(whole))
        fail_msg("'%s': %s", line, err.msg);
    for (int i = 0; i < o.n_setups; i++) {
        size_t n = strlen(got);

        snprintf(got + n, sizeof got - n, "%s%s/%s/%d", i ? " " : "", o.setups[i].model,
                 vb_prompt_kind_name(o.setups[i].prompt), o.setups[i].image_size);
    }
    assert_string_equal(got, names);
}

static void a_word_may_name_several_models(void **state)
{
    (void)state;
    expands("--models sam2.1_*", "sam2.1_t/point/1024 sam2.1_s/point/1024 sam2.1_b+/point/1024 sam2.1_l/point/1024");
    expands("--models sam2*_[tl]_bbox --prompts mask --imgsz 512",
            "sam2.1_t/box/512 sam2.1_l/box/512 sam2_t/box/512 sam2_l/box/512");
    expands("--models SAM2_? --prompts point,mask", "sam2_t/point/1024 sam2_t/mask/1024 sam2_s/point/1024 sam2_s/mask/1024 "
            "sam2_l/point/1024 sam2_l/mask/1024");
    /* what is named twice runs once; an ancestor's name is what it always was */
    expands("--models sam2_large_points,sam2.1_[bl]*,sam2.1_l", "sam2.1_l/point/1024 sam2.1_b+/point/1024");
    for (const char *const *all = (const char *const[]){"all", "*", "*_points", "ALL_point", NULL}; *all; all++) {
        char line[64];

        snprintf(line, sizeof line, "--models %s", *all);
        expands(line, "edgetam/point/1024 sam2.1_t/point/1024 sam2.1_s/point/1024 sam2.1_b+/point/1024 sam2.1_l/point/1024 "
                "sam2_t/point/1024 sam2_s/point/1024 sam2_b+/point/1024 sam2_l/point/1024");
    }
    assert_int_equal(parse_any("--split-dir D --models all,stub --prompts point,box,mask --image-size 256,512,768,1024"), VB_OK);
    assert_int_equal(o.n_setups, 10 * 3 * 4);
    assert_string_equal(o.setups[119].model, "stub");
}

static void a_model_that_the_build_lacks_is_named(void **state)
{
    (void)state;
    if (vb_model_check_built(vb_model_info_find("sam2.1_b+"), &err) == VB_OK)
        assert_int_equal(parse("--split-dir D --models sam2_base_points"), VB_OK);
    else
        refuses("--split-dir D --models sam2_base_points", "sam2.1_b+");
    assert_int_equal(parse("--split-dir D --models stub"), VB_OK);
}

static void checkpoint_of(const char *model, const char *path)
{
    char got[256];

    vb_options_checkpoint(got, sizeof got, &o, model, &err);
    assert_string_equal(got, path);
}

static void each_model_finds_its_checkpoint(void **state)
{
    (void)state;
    expands("--models edgetam,sam2.1_t --weights-dir W", "edgetam/point/1024 sam2.1_t/point/1024");
    checkpoint_of("edgetam", "W/edgetam.pt");
    checkpoint_of("sam2.1_t", "W/sam2.1_hiera_tiny.pt");
    assert_non_null(strstr(err.msg, "--checkpoint sam2.1_t=FILE"));
    checkpoint_of("stub", "");
    /* seeded weights are every model's; a file is one's */
    expands("--models edgetam,sam2.1_t --checkpoint seed:7 --checkpoint sam2.1_tiny=F",
            "edgetam/point/1024 sam2.1_t/point/1024");
    checkpoint_of("edgetam", "seed:7");
    checkpoint_of("sam2.1_t", "F");
    expands("--models stub,edgetam --checkpoint F", "stub/point/1024 edgetam/point/1024");
    checkpoint_of("edgetam", "F");
    assert_int_equal(parse_any("--split-dir D --models edgetam,sam2.1_t --checkpoint F"), VB_EARG);
    assert_non_null(strstr(err.msg, "MODEL=FILE"));
}

static void require_flash_takes_an_optional_word(void **state)
{
    (void)state;
    assert_int_equal(parse("--split-dir D --models stub --require-flash"), VB_OK);
    assert_int_equal(o.require_flash, 1);
    assert_int_equal(parse("--split-dir D --models stub --require-flash=strict"), VB_OK);
    assert_int_equal(o.require_flash, 2);
    refuses("--split-dir D --models stub --require-flash=perhaps", "perhaps");
}

static void what_the_masks_depend_on_is_fixed(void **state)
{
    static const char *const changed[] = {"--clicks 5", "--objects together", "--sprinkle-area 7", "--fill-hole-area 9", "--postprocess cpu"};
    char *text, line[160];

    (void)state;
    assert_int_equal(parse("--split-dir D --models stub"), VB_OK);
    assert_true(o.clicks == 1 && o.objects == VB_OBJECTS_TOGETHER && o.sprinkle_area == 0 && !o.non_overlap);
    assert_int_equal(parse("--split-dir D --models stub --clicks 3 --objects Separate --sprinkle_area 4 --non-overlap"), VB_OK);
    assert_true(o.clicks == 3 && o.objects == VB_OBJECTS_SEPARATE && o.sprinkle_area == 4 && o.non_overlap);
    assert_int_equal(vb_options_json(&text, &o, &err), VB_OK);
    assert_int_equal(vb_options_same_fixed(&o, text, &err), VB_OK);
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        char name[32];

        snprintf(line, sizeof line, "--split-dir D --models stub --clicks 3 --objects separate --sprinkle-area 4 --non-overlap %s", changed[i]);
        assert_int_equal(parse(line), VB_OK);
        assert_int_equal(vb_options_same_fixed(&o, text, &err), VB_EARG);
        snprintf(name, sizeof name, "%.*s", (int)strcspn(changed[i], " "), changed[i]);
        assert_non_null(strstr(err.msg, name));
    }
    assert_int_equal(parse("--split-dir D --models stub --clicks 3 --objects separate --sprinkle-area 4"), VB_OK);
    assert_int_equal(vb_options_same_fixed(&o, text, &err), VB_EARG);
    assert_non_null(strstr(err.msg, "--non-overlap"));
    free(text);
    assert_int_equal(parse("--split-dir D --models stub --sprinkle-area 4 --postprocess off"), VB_OK);
    assert_true(o.fill_hole_area == 0 && o.sprinkle_area == 0);
}

static void record_holds_every_option(void **state)
{
    char *text;
    json_t *j;

    (void)state;
    assert_int_equal(parse("--split-dir D --models stub --checkpoint seed:3 --seed 7"), VB_OK);
    assert_int_equal(vb_options_json(&text, &o, &err), VB_OK);
    assert_non_null(j = json_loads(text, 0, NULL));
    assert_string_equal(json_string_value(json_object_get(j, "split-dir")), "D");
    assert_int_equal(json_integer_value(json_object_get(j, "seed")), 7);
    assert_string_equal(json_string_value(json_array_get(json_object_get(j, "checkpoint"), 0)), "seed:3");
    assert_string_equal(json_string_value(json_object_get(j, "save-masks")), "annotated");
    json_decref(j);

    assert_int_equal(vb_options_same_fixed(&o, text, &err), VB_OK);
    assert_int_equal(parse("--split-dir D --models stub --fill-hole-area 0"), VB_OK);
    assert_int_equal(vb_options_same_fixed(&o, text, &err), VB_EARG);
    assert_non_null(strstr(err.msg, "--fill-hole-area"));
    assert_int_equal(parse("--split-dir D --models stub --limit-videos 3"), VB_OK);
    assert_int_equal(vb_options_same_fixed(&o, text, &err), VB_OK);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ancestors_lines_work_unchanged),
        cmocka_unit_test(models_prompts_and_sizes_are_crossed),
        cmocka_unit_test(what_cannot_be_is_named),
        cmocka_unit_test(a_word_may_name_several_models),
        cmocka_unit_test(a_model_that_the_build_lacks_is_named),
        cmocka_unit_test(each_model_finds_its_checkpoint),
        cmocka_unit_test(require_flash_takes_an_optional_word),
        cmocka_unit_test(what_the_masks_depend_on_is_fixed),
        cmocka_unit_test(record_holds_every_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
