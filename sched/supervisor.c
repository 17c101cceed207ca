/* Starting mpirun, and starting it again; see supervisor.h. */
#include "supervisor.h"

#include "cli.h"
#include "engine_path.h"
#include "heartbeat.h"
#include "launch.h"
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
    LOCK_TRIES = 20      /* a dying coordinator holds the folder's lock for a moment */
};

typedef struct {
    const vb_options *options;
    int argc;
    char **argv;
    vb_logger log;
    int stop_fd;
    int restarts;
    int losses, backoff_ms; /* in a row; and the next pause */
} supervisor;

typedef struct {
    int64_t missing, done, failed;
} stock;

/* Before the first job, failures that are to be retried are forgotten; by a job they might not be, if it is lost early. *signal: one
 * that came meanwhile; else as it was. */
static vb_status take_stock(stock *s, int *signal, const supervisor *v, vb_err *err)
{
    bool first = v->restarts == 0;
    vb_recovery recovery;
    vb_roster r = {0};
    vb_status st = VB_OK;

    for (int i = 0; i < LOCK_TRIES; i++) {
        int got;

        st = vb_roster_open(&r, v->options, first && v->options->retry_failed, &recovery, err);
        *s = (stock){r.missing + r.missing_bad, r.done, r.failed};
        vb_roster_close(&r);
        if (st != VB_ESTORE || first)
            break;
        if ((got = vb_stop_wait(v->stop_fd, 100)))
            *signal = got;
    }
    return st;
}

static void tell_ranks(void)
{
    struct winsize size;
    char text[16];

    setenv("SAVBENCH_SUPERVISED", "1", 1);
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
    vb_pulse pulse = {.out_dir = v->options->out_dir};
    double next_at = 0;
    int status = 0;

    for (int idle = 0; waitpid(pid, &status, WNOHANG) == 0; idle++) {
        int got = vb_stop_wait(v->stop_fd, idle < 50 ? 10 : 50);

        if (state == RUNS && !got) {
            vb_pulse_state p = vb_pulse_look(&pulse);

            if (p == VB_PULSE_SILENT)
                vb_log(&v->log, VB_LOG_WARN, "the coordinator has given no sign of life for %d s", VB_SILENT_S);
            if (p == VB_PULSE_OK)
                continue;
            state = STOPS; /* nobody to drain */
        } else if (!got && (next_at == 0 || vb_now_ms() < next_at))
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

/* With a host file: hosts that do not answer now are left out. VB_EMPI: there is no worker's host that does. */
static vb_status leave_out_hosts(supervisor *v, vb_launch *launch, vb_err *err)
{
    if (!v->options->hostfile)
        return VB_OK;
    vb_launch_deinit(launch);
    if (vb_launch_make(launch, v->options, v->argc, v->argv, true, err))
        return err->code;
    if (launch->lost[0])
        vb_log(&v->log, VB_LOG_WARN, "left out, as they do not answer: %s", launch->lost);
    return VB_OK;
}

/* One more loss in a row, and the pause after it. *signal: one that came meanwhile, or 0. */
static vb_status count_loss(supervisor *v, int *signal, const char *what, const stock *s, vb_err *err)
{
    if (++v->losses > MAX_RESTARTS)
        return vb_fail(err, VB_EMPI, "the job was lost %d times in a row without a new result (%lld trials are "
                       "missing): see the messages above; the same command goes on from here",
                       v->losses, (long long)s->missing);
    vb_log(&v->log, VB_LOG_WARN, "the job was lost (%s) with %lld trials missing: starting it again, %d of %d", what,
           (long long)s->missing, v->losses, MAX_RESTARTS);
    *signal = vb_stop_wait(v->stop_fd, v->backoff_ms);
    v->backoff_ms *= 2;
    return VB_OK;
}

/* Until the job can be started again. That no host answers may be an outage that is soon over: likewise a loss. */
static vb_status recover(supervisor *v, vb_launch *launch, int *signal, int status, const stock *s, vb_err *err)
{
    vb_err why;
    vb_status st;

    snprintf(why.msg, sizeof why.msg, "%s %d", WIFSIGNALED(status) ? "signal" : "code",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    do {
        if ((st = count_loss(v, signal, why.msg, s, err)) || *signal)
            return st;
    } while ((st = leave_out_hosts(v, launch, &why)) == VB_EMPI);
    return st ? vb_fail(err, st, "%s", why.msg) : VB_OK;
}

static vb_status run_jobs(supervisor *v, vb_launch *launch, stock *s, int *code, vb_err *err)
{
    vb_status st = VB_OK;

    for (;;) {
        int64_t before = s->done + s->failed;
        int signal = 0, status;
        pid_t pid;

        tell_ranks();
        if ((pid = start(launch->argv)) < 0)
            return vb_fail(err, VB_EIO, "cannot start mpirun: %s", strerror(errno));
        status = wait_for(v, pid, &signal);
        v->restarts++;
        if ((st = take_stock(s, &signal, v, err)))
            return st;
        if (s->missing == 0) {
            *code = s->failed ? VB_EXIT_SOME_FAILED : VB_EXIT_OK;
            /* The coordinator may have been lost just before or in the middle of it; else nothing is to be done. */
            return vb_finalize(v->options->out_dir, v->options->state_dir, err);
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
            v->losses = 0;
            v->backoff_ms = FIRST_BACKOFF_MS;
        }
        if ((st = recover(v, launch, &signal, status, s, err)))
            return st;
        if (signal) {
            *code = VB_EXIT_RESUMABLE;
            return VB_OK;
        }
    }
}

static vb_status supervise(supervisor *v, int *code, vb_err *err)
{
    char engine[PATH_MAX];
    vb_launch launch;
    stock s;
    int none = 0; /* it waits for nobody then */
    vb_status st = vb_launch_make(&launch, v->options, v->argc, v->argv, false, err);

    if (st)
        return st;
    if (!v->options->hostfile && (st = vb_engine_path(engine, sizeof engine, err))) /* each host checks its own */
        goto out;
    if ((st = vb_stop_open(&v->stop_fd, err)) || (st = take_stock(&s, &none, v, err)))
        goto out;
    st = run_jobs(v, &launch, &s, code, err);
out:
    vb_launch_deinit(&launch);
    return st;
}

int vb_supervisor_main(const vb_options *o, int argc, char **argv)
{
    supervisor v = {.options = o, .argc = argc, .argv = argv, .stop_fd = -1, .backoff_ms = FIRST_BACKOFF_MS};
    int code = VB_EXIT_FAILED;
    vb_err err;

    vb_logger_init(&v.log, -1, o->quiet);
    if (supervise(&v, &code, &err))
        code = vb_cli_fail("run", &err);
    if (v.stop_fd >= 0)
        close(v.stop_fd);
    return code;
}
