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
    st = vb_hosts_engines(n, path, "auto", NULL);
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
    assert_int_equal(vb_hosts_engines(&n, "/nowhere/hosts", "auto", NULL), VB_EIO);
}

static void test_here(void **state)
{
    int n;

    (void)state;
    assert_int_equal(vb_hosts_engines(&n, NULL, "cpu", NULL), VB_OK);
    assert_int_equal(n, 1);
    assert_int_equal(vb_hosts_engines(&n, NULL, "cuda:3", NULL), VB_OK);
    assert_int_equal(n, 1);
    assert_int_equal(vb_hosts_engines(&n, NULL, "auto", NULL), VB_OK);
    assert_true(n >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hostfile), cmocka_unit_test(test_here)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
