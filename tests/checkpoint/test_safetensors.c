/* The safetensors reader, and what a model's weights are told by. */
#include "checkpoint.h"
#include "torch_writer.h"
#include "weight_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Length, header, n_data bytes 0, 1, 2, ... */
static void make(bytes *file, const char *header, size_t n_data)
{
    *file = (bytes){.n = 0};
    put_le(file, strlen(header), 8);
    put_str(file, header);
    for (size_t i = 0; i < n_data; i++)
        put_le(file, i, 1);
}

static vb_status open_bytes(vb_checkpoint **c, const bytes *file, size_t n, vb_err *err)
{
    char path[32];
    int fd = as_path(path, file->p, n);
    vb_status st = vb_checkpoint_open(c, path, err);

    close(fd);
    return st;
}

/* Padded so that the data starts at a multiple of 8, as the format's own writer does. */
#define HEADER \
    "{\"__metadata__\":{\"format\":\"pt\"},\"b\":{\"dtype\":\"F16\",\"shape\":[2,2],\"data_offsets\":[8,16]}," \
    "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"s\":{\"dtype\":\"I64\",\"shape\":[]," \
    "\"data_offsets\":[16,24]},\"e\":{\"dtype\":\"BF16\",\"shape\":[0,3],\"data_offsets\":[24,24]}}           "

static void tensors_come_in_the_order_of_their_data(void **state)
{
    static const char keys[] = "abse";
    vb_checkpoint *c;
    bytes file;
    char sha[65];
    size_t n_checked;
    vb_err err;

    (void)state;
    make(&file, HEADER, 24);
    assert_int_equal(file.n % 8, 0);
    if (open_bytes(&c, &file, file.n, &err) != VB_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(vb_checkpoint_count(c), 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(vb_checkpoint_at(c, i)->key[0], keys[i]);
    const vb_tensor *b = vb_checkpoint_find(c, "b");

    assert_int_equal(b->type, VB_ST_FLOAT16);
    assert_int_equal(b->ndim, 2);
    assert_int_equal(b->stride[0], 2);
    assert_int_equal(b->stride[1], 1);
    assert_int_equal(((const uint8_t *)b->data)[0], 8);
    assert_int_equal(vb_checkpoint_find(c, "s")->ndim, 0);
    assert_int_equal(vb_checkpoint_sha256(c, sha, &err), VB_OK);
    assert_int_equal(strlen(sha), 64);
    assert_int_equal(vb_checkpoint_verify(c, &n_checked, &err), VB_OK);
    assert_int_equal(n_checked, 0);
    vb_checkpoint_free(c);
    free(file.p);
}

static void every_cut_is_an_error(void **state)
{
    vb_checkpoint *c;
    bytes file;
    vb_err err;

    (void)state;
    make(&file, HEADER, 24);
    for (size_t n = 0; n < file.n; n++)
        assert_int_equal(open_bytes(&c, &file, n, &err), VB_EFORMAT);
    free(file.p);
}

#define ENTRY(dtype, shape, range) "{\"k\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" range "}}"

static void lies_are_named(void **state)
{
    static const struct {
        const char *header, *says;
    } cases[] = {
        {"{]", "not a JSON object"},
        {"{}", "bytes behind the last tensor"},
        {"{\"k\":1}", "'k': expected dtype, shape and two data_offsets"},
        {"{\"k\":{}}", "expected dtype, shape and two data_offsets"},
        {"{\"k\\u001b[2J\":{}}", "'k?[2J': expected"},
        {"{\"k\":{},\"k\":{}}", "duplicate"},
        {ENTRY("\"F8_E4M3\"", "[8]", "[0,8]"), "a dtype other than"},
        {ENTRY("4", "[2]", "[0,8]"), "expected dtype"},
        {ENTRY("\"F32\"", "[2]", "[0,8,9]"), "two data_offsets"},
        {ENTRY("\"F32\"", "[2]", "[0,8],\"x\":1"), "expected dtype"},
        {ENTRY("\"F32\"", "[3]", "[0,8]"), "do not fit dtype and shape"},
        {ENTRY("\"F32\"", "[2]", "[8,0]"), "do not fit"},
        {ENTRY("\"F32\"", "[2]", "[-8,0]"), "do not fit"},
        {ENTRY("\"F32\"", "[2]", "[0.0,8]"), "do not fit"},
        {ENTRY("\"F32\"", "[-2]", "[0,8]"), "an impossible shape"},
        {ENTRY("\"F32\"", "[2.5]", "[0,8]"), "an impossible shape"},
        {ENTRY("\"F32\"", "[4611686018427387904,4]", "[0,0]"), "an impossible shape"},
        {ENTRY("\"F32\"", "[4611686018427387906]", "[0,8]"), "an impossible shape"}, /* its bytes wrap to 8 */
        {ENTRY("\"F32\"", "[1,1,1,1,1,1,1,1,2]", "[0,8]"), "more than 8 dimensions"},
        {ENTRY("\"F32\"", "[4]", "[0,16]"), "beyond the end of the file"},
        {ENTRY("\"U8\"", "[9223372036854775807]", "[0,9223372036854775807]"), "beyond the end of the file"},
        {ENTRY("\"U8\"", "[7]", "[1,8]"), "a gap or overlaps"},
        {ENTRY("\"U8\"", "[7]", "[0,7]"), "1 bytes behind the last tensor"},
        {"{\"k\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]},"
         "\"l\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}", "'l': its data leaves a gap or overlaps"},
        {"{\"\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]}}", "a key of 0 bytes"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vb_checkpoint *c;
        bytes file;
        vb_err err = {.msg = ""};

        make(&file, cases[i].header, 8);
        assert_int_equal(open_bytes(&c, &file, file.n, &err), VB_EFORMAT);
        if (!strstr(err.msg, cases[i].says))
            fail_msg("'%s' does not say '%s'", err.msg, cases[i].says);
        free(file.p);
    }
}

static void a_header_length_beyond_the_file_is_refused(void **state)
{
    static const uint64_t lengths[] = {UINT64_MAX, (uint64_t)1 << 63, 1000, (64 << 20)};
    vb_checkpoint *c;
    bytes file;
    vb_err err;

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        make(&file, HEADER, 24);
        memcpy(file.p, &lengths[i], 8);
        assert_int_equal(open_bytes(&c, &file, file.n, &err), VB_EFORMAT);
        assert_non_null(strstr(err.msg, "safetensors header of"));
        free(file.p);
    }
}

static void deep_json_is_refused(void **state)
{
    vb_checkpoint *c;
    bytes header = {.n = 0}, file;
    vb_err err;

    (void)state;
    put_str(&header, "{\"k\":");
    for (int i = 0; i < 100000; i++)
        put_str(&header, "[");
    put(&header, "", 1);
    make(&file, (const char *)header.p, 0);
    assert_int_equal(open_bytes(&c, &file, file.n, &err), VB_EFORMAT);
    assert_non_null(strstr(err.msg, "maximum parsing depth"));
    free(header.p);
    free(file.p);
}

/* A sparse file with every tensor of a list as float16 (or int64): it takes up its header's room alone. */
static void told_apart(const char *folder, const char *list, const char *kind)
{
    char path[1024];
    weight_list w;
    bytes header = {.n = 0}, file = {.n = 0};
    uint64_t at = 0;
    vb_checkpoint *c;
    vb_err err;

    snprintf(path, sizeof path, "%s/%s", folder, list);
    if (!weight_list_read(&w, path)) {
        print_message("%s is absent\n", path);
        skip();
    }
    for (size_t i = 0; i < w.n; i++) {
        const vb_tensor_spec *s = &w.specs[i];
        uint64_t n = s->integer ? 8 : 2;
        char text[512];

        snprintf(text, sizeof text, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", i ? "," : "{", s->key, s->integer ? "I64" : "F16");
        put_str(&header, text);
        for (int d = 0; d < s->ndim; d++) {
            snprintf(text, sizeof text, "%s%d", d ? "," : "", (int)s->shape[d]);
            put_str(&header, text);
            n *= (uint64_t)s->shape[d];
        }
        snprintf(text, sizeof text, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)at, (unsigned long long)(at + n));
        put_str(&header, text);
        at += n;
    }
    put_str(&header, "}");
    while (header.n % 8)
        put_str(&header, " ");
    put_le(&file, header.n, 8);
    put(&file, header.p, header.n);
    int fd = as_path(path, file.p, file.n);

    assert_int_equal(ftruncate(fd, (off_t)(file.n + at)), 0);
    if (vb_checkpoint_open(&c, path, &err) != VB_OK)
        fail_msg("%s", err.msg);
    assert_string_equal(vb_checkpoint_kind(c), kind);
    if (vb_checkpoint_check(c, w.specs, w.n, kind, &err) != VB_OK)
        fail_msg("%s", err.msg);
    vb_checkpoint_free(c);
    close(fd);
    free(header.p);
    free(file.p);
    weight_list_free(&w);
}

#define BUNDLED VB_TEST_DIR "/golden/weights"
#define SHARED VB_SHARED_DIR "/oracle/weights"
static void sam21_t(void **s) { (void)s; told_apart(BUNDLED, "sam2.1_hiera_t_seed13.txt", "sam2.1_t"); }
static void edgetam(void **s) { (void)s; told_apart(BUNDLED, "edgetam_seed2.txt", "edgetam"); }
static void sam21_s(void **s) { (void)s; told_apart(SHARED, "sam2.1_hiera_s_seed1.txt", "sam2.1_s"); }
static void sam21_b(void **s) { (void)s; told_apart(SHARED, "sam2.1_hiera_b+_seed2.txt", "sam2.1_b+"); }
static void sam21_l(void **s) { (void)s; told_apart(SHARED, "sam2.1_hiera_l_seed5.txt", "sam2.1_l"); }
static void sam2_t(void **s) { (void)s; told_apart(SHARED, "sam2_hiera_t_seed1.txt", "sam2_t"); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_come_in_the_order_of_their_data),
        cmocka_unit_test(every_cut_is_an_error),
        cmocka_unit_test(lies_are_named),
        cmocka_unit_test(a_header_length_beyond_the_file_is_refused),
        cmocka_unit_test(deep_json_is_refused),
        cmocka_unit_test(edgetam),
        cmocka_unit_test(sam21_t),
        cmocka_unit_test(sam21_s),
        cmocka_unit_test(sam21_b),
        cmocka_unit_test(sam21_l),
        cmocka_unit_test(sam2_t),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
