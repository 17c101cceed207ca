/* Words that name models, and the image sizes that fit them. */
#include "models.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void words_name_models_and_prompts(void **state)
{
    static const struct {
        const char *word, *model;
        int prompt; /* -1: none */
    } cases[] = {
        {"edgetam", "edgetam", -1},
        {"edgetam_points", "edgetam", VB_PROMPT_POINT},
        {"EdgeTAM_bbox", "edgetam", VB_PROMPT_BOX},
        {"sam2_tiny_points", "sam2.1_t", VB_PROMPT_POINT}, /* the ancestor's names mean SAM 2.1 */
        {"sam2_small_bbox", "sam2.1_s", VB_PROMPT_BOX},
        {"sam2_base_points", "sam2.1_b+", VB_PROMPT_POINT},
        {"sam2_large_bbox", "sam2.1_l", VB_PROMPT_BOX},
        {"sam2_t", "sam2_t", -1},
        {"sam2_hiera_tiny", "sam2_t", -1},
        {"sam2_b+_mask", "sam2_b+", VB_PROMPT_MASK},
        {"sam2.1_hiera_base_plus", "sam2.1_b+", -1},
        {"sam2.1_b_point", "sam2.1_b+", VB_PROMPT_POINT},
        {"stub", "stub", -1},
    };
    vb_err err;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const vb_model_info *m;
        vb_prompt_kind prompt = VB_PROMPT_COUNT;
        bool own;

        if (vb_model_parse(&m, &own, &prompt, cases[i].word, &err) != VB_OK)
            fail_msg("%s", err.msg);
        assert_string_equal(m->name, cases[i].model);
        assert_int_equal(own ? (int)prompt : -1, cases[i].prompt);
    }
}

static void unknown_words_list_the_models(void **state)
{
    static const char *const words[] = {"", "sam3", "edgetam_", "edgetam_lines", "_points", "sam2", "edgetam_points_points"};
    vb_err err;

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const vb_model_info *m;
        vb_prompt_kind prompt;
        bool own;

        assert_int_equal(vb_model_parse(&m, &own, &prompt, words[i], &err), VB_EARG);
        assert_non_null(strstr(err.msg, "edgetam, sam2.1_t"));
        assert_non_null(strstr(err.msg, "stub"));
    }
}

static void sizes_follow_the_family(void **state)
{
    static const struct {
        const char *model;
        int size;
        bool fits;
    } cases[] = {
        {"edgetam", 256, true},   {"edgetam", 768, true},   {"edgetam", 1024, true},  {"edgetam", 384, false},
        {"edgetam", 128, false},  {"edgetam", 0, false},    {"edgetam", -256, false}, {"edgetam", 4352, false},
        {"sam2.1_t", 96, true},   {"sam2.1_t", 160, true},  {"sam2_l", 384, true},    {"sam2_l", 64, false},
        {"sam2.1_t", 100, false}, {"sam2.1_b+", 4128, false}, {"stub", 17, true},
    };
    vb_err err;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const vb_model_info *m = vb_model_info_find(cases[i].model);
        vb_status st = vb_model_check_size(m, cases[i].size, &err);

        assert_int_equal(st, cases[i].fits ? VB_OK : VB_EARG);
        if (st != VB_OK)
            assert_non_null(strstr(err.msg, "multiple of"));
    }
}

static void names_are_unique_and_parse_to_themselves(void **state)
{
    vb_err err;

    (void)state;
    for (size_t i = 0; i < vb_model_count; i++) {
        const vb_model_info *m;
        vb_prompt_kind prompt;
        bool own;

        assert_int_equal(vb_model_parse(&m, &own, &prompt, vb_models[i].name, &err), VB_OK);
        assert_ptr_equal(m, &vb_models[i]);
        assert_false(own);
        assert_ptr_equal(vb_model_info_find(vb_models[i].name), &vb_models[i]);
    }
    assert_null(vb_model_info_find("sam2_tiny")); /* canonical names alone */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_name_models_and_prompts),
        cmocka_unit_test(unknown_words_list_the_models),
        cmocka_unit_test(sizes_follow_the_family),
        cmocka_unit_test(names_are_unique_and_parse_to_themselves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
