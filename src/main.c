/* savbench: the table of commands, and nothing else.
 *
 * Commands that need a model run in savbench-engine, which lies beside this program; it is executed in place. */
#include "checkpoint.h"
#include "cli.h"
#include "completion.h"
#include "devices_command.h"
#include "engine_path.h"
#include "merge.h"
#include "plan_command.h"
#include "report.h"
#include "run_command.h"
#include "score.h"
#include "slurm_command.h"
#include "sync_command.h"
#include "status.h"
#include "subprocess.h"
#include "verify.h"
#include "version.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int engine_main(int argc, char **argv);
static int build_engine_main(int argc, char **argv);
static int version_main(int argc, char **argv);

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} commands[] = {
    {"run", vb_run_main, "track a split with models and dtypes, and record it; resumes"},
    {"plan", vb_plan_main, "what run would do"},
    {"sync", vb_sync_main, "what the hosts of a run lack of dataset and weights; copies it"},
    {"devices", vb_devices_main, "what each rank of a run would get"},
    {"status", vb_status_main, "what is recorded, and how far the job is that is at it"},
    {"slurm", vb_slurm_main, "a batch script for a Slurm cluster from run's options"},
    {"report", vb_report_main, "the dtype comparison of a results folder"},
    {"query", vb_query_main, "read-only SQL on its summary.db"},
    {"export", vb_export_main, "a view as CSV or JSON"},
    {"finalize", vb_finalize_main, "results.h5 and summary.db anew from the records"},
    {"verify", vb_verify_main, "every number of a results folder anew from its shards, and what differs"},
    {"merge", vb_merge_main, "the records of several folders in one"},
    {"score", vb_score_main, "J&F of folders of PNG masks, as Meta's evaluator"},
    {"track", engine_main, "one video, given prompts, to masks"},
    {"inspect", vb_inspect_main, "what a checkpoint file holds"},
    {"doctor", engine_main, "what this machine and build can run"},
    {"build-engine", build_engine_main, "the engine for the torch that is installed here"},
    {"completion", vb_completion_main, "completion for bash"},
    {"version", version_main, "version and source revision"},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

/* An engine whose libtorch is gone, or another one now, ends in the loader: with code 127, which no command of ours has. */
static bool engine_loads(const char *path)
{
    const char *const args[] = {path, "doctor", "--help", NULL};
    char word[1024];
    int from, status = 0;
    pid_t pid;

    if (vb_spawn_reading(&pid, &from, args))
        return true; /* execv says why it does not start */
    while (read(from, word, sizeof word) > 0)
        ;
    close(from);
    return waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 127;
}

static int engine_main(int argc, char **argv)
{
    char path[PATH_MAX], *args[argc + 2];
    vb_err err;

    if (vb_engine_path(path, sizeof path, &err))
        return vb_cli_fail(argv[0], &err);
    if (!strcmp(argv[0], "doctor") && !engine_loads(path)) {
        vb_fail(&err, VB_EIO, "'%.120s' does not load (above): the torch that it was built against is not there as it was. "
                "Build it anew: from a package savbench build-engine", path);
        return vb_cli_fail(argv[0], &err);
    }
    args[0] = path;
    memcpy(args + 1, argv, (size_t)argc * sizeof *args);
    args[argc + 1] = NULL;
    execv(path, args);
    vb_fail(&err, VB_EIO, "cannot start '%s': %s", path, strerror(errno));
    return vb_cli_fail(argv[0], &err);
}

/* The script beside the installed program. */
static int build_engine_main(int argc, char **argv)
{
    char self[PATH_MAX], path[PATH_MAX + 64], *args[argc + 2];
    vb_err err;

    if (vb_program_path(self, &err))
        return vb_cli_fail(argv[0], &err);
    *strrchr(self, '/') = '\0';
    snprintf(path, sizeof path, "%s/../share/savbench/build_engine.sh", self);
    if (access(path, R_OK)) {
        vb_fail(&err, VB_EARG, "this build has its engine beside it; with another torch build anew (README.md, \"Which torch\")");
        return vb_cli_fail(argv[0], &err);
    }
    args[0] = "bash";
    args[1] = path;
    memcpy(args + 2, argv + 1, (size_t)argc * sizeof *args); /* the closing NULL too */
    execvp("bash", args);
    vb_fail(&err, VB_EIO, "cannot start bash: %s", strerror(errno));
    return vb_cli_fail(argv[0], &err);
}

static int version_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("savbench %s %s\n", vb_version, vb_git_revision);
    return VB_EXIT_OK;
}

static int usage(FILE *to, int code)
{
    fputs("usage: savbench COMMAND [options]\n\n"
          "Benchmarks video segmentation models (EdgeTAM, SAM 2) on SA-V, over dtypes and devices.\n\nCommands:\n", to);
    for (int i = 0; i < N_COMMANDS; i++)
        fprintf(to, "  %-12s %s\n", commands[i].name, commands[i].what);
    fputs("\nsavbench COMMAND --help says more. Exit codes: 0 all done, 1 some trials failed, 2 usage, 3 failed,\n"
          "99 stopped by a signal: the same command goes on.\n", to);
    return code;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return usage(stderr, VB_EXIT_USAGE);
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
        return usage(stdout, VB_EXIT_OK);
    if (!strcmp(argv[1], "--version"))
        return version_main(argc, argv);
    for (int i = 0; i < N_COMMANDS; i++)
        if (!strcmp(argv[1], commands[i].name))
            return commands[i].run(argc - 1, argv + 1);
    if (argv[1][0] == '-') /* the ancestor had options alone: they mean run */
        return vb_run_main(argc, argv);
    fprintf(stderr, "savbench: unknown command '%.64s'; see savbench --help\n", argv[1]);
    return VB_EXIT_USAGE;
}
