/* Files of weights: what torch.save wrote is read to the element, what is damaged or hostile is refused by name. */
#include "checkpoint.h"
#include "torch_writer.h"
#include "weight_list.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FIXTURES VB_TEST_DIR "/checkpoint/fixtures/"

static vb_checkpoint *opened(const char *path)
{
    vb_checkpoint *c;
    vb_err err;

    if (vb_checkpoint_open(&c, path, &err) != VB_OK)
        fail_msg("%s", err.msg);
    return c;
}

static void refused(const char *path, vb_status code, const char *says)
{
    vb_checkpoint *c;
    vb_err err = {.msg = ""};

    assert_int_equal(vb_checkpoint_open(&c, path, &err), code);
    assert_null(c);
    if (!strstr(err.msg, says))
        fail_msg("'%s' does not say '%s'", err.msg, says);
}

static void refused_bytes(const void *data, size_t n, const char *says)
{
    char path[32];
    int fd = as_path(path, data, n);

    refused(path, VB_EFORMAT, says);
    close(fd);
}

static double widen(vb_storage_type type, const void *p)
{
    union {
        uint32_t bits;
        float f;
    } u = {0};
    uint16_t h;

    switch (type) {
    case VB_ST_FLOAT32:
        return *(const float *)p;
    case VB_ST_FLOAT64:
        return *(const double *)p;
    case VB_ST_INT64:
        return (double)*(const int64_t *)p;
    case VB_ST_INT32:
        return *(const int32_t *)p;
    case VB_ST_UINT8:
    case VB_ST_BOOL:
        return *(const uint8_t *)p;
    case VB_ST_BFLOAT16:
        memcpy(&h, p, sizeof h);
        u.bits = (uint32_t)h << 16;
        return u.f;
    case VB_ST_FLOAT16:
        memcpy(&h, p, sizeof h);
        double v = h >> 10 & 31 ? ldexp(1024 + (h & 1023), (h >> 10 & 31) - 25) : ldexp(h & 1023, -24);
        return h >> 15 ? -v : v;
    }
    return NAN;
}

/* Element number i in row-major order, by the strides. */
static double element(const vb_tensor *t, int64_t i)
{
    int64_t at = 0;

    for (int d = t->ndim - 1; d >= 0; d--) {
        at += i % t->shape[d] * t->stride[d];
        i /= t->shape[d];
    }
    return widen(t->type, (const char *)t->data + at * (int64_t)vb_storage_type_size(t->type));
}

/* Every line of NAME.txt is the tensor at the same place of NAME.pt. */
static void read_fixture(const char *name)
{
    char path[512], line[1024];
    vb_checkpoint *c;
    FILE *f;
    size_t n = 0, n_checked;
    vb_err err;

    snprintf(path, sizeof path, FIXTURES "%s.pt", name);
    c = opened(path);
    snprintf(path, sizeof path, FIXTURES "%s.txt", name);
    assert_non_null(f = fopen(path, "r"));
    for (; fgets(line, sizeof line, f); n++) {
        const vb_tensor *t = vb_checkpoint_at(c, n);
        char *save = NULL, *key = strtok_r(line, " \n", &save), *dtype = strtok_r(NULL, " \n", &save),
             *shape = strtok_r(NULL, " \n", &save), have[64] = "", *v;
        int64_t count = 1, i = 0;

        assert_non_null(t);
        assert_string_equal(t->key, key);
        assert_ptr_equal(vb_checkpoint_find(c, key), t);
        assert_string_equal(vb_storage_type_name(t->type), dtype);
        for (int d = 0; d < t->ndim; d++) {
            sprintf(have + strlen(have), "%s%d", d ? "x" : "", (int)t->shape[d]);
            count *= t->shape[d];
        }
        assert_string_equal(t->ndim ? have : "scalar", shape);
        for (; (v = strtok_r(NULL, " \n", &save)); i++)
            assert_true(element(t, i) == strtod(v, NULL));
        assert_int_equal(i, count);
    }
    assert_int_equal(vb_checkpoint_count(c), n);
    assert_null(vb_checkpoint_at(c, n));
    assert_null(vb_checkpoint_find(c, "no.such.key"));
    assert_int_equal(vb_checkpoint_verify(c, &n_checked, &err), VB_OK);
    assert_true(n_checked > n / 2);
    fclose(f);
    vb_checkpoint_free(c);
}

static void every_type_and_view_is_read(void **s) { (void)s; read_fixture("good_types"); }
static void a_bare_state_dict_is_read(void **s) { (void)s; read_fixture("good_state_dict"); }
static void extras_beside_the_weights_are_ignored(void **s) { (void)s; read_fixture("good_training"); }
static void parameters_are_read(void **s) { (void)s; read_fixture("good_parameters"); }
static void float16_is_read(void **s) { (void)s; read_fixture("good_float16"); }

static void what_is_no_state_dict_is_refused(void **state)
{
    static const struct {
        const char *name, *says;
    } cases[] = {
        {"module", "refers to 'torch.nn.modules.linear.Linear'"},
        {"tagged_parameter", "refers to 'torch._utils._rebuild_parameter_with_state'"},
        {"uint16", "refers to 'torch._utils._rebuild_tensor_v3'"},
        {"complex", "refers to 'torch.ComplexFloatStorage'"},
        {"negated", "'x' is a lazily negated or conjugated view"},
        {"expanded", "'x' shows 6 elements of a storage of 2"},
        {"mixed", "'epoch' is of type int, not a tensor"},
        {"list", "one value of type list, not a dict"},
        {"no_tensors", "holds no tensors"},
        {"size", "refers to 'torch.Size'"},
        {"int_key", "a state-dict key of type int"},
        {"protocol", "pickle protocol 4"},
        {"legacy", "as torch.save wrote before 1.6"},
        {"deflated", "is compressed (method 8)"},
    };
    char path[512];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(path, sizeof path, FIXTURES "bad_%s.pt", cases[i].name);
        refused(path, VB_EFORMAT, cases[i].says);
    }
}

static void what_is_no_checkpoint_is_refused(void **state)
{
    char path[32], dir[] = "/tmp";
    int fd;

    (void)state;
    refused("/nonexistent/a.pt", VB_EIO, "checkpoint '/nonexistent/a.pt': No such file or directory");
    refused(dir, VB_EIO, "not a regular file");
    fd = as_path(path, "", 0);
    refused(path, VB_EFORMAT, "empty file");
    close(fd);
    refused_bytes("version https://git-lfs.github.com/spec/v1\n", 43, "Git LFS pointer");
    refused_bytes("<!DOCTYPE html>", 15, "a web page");
    refused_bytes("\x89HDF\r\n\x1a\n", 8, "neither a torch.save zip nor safetensors");
    refused_bytes("P", 1, "neither");
}

/* A state dict of one float32 tensor 'w' in a storage of 6 elements. */
static void one_tensor(bytes *file, const char *key, int64_t numel, int64_t offset, const int64_t *shape,
                       const int64_t *stride, int ndim)
{
    static const float data[6] = {1, 2, 3, 4, 5, 6};
    bytes p = {.n = 0};

    pickle_begin(&p);
    put_str(&p, "}");
    pickle_text(&p, "w");
    pickle_tensor(&p, "FloatStorage", key, numel, offset, shape, stride, ndim);
    put_str(&p, "s.");
    torch_file(file, &p, data, sizeof data);
    free(p.p);
}

static void every_element_must_be_in_its_storage(void **state)
{
    static const struct {
        const char *key;
        int64_t numel, offset, shape[9], stride[9];
        int ndim;
        const char *says; /* NULL: fine */
    } cases[] = {
        {"0", 6, 0, {2, 3}, {3, 1}, 2, NULL},
        {"0", 6, 5, {1}, {100}, 1, NULL}, /* a stride that is never taken */
        {"0", 6, 6, {0, 5}, {1, 1}, 2, NULL},
        {"0", 6, 5, {0}, {0}, 0, NULL},
        {"0", 6, 1, {2, 3}, {3, 1}, 2, "reaches element 6 of a storage of 6"},
        {"0", 6, 6, {0}, {0}, 0, "reaches element 6"},
        {"0", 6, 7, {0}, {1}, 1, "reaches element 7"},
        {"0", 6, 0, {2, 3}, {4, 1}, 2, "reaches element 6"},
        {"0", 6, -1, {2}, {1}, 1, "plain shape, stride and offset"},
        {"0", 6, INT64_MAX, {2}, {1}, 1, "reaches element"},
        {"0", 6, 5, {2}, {-1}, 1, "negative or impossible"},
        {"0", 6, 5, {1}, {-1}, 1, "negative or impossible"},
        {"0", 6, 0, {-2}, {1}, 1, "negative or impossible"},
        {"0", 6, 0, {-1, -1}, {1, 1}, 2, "negative or impossible"},
        {"0", 6, 0, {2, 2}, {INT64_MAX, INT64_MAX}, 2, "reaches element"},
        {"0", 6, 0, {3, 3}, {INT64_MAX, INT64_MAX}, 2, "negative or impossible"},
        {"0", 6, 0, {INT64_MAX, INT64_MAX}, {0, 0}, 2, "negative or impossible"},
        {"0", 6, 0, {(int64_t)1 << 40}, {0}, 1, "shows 1099511627776 elements of a storage of 6"},
        {"0", 6, 0, {3, 3}, {1, 1}, 2, "shows 9 elements of a storage of 6"},
        {"0", 6, 0, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1}, 9, "0 to 8 dimensions"},
        {"0", 7, 0, {2}, {1}, 1, "a storage of 7 float32 elements in a record of 24 bytes"},
        {"0", 5, 0, {2}, {1}, 1, "a storage of 5 float32 elements in a record of 24 bytes"},
        {"0", -6, 0, {2}, {1}, 1, "no storage that torch.save would write"},
        {"0", INT64_MAX, 0, {2}, {1}, 1, "in a record of 24 bytes"},
        {"0", ((int64_t)1 << 62) + 6, 0, {2}, {1}, 1, "in a record of 24 bytes"}, /* its bytes wrap to 24 */
        {"1", 6, 0, {2}, {1}, 1, "its storage is not in the file"},
        {"../data.pkl", 6, 0, {2}, {1}, 1, "its storage is not in the file"},
        {"", 6, 0, {2}, {1}, 1, "its storage is not in the file"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bytes file;

        one_tensor(&file, cases[i].key, cases[i].numel, cases[i].offset, cases[i].shape, cases[i].stride, cases[i].ndim);
        if (cases[i].says) {
            refused_bytes(file.p, file.n, cases[i].says);
        } else {
            char path[32];
            int fd = as_path(path, file.p, file.n);

            vb_checkpoint_free(opened(path));
            close(fd);
        }
        free(file.p);
    }
}

/* A pickle of the caller's in a file that has one storage of a float. */
static void pickle_refused(const bytes *p, const char *says)
{
    bytes file;

    torch_file(&file, p, "\0\0\x80\x3f", 4);
    refused_bytes(file.p, file.n, says);
    free(file.p);
}

static void put_w(bytes *b, const char *key)
{
    pickle_text(b, key);
    pickle_tensor(b, "FloatStorage", "0", 1, 0, NULL, NULL, 0);
}

static void keys_are_unique_and_plain(void **state)
{
    char key[300];
    bytes b = {.n = 0};

    (void)state;
    pickle_begin(&b);
    put_str(&b, "}(");
    put_w(&b, "w");
    put_w(&b, "v");
    put_w(&b, "w");
    put_str(&b, "u.");
    pickle_refused(&b, "key 'w' occurs twice");

    b.n = 2;
    put_str(&b, "}(");
    for (int i = 0; i < 2; i++) {
        pickle_text(&b, "model");
        put_str(&b, "}");
        put_w(&b, "w");
        put_str(&b, "s");
    }
    put_str(&b, "u.");
    pickle_refused(&b, "key 'model' occurs twice");

    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    static const struct {
        const char *key, *says;
    } cases[] = {{"", "a key of 0 bytes"}, {"a\x1b[31m", "a key with byte 0x1b"}, {"\xc3\xa4", "a key with byte 0xc3"}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases + 1; i++) {
        b.n = 2;
        put_str(&b, "}");
        put_w(&b, i < 3 ? cases[i].key : key);
        put_str(&b, "s.");
        pickle_refused(&b, i < 3 ? cases[i].says : "a key of 299 bytes");
    }
    free(b.p);
}

static void calls_are_checked_before_use(void **state)
{
    static const struct {
        const char *value, *says;
    } cases[] = {
        {"ctorch._utils\n_rebuild_tensor_v2\n)R", "'w' is not a tensor of 0 to 8 dimensions"},
        {"ctorch._utils\n_rebuild_parameter\n)R", "'w' is of type call, not a tensor"},
        {"ctorch._utils\n_rebuild_parameter\n(NNNtR", "'w' is of type None, not a tensor"},
        {"ctorch._utils\n_rebuild_parameter\n(ctorch._utils\n_rebuild_parameter\n)RNNtR", "'w' is of type call"},
        {"ctorch\nFloatStorage\n", "'w' is of type class"},
        {"NQ", "'w' is of type storage"},
        {"ctorch._utils\n_rebuild_tensor_v2\n(NK\1))N}tR", "'w' has no storage"},
        {"ctorch._utils\n_rebuild_tensor_v2\n(NQK\1))N}tR", "'w' has no storage"},
        {"ctorch._utils\n_rebuild_tensor_v2\n()QK\1))N}tR", "'w' has no storage"},
        {"ctorch._utils\n_rebuild_tensor_v2\n(NQK\1)K\1N}tR", "plain shape"},
        {"ctorch._utils\n_rebuild_tensor_v2\n(NQK\1)K\1\x85N}tR", "plain shape"},
        {"ctorch._utils\n_rebuild_tensor_v2\n(NQK\1N\x85N\x85N}tR", "plain shape"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bytes b = {.n = 0};

        pickle_begin(&b);
        put_str(&b, "}");
        pickle_text(&b, "w");
        put_str(&b, cases[i].value);
        put_str(&b, "s.");
        pickle_refused(&b, cases[i].says);
        free(b.p);
    }
}

static void the_records_around_the_weights_are_checked(void **state)
{
    static const struct {
        const char *name, *data, *says;
    } cases[] = {
        {"archive/byteorder", "big", "saved on a big-endian machine"},
        {"archive/constants.pkl", "x", "a TorchScript program"},
        {"other/data.pkl", "\x80\2}.", "two data.pkl records"},
    };
    bytes p = {.n = 0};
    zip_writer z = {.n = 0};

    (void)state;
    pickle_begin(&p);
    put_str(&p, "}");
    put_w(&p, "w");
    put_str(&p, "s.");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memset(&z, 0, sizeof z);
        zip_add(&z, "archive/data.pkl", p.p, p.n);
        zip_add(&z, "archive/data/0", "\0\0\x80\x3f", 4);
        zip_add(&z, cases[i].name, cases[i].data, strlen(cases[i].data));
        zip_end(&z, true);
        refused_bytes(z.file.p, z.file.n, cases[i].says);
        zip_free(&z);
    }
    memset(&z, 0, sizeof z);
    zip_add(&z, "archive/deep/data.pkl", p.p, p.n);
    zip_end(&z, true);
    refused_bytes(z.file.p, z.file.n, "without data.pkl");
    zip_free(&z);

    /* A record that is not aligned to its elements: torch always aligns. */
    memset(&z, 0, sizeof z);
    zip_add(&z, "archive/data.pkl", p.p, p.n);
    zip_add(&z, "archive/data/0", "\0\0\0\x80\x3f", 5);
    z.file.p[z.last_local + 28]++; /* one byte of data becomes padding */
    z.directory.p[z.last_directory + 20] = z.directory.p[z.last_directory + 24] = 4;
    zip_end(&z, true);
    refused_bytes(z.file.p, z.file.n, "'w' is not aligned to its float32 elements");
    zip_free(&z);
    free(p.p);
}

static void slurp(bytes *out, const char *path)
{
    char buf[4096];
    size_t n;
    FILE *f = fopen(path, "rb");

    assert_non_null(f);
    while ((n = fread(buf, 1, sizeof buf, f)))
        put(out, buf, n);
    fclose(f);
}

static void every_cut_of_a_file_is_an_error(void **state)
{
    bytes file = {.n = 0};

    (void)state;
    slurp(&file, FIXTURES "good_types.pt");
    for (size_t n = 0; n < file.n; n++)
        refused_bytes(file.p, n, "checkpoint '/proc/self/fd/");
    free(file.p);
}

/* A flipped bit is an error, or lies where no weight depends on it: then the same tensors come out. */
static void every_flipped_bit_is_an_error_or_harmless(void **state)
{
    vb_checkpoint *good = opened(FIXTURES "good_types.pt"), *c;
    bytes file = {.n = 0};
    size_t errors = 0, harmless = 0;
    vb_err err;

    (void)state;
    slurp(&file, FIXTURES "good_types.pt");
    for (size_t bit = 0; bit < 8 * file.n; bit++) {
        char path[32];

        file.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        int fd = as_path(path, file.p, file.n);

        if (vb_checkpoint_open(&c, path, &err) != VB_OK) {
            errors++;
        } else {
            harmless++;
            assert_int_equal(vb_checkpoint_count(c), vb_checkpoint_count(good));
            for (size_t i = 0; i < vb_checkpoint_count(c); i++) {
                const vb_tensor *a = vb_checkpoint_at(c, i), *b = vb_checkpoint_at(good, i);

                assert_string_equal(a->key, b->key);
                assert_int_equal(a->type, b->type);
                assert_int_equal(a->ndim, b->ndim);
                assert_memory_equal(a->shape, b->shape, sizeof a->shape);
                assert_memory_equal(a->stride, b->stride, sizeof a->stride);
            }
            vb_checkpoint_free(c);
        }
        close(fd);
        file.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(errors > harmless / 4);
    vb_checkpoint_free(good);
    free(file.p);
}

static void a_flipped_weight_is_found_by_verify(void **state)
{
    bytes file = {.n = 0};
    char path[32];
    vb_checkpoint *c;
    size_t n_checked;
    vb_err err;

    (void)state;
    slurp(&file, FIXTURES "good_types.pt");
    int fd = as_path(path, file.p, file.n);

    c = opened(path);
    const uint8_t *weight = vb_checkpoint_find(c, "f16")->data;
    const uint8_t one[2] = {0xff, 0xff};
    size_t at = 0;

    for (size_t i = 64; i + 12 <= file.n; i += 64) /* records are aligned to 64 */
        if (!memcmp(file.p + i, weight, 12))
            at = i;
    assert_true(at);
    assert_int_equal(vb_checkpoint_verify(c, &n_checked, &err), VB_OK);
    vb_checkpoint_free(c);
    assert_int_equal(pwrite(fd, one, sizeof one, (off_t)at), 2);
    c = opened(path);
    assert_int_equal(vb_checkpoint_verify(c, &n_checked, &err), VB_EFORMAT);
    assert_non_null(strstr(err.msg, "data does not match its CRC-32"));
    vb_checkpoint_free(c);
    close(fd);
    free(file.p);
}

static void the_demo_checkpoint_is_edgetam(void **state)
{
    vb_checkpoint *c = opened(VB_DATA_DIR "/edgetam_shapes.pt");
    weight_list w;
    char sha[65];
    vb_err err;

    (void)state;
    assert_int_equal(vb_checkpoint_count(c), 982);
    assert_string_equal(vb_checkpoint_kind(c), "edgetam");
    assert_int_equal(vb_checkpoint_sha256(c, sha, &err), VB_OK);
    assert_string_equal(sha, "33b7cfbe2169ff72aabd66eb92e7796a57c174a61a30bab4b629b5fc5a994da4");
    assert_true(weight_list_read(&w, VB_TEST_DIR "/golden/weights/edgetam_seed2.txt"));
    if (vb_checkpoint_check(c, w.specs, w.n, "edgetam", &err) != VB_OK)
        fail_msg("%s", err.msg);
    weight_list_free(&w);
    vb_checkpoint_free(c);
}

static void misfits_are_counted_and_named(void **state)
{
    vb_checkpoint *c = opened(FIXTURES "good_state_dict.pt");
    vb_tensor_spec specs[] = {
        {.key = "0.weight", .ndim = 2, .shape = {2, 3}},
        {.key = "0.bias", .ndim = 1, .shape = {2}},
        {.key = "1.weight", .ndim = 1, .shape = {2}},
        {.key = "1.bias", .ndim = 1, .shape = {2}},
        {.key = "1.running_mean", .ndim = 1, .shape = {2}},
        {.key = "1.running_var", .ndim = 1, .shape = {2}},
        {.key = "1.num_batches_tracked", .integer = true},
        {.key = "2.extra", .optional = true},
    };
    size_t n = sizeof specs / sizeof *specs;
    vb_err err;

    (void)state;
    if (vb_checkpoint_check(c, specs, n, "edgetam", &err) != VB_OK)
        fail_msg("%s", err.msg);
    assert_null(vb_checkpoint_kind(c));
    specs[0].shape[1] = 4;
    specs[6].integer = false;
    specs[1].key = "0.beta";
    specs[7].optional = false;
    assert_int_equal(vb_checkpoint_check(c, specs, n, "edgetam", &err), VB_EFORMAT);
    assert_non_null(strstr(err.msg, "keys do not fit edgetam"));
    assert_non_null(strstr(err.msg, "2 missing (0.beta, 2.extra"));
    assert_non_null(strstr(err.msg, "1 unexpected (0.bias)"));
    assert_non_null(strstr(err.msg, "1 misshapen (0.weight is 2x3, not 2x4)"));
    assert_non_null(strstr(err.msg, "1 of a wrong type (1.num_batches_tracked)"));
    vb_checkpoint_free(c);
}

static void another_models_weights_are_named(void **state)
{
    vb_checkpoint *c = opened(VB_DATA_DIR "/edgetam_shapes.pt");
    weight_list w;
    vb_err err;

    (void)state;
    assert_true(weight_list_read(&w, VB_TEST_DIR "/golden/weights/sam2.1_hiera_t_seed13.txt"));
    assert_int_equal(vb_checkpoint_check(c, w.specs, w.n, "sam2.1_t", &err), VB_EFORMAT);
    assert_non_null(strstr(err.msg, "holds weights of edgetam, not of sam2.1_t"));
    weight_list_free(&w);
    vb_checkpoint_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_and_view_is_read),
        cmocka_unit_test(a_bare_state_dict_is_read),
        cmocka_unit_test(extras_beside_the_weights_are_ignored),
        cmocka_unit_test(parameters_are_read),
        cmocka_unit_test(float16_is_read),
        cmocka_unit_test(what_is_no_state_dict_is_refused),
        cmocka_unit_test(what_is_no_checkpoint_is_refused),
        cmocka_unit_test(every_element_must_be_in_its_storage),
        cmocka_unit_test(keys_are_unique_and_plain),
        cmocka_unit_test(calls_are_checked_before_use),
        cmocka_unit_test(the_records_around_the_weights_are_checked),
        cmocka_unit_test(every_cut_of_a_file_is_an_error),
        cmocka_unit_test(every_flipped_bit_is_an_error_or_harmless),
        cmocka_unit_test(a_flipped_weight_is_found_by_verify),
        cmocka_unit_test(the_demo_checkpoint_is_edgetam),
        cmocka_unit_test(misfits_are_counted_and_named),
        cmocka_unit_test(another_models_weights_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
