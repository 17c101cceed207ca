/* Signals by signalfd; see stop.h. */
#include "stop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

vb_status vb_stop_open(int *fd, vb_err *err)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR1);
    if (sigprocmask(SIG_BLOCK, &set, NULL) || (*fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
        return vb_fail(err, VB_EIO, "signalfd: %s", strerror(errno));
    return VB_OK;
}

int vb_stop_wait(int fd, int wait_ms)
{
    struct signalfd_siginfo info;
    struct pollfd p = {fd, POLLIN, 0};

    if (poll(&p, 1, wait_ms) <= 0 || read(fd, &info, sizeof info) != sizeof info)
        return 0;
    return (int)info.ssi_signo;
}
