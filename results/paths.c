/* Paths of an output folder; see paths.h. */
#include "paths.h"

#include "publish.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define STATE_LINK ".state-dir"

/* File systems that linux/magic.h does not name. */
#define MAGIC_LUSTRE 0x0BD00BD0L
#define MAGIC_GPFS 0x47504653L
#define MAGIC_BEEGFS 0x19830326L
#define MAGIC_CIFS 0xFF534D42L
#define MAGIC_SMB2 0xFE534D42L
#define MAGIC_FUSE 0x65735546L
#define MAGIC_CEPH 0x00C36400L
#define MAGIC_9P 0x01021997L

bool vb_path_is_remote(const char *path)
{
    static const unsigned long remote[] = {NFS_SUPER_MAGIC, MAGIC_LUSTRE, MAGIC_GPFS, MAGIC_BEEGFS, MAGIC_CIFS,
                                           MAGIC_SMB2,      MAGIC_FUSE,   MAGIC_CEPH, MAGIC_9P};
    struct statfs info;

    if (statfs(path, &info) != 0)
        return true; /* the careful journal, when in doubt */
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++)
        if (((unsigned long)info.f_type & 0xFFFFFFFFUL) == remote[i])
            return true;
    return false;
}

/* mkdir -p. */
static vb_status make_folders(const char *path, vb_err *err)
{
    char part[VB_PATH_MAX];

    snprintf(part, sizeof part, "%s", path);
    for (char *p = part + 1;; p++) {
        char c = *p;

        if (c != '/' && c != 0)
            continue;
        *p = 0;
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return vb_fail(err, VB_EIO, "make folder '%s': %s", part, strerror(errno));
        *p = c;
        if (c == 0)
            return VB_OK;
    }
}

/* The folder that OUT/.state-dir names, or "". */
static vb_status linked_state(char out[VB_PATH_MAX], const char *out_dir, vb_err *err)
{
    uint8_t *text = NULL;
    size_t n = 0;
    bool found;
    int dir = open(out_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    vb_status st;

    out[0] = 0;
    if (dir < 0)
        return vb_fail(err, VB_EARG, "output folder '%s': %s", out_dir, strerror(errno));
    st = vb_read_file(&text, &n, &found, dir, STATE_LINK, VB_PATH_MAX - 1, err);
    close(dir);
    if (st == VB_OK && found) {
        memcpy(out, text, n);
        out[n] = 0;
        out[strcspn(out, "\n")] = 0;
    }
    free(text);
    return st;
}

static vb_status write_link(const char *out_dir, const char *state, vb_err *err)
{
    char text[VB_PATH_MAX + 1];
    int n = snprintf(text, sizeof text, "%s\n", state), dir = open(out_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char temporary[] = VB_TEMPORARY_PREFIX "state-dir";
    vb_status st = VB_OK;
    int fd;

    if (dir < 0)
        return vb_fail(err, VB_EIO, "output folder '%s': %s", out_dir, strerror(errno));
    if ((fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666)) < 0 ||
        write(fd, text, (size_t)n) != n || fsync(fd) != 0 || renameat(dir, temporary, dir, STATE_LINK) != 0 ||
        fsync(dir) != 0)
        st = vb_fail(err, VB_EIO, "write '%s/" STATE_LINK "': %s", out_dir, strerror(errno));
    if (fd >= 0)
        close(fd);
    close(dir);
    return st;
}

/* dir/summary.db exists. */
static bool has_database(const char *dir)
{
    char path[VB_PATH_MAX + 16];

    snprintf(path, sizeof path, "%s/summary.db", dir);
    return access(path, F_OK) == 0;
}

vb_status vb_paths_find(vb_paths *p, const char *out_dir, const char *state_dir, bool make, vb_err *err)
{
    char linked[VB_PATH_MAX], real_out[PATH_MAX], real_state[PATH_MAX];
    vb_status st = VB_OK;

    memset(p, 0, sizeof *p);
    if (strlen(out_dir) == 0 || strlen(out_dir) > VB_PATH_MAX - 300 || (state_dir && strlen(state_dir) > VB_PATH_MAX - 300))
        return vb_fail(err, VB_EARG, "output folder: an empty or too long path");
    if (make && (st = make_folders(out_dir, err)))
        return st;
    if ((st = linked_state(linked, out_dir, err)))
        return st;
    strcpy(p->out, out_dir);
    if (!state_dir)
        state_dir = linked[0] && has_database(linked) ? linked : out_dir;
    else if (make && (st = make_folders(state_dir, err)))
        return st;
    if (!realpath(out_dir, real_out) || !realpath(state_dir, real_state))
        return vb_fail(err, VB_EARG, "state folder '%s': %s", state_dir, strerror(errno));
    p->apart = strcmp(real_out, real_state) != 0;
    if (strlen(real_state) > VB_PATH_MAX - 300)
        return vb_fail(err, VB_EARG, "state folder '%.200s...': too long a path", real_state);
    strcpy(p->state, p->apart ? real_state : out_dir);
    snprintf(p->db, sizeof p->db, "%.*s/summary.db", VB_PATH_MAX - 16, p->state);
    if (make && p->apart && strcmp(linked, real_state) != 0)
        return write_link(out_dir, real_state, err);
    if (!make && !has_database(p->state))
        return vb_fail(err, VB_EARG, "'%s' has no summary.db: is it the --out-dir of a run?", p->state);
    return VB_OK;
}
