/* Images: Pillow's pixels, every kind of mask file, and files that lie. */
#include "support.h"

#include "image_io.h"
#include "types.h"

#include <png.h>
#include <stdlib.h>
#include <unistd.h>

static char scratch[256];

static void in_scratch(char path[512], const char *name) { snprintf(path, 512, "%s/%s", scratch, name); }

static void pillow_case(char *line)
{
    char file[128], path[512], hash[65];
    int h, w, seen_h, seen_w;
    vb_jpeg *j;
    vb_image im = {0};

    assert_int_equal(sscanf(line, "%127s %d %d %64s", file, &h, &w, hash), 4);
    snprintf(path, sizeof path, "%s/%s", VB_TEST_DIR, file);
    ok(vb_jpeg_create(&j, &ok_err));
    ok(vb_jpeg_size(path, &seen_h, &seen_w, &ok_err));
    assert_int_equal(seen_h, h);
    assert_int_equal(seen_w, w);
    ok(vb_jpeg_decode(j, path, &im, &ok_err));
    assert_int_equal(im.h, h);
    assert_int_equal(im.w, w);
    sha256_is(im.rgb, (size_t)h * (size_t)w * 3, hash);
    vb_image_deinit(&im);
    vb_jpeg_free(j);
}

static void jpeg_equal_to_pillow(void **state)
{
    (void)state;
    for_lines(FIXTURES "/decode.txt", pillow_case);
}

/* A file cut at any length is refused and leaves the decoder fit for the next one. */
static void truncated_jpeg(const char *source)
{
    size_t n;
    unsigned char *data = read_file(source, &n);
    char path[512];
    vb_jpeg *j;
    vb_image im = {0};
    int h, w;
    vb_err err;

    in_scratch(path, "cut.jpg");
    ok(vb_jpeg_create(&j, &ok_err));
    for (size_t k = 0; k + 2 < n; k += 10) {
        write_file(path, data, k);
        if (vb_jpeg_decode(j, path, &im, &err) != VB_EFORMAT)
            fail_msg("%s cut at %zu of %zu was taken", source, k, n);
        assert_says(&err, path, NULL);
        if (vb_jpeg_size(path, &h, &w, &err) != VB_OK)
            assert_int_equal(err.code, VB_EFORMAT);
    }
    ok(vb_jpeg_decode(j, source, &im, &ok_err));
    vb_image_deinit(&im);
    vb_jpeg_free(j);
    free(data);
}

static void truncated_jpeg_is_refused(void **state)
{
    (void)state;
    truncated_jpeg(FIXTURES "/444.jpg");
    truncated_jpeg(FIXTURES "/grey.jpg");
    truncated_jpeg(FIXTURES "/progressive.jpg");
}

/* Damage may pass unseen or be refused; it must not crash (sanitizers) or be anything else. */
static void damaged_files_do_not_crash(void **state)
{
    static const char *const sources[] = {FIXTURES "/444.jpg", FIXTURES "/progressive.jpg", FIXTURES "/palette.png",
                                          FIXTURES "/grey.png"};
    char path[512];
    uint32_t r = 7;
    vb_jpeg *j;
    vb_image im = {0};

    (void)state;
    in_scratch(path, "damaged");
    ok(vb_jpeg_create(&j, &ok_err));
    for (size_t s = 0; s < sizeof sources / sizeof *sources; s++)
        for (int i = 0; i < 300; i++) {
            size_t n;
            unsigned char *data = read_file(sources[s], &n);
            vb_mask m;
            vb_status st;
            int h, w;

            for (int k = 0; k < 1 + i % 4; k++) {
                r = r * 1664525u + 1013904223u;
                data[(r >> 8) % n] ^= (unsigned char)(1u << (r >> 29));
            }
            write_file(path, data, n);
            free(data);
            if (s < 2) {
                (void)vb_jpeg_size(path, &h, &w, NULL);
                st = vb_jpeg_decode(j, path, &im, NULL);
            } else {
                (void)vb_png_size(path, &h, &w, NULL);
                st = vb_png_read_mask(&m, path, NULL);
                vb_mask_deinit(&m);
            }
            assert_true(st == VB_OK || st == VB_EFORMAT);
        }
    vb_image_deinit(&im);
    vb_jpeg_free(j);
}

static void jpeg_that_is_none(void **state)
{
    static const unsigned char huge[] = {0xFF, 0xD8, 0xFF, 0xC0, 0, 17, 8, 0xFF, 0xFF, 0xFF, 0xFF, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0};
    static const unsigned char endless[] = {0xFF, 0xD8, 0xFF, 0xE0, 0, 0, 0xFF, 0xE0};
    char path[512];
    vb_jpeg *j;
    vb_image im = {0};
    int h, w;
    vb_err err;

    (void)state;
    ok(vb_jpeg_create(&j, &ok_err));
    assert_int_equal(vb_jpeg_decode(j, FIXTURES "/cmyk.jpg", &im, &err), VB_EFORMAT);
    assert_says(&err, "cmyk.jpg", "CMYK", NULL);
    assert_int_equal(vb_jpeg_size(FIXTURES "/cmyk.jpg", &h, &w, &err), VB_EFORMAT);
    assert_int_equal(vb_jpeg_size(FIXTURES "/grey.png", &h, &w, &err), VB_EFORMAT);
    assert_int_equal(vb_jpeg_decode(j, FIXTURES "/grey.png", &im, &err), VB_EFORMAT);
    in_scratch(path, "huge.jpg");
    write_file(path, huge, sizeof huge);
    assert_int_equal(vb_jpeg_size(path, &h, &w, &err), VB_EFORMAT);
    assert_says(&err, "65535 x 65535", NULL);
    assert_int_equal(vb_jpeg_decode(j, path, &im, &err), VB_EFORMAT);
    write_file(path, endless, sizeof endless);
    assert_int_equal(vb_jpeg_size(path, &h, &w, &err), VB_EFORMAT);
    assert_int_equal(vb_jpeg_decode(j, scratch, &im, &err), VB_EIO); /* a folder */
    assert_int_equal(vb_jpeg_decode(j, "/no/such.jpg", &im, &err), VB_EIO);
    assert_says(&err, "/no/such.jpg", NULL);
    assert_null(im.rgb); /* nothing was allocated for any of them */
    vb_jpeg_free(j);
}

static void files_over_the_limit_are_refused(void **state)
{
    char path[512];
    vb_err err;
    vb_mask m;

    (void)state;
    in_scratch(path, "large.png");
    copy_file(path, FIXTURES "/grey.png");
    assert_int_equal(truncate(path, ((off_t)256 << 20) + 1), 0); /* sparse */
    assert_int_equal(vb_png_read_mask(&m, path, &err), VB_EFORMAT);
    assert_says(&err, path, "268435457", NULL);
    unlink(path);
}

static void png_case(char *line)
{
    static const char *const names[] = {"palette.png", "palette1.png", "grey.png", "bilevel.png"};
    int h, w, used = 0;
    vb_mask expected;

    assert_int_equal(sscanf(line, "%d %d %n", &h, &w, &used), 2);
    mask_of_text(&expected, h, w, line + used);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[512];
        vb_mask m;
        int seen_h, seen_w;

        snprintf(path, sizeof path, FIXTURES "/%s", names[i]);
        ok(vb_png_size(path, &seen_h, &seen_w, &ok_err));
        assert_int_equal(seen_h, h);
        assert_int_equal(seen_w, w);
        ok(vb_png_read_mask(&m, path, &ok_err));
        assert_int_equal(vb_mask_hash(&m), vb_mask_hash(&expected));
        vb_mask_deinit(&m);
    }
    vb_mask_deinit(&expected);
}

static void png_of_every_kind_of_mask(void **state)
{
    uint8_t *v;
    int h, w;

    (void)state;
    for_lines(FIXTURES "/png.txt", png_case);
    ok(vb_png_read_grey(&v, &h, &w, FIXTURES "/palette1.png", &ok_err)); /* values, not colours */
    for (int i = 0; i < h * w; i++)
        assert_true(v[i] <= 1);
    free(v);
}

static void png_that_is_no_mask(void **state)
{
    static const char *const names[] = {"grey16.png", "rgb.png", "grey.jpg"};
    char path[512];
    vb_mask m;
    vb_err err;
    int h, w;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, FIXTURES "/%s", names[i]);
        assert_int_equal(vb_png_read_mask(&m, path, &err), VB_EFORMAT);
        assert_says(&err, names[i], NULL);
        assert_int_equal(vb_png_size(path, &h, &w, &err), VB_EFORMAT); /* told by the header already */
    }
    assert_int_equal(vb_png_read_mask(&m, "/no/such.png", &err), VB_EIO);
    assert_null(m.bits);
}

static void truncated_png_is_refused(void **state)
{
    static const char *const names[] = {FIXTURES "/palette.png", FIXTURES "/grey.png", FIXTURES "/bilevel.png"};
    char path[512];

    (void)state;
    in_scratch(path, "cut.png");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n;
        unsigned char *data = read_file(names[i], &n);

        for (size_t k = 0; k < n; k += k + 10 < n ? 10 : 1) {
            vb_mask m;
            uint8_t *v;
            int h, w;
            vb_err err;

            write_file(path, data, k);
            if (vb_png_read_mask(&m, path, &err) != VB_EFORMAT)
                fail_msg("%s cut at %zu of %zu was taken", names[i], k, n);
            assert_says(&err, path, NULL);
            assert_null(m.bits);
            assert_int_equal(vb_png_read_grey(&v, &h, &w, path, &err), VB_EFORMAT);
            assert_null(v);
        }
        free(data);
    }
}

static void huge_png_is_refused_by_its_header(void **state)
{
    size_t n;
    unsigned char *data = read_file(FIXTURES "/grey.png", &n);
    char path[512];
    vb_mask m;
    vb_err err;

    (void)state;
    in_scratch(path, "huge.png");
    memcpy(data + 16, "\x7f\xff\xff\xff\x7f\xff\xff\xff", 8);
    write_file(path, data, n);
    assert_int_equal(vb_png_read_mask(&m, path, &err), VB_EFORMAT);
    assert_says(&err, "2147483647 x 2147483647", NULL);
    memcpy(data + 16, "\0\0\0\0\0\0\0\5", 8);
    write_file(path, data, n);
    assert_int_equal(vb_png_read_mask(&m, path, &err), VB_EFORMAT);
    free(data);
}

static void interlaced_png(void **state)
{
    char path[512];
    uint8_t v[13][21], *back;
    FILE *f;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    int h, w;
    vb_mask m;

    (void)state;
    in_scratch(path, "interlaced.png");
    f = fopen(path, "wb");
    png_init_io(png, f);
    png_set_IHDR(png, info, 21, 13, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_ADAM7, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (int y = 0; y < 13; y++)
        for (int x = 0; x < 21; x++)
            v[y][x] = (uint8_t)((x * x + y) % 4 ? 0 : x + y);
    for (int pass = png_set_interlace_handling(png); pass > 0; pass--)
        for (int y = 0; y < 13; y++)
            png_write_row(png, v[y]);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    fclose(f);
    ok(vb_png_read_grey(&back, &h, &w, path, &ok_err));
    assert_memory_equal(back, v, sizeof v);
    ok(vb_png_read_mask(&m, path, &ok_err));
    for (int y = 0; y < 13; y++)
        for (int x = 0; x < 21; x++)
            assert_int_equal(vb_mask_get(&m, y, x), v[y][x] != 0);
    vb_mask_deinit(&m);
    free(back);
}

static void what_is_written_reads_back(void **state)
{
    char path[512];
    vb_mask m, back;
    uint8_t *v;
    int h, w;
    vb_err err;

    (void)state;
    ok(vb_mask_init(&m, 11, 67, &ok_err));
    for (int y = 0; y < 11; y++)
        m.bits[(size_t)y * 2] = UINT64_C(0x9E3779B97F4A7C15) * (uint64_t)(y + 1);
    m.bits[3] = 5;
    in_scratch(path, "mask.png");
    ok(vb_png_write_mask(path, &m, &ok_err));
    ok(vb_png_read_mask(&back, path, &ok_err));
    assert_int_equal(vb_mask_hash(&back), vb_mask_hash(&m));
    ok(vb_png_read_grey(&v, &h, &w, path, &ok_err));
    for (int i = 0; i < h * w; i++)
        assert_int_equal(v[i], vb_mask_get(&m, i / w, i % w) ? 255 : 0);
    free(v);
    assert_int_equal(vb_png_write_mask("/no/such/folder/a.png", &m, &err), VB_EIO);
    assert_says(&err, "/no/such/folder/a.png", NULL);
    vb_mask_deinit(&m);
    vb_mask_deinit(&back);
}

static void a_full_disk_is_told_and_leaves_no_file(void **state)
{
    char path[512];
    vb_mask m;
    vb_err err;

    (void)state;
    if (access("/dev/full", W_OK))
        skip();
    in_scratch(path, "full.png");
    assert_int_equal(symlink("/dev/full", path), 0);
    ok(vb_mask_init(&m, 300, 300, &ok_err));
    assert_int_equal(vb_png_write_mask(path, &m, &err), VB_EIO);
    assert_int_not_equal(access(path, F_OK), 0);
    vb_mask_deinit(&m);
}

static int set_up(void **state)
{
    (void)state;
    make_scratch(scratch);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_tree(scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jpeg_equal_to_pillow),        cmocka_unit_test(truncated_jpeg_is_refused),
        cmocka_unit_test(damaged_files_do_not_crash),  cmocka_unit_test(jpeg_that_is_none),
        cmocka_unit_test(files_over_the_limit_are_refused), cmocka_unit_test(png_of_every_kind_of_mask),
        cmocka_unit_test(png_that_is_no_mask),         cmocka_unit_test(truncated_png_is_refused),
        cmocka_unit_test(huge_png_is_refused_by_its_header), cmocka_unit_test(interlaced_png),
        cmocka_unit_test(what_is_written_reads_back),  cmocka_unit_test(a_full_disk_is_told_and_leaves_no_file),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
