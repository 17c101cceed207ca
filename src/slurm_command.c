/* `savbench slurm`; see slurm_command.h. */
#include "slurm_command.h"

#include "cli.h"
#include "engine_path.h"
#include "slurm_script.h"
#include "subprocess.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const launcher_words[] = {"mpirun", "srun"};

static vb_status set_launcher(void *p, const char *value, vb_err *err)
{
    for (int i = 0; i < 2; i++)
        if (!strcasecmp(value, launcher_words[i])) {
            ((vb_slurm *)p)->launcher = (vb_launcher)i;
            return VB_OK;
        }
    return vb_fail(err, VB_EARG, "--launcher: '%.32s' is none of mpirun, srun", value);
}

static json_t *get_launcher(const void *p) { return json_string(launcher_words[((const vb_slurm *)p)->launcher]); }

static vb_status set_sbatch(void *p, const char *value, vb_err *err)
{
    vb_slurm *s = p;

    if (s->n_sbatch == VB_SBATCH_MAX)
        return vb_fail(err, VB_EARG, "--sbatch: more than %d lines", VB_SBATCH_MAX);
    s->sbatch[s->n_sbatch++] = value;
    return VB_OK;
}

static json_t *get_sbatch(const void *p)
{
    const vb_slurm *s = p;

    return vb_cli_words(s->sbatch, s->n_sbatch);
}

static const vb_opt more[] = {
    VB_ROW_INT(vb_slurm, nodes, 1, 4096, "nodes", NULL, "N", "of the allocation (default 1)", .fixed = false),
    VB_ROW_INT(vb_slurm, gpus_per_node, 0, 64, "gpus-per-node", NULL, "N", "one worker each (default 1; 0: one worker on the CPU)", .fixed = false),
    VB_ROW_TEXT(vb_slurm, gpu_type, "gpu-type", NULL, "TYPE", "as the cluster names it in --gres=gpu:TYPE:N"),
    VB_ROW_INT(vb_slurm, cpus_per_gpu, 0, 1024, "cpus-per-gpu", NULL, "N", "cores per worker (default: the cluster's)", .fixed = false),
    VB_ROW_TEXT(vb_slurm, mem, "mem", NULL, "SIZE", "memory per node, as sbatch's --mem"),
    VB_ROW_TEXT(vb_slurm, time, "time", NULL, "LIMIT", "as sbatch's --time"),
    VB_ROW_TEXT(vb_slurm, partition, "partition", NULL, "NAME", "as sbatch's"),
    VB_ROW_TEXT(vb_slurm, account, "account", NULL, "NAME", "as sbatch's"),
    VB_ROW_TEXT(vb_slurm, qos, "qos", NULL, "NAME", "as sbatch's"),
    VB_ROW_TEXT(vb_slurm, constraint, "constraint", NULL, "FEATURES", "as sbatch's"),
    VB_ROW_TEXT(vb_slurm, job_name, "job-name", NULL, "NAME", "default savbench"),
    VB_ROW_TEXT(vb_slurm, log, "log", NULL, "PATTERN", "as sbatch's --output (default savbench-%j.log)"),
    VB_ROW_CALL(set_sbatch, get_sbatch, "sbatch", NULL, "LINE", "one more #SBATCH line; may repeat", .fixed = false),
    VB_ROW_TEXT(vb_slurm, site, "site", NULL, "FILE", "sourced first: modules, paths (slurm/site.env.example)"),
    VB_ROW_CALL(set_launcher, get_launcher, "launcher", NULL, "WHICH", "mpirun within the allocation (default; a lost job is started again there), or srun --mpi=pmix", .fixed = false),
    VB_ROW_INT(vb_slurm, n_slices, 2, 1000, "array", NULL, "N", "a job array of N tasks of one node, each with its slice of the plan; merged afterwards", .fixed = false),
    VB_ROW_INT(vb_slurm, slice_limit, 1, 1000, "array-limit", NULL, "N", "tasks at the same time at most", .fixed = false),
    VB_ROW_INT(vb_slurm, signal_lead_s, 60, 86400, "signal-lead", NULL, "SECONDS", "before the time limit USR1 comes so early (default 180)", .fixed = false),
    VB_ROW_FLAG(vb_slurm, no_requeue, "no-requeue", NULL, "do not go on in a new job after the time limit"),
    VB_ROW_TEXT(vb_slurm, script, "script", NULL, "FILE", "where the script goes (default: standard output; with --submit JOB-NAME.sbatch)"),
    VB_ROW_FLAG(vb_slurm, submit, "submit", NULL, "run sbatch on it; an array's merge is submitted behind it"),
    VB_ROW_FLAG(vb_slurm, test_only, "test-only", NULL, "with --submit: let Slurm check it and start nothing"),
};
enum { N_MORE = sizeof more / sizeof *more };

static vb_status write_script(const vb_slurm *s, const char *path, vb_err *err)
{
    FILE *to = path ? fopen(path, "w") : stdout;
    vb_status st;

    if (!to)
        return vb_fail(err, VB_EIO, "create '%.300s': %s", path, strerror(errno));
    st = vb_slurm_write(to, s, err);
    if (path && fclose(to) && st == VB_OK)
        st = vb_fail(err, VB_EIO, "write '%.300s': %s", path, strerror(errno));
    if (!path)
        fflush(to);
    return st;
}

/* Runs sbatch; its standard output (the job's number, with --parsable) into id. */
static vb_status run_sbatch(char *id, size_t n, const char *const *args, vb_err *err)
{
    int from, rc, status = 0;
    ssize_t got = 0;
    size_t used = 0;
    pid_t pid;

    if ((rc = vb_spawn_reading(&pid, &from, args)))
        return vb_fail(err, VB_EIO, "sbatch cannot be started: %s; is this a machine of the cluster?", strerror(rc));
    while (used < n - 1 && (got = read(from, id + used, n - 1 - used)) > 0)
        used += (size_t)got;
    close(from);
    id[used] = '\0';
    id[strcspn(id, ";\n")] = '\0'; /* "17;cluster" */
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        return vb_fail(err, VB_EIO, "sbatch refused the script (above)");
    return VB_OK;
}

/* By the same account, in the same partition. text: what it does. */
static vb_status submit_merge(const vb_slurm *s, const char *job, const char *text, vb_err *err)
{
    char after[64], id[64], *owned[6] = {NULL};
    const struct {
        const char *option, *value;
    } given[] = {{"dependency", after}, {"partition", s->partition}, {"account", s->account}, {"qos", s->qos}, {"wrap", text}};
    const char *args[10] = {"sbatch", "--parsable", "--job-name=savbench-merge"};
    int n = 0;
    vb_status st = VB_OK;

    snprintf(after, sizeof after, "afterany:%.40s", job);
    for (size_t i = 0; i < sizeof given / sizeof *given && st == VB_OK; i++) {
        if (!given[i].value)
            continue;
        if (asprintf(&owned[n], "--%s=%s", given[i].option, given[i].value) < 0)
            st = vb_fail(err, VB_ENOMEM, "merge command");
        else {
            args[3 + n] = owned[n];
            n++;
        }
    }
    if (st == VB_OK && (st = run_sbatch(id, sizeof id, args, err)) == VB_OK)
        printf("merge: job %s, after the last task\n", id);
    while (n > 0)
        free(owned[--n]);
    return st;
}

static vb_status submit(const vb_slurm *s, const char *path, vb_err *err)
{
    const char *args[5] = {"sbatch", s->test_only ? "--test-only" : "--parsable", path, NULL};
    char id[64], *merge = NULL;
    vb_status st = run_sbatch(id, sizeof id, args, err);

    if (st || s->test_only)
        return st;
    printf("%s: job %s\n", path, id);
    fflush(stdout);
    if (s->n_slices && (st = vb_slurm_merge_text(&merge, s, err)) == VB_OK)
        st = submit_merge(s, id, merge, err);
    free(merge);
    return st;
}

/* The nodes may see other folders than this machine: a word, no refusal. */
static void note_unseen(const char *option, const char *path)
{
    if (path && access(path, R_OK))
        fprintf(stderr, "savbench slurm: note: --%s '%s' cannot be read here; on the nodes it must be\n", option, path);
}

int vb_slurm_main(int argc, char **argv)
{
    vb_slurm s = {.run = {0}};
    char program[PATH_MAX], named[128];
    vb_err err = {0};

    if (vb_cli_wants_help(argc, argv)) {
        vb_options_help_with(stdout, "slurm --split-dir DIR --models LIST [options]",
                             "Writes a batch script that does the same run on a Slurm cluster: one worker per GPU, over one node or several,\n"
                             "or as an array of slices; with resume, and requeue ahead of the time limit. docs/SLURM.md walks through it.",
                             more, N_MORE);
        return VB_EXIT_OK;
    }
    s.nodes = s.gpus_per_node = 1;
    s.signal_lead_s = 180;
    s.job_name = "savbench";
    if (vb_options_parse_with(&s.run, more, N_MORE, argc, argv, &err) || vb_slurm_check(&s, &err) || vb_program_path(program, &err))
        return vb_cli_fail("slurm", &err);
    s.program = program;
    note_unseen("split-dir", s.run.split_dir);
    note_unseen("weights-dir", s.run.weights_dir);
    note_unseen("site", s.site);
    snprintf(named, sizeof named, "%.100s.sbatch", s.job_name);
    if (!s.script && s.submit)
        s.script = named;
    if (write_script(&s, s.script, &err) || (s.submit && submit(&s, s.script, &err)))
        return vb_cli_fail("slurm", &err);
    return VB_EXIT_OK;
}
