/* The engine as a process; see child.h. */
#include "child.h"

#include "timing.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { ENGINE_FD = 3 };

void vb_child_init(vb_child *c)
{
    memset(c, 0, sizeof *c);
    c->sock = c->log = -1;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Default signals, its own process group: Ctrl-C is for the worker to deal with. Slurm signals every process of a step, whatever
 * its group: what makes a worker drain stays blocked here, from before the engine's first instruction on. */
static int set_attributes(posix_spawnattr_t *a)
{
    sigset_t blocked, defaults;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGUSR1);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGINT);
    sigaddset(&defaults, SIGTERM);
    sigaddset(&defaults, SIGPIPE);
    return posix_spawnattr_setsigmask(a, &blocked) || posix_spawnattr_setsigdefault(a, &defaults) ||
           posix_spawnattr_setpgroup(a, 0) ||
           posix_spawnattr_setflags(a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
}

vb_status vb_child_start(vb_child *c, const char *engine, const char *const *argv, vb_err *err)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    int sock[2] = {-1, -1}, out[2] = {-1, -1}, rc = 0, n = 0;
    const char **args = NULL;
    vb_status st = VB_OK;
    pid_t pid;

    vb_child_init(c);
    while (argv[n])
        n++;
    if (!(args = calloc((size_t)n + 2, sizeof *args)))
        return vb_fail(err, VB_ENOMEM, "engine's arguments");
    args[0] = engine;
    memcpy(args + 1, argv, (size_t)n * sizeof *args);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attr);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) || pipe2(out, O_CLOEXEC)) {
        st = vb_fail(err, VB_EIO, "socket for the engine: %s", strerror(errno));
        goto out;
    }
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    if (set_attributes(&attr) || posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0) ||
        posix_spawn_file_actions_adddup2(&files, out[1], 1) || posix_spawn_file_actions_adddup2(&files, out[1], 2) ||
        posix_spawn_file_actions_adddup2(&files, sock[1], ENGINE_FD) ||
        (rc = posix_spawn(&pid, engine, &files, &attr, (char *const *)(uintptr_t)args, environ))) {
        st = vb_fail(err, VB_EIO, "cannot start '%.300s': %s", engine, strerror(rc ? rc : ENOMEM));
        goto out;
    }
    c->pid = pid;
    c->sock = sock[0];
    c->log = out[0];
    sock[0] = out[0] = -1;
out:
    for (int i = 0; i < 2; i++) {
        close_fd(&sock[i]);
        close_fd(&out[i]);
    }
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    free(args);
    return st;
}

static void keep_tail(vb_child *c, const char *s, size_t n)
{
    size_t cap = sizeof c->tail - 1, drop;

    if (n > cap) {
        s += n - cap;
        n = cap;
    }
    drop = c->n_tail + n > cap ? c->n_tail + n - cap : 0;
    memmove(c->tail, c->tail + drop, c->n_tail - drop);
    c->n_tail -= drop;
    memcpy(c->tail + c->n_tail, s, n);
    c->n_tail += n;
    c->tail[c->n_tail] = '\0';
}

static void pass_on(vb_child *c, const char *s, size_t n, const vb_logger *log)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] != '\n' && c->n_line < sizeof c->line - 1) {
            c->line[c->n_line++] = s[i];
            continue;
        }
        c->line[c->n_line] = '\0';
        if (c->n_line)
            vb_log(log, VB_LOG_WARN, "engine: %s", c->line);
        c->n_line = 0;
        if (s[i] != '\n')
            c->line[c->n_line++] = s[i];
    }
}

void vb_child_read_log(vb_child *c, const vb_logger *log)
{
    char buf[4096];
    ssize_t r;

    while (c->log >= 0 && (r = read(c->log, buf, sizeof buf)) != 0) {
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return;
        keep_tail(c, buf, (size_t)r);
        pass_on(c, buf, (size_t)r, log);
    }
    close_fd(&c->log);
}

int vb_child_end(vb_child *c, int grace_ms, const vb_logger *log)
{
    double until = vb_now_ms() + grace_ms;
    int status = 0;
    pid_t got;

    if (!c->pid)
        return 0;
    close_fd(&c->sock);
    while ((got = waitpid(c->pid, &status, WNOHANG)) == 0 && vb_now_ms() < until) {
        vb_child_read_log(c, log); /* a full pipe must not keep it from ending */
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    if (got == 0) {
        kill(c->pid, SIGKILL);
        while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    vb_child_read_log(c, log);
    pass_on(c, "\n", 1, log);
    close_fd(&c->log);
    c->pid = 0;
    return status;
}
