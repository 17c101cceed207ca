/* Shards and pictures of a group: written one by one, made durable together, in the order of a single one's commit: all contents,
 * then all names. Each file that is synced by itself costs the file system a journal commit and the disk a flush, even where
 * nothing is left to write; a group is synced by one call for its contents and one for its names. */
#include "publish.h"
#include "store_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORTH_A_SYNC_OF_ALL = 3 };

vb_status vb_staged_add(vb_store *s, int dir, const char *name, const uint8_t *bytes, size_t n, vb_err *err)
{
    struct stat folder;
    vb_status st;

    if (fstat(dir, &folder)) {
        close(dir);
        return vb_fail(err, VB_EIO, "folder of '%.200s': %s", name, strerror(errno));
    }
    if (s->n_staged == s->room_staged) {
        size_t room = s->room_staged ? 2 * s->room_staged : 16;
        vb_staged_file *more = realloc(s->staged, room * sizeof *more);

        if (!more) {
            close(dir);
            return vb_fail(err, VB_ENOMEM, "group of %zu shards", room);
        }
        s->staged = more;
        s->room_staged = room;
    }
    if ((st = vb_publish_stage(dir, name, bytes, n, err))) {
        close(dir);
        return st;
    }
    s->staged[s->n_staged].dir = dir;
    s->staged[s->n_staged].device = folder.st_dev;
    s->staged[s->n_staged].inode = folder.st_ino;
    memcpy(s->staged[s->n_staged++].name, name, strlen(name) + 1);
    return VB_OK;
}

static vb_status sync_folder(int dir, vb_err *err)
{
    return fsync(dir) ? vb_fail(err, VB_EIO, "fsync a folder of results: %s", strerror(errno)) : VB_OK;
}

/* The whole file system; not on those where that stays with this host. */
static bool sync_together(const vb_store *s)
{
    return s->n_staged >= WORTH_A_SYNC_OF_ALL && !vb_path_is_remote(s->paths.out);
}

static vb_status sync_all(const vb_store *s, vb_err *err)
{
    return syncfs(s->dir) ? vb_fail(err, VB_EIO, "sync the file system of '%.150s': %s", s->paths.out, strerror(errno)) : VB_OK;
}

static bool folder_came_before(const vb_store *s, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (s->staged[k].inode == s->staged[i].inode && s->staged[k].device == s->staged[i].device)
            return true;
    return false;
}

/* Each folder once: after all renames. */
static vb_status sync_folders(vb_store *s, vb_err *err)
{
    vb_status st = VB_OK;

    for (size_t i = 0; i < s->n_staged && st == VB_OK; i++)
        if (!folder_came_before(s, i))
            st = sync_folder(s->staged[i].dir, err);
    return st == VB_OK && s->new_folder ? sync_folder(s->shards, err) : st;
}

vb_status vb_staged_publish(vb_store *s, vb_err *err)
{
    bool together = sync_together(s);
    vb_status st = VB_OK;

    if (s->n_staged == 0)
        return VB_OK;
    if (together)
        st = sync_all(s, err);
    for (size_t i = 0; i < s->n_staged && st == VB_OK; i++)
        st = (together ? vb_publish_written_back : vb_publish_sync)(s->staged[i].dir, s->staged[i].name, err);
    for (size_t i = 0; i < s->n_staged && st == VB_OK; i++)
        st = vb_publish_rename(s->staged[i].dir, s->staged[i].name, err);
    if (st)
        return st;
    return together ? sync_all(s, err) : sync_folders(s, err);
}

void vb_staged_drop(vb_store *s)
{
    for (size_t i = 0; i < s->n_staged; i++) {
        vb_publish_unstage(s->staged[i].dir, s->staged[i].name); /* nothing is there after a rename */
        close(s->staged[i].dir);
    }
    free(s->staged);
    s->staged = NULL;
    s->n_staged = s->room_staged = 0;
    s->new_folder = false;
}
