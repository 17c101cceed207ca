/* Shards that someone sealed anew whose file is built otherwise: tables that are links, groups, of other columns, in pieces, in two
 * dimensions; rows that point beyond their text; attributes of another type. Each is refused with words, by the layout alone: a size
 * that a file claims is never believed. Values out of range: test_shard.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sample.h"
#include "shard.h"
#include "shard_seal.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t *sound;
static size_t n_sound;

/* The sound shard with its file changed, sealed. */
static uint8_t *altered(size_t *n, void (*alter)(hid_t file))
{
    hid_t fapl = H5Pcreate(H5P_FILE_ACCESS), file;
    uint8_t *bytes;
    ssize_t size;

    assert_true(H5Pset_fapl_core(fapl, 64 << 10, false) >= 0);
    assert_true(H5Pset_file_image(fapl, sound + VB_SEAL_BYTES, n_sound - VB_SEAL_BYTES) >= 0);
    assert_true((file = H5Fopen("shard", H5F_ACC_RDWR, fapl)) >= 0);
    alter(file);
    assert_true(H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0);
    assert_true((size = H5Fget_file_image(file, NULL, 0)) > 0);
    assert_non_null(bytes = malloc((size_t)size + VB_SEAL_BYTES));
    assert_int_equal(H5Fget_file_image(file, bytes + VB_SEAL_BYTES, (size_t)size), size);
    OK(vb_shard_seal(bytes, bytes + VB_SEAL_BYTES, (size_t)size, &err));
    H5Fclose(file);
    H5Pclose(fapl);
    *n = (size_t)size + VB_SEAL_BYTES;
    return bytes;
}

static void nothing(hid_t file) { (void)file; }

static void frames_missing(hid_t f) { H5Ldelete(f, "frames", H5P_DEFAULT); }

static void frames_soft_link(hid_t f)
{
    frames_missing(f);
    H5Lcreate_soft("/scores", f, "frames", H5P_DEFAULT, H5P_DEFAULT);
}

static void frames_elsewhere(hid_t f)
{
    frames_missing(f);
    H5Lcreate_external("/etc/passwd", "/", f, "frames", H5P_DEFAULT, H5P_DEFAULT);
}

static void frames_group(hid_t f)
{
    frames_missing(f);
    H5Gclose(H5Gcreate2(f, "frames", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
}

/* A table of a type, as so many dimensions of 2 rows, in a layout. */
static void put(hid_t f, const char *name, hid_t type, int dimensions, hid_t dcpl)
{
    const hsize_t n[] = {2, 2};
    hid_t space = H5Screate_simple(dimensions, n, NULL);

    H5Ldelete(f, name, H5P_DEFAULT);
    H5Dclose(H5Dcreate2(f, name, type, space, H5P_DEFAULT, dcpl, H5P_DEFAULT));
    H5Sclose(space);
}

static void frames_of_numbers(hid_t f) { put(f, "frames", H5T_NATIVE_DOUBLE, 1, H5P_DEFAULT); }

static hid_t type_of(hid_t f, const char *name)
{
    hid_t set = H5Dopen2(f, name, H5P_DEFAULT), type = H5Dget_type(set), copy = H5Tcopy(type);

    H5Tclose(type);
    H5Dclose(set);
    return copy;
}

static void frames_flat(hid_t f)
{
    hid_t type = type_of(f, "frames");

    put(f, "frames", type, 2, H5P_DEFAULT);
    H5Tclose(type);
}

static void frames_in_pieces(hid_t f)
{
    const hsize_t n = 1;
    hid_t type = type_of(f, "frames"), dcpl = H5Pcreate(H5P_DATASET_CREATE);

    H5Pset_chunk(dcpl, 1, &n);
    H5Pset_deflate(dcpl, 9);
    put(f, "frames", type, 1, dcpl);
    H5Pclose(dcpl);
    H5Tclose(type);
}

static void frames_that_are_not_there(hid_t f) /* rows without storage */
{
    hid_t type = type_of(f, "frames"), dcpl = H5Pcreate(H5P_DATASET_CREATE);

    H5Pset_alloc_time(dcpl, H5D_ALLOC_TIME_LATE);
    put(f, "frames", type, 1, dcpl);
    H5Pclose(dcpl);
    H5Tclose(type);
}

/* One member of row 1. */
static void set_member(hid_t f, const char *table, const char *member, int64_t value)
{
    hid_t set = H5Dopen2(f, table, H5P_DEFAULT), type = H5Dget_type(set), space = H5Dget_space(set);
    size_t size = H5Tget_size(type);
    int i = H5Tget_member_index(type, member);
    hid_t of_member = i < 0 ? H5I_INVALID_HID : H5Tget_member_type(type, (unsigned)i);
    hsize_t n = 0;
    uint8_t *rows;

    assert_true(of_member >= 0);
    H5Sget_simple_extent_dims(space, &n, NULL);
    assert_non_null(rows = malloc((size_t)n * size));
    H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows);
    memcpy(rows + (n > 1 ? size : 0) + H5Tget_member_offset(type, (unsigned)i), &value,
           H5Tget_size(of_member)); /* little-endian, as a shard */
    H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows);
    free(rows);
    H5Tclose(of_member);
    H5Sclose(space);
    H5Tclose(type);
    H5Dclose(set);
}

static void mask_before(hid_t f) { set_member(f, "masks", "rle_start", -1); }
static void mask_behind(hid_t f) { set_member(f, "masks", "rle_start", 1 << 30); }
static void mask_negative(hid_t f) { set_member(f, "masks", "rle_bytes", -1); }
static void mask_too_long(hid_t f) { set_member(f, "masks", "rle_bytes", 1 << 30); }
static void picture_before(hid_t f) { set_member(f, "overlays", "png_start", -1); }
static void picture_behind(hid_t f) { set_member(f, "overlays", "png_start", 1 << 30); }
static void picture_empty(hid_t f) { set_member(f, "overlays", "png_bytes", 0); }
static void picture_too_long(hid_t f) { set_member(f, "overlays", "png_bytes", 6); }

static void nul_in_mask(hid_t f)
{
    hid_t set = H5Dopen2(f, "mask_rle", H5P_DEFAULT), space = H5Dget_space(set), type = H5Dget_type(set);
    hsize_t n = 0;
    uint8_t *text;

    H5Sget_simple_extent_dims(space, &n, NULL);
    assert_non_null(text = calloc(1, (size_t)n * H5Tget_size(type)));
    H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text);
    free(text);
    H5Tclose(type);
    H5Sclose(space);
    H5Dclose(set);
}

static void put_attribute(hid_t f, const char *name, hid_t type, int n, const void *value)
{
    const hsize_t dims = (hsize_t)(n > 0 ? n : 1);
    hid_t space = n > 0 ? H5Screate_simple(1, &dims, NULL) : H5Screate(H5S_SCALAR), a;

    H5Adelete(f, name);
    assert_true((a = H5Acreate2(f, name, type, space, H5P_DEFAULT, H5P_DEFAULT)) >= 0);
    if (value)
        H5Awrite(a, type, value);
    H5Aclose(a);
    H5Sclose(space);
}

static void put_text(hid_t f, const char *name, const char *value, size_t size)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    char *text = calloc(1, size);

    assert_non_null(text);
    strncpy(text, value, size - 1);
    H5Tset_size(type, size);
    H5Tset_cset(type, H5T_CSET_UTF8);
    put_attribute(f, name, type, 0, text);
    H5Tclose(type);
    free(text);
}

static void put_number(hid_t f, const char *name, int64_t value) { put_attribute(f, name, H5T_NATIVE_INT64, 0, &value); }

static void schema_of_another(hid_t f) { put_number(f, "schema", 99); }
static void no_video(hid_t f) { H5Adelete(f, "video"); }
static void video_a_number(hid_t f) { put_number(f, "video", 1); }
static void video_too_long(hid_t f) { put_text(f, "video", "v1", 4000); }
static void schema_in_a_row(hid_t f) { put_attribute(f, "schema", H5T_NATIVE_INT64, 2, (const int64_t[]){1, 1}); }
static void repetition_too_large(hid_t f) { put_number(f, "repetition", INT64_C(1) << 40); }
static void tag_of_other_words(hid_t f) { put_text(f, "tag", "edgetam/point/512", 64); }
static void tag_written_otherwise(hid_t f) { put_text(f, "tag", "edgetam/point/00512/float32/bank-bfloat16/stream", 64); }
static void height_out_of_range(hid_t f) { put_number(f, "h", INT64_C(1) << 40); }

static void video_of_any_length(hid_t f)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    const char *text = "v1";

    H5Tset_size(type, H5T_VARIABLE);
    put_attribute(f, "video", type, 0, &text);
    H5Tclose(type);
}

static void each_other_structure_is_refused(void **state)
{
#define CASE(name, words) {name, #name, words}
    static const struct {
        void (*alter)(hid_t);
        const char *name, *words;
    } cases[] = {
        CASE(frames_missing, "is missing or a link"), CASE(frames_soft_link, "is missing or a link"),
        CASE(frames_elsewhere, "is missing or a link"), CASE(frames_group, "no readable dataset"), CASE(frames_of_numbers, "other columns"),
        CASE(frames_flat, "no plain table"), CASE(frames_in_pieces, "not stored in one piece"),
        CASE(frames_that_are_not_there, "not stored in one piece"), CASE(mask_before, "/masks row"), CASE(mask_behind, "/masks row"),
        CASE(mask_negative, "/masks row"), CASE(mask_too_long, "/masks row"), CASE(picture_before, "/overlays row"),
        CASE(picture_behind, "/overlays row"), CASE(picture_empty, "/overlays row"), CASE(picture_too_long, "/overlays row"),
        CASE(nul_in_mask, "/masks row 0"), CASE(schema_of_another, "shard of schema 99"), CASE(no_video, "'video' is missing"),
        CASE(video_a_number, "another type, shape or length"), CASE(video_too_long, "another type, shape or length"),
        CASE(video_of_any_length, "another type, shape or length"), CASE(schema_in_a_row, "another type, shape or length"),
        CASE(repetition_too_large, "malformed"), CASE(tag_of_other_words, "malformed"), CASE(tag_written_otherwise, "is not written as"),
        CASE(height_out_of_range, "'h' is out of range"),
    };
    vb_trial t = {0};
    uint8_t *bytes;
    size_t n;

    (void)state;
    bytes = altered(&n, nothing);
    OK(vb_shard_decode(&t, bytes, n, &err)); /* the way of altering is sound */
    vb_trial_deinit(&t);
    free(bytes);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vb_err why = {0};
        vb_status st;

        bytes = altered(&n, cases[i].alter);
        st = vb_shard_decode(&t, bytes, n, &why);
        if (st != VB_EFORMAT || !strstr(why.msg, cases[i].words))
            fail_msg("%s: status %d '%s'", cases[i].name, (int)st, why.msg);
        free(bytes);
    }
    print_message("%zu other structures, all refused\n", sizeof cases / sizeof *cases);
}

static void what_is_no_hdf5_file_is_an_error(void **state)
{
    uint8_t bytes[VB_SEAL_BYTES + 900] = {0};
    vb_trial t = {0};
    vb_err why = {0};

    (void)state;
    OK(vb_shard_seal(bytes, bytes + VB_SEAL_BYTES, 900, &err));
    assert_int_not_equal(vb_shard_decode(&t, bytes, sizeof bytes, &why), VB_OK);
    assert_true(why.msg[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_other_structure_is_refused),
        cmocka_unit_test(what_is_no_hdf5_file_is_an_error),
    };
    vb_trial t;
    int rc;

    sample_trial(&t, "v1", VB_FLOAT32, 0, 1);
    if (vb_shard_encode(&sound, &n_sound, &t, NULL))
        return 1;
    vb_trial_deinit(&t);
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    free(sound);
    return rc;
}
