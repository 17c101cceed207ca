/* From a JPEG file to what the network sees, against the official loader: golden/preprocess.h5. */
#include "support.h"

#include "image_io.h"
#include "resize.h"

#include <hdf5.h>
#include <stdlib.h>

static void read_set(hid_t file, const char *group, const char *name, hid_t type, void *data)
{
    char path[128];
    hid_t set;

    snprintf(path, sizeof path, "%s/%s", group, name);
    set = H5Dopen2(file, path, H5P_DEFAULT);
    assert_true(set >= 0 && H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Dclose(set);
}

static long long sum_attribute(hid_t file, const char *group)
{
    char path[128];
    long long v = -1;
    hid_t a;

    snprintf(path, sizeof path, "%s/resized_u8", group);
    a = H5Aopen_by_name(file, path, "sum", H5P_DEFAULT, H5P_DEFAULT);
    assert_true(a >= 0 && H5Aread(a, H5T_NATIVE_LLONG, &v) >= 0);
    H5Aclose(a);
    return v;
}

static void check_size(hid_t file, const char *video, const vb_image *im, int size, float table[3][256])
{
    const int step = size <= 256 ? 1 : size == 512 ? 3 : 7, n = (size + step - 1) / step, m = size / 16;
    uint8_t *out = malloc((size_t)size * (size_t)size * 3), *golden = malloc((size_t)n * (size_t)n * 3);
    float *input = malloc((size_t)m * (size_t)m * 3 * sizeof *input);
    char group[64];
    long long sum = 0;
    vb_resizer *r;

    snprintf(group, sizeof group, "%s/%d", video, size);
    read_set(file, group, "resized_u8", H5T_NATIVE_UINT8, golden);
    read_set(file, group, "input_sub", H5T_NATIVE_FLOAT, input);
    ok(vb_resizer_create(&r, im->h, im->w, size, size, &ok_err));
    vb_resize_rgb(r, out, im->rgb);
    vb_resizer_free(r);
    for (size_t i = 0; i < (size_t)size * (size_t)size * 3; i++)
        sum += out[i];
    assert_int_equal(sum, sum_attribute(file, group));
    for (int y = 0; y < n; y++)
        for (int x = 0; x < n; x++)
            assert_memory_equal(&golden[(y * n + x) * 3], &out[((size_t)(y * step) * (size_t)size + (size_t)(x * step)) * 3], 3);
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < m; y++)
            for (int x = 0; x < m; x++)
                assert_true(input[(c * m + y) * m + x] == table[c][out[((size_t)(y * 16) * (size_t)size + (size_t)(x * 16)) * 3 + (size_t)c]]);
    free(out);
    free(golden);
    free(input);
}

static void equal_to_the_official_loader(void **state)
{
    static const char *const videos[] = {"sav_900001", "sav_900002"};
    static const int sizes[] = {256, 512, 1024};
    hid_t file = H5Fopen(VB_TEST_DIR "/golden/preprocess.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    float table[3][256];
    vb_jpeg *j;
    vb_image im = {0};

    (void)state;
    assert_true(file >= 0);
    vb_normalize_table(table);
    ok(vb_jpeg_create(&j, &ok_err));
    for (int v = 0; v < 2; v++) {
        char path[512];

        snprintf(path, sizeof path, VB_TEST_DIR "/golden/clips/JPEGImages_24fps/%s/00000.jpg", videos[v]);
        ok(vb_jpeg_decode(j, path, &im, &ok_err));
        for (int s = 0; s < 3; s++)
            check_size(file, videos[v], &im, sizes[s], table);
    }
    vb_image_deinit(&im);
    vb_jpeg_free(j);
    H5Fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(equal_to_the_official_loader)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
