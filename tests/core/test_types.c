/* Names, aliases, tags and safe path components. */
#include "support.h"

#include "types.h"

static void names_read_back(void **state)
{
    (void)state;
    for (int i = 0; i < VB_DTYPE_COUNT; i++) {
        vb_dtype d = VB_DTYPE_COUNT;
        ok(vb_dtype_parse(&d, vb_dtype_name((vb_dtype)i), &ok_err));
        assert_int_equal(d, i);
    }
    for (int i = 0; i < VB_BANK_COUNT; i++) {
        vb_bank b = VB_BANK_COUNT;
        ok(vb_bank_parse(&b, vb_bank_name((vb_bank)i), &ok_err));
        assert_int_equal(b, i);
    }
    for (int i = 0; i < VB_PROMPT_COUNT; i++) {
        vb_prompt_kind k = VB_PROMPT_COUNT;
        ok(vb_prompt_kind_parse(&k, vb_prompt_kind_name((vb_prompt_kind)i), &ok_err));
        assert_int_equal(k, i);
    }
    for (int i = 0; i < VB_STAGE_COUNT; i++)
        assert_string_not_equal(vb_stage_name((vb_stage)i), "?");
    assert_string_equal(vb_stage_name(VB_STAGE_COUNT), "?");
    assert_string_equal(vb_dtype_name((vb_dtype)-1), "?");
}

static void aliases_of_the_ancestor(void **state)
{
    vb_dtype d;
    vb_prompt_kind k;

    (void)state;
    ok(vb_dtype_parse(&d, "half", &ok_err));
    assert_int_equal(d, VB_FLOAT16);
    ok(vb_dtype_parse(&d, "BF16", &ok_err));
    assert_int_equal(d, VB_BFLOAT16);
    ok(vb_prompt_kind_parse(&k, "points", &ok_err));
    assert_int_equal(k, VB_PROMPT_POINT);
    ok(vb_prompt_kind_parse(&k, "bbox", &ok_err));
    assert_int_equal(k, VB_PROMPT_BOX);
}

static void an_unknown_word_names_the_choices(void **state)
{
    vb_dtype d = VB_TF32;
    vb_err err;

    (void)state;
    assert_int_equal(vb_dtype_parse(&d, "int8", &err), VB_EARG);
    assert_says(&err, "int8", "float32, tf32, float16, bfloat16", NULL);
    assert_int_equal(d, VB_TF32);
    assert_int_equal(vb_dtype_parse(&d, "", NULL), VB_EARG);
}

static void a_tag_reads_back(void **state)
{
    const vb_variant v = {{"sam2.1_b+", VB_PROMPT_BOX, 512}, VB_FLOAT16, VB_BANK_AUTOCAST, VB_OFFLINE};
    vb_variant back;
    char tag[VB_TAG_MAX];

    (void)state;
    vb_variant_tag(tag, &v);
    assert_string_equal(tag, "sam2.1_b+/box/512/float16/bank-autocast/offline");
    ok(vb_variant_parse_tag(&back, tag, &ok_err));
    assert_true(vb_setup_equal(&back.setup, &v.setup));
    assert_int_equal(back.dtype, v.dtype);
    assert_int_equal(back.bank, v.bank);
    assert_int_equal(back.mode, v.mode);
}

static void a_broken_tag_is_refused(void **state)
{
    static const char *const bad[] = {"", "edgetam", "edgetam/point/1024/bfloat16/bank-bfloat16",
                                      "edgetam/point/1024/bfloat16/bfloat16/stream",
                                      "edgetam/point/0/bfloat16/bank-bfloat16/stream",
                                      "edgetam/point/10x/bfloat16/bank-bfloat16/stream",
                                      "edgetam/point/1024/bfloat16/bank-bfloat16/stream/x",
                                      "a-model-name-that-is-longer-than-any-other/point/8/tf32/bank-float32/stream"};
    vb_variant v;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(vb_variant_parse_tag(&v, bad[i], NULL), VB_EARG);
}

static void trial_keys_differ_in_every_part(void **state)
{
    const vb_trial_key k = {"v", {{"edgetam", VB_PROMPT_POINT, 512}, VB_FLOAT32, VB_BANK_FLOAT32, VB_STREAM}, 0};
    vb_trial_key o = k;

    (void)state;
    assert_true(vb_trial_key_equal(&k, &o));
    o.repetition = 1;
    assert_false(vb_trial_key_equal(&k, &o));
    o = k;
    o.variant.bank = VB_BANK_FLOAT16;
    assert_false(vb_trial_key_equal(&k, &o));
    o = k;
    o.variant.setup.image_size = 1024;
    assert_false(vb_trial_key_equal(&k, &o));
    o = k;
    strcpy(o.video, "w");
    assert_false(vb_trial_key_equal(&k, &o));
}

static void only_plain_path_components_pass(void **state)
{
    char longest[VB_NAME_MAX + 1];

    (void)state;
    assert_true(vb_name_ok("sav_000001"));
    assert_true(vb_name_ok("a.b+c-d_E"));
    assert_false(vb_name_ok(""));
    assert_false(vb_name_ok("."));
    assert_false(vb_name_ok(".."));
    assert_false(vb_name_ok(".hidden"));
    assert_false(vb_name_ok("-option"));
    assert_false(vb_name_ok("a/b"));
    assert_false(vb_name_ok("a b"));
    assert_false(vb_name_ok("a\nb"));
    assert_false(vb_name_ok("\xC3\xA9"));
    memset(longest, 'a', sizeof longest);
    longest[VB_NAME_MAX] = '\0';
    assert_false(vb_name_ok(longest));
    longest[VB_NAME_MAX - 1] = '\0';
    assert_true(vb_name_ok(longest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_read_back),
        cmocka_unit_test(aliases_of_the_ancestor),
        cmocka_unit_test(an_unknown_word_names_the_choices),
        cmocka_unit_test(a_tag_reads_back),
        cmocka_unit_test(a_broken_tag_is_refused),
        cmocka_unit_test(trial_keys_differ_in_every_part),
        cmocka_unit_test(only_plain_path_components_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
