/* Bit-packed masks and their run-length text, against numpy.packbits and pycocotools. */
#include "support.h"

#include "hash.h"

#include <stdlib.h>

static void pycocotools_case(char *line)
{
    int h, w, used = 0;
    long long area;
    char hash[65], *text = NULL;
    vb_mask m, again;
    uint8_t *packed;
    size_t bytes;

    assert_int_equal(sscanf(line, "%d %d %lld %64s %n", &h, &w, &area, hash, &used), 4);
    mask_of_text(&m, h, w, line + used);
    assert_int_equal(vb_mask_area(&m), area);
    assert_int_equal(vb_mask_any(&m), area > 0);
    bytes = (size_t)h * (((size_t)w + 7) / 8);
    packed = malloc(bytes);
    vb_mask_packbits(packed, &m);
    sha256_is(packed, bytes, hash);

    ok(vb_mask_rle(&text, &m, &ok_err));
    assert_string_equal(text, line + used);

    ok(vb_mask_init(&again, h, w, &ok_err));
    for (int y = 0; w % 8 && y < h; y++) /* what stands in the padding of a row must not enter the mask */
        packed[(size_t)y * (((size_t)w + 7) / 8) + (size_t)w / 8] |= (uint8_t)(0xFF >> (w % 8));
    vb_mask_unpackbits(&again, packed);
    assert_memory_equal(m.bits, again.bits, (size_t)h * m.stride * 8);
    assert_int_equal(vb_mask_hash(&m), vb_mask_hash(&again));
    free(text);
    free(packed);
    vb_mask_deinit(&m);
    vb_mask_deinit(&again);
}

static void equal_to_pycocotools(void **state)
{
    (void)state;
    for_lines(FIXTURES "/rle.txt", pycocotools_case);
}

static void hostile_text_is_refused(void **state)
{
    /* no number; runs too long, too short; a number without end; negative; an endless one */
    static const char *const bad[] = {"", " ", "\x7f", "0", "9", "k0", "P", "o", "oooooooooooooooooooooooo0", "I", "4M",
                                      "3M0000000000000000001", "nnnnnnnnnnnn7", "08000000000I"};
    vb_mask m;
    vb_err err;

    (void)state;
    ok(vb_mask_init(&m, 2, 4, &ok_err));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (vb_mask_from_rle(&m, bad[i], &err) != VB_EFORMAT)
            fail_msg("'%s' was taken", bad[i]);
    ok(vb_mask_from_rle(&m, "8", &ok_err));
    assert_int_equal(vb_mask_area(&m), 0);
    ok(vb_mask_from_rle(&m, "08", &ok_err));
    assert_int_equal(vb_mask_area(&m), 8);
    vb_mask_deinit(&m);
}

/* Any bytes at all end in VB_OK or VB_EFORMAT, and in a mask with clean padding. */
static void random_text_never_breaks_a_mask(void **state)
{
    uint32_t r = 1;
    vb_mask m;
    char text[24];

    (void)state;
    ok(vb_mask_init(&m, 7, 67, &ok_err));
    for (int i = 0; i < 20000; i++) {
        int n = i % 23;

        for (int k = 0; k < n; k++) {
            r = r * 1664525u + 1013904223u;
            text[k] = (char)(1 + (r >> 24) % 127);
            if (i % 2)
                text[k] = (char)(48 + (r >> 24) % 64);
        }
        text[n] = '\0';
        (void)vb_mask_from_rle(&m, text, NULL);
        for (int y = 0; y < m.h; y++)
            assert_int_equal(m.bits[(size_t)y * m.stride + 1] >> 3, 0);
    }
    vb_mask_deinit(&m);
}

static void bytes_count_when_not_zero(void **state)
{
    uint8_t v[3][80] = {{0}};
    vb_mask m;

    (void)state;
    memset(v, 0xFF, sizeof v); /* beyond the width: not to be read into the mask */
    for (int y = 0; y < 3; y++)
        for (int x = 0; x < 70; x++)
            v[y][x] = (uint8_t)((x * 7 + y) % 3 ? 0 : 1 + (x * 37 + y) % 255);
    ok(vb_mask_init(&m, 3, 70, &ok_err));
    vb_mask_from_bytes(&m, v[0], sizeof v[0]);
    for (int y = 0; y < 3; y++)
        for (int x = 0; x < 70; x++)
            assert_int_equal(vb_mask_get(&m, y, x), v[y][x] != 0);
    assert_int_equal(m.bits[1] >> 6, 0);
    vb_mask_deinit(&m);
}

static void overlaps_are_counted(void **state)
{
    vb_mask a, b;
    int64_t inter, uni;

    (void)state;
    mask_of_picture(&a, 2, 5, "##..#"
                              ".....");
    mask_of_picture(&b, 2, 5, ".##.#"
                              "#....");
    vb_mask_overlap(&inter, &uni, &a, &b);
    assert_int_equal(inter, 2);
    assert_int_equal(uni, 5);
    vb_mask_deinit(&a);
    vb_mask_deinit(&b);
}

static void hashes_tell_masks_apart(void **state)
{
    vb_mask a, b;

    (void)state;
    ok(vb_mask_init(&a, 64, 64, &ok_err));
    ok(vb_mask_init(&b, 64, 64, &ok_err));
    /* the top bits of two words: plain multiplication would let them cancel */
    a.bits[3] = a.bits[9] = UINT64_C(1) << 63;
    assert_int_not_equal(vb_mask_hash(&a), vb_mask_hash(&b));
    b.bits[4] = b.bits[9] = UINT64_C(1) << 63;
    assert_int_not_equal(vb_mask_hash(&a), vb_mask_hash(&b));
    vb_mask_deinit(&b);
    ok(vb_mask_init(&b, 32, 128, &ok_err)); /* the same words */
    memcpy(b.bits, a.bits, 64 * 8);
    assert_int_not_equal(vb_mask_hash(&a), vb_mask_hash(&b));
    vb_mask_deinit(&a);
    vb_mask_deinit(&b);
}

static void impossible_sizes_are_refused(void **state)
{
    vb_mask m;

    (void)state;
    assert_int_equal(vb_mask_init(&m, 0, 5, NULL), VB_ESHAPE);
    vb_mask_deinit(&m); /* a failed one too */
    assert_int_equal(vb_mask_init(&m, 5, -1, NULL), VB_ESHAPE);
    assert_int_equal(vb_mask_init(&m, 5, 1 << 20, NULL), VB_ESHAPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_to_pycocotools),      cmocka_unit_test(hostile_text_is_refused),
        cmocka_unit_test(random_text_never_breaks_a_mask), cmocka_unit_test(bytes_count_when_not_zero),
        cmocka_unit_test(overlaps_are_counted),      cmocka_unit_test(hashes_tell_masks_apart),
        cmocka_unit_test(impossible_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
