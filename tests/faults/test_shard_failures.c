/* A result encoded as its engine does and read back as the coordinator does, with each allocation and each call of HDF5 failing, once and
 * it and all after it: an error with words, nothing held afterwards, and without failure the same bytes as before.
 * SAVBENCH_FAIL_STRIDE=1: all of them, by default every third. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fail.h"
#include "sample.h"
#include "shard.h"

#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

static vb_trial result;

static vb_status encode_and_decode(uint8_t **bytes, size_t *n, vb_err *err)
{
    vb_trial back = {0};
    vb_status st = vb_shard_encode(bytes, n, &result, err);

    if (st == VB_OK)
        st = vb_shard_decode(&back, *bytes, *n, err);
    vb_trial_deinit(&back);
    return st;
}

/* Of HDF5's own objects. */
static ssize_t n_open(void) { return H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL); }

static void a_call_may_fail(fail_kind kind, bool ever)
{
    const char *told = getenv("SAVBENCH_FAIL_STRIDE");
    const long stride = told ? strtol(told, NULL, 10) : 3;
    const void *by = NULL;
    uint8_t *whole = NULL, *bytes;
    size_t n_whole = 0, n;
    long calls, tried = 0;
    ssize_t open;

    OK(encode_and_decode(&bytes, &n, &err)); /* what is kept for the process is there from now on */
    free(bytes);
    open = n_open();
    fail_begin(kind, -1, false);
    OK(encode_and_decode(&whole, &n_whole, &err));
    calls = fail_end();
    for (long at = 0; at < calls; at += stride, tried++) {
        vb_err err = {0};
        vb_status st;

        bytes = NULL;
        fail_begin(kind, at, ever);
        st = encode_and_decode(&bytes, &n, &err);
        free(bytes);
        fail_end();
        if (st == VB_OK || !err.msg[0] || err.code != st)
            fail_msg("%s %ld: status %d, error %d '%s'", fail_name(kind), at, (int)st, (int)err.code, err.msg);
        if (fail_held(&by) || n_open() != open)
            fail_msg("%s %ld: %ld blocks and %ld objects of HDF5 are held after '%s'", fail_name(kind), at, fail_held(&by),
                     (long)(n_open() - open), err.msg);
    }
    OK(encode_and_decode(&bytes, &n, &err));
    assert_int_equal(n, n_whole);
    assert_memory_equal(bytes, whole, n);
    free(bytes);
    free(whole);
    print_message("%s, %s: %ld of %ld tried, all ended with an error\n", fail_name(kind), ever ? "it and all after it" : "once", tried, calls);
}

static void memory(void **state)
{
    (void)state;
    a_call_may_fail(FAIL_MEMORY, false);
    a_call_may_fail(FAIL_MEMORY, true);
}

static void hdf5(void **state)
{
    (void)state;
    a_call_may_fail(FAIL_HDF5, false);
    a_call_may_fail(FAIL_HDF5, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory), cmocka_unit_test(hdf5)};
    int rc;

    sample_trial(&result, "v1", VB_FLOAT32, 0, 1);
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    vb_trial_deinit(&result);
    return rc;
}
