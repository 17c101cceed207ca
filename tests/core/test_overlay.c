/* Overlay pictures, read back by libpng's simplified interface of the test alone. */
#include "support.h"

#include "overlay.h"

#include <png.h>
#include <stdlib.h>

static void outline_blend_and_truth(void **state)
{
    enum { H = 20, W = 24 };
    char dir[256], path[300];
    uint8_t *rgb = calloc(H * W, 3), *out = malloc(H * W * 3);
    vb_mask masks[2], gt[2];
    png_image im = {.version = PNG_IMAGE_VERSION};
    vb_err err;

    (void)state;
    make_scratch(dir);
    snprintf(path, sizeof path, "%s/o.png", dir);
    for (int i = 0; i < H * W * 3; i++)
        rgb[i] = 100;
    for (int i = 0; i < 2; i++) {
        ok(vb_mask_init(&masks[i], H, W, &ok_err));
        memset(&gt[i], 0, sizeof gt[i]);
    }
    for (int y = 4; y < 14; y++)
        masks[0].bits[y] = 0x3FF0; /* columns 4 to 13 */
    ok(vb_mask_init(&gt[0], H, W, &ok_err)); /* object 1 has none */
    for (int y = 15; y < 19; y++)
        gt[0].bits[y] = 0xF;
    ok(vb_overlay_write(path, rgb, H, W, masks, gt, 2, &ok_err));
    assert_true(png_image_begin_read_from_file(&im, path));
    assert_int_equal(im.width, W);
    assert_int_equal(im.height, H);
    im.format = PNG_FORMAT_RGB;
    assert_true(png_image_finish_read(&im, NULL, out, 0, NULL));
#define AT(y, x) (&out[((y)*W + (x)) * 3])
    assert_memory_equal(AT(0, 0), rgb, 3);                 /* untouched outside */
    assert_memory_not_equal(AT(4, 4), AT(8, 8), 3);        /* outline, blend */
    assert_memory_not_equal(AT(8, 8), rgb, 3);
    assert_memory_equal(AT(4, 4), AT(5, 8), 3);            /* the outline is two wide, of one colour */
    assert_memory_equal(AT(15, 0), "\xff\xff\xff", 3);     /* ground truth's line is white */
    assert_memory_equal(AT(17, 1), rgb, 3);                /* and thin */
    assert_int_equal(vb_overlay_write(path, rgb, H, W + 1, masks, NULL, 1, &err), VB_ESHAPE);
    for (int i = 0; i < 2; i++) {
        vb_mask_deinit(&masks[i]);
        vb_mask_deinit(&gt[i]);
    }
    free(rgb);
    free(out);
    remove_tree(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(outline_blend_and_truth)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
