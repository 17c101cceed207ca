/* Publishing files; see publish.h. */
#include "publish.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static vb_status io_fail(const char *verb, const char *name, vb_err *err)
{
    int e = errno;
    const char *remedy = e == ENOSPC || e == EDQUOT ? "; free some space and run the command again" : "";

    return vb_fail(err, VB_EIO, "%s '%s': %s%s", verb, name, strerror(e), remedy);
}

bool vb_file_name_ok(const char *name)
{
    size_t n = strlen(name);

    return n > 0 && n + sizeof VB_TEMPORARY_PREFIX <= NAME_MAX && name[0] != '.' && !strchr(name, '/');
}

static const int folder_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

vb_status vb_folder_make(int *fd, bool *made, int dir, const char *name, vb_err *err)
{
    *made = false;
    if ((*fd = openat(dir, name, folder_flags)) >= 0)
        return VB_OK;
    if (errno != ENOENT)
        return io_fail("open folder", name, err);
    if (mkdirat(dir, name, 0777) != 0 && errno != EEXIST)
        return io_fail("make folder", name, err);
    *made = true;
    return (*fd = openat(dir, name, folder_flags)) < 0 ? io_fail("open folder", name, err) : VB_OK;
}

vb_status vb_folder_open(int *fd, int dir, const char *name, bool make, vb_err *err)
{
    bool made;
    vb_status st;

    if (!make) {
        if ((*fd = openat(dir, name, folder_flags)) < 0 && errno != ENOENT)
            return io_fail("open folder", name, err);
        return VB_OK;
    }
    if ((st = vb_folder_make(fd, &made, dir, name, err)) || !made || fsync(dir) == 0)
        return st;
    st = io_fail("fsync the folder above", name, err);
    close(*fd);
    *fd = -1;
    return st;
}

static vb_status write_all(int fd, const uint8_t *bytes, size_t n, const char *name, vb_err *err)
{
    while (n > 0) {
        ssize_t done = write(fd, bytes, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return io_fail("write", name, err);
        bytes += done;
        n -= (size_t)done;
    }
    return VB_OK;
}

/* The temporary name of a file, checked. The folder's own files may begin with a dot (".state-dir"). */
static vb_status temporary_name(char temporary[NAME_MAX + 1], const char *name, vb_err *err)
{
    if (!vb_file_name_ok(name[0] == '.' ? name + 1 : name))
        return vb_fail(err, VB_EARG, "'%.200s' cannot be a file's name", name);
    snprintf(temporary, NAME_MAX + 1, VB_TEMPORARY_PREFIX "%s", name);
    return VB_OK;
}

static vb_status write_temporary(int dir, const char *name, const uint8_t *bytes, size_t n, bool sync, vb_err *err)
{
    char temporary[NAME_MAX + 1];
    vb_status st = temporary_name(temporary, name, err);
    int fd;

    if (st)
        return st;
    if ((fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666)) < 0)
        return io_fail("create", temporary, err);
    st = write_all(fd, bytes, n, temporary, err);
    if (st == VB_OK && sync && fsync(fd) != 0)
        st = io_fail("fsync", temporary, err);
    if (close(fd) != 0 && st == VB_OK)
        st = io_fail("close", temporary, err);
    if (st)
        unlinkat(dir, temporary, 0);
    return st;
}

vb_status vb_publish_stage(int dir, const char *name, const uint8_t *bytes, size_t n, vb_err *err)
{
    return write_temporary(dir, name, bytes, n, false, err);
}

void vb_publish_unstage(int dir, const char *name)
{
    char temporary[NAME_MAX + 1];

    if (temporary_name(temporary, name, NULL) == VB_OK)
        unlinkat(dir, temporary, 0);
}

static int sync_file(int fd) { return fsync(fd); }

/* Waits and tells of errors as fsync does, without its flush of the disk. */
static int wait_for_file(int fd)
{
    return sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
}

static vb_status sync_temporary(int dir, const char *name, int (*sync)(int fd), vb_err *err)
{
    char temporary[NAME_MAX + 1];
    vb_status st = temporary_name(temporary, name, err);
    int fd;

    if (st)
        return st;
    if ((fd = openat(dir, temporary, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)) < 0)
        return io_fail("open", temporary, err);
    if (sync(fd) != 0)
        st = io_fail("fsync", temporary, err);
    close(fd);
    return st;
}

vb_status vb_publish_sync(int dir, const char *name, vb_err *err) { return sync_temporary(dir, name, sync_file, err); }

vb_status vb_publish_written_back(int dir, const char *name, vb_err *err)
{
    return sync_temporary(dir, name, wait_for_file, err);
}

vb_status vb_publish_rename(int dir, const char *name, vb_err *err)
{
    char temporary[NAME_MAX + 1];
    vb_status st = temporary_name(temporary, name, err);

    if (st)
        return st;
    return renameat(dir, temporary, dir, name) != 0 ? io_fail("rename into place", name, err) : VB_OK;
}

static vb_status put_in_place(int dir, const char *name, vb_err *err)
{
    vb_status st = vb_publish_rename(dir, name, err);

    if (st == VB_OK && fsync(dir) != 0)
        st = io_fail("fsync the folder of", name, err);
    return st;
}

vb_status vb_publish(int dir, const char *name, const uint8_t *bytes, size_t n, vb_err *err)
{
    vb_status st = write_temporary(dir, name, bytes, n, true, err);

    if (st == VB_OK && (st = put_in_place(dir, name, err)))
        vb_publish_unstage(dir, name);
    return st;
}

vb_status vb_publish_written(int dir, const char *name, vb_err *err)
{
    vb_status st = vb_publish_sync(dir, name, err);

    return st ? st : put_in_place(dir, name, err);
}

vb_status vb_read_file(uint8_t **bytes, size_t *n, bool *found, int dir, const char *name, size_t most, vb_err *err)
{
    vb_status st = VB_OK;
    struct stat info;
    uint8_t *b = NULL;
    size_t at = 0, size;
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

    *found = fd >= 0;
    if (fd < 0)
        return errno == ENOENT || errno == ELOOP ? VB_OK : io_fail("open", name, err);
    if (fstat(fd, &info) != 0) {
        st = io_fail("stat", name, err);
        goto out;
    }
    if (!S_ISREG(info.st_mode) || (uint64_t)info.st_size > most) {
        st = vb_fail(err, VB_EFORMAT, "'%s' is no regular file of at most %zu bytes", name, most);
        goto out;
    }
    size = (size_t)info.st_size;
    if (!(b = malloc(size + 1))) {
        st = vb_fail(err, VB_ENOMEM, "%zu bytes for '%s'", size, name);
        goto out;
    }
    while (at < size) {
        ssize_t got = read(fd, b + at, size - at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            st = got < 0 ? io_fail("read", name, err) : vb_fail(err, VB_EIO, "read '%s': it became shorter", name);
            goto out;
        }
        at += (size_t)got;
    }
    *bytes = b;
    *n = size;
    b = NULL;
out:
    free(b);
    close(fd);
    return st;
}
