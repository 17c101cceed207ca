/* mpirun's command line; see launch.h. */
#include "launch.h"

#include "engine_path.h"
#include "host_probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_RANKS = 4096, MPIRUN_WORDS = 32, PROBE_MS = 10000 };

static bool find_mpirun(char path[PATH_MAX])
{
    const char *dirs = getenv("PATH");

    while (dirs && *dirs) {
        int n = (int)strcspn(dirs, ":");

        if (n && snprintf(path, PATH_MAX, "%.*s/mpirun", n, dirs) < PATH_MAX && !access(path, X_OK))
            return true;
        dirs += n + (dirs[n] == ':');
    }
    return false;
}

/* Within an allocation of several nodes mpirun takes the hosts from Slurm. */
static bool several_hosts(const vb_options *o)
{
    const char *nodes = getenv("SLURM_JOB_NUM_NODES");

    return o->hostfile || (nodes && atoi(nodes) > 1);
}

/* "orin1:2,orin2:1": Open MPI reads a host file's line without slots= as one slot per core, which is no number of GPUs; and
 * the first host has the coordinator too. */
static vb_status list_hosts(char **out, const vb_hosts *h, vb_err *err)
{
    size_t n = 0;
    FILE *to = open_memstream(out, &n);

    if (!to)
        return vb_fail(err, VB_ENOMEM, "list of hosts");
    for (int i = 0; i < h->n; i++)
        fprintf(to, "%s%s:%d", i ? "," : "", h->list[i].name, h->list[i].slots + (i == 0));
    return fclose(to) ? vb_fail(err, VB_ENOMEM, "list of hosts") : VB_OK;
}

/* The hosts of the host file that are to be used, as mpirun wants them, and how many engines they have. */
static vb_status use_hosts(vb_launch *l, int *engines, const vb_options *o, bool ask, vb_err *err)
{
    vb_hosts h;
    vb_status st = vb_hosts_read(&h, o->hostfile, err);

    if (st)
        return st;
    if (ask && (st = vb_hosts_probe(&h, l->lost, sizeof l->lost, PROBE_MS, err)) == VB_OK && h.n == 0)
        st = vb_fail(err, VB_EMPI, "no host of '%s' answers (`ssh HOST` must work without a password): %s", o->hostfile, l->lost);
    *engines = 0;
    for (int i = 0; i < h.n; i++)
        *engines += h.list[i].slots;
    if (st == VB_OK && *engines == 0)
        st = vb_fail(err, VB_EMPI, "no host of '%s' with a worker answers: %s", o->hostfile, l->lost);
    if (st == VB_OK) {
        vb_host_network(l->network, &h);
        st = list_hosts(&l->hosts, &h, err);
    }
    vb_hosts_deinit(&h);
    return st;
}

vb_status vb_launch_make(vb_launch *l, const vb_options *o, int argc, char **argv, bool ask, vb_err *err)
{
    int n = 0, workers = 0;
    vb_status st;

    l->argv = NULL;
    l->hosts = NULL;
    l->lost[0] = l->network[0] = '\0';
    if (!find_mpirun(l->mpirun))
        return vb_fail(err, VB_EARG, "mpirun is not in PATH: install Open MPI (Debian, Ubuntu: apt-get install openmpi-bin)");
    if ((st = vb_program_path(l->self, err)) ||
        (st = o->hostfile ? use_hosts(l, &workers, o, ask, err) : vb_hosts_engines(&workers, o, err)))
        return st;
    if (o->workers && !l->lost[0]) /* else as many as are left */
        workers = o->workers;
    if (o->workers && workers > o->workers)
        workers = o->workers;
    if (workers >= MAX_RANKS || !(l->argv = calloc((size_t)argc + MPIRUN_WORDS, sizeof *l->argv))) {
        vb_launch_deinit(l);
        return workers >= MAX_RANKS ? vb_fail(err, VB_EARG, "%d workers: fewer than %d are possible", workers, MAX_RANKS)
                                    : vb_fail(err, VB_ENOMEM, "mpirun's arguments");
    }
    snprintf(l->ranks, sizeof l->ranks, "%d", 1 + workers);
    l->argv[n++] = l->mpirun;
    if (geteuid() == 0)
        l->argv[n++] = "--allow-run-as-root";
    /* The coordinator and the workers are thin: the engines use the cores, and they are not to be bound. */
    l->argv[n++] = "--oversubscribe";
    l->argv[n++] = "--bind-to";
    l->argv[n++] = "none";
    if (o->hostfile) {
        l->argv[n++] = "--host";
        l->argv[n++] = l->hosts;
    }
    if (l->network[0])
        for (size_t i = 0; i < 2; i++) {
            l->argv[n++] = "--mca";
            l->argv[n++] = i ? "oob_tcp_if_include" : "btl_tcp_if_include";
            l->argv[n++] = l->network;
        }
    if (several_hosts(o)) {
        l->argv[n++] = "--map-by"; /* rank 0 and the last worker share the first host */
        l->argv[n++] = "node";
        l->argv[n++] = "-x";
        l->argv[n++] = "SAVBENCH_SUPERVISED";
        if (getenv("SAVBENCH_ENGINE_SILENCE_S")) { /* leases are measured by it: it must be the same everywhere */
            l->argv[n++] = "-x";
            l->argv[n++] = "SAVBENCH_ENGINE_SILENCE_S";
        }
    }
    l->argv[n++] = "-n";
    l->argv[n++] = l->ranks;
    l->argv[n++] = l->self;
    for (int i = 0; i < argc; i++)
        l->argv[n++] = argv[i];
    return VB_OK;
}

void vb_launch_deinit(vb_launch *l)
{
    free(l->argv);
    free(l->hosts);
    l->argv = NULL;
    l->hosts = NULL;
}
