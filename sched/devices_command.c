/* What each rank of a job would get; see devices_command.h.
 *
 * As ranks, each asks an engine of its host and rank 0 prints the answers; else mpirun is started as for a run. */
#include "devices_command.h"

#include "cli.h"
#include "engine_path.h"
#include "json_whole.h"
#include "launch.h"
#include "link.h"
#include "options.h"
#include "rank.h"
#include "subprocess.h"

#include <errno.h>
#include <jansson.h>
#include <mpi.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { LINE = 2048 };

typedef struct {
    vb_options run; /* the first member: its rows are run's */
    bool json;
} arguments;

static const vb_opt more[] = {VB_ROW_FLAG(arguments, json, "json", NULL, "one JSON array instead of a table")};
enum { N_MORE = sizeof more / sizeof *more };

static void say(char line[LINE], const char *why)
{
    json_t *j = json_pack("{s:s}", "error", why);
    char *text = vb_json_whole(j, JSON_COMPACT);

    snprintf(line, LINE, "%s", text ? text : "{}");
    free(text);
    json_decref(j);
}

/* One line of `savbench-engine device`, with this rank's place in its environment. */
static void ask_engine(char line[LINE], const vb_place *p, int argc, char **argv)
{
    char path[PATH_MAX], text[4][16];
    const char *args[argc + 3];
    int from, rc, n = 0, got;
    vb_err err;
    pid_t pid;

    if (vb_engine_path(path, sizeof path, &err)) {
        say(line, err.msg);
        return;
    }
    static const char *const names[] = {"VB_LOCAL_RANK", "VB_LOCAL_SIZE", "VB_DEVICE_RANK", "VB_DEVICE_SIZE"};
    const int values[] = {p->local_rank, p->local_size, p->device_rank, p->device_size};
    for (int i = 0; i < 4; i++) {
        snprintf(text[i], sizeof text[i], "%d", values[i]);
        setenv(names[i], text[i], 1);
    }
    args[0] = path;
    args[1] = "device";
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--json"))
            args[2 + n++] = argv[i];
    args[2 + n] = NULL;
    if ((rc = vb_spawn_reading(&pid, &from, args))) {
        say(line, strerror(rc));
        return;
    }
    for (n = 0; n < LINE - 1 && (got = (int)read(from, line + n, (size_t)(LINE - 1 - n))) > 0; n += got)
        ;
    close(from);
    line[n] = '\0';
    waitpid(pid, NULL, 0);
    if (n == 0)
        say(line, "its engine said nothing; `savbench doctor` on that host says more");
}

static const char *word(const json_t *j, const char *key)
{
    const char *s = json_string_value(json_object_get(j, key));

    return s && *s ? s : "-";
}

static void print_row(int rank, const char *host, const json_t *j)
{
    const char *error = json_string_value(json_object_get(j, "error"));
    char device[128], memory[32];

    if (error) {
        printf("%4d  %-16s none: %s\n", rank, host, error);
        return;
    }
    if (strcmp(word(j, "kind"), "cuda"))
        snprintf(device, sizeof device, "%s", word(j, "kind"));
    else
        snprintf(device, sizeof device, "cuda:%lld", (long long)json_integer_value(json_object_get(j, "index")));
    snprintf(memory, sizeof memory, "%.1f GiB%s", (double)json_integer_value(json_object_get(j, "memory_bytes")) / 1073741824.0,
             json_is_true(json_object_get(j, "unified")) ? " unified" : "");
    printf("%4d  %-16s %-7s %-36s %-10s %-18s %-12s %-16s %s\n", rank, host, device, word(j, "device"), word(j, "capability"), memory,
           word(j, "driver"), word(j, "pci"), word(j, "power_mode"));
}

/* lines [n][LINE], hosts [n][64]; rank 0 is the coordinator. Returns the exit code. */
static int print_all(const char *lines, const char *hosts, int n, bool json)
{
    json_t *all = json_array();
    int code = VB_EXIT_OK;

    if (!json)
        printf("%4s  %-16s %-7s %-36s %-10s %-18s %-12s %-16s %s\n   0  %-16s coordinator\n", "rank", "host", "device", "name",
               "capability", "memory", "driver", "pci", "power mode", hosts);
    for (int i = 1; i < n; i++) {
        json_t *j = json_loads(lines + (size_t)i * LINE, 0, NULL);

        if (!j)
            j = json_pack("{s:s}", "error", "its engine's answer cannot be read: is it of this version?");
        if (json_object_get(j, "error"))
            code = VB_EXIT_USAGE;
        if (!json)
            print_row(i, hosts + (size_t)i * 64, j);
        json_object_set_new(j, "rank", json_integer(i));
        json_object_set_new(j, "host", json_string(hosts + (size_t)i * 64));
        json_array_append_new(all, j);
    }
    if (json) {
        json_dumpf(all, stdout, JSON_INDENT(1));
        fputc('\n', stdout);
    }
    json_decref(all);
    return code;
}

static int as_rank(const arguments *a, int argc, char **argv)
{
    char line[LINE] = "", host[64] = "", *lines = NULL, *hosts = NULL;
    vb_link *link = NULL;
    vb_place place;
    vb_err err = {0};
    int code = VB_EXIT_OK;

    if (vb_link_open(&link, &place, &err))
        return vb_cli_fail("devices", &err);
    gethostname(host, sizeof host - 1);
    if (place.rank > 0)
        ask_engine(line, &place, argc, argv);
    lines = calloc((size_t)place.size, LINE);
    hosts = calloc((size_t)place.size, sizeof host);
    if (!lines || !hosts)
        MPI_Abort(MPI_COMM_WORLD, VB_EXIT_FAILED);
    MPI_Gather(line, LINE, MPI_CHAR, lines, LINE, MPI_CHAR, 0, MPI_COMM_WORLD);
    MPI_Gather(host, sizeof host, MPI_CHAR, hosts, sizeof host, MPI_CHAR, 0, MPI_COMM_WORLD);
    if (place.rank == 0) {
        code = print_all(lines, hosts, place.size, a->json);
        fflush(stdout);
    }
    if (vb_link_close(link, &err)) {
        vb_cli_fail("devices", &err);
        MPI_Abort(MPI_COMM_WORLD, VB_EXIT_FAILED);
    }
    free(lines);
    free(hosts);
    return code;
}

/* mpirun's exit code; VB_EXIT_FAILED where it has none. */
static int start_mpirun(const vb_launch *l)
{
    pid_t pid;
    vb_err err;
    int status = 0, rc = posix_spawn(&pid, l->mpirun, NULL, NULL, (char *const *)(uintptr_t)l->argv, environ);

    if (rc) {
        vb_fail(&err, VB_EIO, "cannot start mpirun: %s", strerror(rc));
        return vb_cli_fail("devices", &err);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : VB_EXIT_FAILED;
}

/* Hosts are asked first: mpirun starts nothing where one does not answer, and does not always say which. */
static int start_ranks(const arguments *a, int argc, char **argv)
{
    vb_launch l;
    vb_err err;
    int code;

    if (vb_launch_make(&l, &a->run, argc, argv, a->run.hostfile != NULL, &err))
        return vb_cli_fail("devices", &err);
    if (l.lost[0])
        fprintf(stderr, "savbench devices: left out, as they do not answer: %s; `ssh HOST` must work without a password\n", l.lost);
    setenv("SAVBENCH_SUPERVISED", "1", 1); /* what mpirun is told to pass on must be there */
    code = start_mpirun(&l);
    if (a->run.hostfile && code != VB_EXIT_OK && code != VB_EXIT_USAGE)
        fprintf(stderr, "savbench devices: mpirun ended with %d (its words are above): is savbench at %s, and the same version of Open MPI, on "
                        "each host of '%s'?\n", code, l.self, a->run.hostfile);
    if (l.lost[0])
        code = VB_EXIT_USAGE;
    vb_launch_deinit(&l);
    return code;
}

int vb_devices_main(int argc, char **argv)
{
    char *given[argc + 1]; /* parsing moves operands about */
    arguments a = {.json = false};
    vb_err err;

    if (vb_cli_wants_help(argc, argv)) {
        vb_options_help_with(stdout, "devices [options]",
                             "Lists what each rank of a run with these options would get, on every host of the job: device, capability,\n"
                             "memory, driver, power mode. Under mpirun or srun it is run by the ranks; else mpirun is started.\n"
                             "Exit code 2: a rank would get none, or a host does not answer. Options are run's; those that choose devices matter:",
                             more, N_MORE);
        return VB_EXIT_OK;
    }
    memcpy(given, argv, ((size_t)argc + 1) * sizeof *given);
    given[0] = "devices";
    if (vb_options_parse_loose(&a.run, more, N_MORE, argc, argv, &err))
        return vb_cli_fail("devices", &err);
    return vb_rank_started() ? as_rank(&a, argc, given) : start_ranks(&a, argc, given);
}
