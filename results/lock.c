/* Writer's lock; see lock.h. */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define LOCK_NAME ".lock"

vb_status vb_lock_take(vb_lock *l, int dir, const char *shown, vb_err *err)
{
    char holder[128] = "";
    vb_status st;

    l->claimed = 0;
    if ((l->fd = openat(dir, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666)) < 0)
        return vb_fail(err, VB_EIO, "output folder '%s' cannot be written (" LOCK_NAME ": %s); make it writable, or choose another --out-dir", shown,
                       strerror(errno));
    if (flock(l->fd, LOCK_EX | LOCK_NB) == 0)
        return VB_OK;
    if (errno == EWOULDBLOCK) {
        ssize_t n = pread(l->fd, holder, sizeof holder - 1, 0);

        holder[n > 0 ? strcspn(holder, "\n") : 0] = 0;
        st = vb_fail(err, VB_ESTORE, "output folder '%s' is being written by %s; wait for it, or choose another --out-dir",
                     shown, holder[0] ? holder : "another savbench that has only begun");
    } else
        st = vb_fail(err, VB_EIO, "lock '%s/" LOCK_NAME "': %s", shown, strerror(errno));
    close(l->fd);
    l->fd = -1;
    return st;
}

vb_status vb_lock_claim(vb_lock *l, vb_err *err)
{
    char host[65] = "", text[128];
    int n;

    if (l->claimed)
        return VB_OK;
    if (gethostname(host, sizeof host - 1) != 0)
        strcpy(host, "?");
    snprintf(l->name, sizeof l->name, "%ld@%s", (long)getpid(), host);
    n = snprintf(text, sizeof text, "%s\n", l->name);
    if (ftruncate(l->fd, 0) != 0 || pwrite(l->fd, text, (size_t)n, 0) != n)
        return vb_fail(err, VB_EIO, "write " LOCK_NAME ": %s", strerror(errno));
    l->claimed = 1;
    return VB_OK;
}

void vb_lock_drop(vb_lock *l)
{
    if (l->fd < 0)
        return;
    if (l->claimed && ftruncate(l->fd, 0) != 0)
        l->claimed = 0; /* the text is for people; a stale name is overwritten by the next writer */
    close(l->fd);
    l->fd = -1;
}
