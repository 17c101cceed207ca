/* The zip reader: what torch.save writes opens, what lies is refused with the lie named. */
#include "torch_writer.h"
#include "zip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { /* offsets in a directory record and a local header */
    DIR_FLAGS = 8, DIR_METHOD = 10, DIR_PACKED = 20, DIR_SIZE = 24, DIR_NAME_LEN = 28, DIR_EXTRA_LEN = 30,
    DIR_DISK = 34, DIR_OFFSET = 42, DIR_NAME = 46,
    LOCAL_SIG = 0, LOCAL_FLAGS = 6, LOCAL_METHOD = 8, LOCAL_CRC = 14, LOCAL_SIZE = 22, LOCAL_NAME_LEN = 26,
    LOCAL_EXTRA_LEN = 28, LOCAL_NAME = 30
};

static void set(bytes *b, size_t at, uint64_t v, int n)
{
    for (int i = 0; i < n; i++, v >>= 8)
        b->p[at + (size_t)i] = (uint8_t)v;
}

/* Two entries; the second is the one that tests change. */
static void two_entries(zip_writer *z)
{
    memset(z, 0, sizeof *z);
    zip_add(z, "a/data.pkl", "pickle", 6);
    zip_add(z, "a/data/0", "weights", 7);
}

/* Ends, opens and frees the archive; says contains a part of the message, NULL: it must open. */
static void expect(zip_writer *z, bool zip64, const char *says)
{
    vb_zip *zip;
    vb_err err = {.msg = ""};
    /* A copy of exactly the file's size, so that a sanitizer sees one byte too far. */
    uint8_t *image;

    zip_end(z, zip64);
    assert_non_null(image = malloc(z->file.n));
    memcpy(image, z->file.p, z->file.n);
    vb_status st = vb_zip_open(&zip, image, z->file.n, "t.pt", &err);

    if (says) {
        assert_int_equal(st, VB_EFORMAT);
        if (!strstr(err.msg, says))
            fail_msg("'%s' does not say '%s'", err.msg, says);
    } else if (st != VB_OK) {
        fail_msg("%s", err.msg);
    }
    vb_zip_free(zip);
    free(image);
    zip_free(z);
}

static void entries_are_found_and_checked(void **state)
{
    (void)state;
    for (int zip64 = 0; zip64 < 2; zip64++) {
        zip_writer z;
        vb_zip *zip;
        const vb_zip_entry *e;
        vb_err err;

        two_entries(&z);
        zip_end(&z, zip64);
        assert_int_equal(vb_zip_open(&zip, z.file.p, z.file.n, "t.pt", &err), VB_OK);
        assert_int_equal(vb_zip_count(zip), 2);
        assert_null(vb_zip_find(zip, "a/data", 6));
        assert_non_null(e = vb_zip_find(zip, "a/data/0", 8));
        assert_int_equal(e->size, 7);
        assert_memory_equal(e->data, "weights", 7);
        assert_int_equal((uintptr_t)(e->data - z.file.p) % 64, 0);
        assert_int_equal(vb_zip_check_crc(zip, e, &err), VB_OK);
        z.file.p[e->data - z.file.p] ^= 1;
        assert_int_equal(vb_zip_check_crc(zip, e, &err), VB_EFORMAT);
        assert_non_null(strstr(err.msg, "'a/data/0': data does not match its CRC-32"));
        vb_zip_free(zip);
        zip_free(&z);
    }
}

static void crc_is_that_of_zip_at_every_length(void **state)
{
    uint8_t data[64];

    (void)state;
    assert_int_equal(crc32_of("123456789", 9), 0xcbf43926);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 37 + 11);
    for (size_t n = 0; n <= sizeof data; n++) {
        zip_writer z = {.n = 0};
        vb_zip *zip;
        vb_err err;

        zip_add(&z, "x", data, n);
        zip_end(&z, false);
        assert_int_equal(vb_zip_open(&zip, z.file.p, z.file.n, "t.pt", &err), VB_OK);
        assert_int_equal(vb_zip_check_crc(zip, vb_zip_at(zip, 0), &err), VB_OK);
        vb_zip_free(zip);
        zip_free(&z);
    }
}

static void lies_in_one_field_are_named(void **state)
{
    static const struct {
        bool local;
        size_t field;
        uint64_t value;
        int width;
        const char *says;
    } lies[] = {
        {false, DIR_METHOD, 8, 2, "'a/data/0' is compressed (method 8)"},
        {false, DIR_FLAGS, 9, 2, "encrypted"},
        {false, DIR_PACKED, 6, 4, "stored and full size differ"},
        {false, DIR_SIZE, 6, 4, "stored and full size differ"},
        {false, DIR_NAME_LEN, 7, 2, "another name"},
        {false, DIR_NAME_LEN, 0xffff, 2, "directory entry cut off"},
        {false, DIR_EXTRA_LEN, 1, 2, "directory entry cut off"},
        {false, DIR_DISK, 1, 2, "on another disk"},
        {false, DIR_OFFSET, 0x7fffffff, 4, "outside of the file"},
        {false, DIR_OFFSET, 0xffffffff, 4, "outside of the file"},
        {false, DIR_OFFSET, 1, 4, "no local header"},
        {false, DIR_OFFSET, 0, 4, "another name"},
        {false, DIR_NAME, '\n', 1, "control characters"},
        {false, 0, 0, 4, "directory entry missing"},
        {true, LOCAL_SIG, 0, 4, "no local header"},
        {true, LOCAL_NAME, 'b', 1, "another name"},
        {true, LOCAL_NAME_LEN, 0xffff, 2, "another name"},
        {true, LOCAL_EXTRA_LEN, 0xffff, 2, "another name"},
        {true, LOCAL_METHOD, 8, 2, "another method"},
        {true, LOCAL_FLAGS, 0, 2, "other flags"},
        {true, LOCAL_CRC, 1, 4, "another size or checksum"},
        {true, LOCAL_SIZE, 8, 4, "another size or checksum"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        zip_writer z;

        two_entries(&z);
        set(lies[i].local ? &z.file : &z.directory, (lies[i].local ? z.last_local : z.last_directory) + lies[i].field,
            lies[i].value, lies[i].width);
        expect(&z, i % 2, lies[i].says);
    }
}

static void a_size_beyond_the_data_is_refused(void **state)
{
    zip_writer z;

    (void)state;
    two_entries(&z);
    set(&z.directory, z.last_directory + DIR_SIZE, 8, 4);
    set(&z.directory, z.last_directory + DIR_PACKED, 8, 4);
    expect(&z, true, "reaches beyond the data");
    two_entries(&z);
    set(&z.directory, z.last_directory + DIR_SIZE, 0xfffffffe, 4);
    set(&z.directory, z.last_directory + DIR_PACKED, 0xfffffffe, 4);
    expect(&z, true, "reaches beyond the data");
}

static void duplicates_and_overlaps_are_refused(void **state)
{
    zip_writer z = {.n = 0};

    (void)state;
    zip_add(&z, "a/data.pkl", "one", 3);
    zip_add(&z, "a/data.pkl", "two", 3);
    expect(&z, true, "'a/data.pkl': occurs twice");

    memset(&z, 0, sizeof z);
    zip_add(&z, "a", "12345678", 8);
    size_t first = z.last_directory;

    zip_add(&z, "b", "12345678", 8);
    /* The first entry swallows the second, header and all. */
    set(&z.directory, first + DIR_SIZE, z.file.n - 64, 4);
    set(&z.directory, first + DIR_PACKED, z.file.n - 64, 4);
    expect(&z, true, "'b': overlaps another entry");
}

/* The end records of a two-entry archive: counts, sizes, offsets, disks, the locator. Offsets from the file's end. */
static void lies_in_the_end_records_are_named(void **state)
{
    static const struct {
        size_t from_end;
        uint64_t value;
        int width;
        const char *says;
    } lies[] = {
        {22, 0, 4, "no end of central directory"},   {18, 1, 2, "several disks"},
        {14, 3, 2, "several disks"},                 {12, 3, 2, "several disks"},
        {10, 5, 4, "records differ"},                {6, 5, 4, "records differ"},
        {2, 1, 2, "no end of central directory"},    {42 - 8, 5, 8, "locator points elsewhere"},
        {42 - 4, 1, 4, "several disks"},             {98, 0, 4, "no zip64 end"},
        {98 - 4, 45, 8, "no zip64 end"},             {98 - 16, 1, 4, "several disks"},
        {98 - 24, 1, 8, "several disks"},            {98 - 32, 1, 8, "several disks"},
        {98 - 40, 1, 8, "records differ"},           {98 - 48, 1, 8, "records differ"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        zip_writer z;
        vb_zip *zip;
        vb_err err;

        two_entries(&z);
        zip_end(&z, true);
        set(&z.file, z.file.n - lies[i].from_end, lies[i].value, lies[i].width);
        assert_int_equal(vb_zip_open(&zip, z.file.p, z.file.n, "t.pt", &err), VB_EFORMAT);
        if (!strstr(err.msg, lies[i].says))
            fail_msg("case %zu: '%s' does not say '%s'", i, err.msg, lies[i].says);
        zip_free(&z);
    }
}

/* Without zip64 there is no second record to differ from. */
static void a_lying_directory_range_is_named(void **state)
{
    static const struct {
        size_t from_end;
        uint64_t value;
    } lies[] = {{10, 0}, {10, 92}, {10, 0xffffffff}, {6, 0}, {6, 64}, {6, 0xffffffff}};

    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        zip_writer z;
        vb_zip *zip;
        vb_err err;

        two_entries(&z);
        zip_end(&z, false);
        set(&z.file, z.file.n - lies[i].from_end, lies[i].value, 4);
        assert_int_equal(vb_zip_open(&zip, z.file.p, z.file.n, "t.pt", &err), VB_EFORMAT);
        assert_non_null(strstr(err.msg, "directory offset or size lies"));
        zip_free(&z);
    }
}

static void saturated_counts_do_not_allocate(void **state)
{
    zip_writer z;
    vb_zip *zip;
    vb_err err;

    (void)state;
    two_entries(&z);
    zip_end(&z, true);
    set(&z.file, z.file.n - 14, 0xffffffff, 4);            /* both plain counts: see zip64 */
    set(&z.file, z.file.n - 98 + 24, UINT64_MAX / 2, 8);   /* which claims 2^63 entries */
    set(&z.file, z.file.n - 98 + 32, UINT64_MAX / 2, 8);
    assert_int_equal(vb_zip_open(&zip, z.file.p, z.file.n, "t.pt", &err), VB_EFORMAT);
    zip_free(&z);
}

static void every_cut_is_an_error(void **state)
{
    zip_writer z;

    (void)state;
    two_entries(&z);
    zip_end(&z, true);
    for (size_t n = 0; n < z.file.n; n++) {
        uint8_t *image = malloc(n + !n);
        vb_zip *zip;
        vb_err err;

        assert_non_null(image);
        memcpy(image, z.file.p, n);
        assert_int_equal(vb_zip_open(&zip, image, n, "t.pt", &err), VB_EFORMAT);
        free(image);
    }
    zip_free(&z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_found_and_checked),
        cmocka_unit_test(crc_is_that_of_zip_at_every_length),
        cmocka_unit_test(lies_in_one_field_are_named),
        cmocka_unit_test(a_size_beyond_the_data_is_refused),
        cmocka_unit_test(duplicates_and_overlaps_are_refused),
        cmocka_unit_test(lies_in_the_end_records_are_named),
        cmocka_unit_test(a_lying_directory_range_is_named),
        cmocka_unit_test(saturated_counts_do_not_allocate),
        cmocka_unit_test(every_cut_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
