/* Paths of an output folder; see paths.h. */
#include "paths.h"

#include "state.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

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

static vb_status check_length(const char *path, vb_err *err)
{
    return strlen(path) == 0 || strlen(path) > VB_PATH_MAX - 300 ? vb_fail(err, VB_EARG, "output folder: an empty or too long path") : VB_OK;
}

vb_status vb_paths_make(const char *folder, vb_err *err)
{
    vb_status st = check_length(folder, err);

    return st ? st : make_folders(folder, err);
}

vb_status vb_paths_find(vb_paths *p, const char *out_dir, const char *state_dir, bool make, vb_err *err)
{
    char linked[VB_PATH_MAX], real_out[PATH_MAX], real_state[PATH_MAX];
    bool has;
    vb_status st;

    memset(p, 0, sizeof *p);
    if ((st = check_length(out_dir, err)) || (state_dir && (st = check_length(state_dir, err))) ||
        (st = vb_state_linked(linked, out_dir, err)))
        return st;
    strcpy(p->out, out_dir);
    if (!state_dir)
        state_dir = linked[0] ? linked : out_dir;
    else if (make && (st = make_folders(state_dir, err)))
        return st;
    if (!realpath(out_dir, real_out) || !realpath(state_dir, real_state))
        return vb_fail(err, VB_EARG, "state folder '%s': %s", state_dir, strerror(errno));
    p->apart = strcmp(real_out, real_state) != 0;
    if (strlen(real_state) > VB_PATH_MAX - 300)
        return vb_fail(err, VB_EARG, "state folder '%.200s...': too long a path", real_state);
    strcpy(p->state, p->apart ? real_state : out_dir);
    snprintf(p->db, sizeof p->db, "%.*s/summary.db", VB_PATH_MAX - 16, p->state);
    if (make || (st = vb_state_has_database(&has, p->state, err)) || has)
        return st;
    return vb_fail(err, VB_EARG, "'%s' has no summary.db: is it the --out-dir of a run?", p->state);
}
