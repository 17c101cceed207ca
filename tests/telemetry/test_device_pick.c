/* Which device each of several engines gets: its own, unless sharing is asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine_env.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* The device of one engine; -1: refused. */
static int pick(const char *device, const char *devices, int each, int n_visible, int rank, int size)
{
    vb_options o = {.device = device, .devices = devices, .ranks_per_device = each};
    int index = 3; /* what "cuda:3" was parsed to */
    vb_err err = {0};

    if (vb_device_pick(&index, &o, n_visible, rank, size, &err)) {
        assert_true(strlen(err.msg) > 0);
        return -1;
    }
    return index;
}

static void each_engine_gets_its_own(void **state)
{
    (void)state;
    for (int rank = 0; rank < 4; rank++)
        assert_int_equal(pick("auto", NULL, 1, 4, rank, 4), rank);
    assert_int_equal(pick("auto", NULL, 1, 4, 4, 5), -1);
    assert_int_equal(pick("cuda", NULL, 1, 1, 1, 2), -1);
}

static void sharing_is_asked_for(void **state)
{
    (void)state;
    assert_int_equal(pick("auto", NULL, 2, 2, 0, 4), 0);
    assert_int_equal(pick("auto", NULL, 2, 2, 1, 4), 0);
    assert_int_equal(pick("auto", NULL, 2, 2, 2, 4), 1);
    assert_int_equal(pick("auto", NULL, 2, 2, 4, 5), -1);
}

static void a_list_is_taken_in_its_order(void **state)
{
    (void)state;
    assert_int_equal(pick("auto", "2,0", 1, 4, 0, 2), 2);
    assert_int_equal(pick("auto", "2, 0", 1, 4, 1, 2), 0);
    assert_int_equal(pick("auto", "2,0", 1, 4, 2, 3), -1);
    assert_int_equal(pick("auto", "4", 1, 4, 0, 1), -1);
    assert_int_equal(pick("auto", "1,1", 1, 4, 0, 1), -1);
    assert_int_equal(pick("auto", "one", 1, 4, 0, 1), -1);
}

static void a_named_device_is_for_one(void **state)
{
    (void)state;
    assert_int_equal(pick("cuda:3", NULL, 1, 4, 0, 1), 3);
    assert_int_equal(pick("cuda:3", NULL, 1, 4, 1, 2), -1);
    assert_int_equal(pick("cuda:3", NULL, 2, 4, 1, 2), 3);
}

/* Twice the host's memory is an error in the process that asks, whatever the kernel would promise. */
static void memory_is_bounded(void **state)
{
    const size_t host = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    struct rlimit before, after;
    void *p;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_DATA, &before), 0);
    vb_limit_memory((vb_device){.kind = VB_DEVICE_CUDA});
    assert_int_equal(getrlimit(RLIMIT_DATA, &after), 0);
    assert_true(after.rlim_cur == before.rlim_cur);
    vb_limit_memory((vb_device){.kind = VB_DEVICE_CPU});
    assert_int_equal(getrlimit(RLIMIT_DATA, &after), 0);
    if (after.rlim_cur == before.rlim_cur)
        skip(); /* sanitizers, or a lower limit from outside */
    assert_true(after.rlim_cur == host);
    p = mmap(NULL, 2 * host, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_equal(p, MAP_FAILED);
    assert_int_equal(errno, ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_engine_gets_its_own),
        cmocka_unit_test(sharing_is_asked_for),
        cmocka_unit_test(a_list_is_taken_in_its_order),
        cmocka_unit_test(a_named_device_is_for_one),
        cmocka_unit_test(memory_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
