/* Calls of the C library that change files; see shim.h. One thread. */
#include "shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MOST_FDS = 1024 };

static struct {
    bool on;
    char folder[PATH_MAX];
    size_t n_folder;
    shim_mode mode;
    long at, calls;
    int error;
    shim_op *log;
    long n, room;
    int n_inodes;
    struct {
        char name[200]; /* "": free */
        int inode;
    } names[4096]; /* what is where now */
    int n_names;
} shim;

#define REAL(name) (*(__extension__(__typeof__(&name))real(#name)))
static void *real(const char *name)
{
    void *f = dlsym(RTLD_NEXT, name);

    if (!f)
        abort();
    return f;
}

/* Name under the folder, or NULL. */
static const char *under(const char *path)
{
    if (strncmp(path, shim.folder, shim.n_folder) || (path[shim.n_folder] && path[shim.n_folder] != '/'))
        return NULL;
    path += shim.n_folder;
    while (*path == '/')
        path++;
    return path;
}

static const char *of_fd(int fd, char path[PATH_MAX])
{
    char link[64];
    ssize_t n;

    if (!shim.on)
        return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if ((n = readlink(link, path, PATH_MAX - 1)) < 0)
        return NULL;
    path[n] = '\0';
    return under(path);
}

static const char *of_path(int dir, const char *name, char path[PATH_MAX])
{
    if (!shim.on)
        return NULL;
    if (name[0] == '/')
        snprintf(path, PATH_MAX, "%s", name);
    else {
        char base[PATH_MAX];

        if (dir == AT_FDCWD) {
            if (!getcwd(base, sizeof base))
                return NULL;
        } else if (!of_fd(dir, base))
            return NULL;
        snprintf(path, PATH_MAX, "%.*s/%s", PATH_MAX / 2, base, name);
    }
    return under(path);
}

static int inode_of(const char *name, bool make)
{
    for (int i = 0; i < shim.n_names; i++)
        if (!strcmp(shim.names[i].name, name))
            return shim.names[i].inode;
    if (!make || shim.n_names == (int)(sizeof shim.names / sizeof *shim.names))
        return -1;
    snprintf(shim.names[shim.n_names].name, sizeof shim.names[0].name, "%s", name);
    return shim.names[shim.n_names++].inode = shim.n_inodes++;
}

static void forget(const char *name)
{
    for (int i = 0; i < shim.n_names; i++)
        if (!strcmp(shim.names[i].name, name))
            shim.names[i--] = shim.names[--shim.n_names];
}

static shim_op *note(shim_kind kind, const char *name)
{
    if (shim.mode != SHIM_LOG)
        return NULL;
    if (shim.n == shim.room) {
        shim.room = shim.room ? 2 * shim.room : 1024;
        shim.log = realloc(shim.log, (size_t)shim.room * sizeof *shim.log);
        if (!shim.log)
            abort();
    }
    memset(&shim.log[shim.n], 0, sizeof *shim.log);
    shim.log[shim.n].kind = kind;
    shim.log[shim.n].inode = -1;
    snprintf(shim.log[shim.n].name, sizeof shim.log[0].name, "%s", name);
    return &shim.log[shim.n++];
}

/* Before a call that changes something: true where it is to fail, errno set. */
static bool fails(void)
{
    long call = shim.calls++;

    if (shim.mode == SHIM_KILL && call == shim.at)
        kill(getpid(), SIGKILL);
    if ((shim.mode == SHIM_FAIL && call == shim.at) || (shim.mode == SHIM_BREAK && call >= shim.at)) {
        errno = shim.error;
        return true;
    }
    return false;
}

static bool tears(void)
{
    return shim.mode == SHIM_TEAR && shim.calls - 1 == shim.at;
}

void shim_begin(const char *folder, shim_mode mode, long at, int error)
{
    for (long i = 0; i < shim.n; i++)
        free(shim.log[i].bytes);
    shim.n = shim.n_names = shim.n_inodes = 0;
    snprintf(shim.folder, sizeof shim.folder, "%s", folder);
    shim.n_folder = strlen(shim.folder);
    shim.mode = mode;
    shim.at = at;
    shim.error = error;
    shim.calls = 0;
    shim.on = true;
}

void shim_end(void)
{
    shim.on = false;
}

long shim_calls(void)
{
    return shim.calls;
}

void shim_mark(int64_t mark)
{
    shim_op *op = note(OP_MARK, "");

    if (op)
        op->length = mark;
}

const shim_op *shim_log(long *n)
{
    *n = shim.n;
    return shim.log;
}

static int open_any(int dir, const char *name, int flags, mode_t mode)
{
    char path[PATH_MAX];
    const char *what = of_path(dir, name, path);
    bool fresh = what && (flags & O_CREAT) && faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW);
    shim_op *op;
    int fd;

    if (what && (fresh || (flags & O_TRUNC)) && fails())
        return -1;
    if ((fd = REAL(openat)(dir, name, flags, mode)) < 0 || !what)
        return fd;
    if (fresh) {
        forget(what);
        if ((op = note(OP_CREATE, what)))
            op->inode = inode_of(what, true);
    } else if ((flags & O_TRUNC) && (op = note(OP_TRUNCATE, what)))
        op->inode = inode_of(what, true);
    return fd;
}

static mode_t mode_of(int flags, va_list ap)
{
    return flags & O_CREAT ? va_arg(ap, mode_t) : 0;
}

#define OPEN(function, args, dir)           \
    int function args                       \
    {                                       \
        va_list ap;                         \
        mode_t mode;                        \
                                            \
        va_start(ap, flags);                \
        mode = mode_of(flags, ap);          \
        va_end(ap);                         \
        return open_any(dir, name, flags, mode); \
    }
OPEN(open, (const char *name, int flags, ...), AT_FDCWD)
OPEN(open64, (const char *name, int flags, ...), AT_FDCWD)
OPEN(openat, (int dir, const char *name, int flags, ...), dir)
OPEN(openat64, (int dir, const char *name, int flags, ...), dir)

static ssize_t write_any(int fd, const void *bytes, size_t n, off_t offset, bool here)
{
    char path[PATH_MAX];
    const char *what = of_fd(fd, path);
    off_t at = here ? lseek(fd, 0, SEEK_CUR) : offset;
    ssize_t done;
    shim_op *op;

    if (what && fails())
        return -1;
    if (what && tears())
        n /= 2;
    done = here ? REAL(write)(fd, bytes, n) : REAL(pwrite)(fd, bytes, n, offset);
    if (what && tears())
        kill(getpid(), SIGKILL);
    if (what && done > 0 && (op = note(OP_WRITE, what))) {
        op->inode = inode_of(what, true);
        op->offset = at;
        op->length = done;
        if (!(op->bytes = malloc((size_t)done)))
            abort();
        memcpy(op->bytes, bytes, (size_t)done);
    }
    return done;
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    return write_any(fd, bytes, n, 0, true);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
    return write_any(fd, bytes, n, offset, false);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t offset)
{
    return write_any(fd, bytes, n, offset, false);
}

static int truncate_any(int fd, off_t length)
{
    char path[PATH_MAX];
    const char *what = of_fd(fd, path);
    shim_op *op;
    int rc;

    if (what && fails())
        return -1;
    if ((rc = REAL(ftruncate)(fd, length)) == 0 && what && (op = note(OP_TRUNCATE, what))) {
        op->inode = inode_of(what, true);
        op->length = length;
    }
    return rc;
}

int ftruncate(int fd, off_t length) { return truncate_any(fd, length); }
int ftruncate64(int fd, off64_t length) { return truncate_any(fd, length); }

static int sync_any(int fd, bool data)
{
    char path[PATH_MAX];
    const char *what = of_fd(fd, path);
    struct stat info;
    shim_op *op;
    int rc;

    if (what && fails())
        return -1;
    rc = data ? REAL(fdatasync)(fd) : REAL(fsync)(fd);
    if (rc == 0 && what && fstat(fd, &info) == 0 && (op = note(S_ISDIR(info.st_mode) ? OP_SYNC_FOLDER : OP_SYNC, what)))
        op->inode = S_ISDIR(info.st_mode) ? -1 : inode_of(what, true);
    return rc;
}

int syncfs(int fd)
{
    char path[PATH_MAX];
    const char *what = of_fd(fd, path);
    int rc;

    if (what && fails())
        return -1;
    if ((rc = REAL(syncfs)(fd)) == 0 && what)
        note(OP_SYNC_ALL, what);
    return rc;
}

/* Waits for what is written, and may tell of an error; a power cut may take it all the same. */
int sync_file_range(int fd, off64_t offset, off64_t n, unsigned flags)
{
    char path[PATH_MAX];

    if (of_fd(fd, path) && fails())
        return -1;
    return REAL(sync_file_range)(fd, offset, n, flags);
}

int fsync(int fd) { return sync_any(fd, false); }
int fdatasync(int fd) { return sync_any(fd, true); }

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    char a[PATH_MAX], b[PATH_MAX];
    const char *old = of_path(from_dir, from, a), *new = of_path(to_dir, to, b);
    shim_op *op;
    int rc;

    if (old && fails())
        return -1;
    if ((rc = REAL(renameat)(from_dir, from, to_dir, to)) == 0 && old && new && (op = note(OP_RENAME, old))) {
        int inode = inode_of(old, true);

        snprintf(op->to, sizeof op->to, "%s", new);
        op->inode = inode;
        forget(new);
        forget(old);
        snprintf(shim.names[shim.n_names].name, sizeof shim.names[0].name, "%s", new);
        shim.names[shim.n_names++].inode = inode;
    }
    return rc;
}

int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

int unlinkat(int dir, const char *name, int flags)
{
    char path[PATH_MAX];
    const char *what = of_path(dir, name, path);
    int rc;

    if (what && fails())
        return -1;
    if ((rc = REAL(unlinkat)(dir, name, flags)) == 0 && what) {
        note(OP_UNLINK, what);
        forget(what);
    }
    return rc;
}

int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }

int mkdirat(int dir, const char *name, mode_t mode)
{
    char path[PATH_MAX];
    const char *what = of_path(dir, name, path);
    int rc;

    if (what && fails())
        return -1;
    if ((rc = REAL(mkdirat)(dir, name, mode)) == 0 && what)
        note(OP_MKDIR, what);
    return rc;
}

int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }
