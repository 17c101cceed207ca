/* How many engines a job gets. */
#include "test.h"

#include "host_probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef PATIENCE
#define PATIENCE 1 /* CMakeLists.txt */
#endif

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
    char longest[400];
    int n;

    (void)state;
    memset(longest, 'h', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(engines(&n, longest), VB_EARG);
    assert_int_equal(engines(&n, "# Jetsons\nnano1\nnano2 slots=1 max_slots=1\n\n  work1 slots=4 # two boards\n"), VB_OK);
    assert_int_equal(n, 6);
    assert_int_equal(engines(&n, "pc slots=0 # coordinates\nnano1\nnano2 slots=2\n"), VB_OK);
    assert_int_equal(n, 3);
    assert_int_equal(engines(&n, "nano1\npc slots=0\n"), VB_EARG);
    assert_int_equal(engines(&n, "pc slots=0\n"), VB_EARG);
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
    setenv("CUDA_VISIBLE_DEVICES", "0,MIG-1", 1);
    assert_int_equal(here(&n, "auto", NULL, 1), VB_OK);
    assert_true(n == 1 || n == 2);
    setenv("CUDA_VISIBLE_DEVICES", "-1", 1);
    assert_int_equal(here(&n, "auto", NULL, 1), VB_OK);
    assert_int_equal(n, 1);
    unsetenv("CUDA_VISIBLE_DEVICES");
    assert_int_equal(here(&n, "cuda", "2,0,1", 1), VB_OK);
    assert_int_equal(n, 3);
    assert_int_equal(here(&n, "auto", "2,0", 2), VB_OK);
    assert_int_equal(n, 4);
    assert_int_equal(here(&n, "cpu", NULL, 2), VB_OK);
    assert_int_equal(n, 2);
}

/* Of seven hosts one refuses, one never answers, two are this machine (by an address of its that does not look so), which is not asked, and
 * the agent of one is killed. */
static void test_probe(void **state)
{
    char path[] = "/tmp/vb_agent_XXXXXX", lost[64], agent[64];
    static const char script[] = "shift\n[ $# = 2 ] && [ $2 = true ] || exit 9\ncase $1 in dead) exit 255 ;; hurt) kill -9 $$ ;; frozen) sleep 60 ;; esac\n";
    vb_host list[] = {{"nano1", 1}, {"dead", 2}, {"localhost", 1}, {"frozen", 1}, {"work1", 4}, {"hurt", 1}, {"0x7f000001", 1}};
    vb_hosts h = {7, list};
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, script, sizeof script - 1), (ssize_t)sizeof script - 1);
    close(fd);
    snprintf(agent, sizeof agent, "sh %s -x", path);
    setenv("OMPI_MCA_plm_rsh_agent", agent, 1);
    assert_int_equal(vb_hosts_probe(&h, lost, sizeof lost, 1500 * PATIENCE, NULL), VB_OK);
    assert_string_equal(lost, "dead, frozen, hurt");
    assert_int_equal(h.n, 4);
    assert_string_equal(h.list[3].name, "0x7f000001");
    assert_string_equal(h.list[1].name, "localhost");
    assert_string_equal(h.list[2].name, "work1");
    assert_int_equal(h.list[2].slots, 4);
    setenv("OMPI_MCA_plm_rsh_agent", "/nowhere/agent", 1);
    assert_int_equal(vb_hosts_probe(&h, lost, sizeof lost, 1500 * PATIENCE, NULL), VB_OK);
    assert_int_equal(h.n, 2);
    /* Without a word it is ssh, which is not found here. */
    setenv("PATH", "/nowhere", 1);
    for (int i = 0; i < 2; i++) {
        h = (vb_hosts){2, list};
        strcpy(list[1].name, "nano1");
        setenv("OMPI_MCA_plm_rsh_agent", "", 1);
        if (i)
            unsetenv("OMPI_MCA_plm_rsh_agent");
        assert_int_equal(vb_hosts_probe(&h, lost, sizeof lost, 1500 * PATIENCE, NULL), VB_OK);
        assert_string_equal(lost, "nano1");
    }
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hostfile), cmocka_unit_test(test_here),
        cmocka_unit_test(test_probe)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
