/* Starting mpirun, and starting it again; see supervisor.h. */
#include "supervisor.h"

#include "cli.h"
#include "engine_path.h"
#include "hosts.h"
#include "log.h"
#include "roster.h"
#include "stop.h"
#include "timing.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    MAX_RESTARTS = 5,    /* in a row without a new record */
    FIRST_BACKOFF_MS = 500,
    TEARDOWN_MS = 4000,  /* mpirun's time to end its ranks, before it is killed */
    LOCK_TRIES = 20,     /* a dying coordinator holds the folder's lock for a moment */
    MAX_RANKS = 4096
};

typedef struct {
    const vb_options *options;
    int argc;
    char **argv;
    vb_logger log;
    int stop_fd;
    int restarts;
} supervisor;

typedef struct {
    int64_t missing, done, failed;
} stock;

static vb_status take_stock(stock *s, const supervisor *v, bool retry_failed, vb_err *err)
{
    vb_recovery recovery;
    vb_roster r = {0};
    vb_status st = VB_OK;

    for (int i = 0; i < LOCK_TRIES; i++) {
        st = vb_roster_open(&r, v->options, false, &recovery, err);
        *s = (stock){r.missing + r.missing_bad + (retry_failed ? r.failed : 0), r.done, r.failed};
        vb_roster_close(&r);
        if (st != VB_ESTORE || v->restarts == 0)
            break;
        vb_stop_wait(v->stop_fd, 100);
    }
    return st;
}

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

/* NULL-terminated, owned array of borrowed strings. */
static vb_status make_command(const char ***out, const supervisor *v, const char *mpirun, const char *self,
                              char ranks[16], vb_err *err)
{
    const vb_options *o = v->options;
    const char **a = calloc((size_t)v->argc + 24, sizeof *a);
    int n = 0, workers = o->workers;
    vb_status st;

    if (!a)
        return vb_fail(err, VB_ENOMEM, "mpirun's arguments");
    if (workers == 0 && (st = vb_hosts_engines(&workers, o->hostfile, o->device, err))) {
        free(a);
        return st;
    }
    if (workers >= MAX_RANKS) {
        free(a);
        return vb_fail(err, VB_EARG, "%d workers: fewer than %d are possible", workers, MAX_RANKS);
    }
    snprintf(ranks, 16, "%d", 1 + workers);
    a[n++] = mpirun;
    if (geteuid() == 0)
        a[n++] = "--allow-run-as-root";
    /* The coordinator and the workers are thin: the engines use the cores, and they are not to be bound. */
    a[n++] = "--oversubscribe";
    a[n++] = "--bind-to";
    a[n++] = "none";
    if (o->hostfile) {
        a[n++] = "--hostfile";
        a[n++] = o->hostfile;
        a[n++] = "--map-by"; /* rank 0 and the last worker share the first host: each host gets one engine per slot */
        a[n++] = "node";
        a[n++] = "-x";
        a[n++] = "SAVBENCH_SUPERVISED";
        a[n++] = "-x";
        a[n++] = "SAVBENCH_RESTARTS";
    }
    a[n++] = "-n";
    a[n++] = ranks;
    a[n++] = self;
    for (int i = 0; i < v->argc; i++)
        a[n++] = v->argv[i];
    *out = a;
    return VB_OK;
}

static void tell_ranks(const supervisor *v)
{
    struct winsize size;
    char text[16];

    setenv("SAVBENCH_SUPERVISED", "1", 1);
    snprintf(text, sizeof text, "%d", v->restarts);
    setenv("SAVBENCH_RESTARTS", text, 1);
    if (isatty(STDERR_FILENO) && !ioctl(STDERR_FILENO, TIOCGWINSZ, &size) && size.ws_col) {
        snprintf(text, sizeof text, "%d", size.ws_col);
        setenv("SAVBENCH_COLUMNS", text, 1);
    }
}

/* In a process group of its own: a terminal's Ctrl-C reaches the supervisor alone, which passes it on once. */
static pid_t start(const char *const *command)
{
    pid_t parent = getpid(), pid = fork();
    sigset_t none;

    if (pid)
        return pid;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(VB_EXIT_FAILED);
    execv(command[0], (char *const *)(uintptr_t)command);
    _exit(127);
}

/* Waits for the job. The first signal drains it: mpirun passes USR1 on to its ranks, where TERM would have it kill them
 * within a second. The second one stops it, and so does a drain that outlasts its grace; the third kills. *signal: the
 * first one that came, or 0. */
static int wait_for(const supervisor *v, pid_t pid, int *signal)
{
    enum { RUNS, DRAINS, STOPS, KILLED } state = RUNS;
    double next_at = 0;
    int status = 0;

    for (int idle = 0; waitpid(pid, &status, WNOHANG) == 0; idle++) {
        int got = vb_stop_wait(v->stop_fd, idle < 50 ? 10 : 50);

        if (!got && (next_at == 0 || vb_now_ms() < next_at))
            continue;
        if (state == RUNS) {
            *signal = got;
            kill(pid, SIGUSR1);
            next_at = vb_now_ms() + 1000.0 * v->options->grace_s + TEARDOWN_MS;
            state = DRAINS;
        } else if (state == DRAINS) {
            kill(pid, SIGTERM);
            next_at = vb_now_ms() + TEARDOWN_MS;
            state = STOPS;
        } else if (state == STOPS) {
            kill(-pid, SIGKILL); /* its ranks end with it */
            next_at = 0;
            state = KILLED;
        }
    }
    kill(-pid, SIGKILL); /* whatever of its group is left */
    return status;
}

/* Code of a job that ended on its own account and would do so again: a clear error of the coordinator. */
static bool final_code(int status)
{
    return WIFEXITED(status) && (WEXITSTATUS(status) == VB_EXIT_USAGE || WEXITSTATUS(status) == VB_EXIT_FAILED);
}

static vb_status run_jobs(supervisor *v, const char *const *command, stock *s, int *code, vb_err *err)
{
    int backoff_ms = FIRST_BACKOFF_MS, losses = 0;
    vb_status st = VB_OK;

    for (;;) {
        int64_t before = s->done + s->failed;
        int signal = 0, status;
        pid_t pid;

        tell_ranks(v);
        if ((pid = start(command)) < 0)
            return vb_fail(err, VB_EIO, "cannot start mpirun: %s", strerror(errno));
        status = wait_for(v, pid, &signal);
        v->restarts++;
        if ((st = take_stock(s, v, false, err)))
            return st;
        if (s->missing == 0) {
            *code = s->failed ? VB_EXIT_SOME_FAILED : VB_EXIT_OK;
            return VB_OK;
        }
        if (signal || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) { /* drained; also when a rank was told to */
            *code = VB_EXIT_RESUMABLE;
            return VB_OK;
        }
        if (final_code(status)) {
            *code = WEXITSTATUS(status);
            return VB_OK;
        }
        if (s->done + s->failed > before) {
            losses = 0;
            backoff_ms = FIRST_BACKOFF_MS;
        }
        if (++losses > MAX_RESTARTS)
            return vb_fail(err, VB_EMPI, "the job was lost %d times in a row without a new result (%lld trials are "
                           "missing): see the messages above; the same command goes on from here",
                           losses, (long long)s->missing);
        vb_log(&v->log, VB_LOG_WARN, "the job was lost (%s %d) with %lld trials missing: starting it again, %d of %d",
               WIFSIGNALED(status) ? "signal" : "code", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
               (long long)s->missing, losses, MAX_RESTARTS);
        if (vb_stop_wait(v->stop_fd, backoff_ms)) {
            *code = VB_EXIT_RESUMABLE;
            return VB_OK;
        }
        backoff_ms *= 2;
    }
}

static vb_status supervise(supervisor *v, int *code, vb_err *err)
{
    char mpirun[PATH_MAX], self[PATH_MAX], engine[PATH_MAX], ranks[16];
    const char **command = NULL;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    stock s;
    vb_status st;

    if (!find_mpirun(mpirun))
        return vb_fail(err, VB_EARG, "mpirun is not in PATH: install Open MPI (Debian, Ubuntu: apt-get install openmpi-bin)");
    if (n <= 0)
        return vb_fail(err, VB_EIO, "/proc/self/exe: %s", strerror(errno));
    self[n] = '\0';
    if (!v->options->hostfile && (st = vb_engine_path(engine, sizeof engine, err))) /* each host checks its own */
        return st;
    if ((st = vb_stop_open(&v->stop_fd, err)) || (st = take_stock(&s, v, v->options->retry_failed, err)) ||
        (st = make_command(&command, v, mpirun, self, ranks, err)))
        return st;
    st = run_jobs(v, command, &s, code, err);
    free(command);
    return st;
}

int vb_supervisor_main(const vb_options *o, int argc, char **argv)
{
    supervisor v = {.options = o, .argc = argc, .argv = argv, .stop_fd = -1};
    int code = VB_EXIT_FAILED;
    vb_err err;

    vb_logger_init(&v.log, -1, o->quiet);
    if (supervise(&v, &code, &err))
        code = vb_cli_fail("run", &err);
    if (v.stop_fd >= 0)
        close(v.stop_fd);
    return code;
}
