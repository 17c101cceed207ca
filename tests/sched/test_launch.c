/* mpirun's command line: which hosts and how many ranks, which network they are kept to, and what is said where no job can be started. */
#include "test.h"

#include "launch.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/vb_launch_XXXXXX", hostfile[64], agent[64], mpirun[64];
static char *words[] = {"run", "--models", "stub"};

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* A folder with an mpirun, which is never run, and a remote shell by which hosts called gone do not answer. */
static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(hostfile, sizeof hostfile, "%s/hosts", folder);
    snprintf(agent, sizeof agent, "%s/agent", folder);
    snprintf(mpirun, sizeof mpirun, "%s/mpirun", folder);
    put(mpirun, "#!/bin/sh\n");
    put(agent, "#!/bin/sh\ncase $1 in gone*) exit 255 ;; esac\n");
    assert_int_equal(chmod(mpirun, 0755) | chmod(agent, 0755), 0);
    setenv("OMPI_MCA_plm_rsh_agent", agent, 1);
    setenv("HOME", folder, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(hostfile);
    unlink(agent);
    unlink(mpirun);
    return rmdir(folder);
}

/* The words of mpirun as one text; "": an error, which err has. */
static const char *line(const char *hosts, int workers, vb_err *err)
{
    static char text[4096];
    vb_options o = {.device = "cpu", .ranks_per_device = 1, .workers = workers, .hostfile = hosts ? hostfile : NULL};
    vb_launch l = {0};

    if (hosts)
        put(hostfile, hosts);
    text[0] = '\0';
    if (vb_launch_make(&l, &o, 3, words, true, err) == VB_OK)
        for (int i = 1; l.argv[i]; i++)
            strcat(strcat(text, " "), l.argv[i]);
    vb_launch_deinit(&l);
    return text;
}

#define HOLDS(text, part)                                        \
    if (!strstr(text, part))                                     \
    fail_msg("'%s' is not in '%s' (%s)", part, text, err.msg)

static void ranks_and_hosts(void **state)
{
    char path[128];
    vb_err err = {0};
    const char *text;

    (void)state;
    snprintf(path, sizeof path, "/nowhere::%s:/usr/bin", folder);
    setenv("PATH", path, 1);
    text = line(NULL, 0, &err);
    HOLDS(text, " -n 2 ");
    HOLDS(text, " run --models stub");
    assert_null(strstr(text, "--map-by"));
    HOLDS(line(NULL, 3, &err), " -n 4 ");
    setenv("SLURM_JOB_NUM_NODES", "1", 1);
    assert_null(strstr(line(NULL, 3, &err), "--map-by"));
    setenv("SLURM_JOB_NUM_NODES", "2", 1);
    unsetenv("SAVBENCH_ENGINE_SILENCE_S");
    HOLDS(line(NULL, 3, &err), " --map-by node -x SAVBENCH_SUPERVISED -n ");
    setenv("SAVBENCH_ENGINE_SILENCE_S", "9", 1);
    HOLDS(line(NULL, 3, &err), " -x SAVBENCH_SUPERVISED -x SAVBENCH_ENGINE_SILENCE_S -n ");
    unsetenv("SAVBENCH_ENGINE_SILENCE_S");
    unsetenv("SLURM_JOB_NUM_NODES");
    text = line("localhost slots=2\n127.0.0.2\n", 0, &err);
    HOLDS(text, " --host localhost:3,127.0.0.2:1 ");
    HOLDS(text, " -n 4 ");
    /* Hosts that do not answer are left out, and the workers are as many as the others have, or fewer where fewer are asked for. */
    HOLDS(line("localhost slots=2\ngone1 slots=4\n", 5, &err), " -n 3 ");
    HOLDS(line("localhost slots=2\ngone1 slots=4\n", 1, &err), " -n 2 ");
    HOLDS(line("localhost slots=2\n127.0.0.2 slots=4\n", 1, &err), " -n 2 ");
}

static void what_cannot_be_started(void **state)
{
    vb_err err = {0};

    (void)state;
    setenv("PATH", "/nowhere", 1);
    assert_string_equal(line(NULL, 0, &err), "");
    HOLDS(err.msg, "mpirun is not in PATH: install");
    unsetenv("PATH");
    assert_string_equal(line(NULL, 0, &err), "");
    setenv("PATH", folder, 1);
    assert_string_equal(line(NULL, 5000, &err), "");
    HOLDS(err.msg, "5000 workers: fewer than 4096");
    assert_string_equal(line("gone1\ngone2\n", 0, &err), "");
    HOLDS(err.msg, "answers (`ssh HOST` must work without a password): gone1, gone2");
    assert_string_equal(line("localhost slots=0\ngone2\n", 0, &err), "");
    HOLDS(err.msg, "with a worker answers: gone2");
    assert_string_equal(line("# nobody\n", 0, &err), "");
    HOLDS(err.msg, "names no host");
}

/* A neighbour of this machine's in a network of its own, and that network: "10.0.0.0/24". far: an address that is in none. */
static bool find_neighbour(char host[INET_ADDRSTRLEN], char network[VB_NETWORK_MAX], char far[INET_ADDRSTRLEN])
{
    struct ifaddrs *all = NULL;
    bool found = false;

    assert_int_equal(getifaddrs(&all), 0);
    strcpy(far, "192.0.2.7"); /* for documents; but some use it */
    for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
        in_addr_t here, mask, there;
        char net[INET_ADDRSTRLEN];

        if (!i->ifa_addr || !i->ifa_netmask || i->ifa_addr->sa_family != AF_INET || i->ifa_flags & IFF_LOOPBACK || !(i->ifa_flags & IFF_UP))
            continue;
        here = ((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr.s_addr;
        mask = ((const struct sockaddr_in *)(const void *)i->ifa_netmask)->sin_addr.s_addr;
        if ((here & mask) == (inet_addr(far) & mask))
            strcpy(far, "203.0.113.7");
        there = here ^ htonl(1);
        if (found || (there & mask) != (here & mask))
            continue;
        inet_ntop(AF_INET, &there, host, INET_ADDRSTRLEN);
        inet_ntop(AF_INET, &(in_addr_t){here & mask}, net, sizeof net);
        snprintf(network, VB_NETWORK_MAX, "%s/%d", net, __builtin_popcount(mask));
        found = true;
    }
    freeifaddrs(all);
    return found;
}

static void hosts_are_kept_to_the_network_that_they_share(void **state)
{
    char host[INET_ADDRSTRLEN] = "", far[INET_ADDRSTRLEN], network[VB_NETWORK_MAX], got[VB_NETWORK_MAX], conf[128];
    vb_host list[3] = {{"localhost", 1}};
    vb_hosts h = {1, list};
    const bool networked = find_neighbour(host, network, far);

    (void)state;
    vb_host_network(got, &h);
    assert_string_equal(got, ""); /* nobody else */
    strcpy(list[1].name, far);
    h.n = 2;
    vb_host_network(got, &h);
    assert_string_equal(got, "");
    strcpy(list[1].name, "no such host");
    vb_host_network(got, &h);
    assert_string_equal(got, "");
    if (!networked) {
        print_message("no network here to have a neighbour in\n");
        return;
    }
    strcpy(list[1].name, host);
    vb_host_network(got, &h);
    assert_string_equal(got, network);
    strcpy(list[2].name, far);
    h.n = 3;
    vb_host_network(got, &h);
    assert_string_equal(got, ""); /* they share none */
    /* Who has told Open MPI himself is not contradicted. */
    h.n = 2;
    setenv("OMPI_MCA_btl_tcp_if_exclude", "lo", 1);
    vb_host_network(got, &h);
    assert_string_equal(got, "");
    unsetenv("OMPI_MCA_btl_tcp_if_exclude");
    snprintf(conf, sizeof conf, "%s/.openmpi", folder);
    assert_int_equal(mkdir(conf, 0777), 0);
    strcat(conf, "/mca-params.conf");
    put(conf, "# btl_tcp_if_include = eth0\n");
    vb_host_network(got, &h);
    assert_string_equal(got, network);
    put(conf, "  oob_tcp_if_include = eth0\n");
    vb_host_network(got, &h);
    assert_string_equal(got, "");
    unlink(conf);
    *strrchr(conf, '/') = '\0';
    rmdir(conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_and_hosts),
        cmocka_unit_test(what_cannot_be_started),
        cmocka_unit_test(hosts_are_kept_to_the_network_that_they_share),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
