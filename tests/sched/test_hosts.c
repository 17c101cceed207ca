/* How many engines a job gets. */
#include "test.h"

#include "hosts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static vb_status engines(int *n, const char *text)
{
    char path[] = "/tmp/vb_hosts_XXXXXX";
    int fd = mkstemp(path);
    vb_status st;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    st = vb_hosts_engines(n, &(vb_options){.hostfile = path, .device = "auto", .ranks_per_device = 1}, NULL);
    unlink(path);
    return st;
}

static void test_hostfile(void **state)
{
    int n;

    (void)state;
    assert_int_equal(engines(&n, "# Jetsons\nnano1\nnano2 slots=1 max_slots=1\n\n  work1 slots=4 # two boards\n"), VB_OK);
    assert_int_equal(n, 6);
    assert_int_equal(engines(&n, "nano1 slots=many\n"), VB_EARG);
    assert_int_equal(engines(&n, "# none\n"), VB_EARG);
    assert_int_equal(vb_hosts_engines(&n, &(vb_options){.hostfile = "/nowhere/hosts", .device = "auto"}, NULL), VB_EIO);
}

static vb_status here(int *n, const char *device, const char *devices, int each)
{
    return vb_hosts_engines(n, &(vb_options){.device = device, .devices = devices, .ranks_per_device = each}, NULL);
}

static void test_here(void **state)
{
    int n;

    (void)state;
    assert_int_equal(here(&n, "cpu", NULL, 1), VB_OK);
    assert_int_equal(n, 1);
    assert_int_equal(here(&n, "cuda:3", NULL, 1), VB_OK);
    assert_int_equal(n, 1);
    assert_int_equal(here(&n, "auto", NULL, 1), VB_OK);
    assert_true(n >= 1);
    assert_int_equal(here(&n, "cuda", "2,0,1", 1), VB_OK);
    assert_int_equal(n, 3);
    assert_int_equal(here(&n, "auto", "2,0", 2), VB_OK);
    assert_int_equal(n, 4);
    assert_int_equal(here(&n, "cpu", NULL, 2), VB_OK);
    assert_int_equal(n, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hostfile), cmocka_unit_test(test_here)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
