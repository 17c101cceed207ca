/* The progress file; see progress.h. */
#include "progress.h"

#include "publish.h"
#include "store_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME VB_TEMPORARY_PREFIX "progress.json"
#define NEXT VB_TEMPORARY_PREFIX "progress.next"
enum { MOST_BYTES = 8 << 20 };

/* A full disk must not end a run for want of a progress line: results tell of it by themselves. */
void vb_progress_write(vb_store *s, const char *json)
{
    size_t n = strlen(json);
    int fd = openat(s->dir, NEXT, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    bool written = fd >= 0 && write(fd, json, n) == (ssize_t)n;

    if (fd >= 0)
        close(fd);
    if (!written || renameat(s->dir, NEXT, s->dir, NAME))
        unlinkat(s->dir, NEXT, 0);
}

void vb_progress_remove(const char *out_dir)
{
    int dir = open(out_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0)
        return;
    unlinkat(dir, NAME, 0);
    close(dir);
}

vb_status vb_progress_read(char **json, double *age_s, const char *out_dir, vb_err *err)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    bool found = false;
    struct stat info;
    struct timespec now;
    int dir = open(out_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    vb_status st;

    *json = NULL;
    *age_s = 0;
    if (dir < 0)
        return vb_fail(err, VB_EARG, "output folder '%s': %s", out_dir, strerror(errno));
    if ((st = vb_read_file(&bytes, &n, &found, dir, NAME, MOST_BYTES, err)) == VB_OK && found) {
        bytes[n] = '\0'; /* vb_read_file leaves room */
        *json = (char *)bytes;
        clock_gettime(CLOCK_REALTIME, &now);
        if (!fstatat(dir, NAME, &info, AT_SYMLINK_NOFOLLOW))
            *age_s = (double)(now.tv_sec - info.st_mtim.tv_sec) + (double)(now.tv_nsec - info.st_mtim.tv_nsec) / 1e9;
    }
    close(dir);
    return st;
}
