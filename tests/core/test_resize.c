/* Pillow's bytes, for sizes of every kind: both passes, one, none, either first. */
#include "support.h"

#include "resize.h"

#include <stdlib.h>

static void pillow_case(char *line)
{
    int in_h, in_w, out_h, out_w;
    char hash[65];
    vb_resizer *r;
    uint8_t *in, *out;
    size_t n;

    assert_int_equal(sscanf(line, "%d %d %d %d %64s", &in_h, &in_w, &out_h, &out_w, hash), 5);
    n = (size_t)in_h * (size_t)in_w * 3;
    in = malloc(n); /* exact sizes: a sanitizer sees a step beyond */
    out = malloc((size_t)out_h * (size_t)out_w * 3);
    for (size_t i = 0; i < n; i++)
        in[i] = (uint8_t)((uint32_t)(i * 2654435761u) >> 24);
    ok(vb_resizer_create(&r, in_h, in_w, out_h, out_w, &ok_err));
    for (int again = 0; again < 2; again++) { /* a resizer is used for a whole video */
        memset(out, again, (size_t)out_h * (size_t)out_w * 3);
        vb_resize_rgb(r, out, in);
        sha256_is(out, (size_t)out_h * (size_t)out_w * 3, hash);
    }
    vb_resizer_free(r);
    free(in);
    free(out);
}

static void equal_to_pillow(void **state)
{
    (void)state;
    for_lines(FIXTURES "/resize.txt", pillow_case);
}

static void impossible_sizes_are_refused(void **state)
{
    vb_resizer *r;
    vb_err err;

    (void)state;
    assert_int_equal(vb_resizer_create(&r, 0, 5, 5, 5, &err), VB_ESHAPE);
    assert_null(r);
    assert_int_equal(vb_resizer_create(&r, 5, 5, 5, 100000, &err), VB_ESHAPE);
    assert_says(&err, "100000", NULL);
    vb_resizer_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_to_pillow),
        cmocka_unit_test(impossible_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
