/* Seeded weights against the golden lists and test vectors of the official modules' tensors. */
#include "checkpoint.h"
#include "seed_weights.h"
#include "weight_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint32_t bits_of(float v)
{
    uint32_t b;

    memcpy(&b, &v, sizeof b);
    return b;
}

static void stream_gives_the_published_vectors(void **state)
{
    uint64_t base = vb_seed_base("no_mem_embed", 1);

    (void)state;
    assert_true(base == 0x74e7e53fb5ab93abu);
    assert_true(vb_seed_bits(base, 0) == 0xd16140d1cb4d3961u);
    assert_true(vb_seed_bits(base, 3) == 0x79d2d8d3833ab4e0u);
    assert_true(vb_seed_base("obj_ptr_proj.layers.0.weight", 7) == 0x848f35756dae7654u);
}

static void values_have_the_published_bits(void **state)
{
    static const struct {
        const char *key;
        int ndim;
        int64_t shape[4];
        uint32_t bits[3];
    } cases[] = {
        {"no_mem_embed", 3, {1, 1, 256}, {0x3ea2c280, 0x3d21e930, 0x3ebd76ac}},
        {"obj_ptr_proj.layers.0.weight", 2, {256, 256}, {0x3d2b0078, 0xbdec5e6c, 0x3dfb1932}},
        {"sam_mask_decoder.output_upscaling.0.weight", 4, {256, 64, 2, 2}, {0xbce8386a, 0xbc11534d, 0x3a40db3e}},
        {"image_encoder.trunk.body.stem.conv1.bn.running_var", 1, {24}, {0x3f8e7c93, 0x3f8a520b, 0x3f97e9b3}},
    };
    float *out = malloc(256 * 256 * sizeof *out);
    vb_err err;

    (void)state;
    assert_non_null(out);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(vb_seed_weights(out, cases[i].key, cases[i].shape, cases[i].ndim, 1, &err), VB_OK);
        for (int k = 0; k < 3; k++)
            assert_int_equal(bits_of(out[k]), cases[i].bits[k]);
    }
    free(out);
}

static void check_list(const char *folder, const char *file, uint64_t seed)
{
    char path[1024];
    weight_list w;
    float *values = NULL;
    size_t room = 0;
    vb_err err;

    snprintf(path, sizeof path, "%s/%s", folder, file);
    if (!weight_list_read(&w, path)) {
        print_message("%s is absent\n", path);
        skip();
    }
    for (size_t i = 0; i < w.n; i++) {
        const vb_tensor_spec *t = &w.specs[i];
        uint64_t n = 1, sum = 0;

        for (int d = 0; d < t->ndim; d++)
            n *= (uint64_t)t->shape[d];
        if (n > room) {
            free(values);
            assert_non_null(values = malloc(n * sizeof *values));
            room = n;
        }
        if (vb_seed_weights(values, t->key, t->shape, t->ndim, seed, &err) != VB_OK)
            fail_msg("%s", err.msg);
        for (uint64_t k = 0; k < n; k++)
            sum += (k + 1) * (t->integer ? (uint64_t)values[k] : bits_of(values[k]));
        if (sum != w.checksums[i])
            fail_msg("%s: checksum differs", t->key);
    }
    free(values);
    weight_list_free(&w);
}

#define BUNDLED VB_TEST_DIR "/golden/weights"
#define SHARED VB_SHARED_DIR "/oracle/weights"
static void edgetam(void **s) { (void)s; check_list(BUNDLED, "edgetam_seed2.txt", 2); }
static void sam21_t(void **s) { (void)s; check_list(BUNDLED, "sam2.1_hiera_t_seed13.txt", 13); }
static void sam21_s(void **s) { (void)s; check_list(SHARED, "sam2.1_hiera_s_seed1.txt", 1); }
static void sam21_b(void **s) { (void)s; check_list(SHARED, "sam2.1_hiera_b+_seed2.txt", 2); }
static void sam21_l(void **s) { (void)s; check_list(SHARED, "sam2.1_hiera_l_seed5.txt", 5); }
static void sam2_t(void **s) { (void)s; check_list(SHARED, "sam2_hiera_t_seed1.txt", 1); }

static void patterns_match_anything_for_a_star(void **state)
{
    (void)state;
    assert_true(vb_seed_match("*.weight", "a.b.weight"));
    assert_true(vb_seed_match("a.*.c.weight", "a.c.c.c.weight"));
    assert_true(vb_seed_match("*.body.*.c.weight", "x.body..c.weight"));
    assert_false(vb_seed_match("*.weight", "weight"));
    assert_false(vb_seed_match("*.weight", "a.weight.b"));
    assert_false(vb_seed_match("no_mem_embed", "no_mem_embed2"));
}

static void faults_are_named(void **state)
{
    const int64_t shape[3] = {2, 2, 2}, negative[1] = {-1};
    float out[8];
    vb_err err;

    (void)state;
    assert_int_equal(vb_seed_weights(out, "strange", shape, 3, 1, &err), VB_EARG);
    assert_non_null(strstr(err.msg, "'strange'"));
    assert_int_equal(vb_seed_weights(out, "no_mem_embed", negative, 1, 1, &err), VB_ESHAPE);
    assert_int_equal(vb_seed_weights(out, "sam_mask_decoder.output_upscaling.0.weight", shape, 3, 1, &err), VB_ESHAPE);
    assert_non_null(strstr(err.msg, "dimensions"));
}

static void seeds_are_parsed_strictly(void **state)
{
    static const char *const wrong[] = {"seed:", "seed:x", "seed:1x", "seed:-1", "seed: 1", "seed:18446744073709551616"};
    bool is_seed;
    uint64_t seed;
    vb_err err;

    (void)state;
    assert_int_equal(vb_seed_parse(&is_seed, &seed, "seed:18446744073709551615", &err), VB_OK);
    assert_true(is_seed && seed == UINT64_MAX);
    assert_int_equal(vb_seed_parse(&is_seed, &seed, "seeds/1.pt", &err), VB_OK);
    assert_false(is_seed);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(vb_seed_parse(&is_seed, &seed, wrong[i], &err), VB_EARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_gives_the_published_vectors),
        cmocka_unit_test(values_have_the_published_bits),
        cmocka_unit_test(edgetam),
        cmocka_unit_test(sam21_t),
        cmocka_unit_test(sam21_s),
        cmocka_unit_test(sam21_b),
        cmocka_unit_test(sam21_l),
        cmocka_unit_test(sam2_t),
        cmocka_unit_test(patterns_match_anything_for_a_star),
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(seeds_are_parsed_strictly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
