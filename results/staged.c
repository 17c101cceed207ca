/* Shards of a group: written one by one, made durable together. Each new file that is synced by itself costs the file system
 * a journal commit; where several wait, one for all comes first, after which their own syncs find nothing left to write. */
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
    vb_status st;

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
    memcpy(s->staged[s->n_staged++].name, name, strlen(name) + 1);
    return VB_OK;
}

static vb_status sync_folder(int dir, vb_err *err)
{
    return fsync(dir) ? vb_fail(err, VB_EIO, "fsync a folder of shards: %s", strerror(errno)) : VB_OK;
}

static bool same_folder(int a, int b)
{
    struct stat x, y;

    return !fstat(a, &x) && !fstat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* The folders of the staged files, each once as far as its files come one after the other. */
static vb_status sync_folders(vb_store *s, vb_err *err)
{
    vb_status st = VB_OK;

    for (size_t i = 0; i < s->n_staged && st == VB_OK; i++)
        if (i == 0 || !same_folder(s->staged[i].dir, s->staged[i - 1].dir))
            st = sync_folder(s->staged[i].dir, err);
    return st == VB_OK && s->new_folder ? sync_folder(s->shards, err) : st;
}

vb_status vb_staged_publish(vb_store *s, vb_err *err)
{
    vb_status st = VB_OK;

    if (s->n_staged == 0)
        return VB_OK;
    if (s->n_staged >= WORTH_A_SYNC_OF_ALL)
        syncfs(s->dir); /* for speed: what it says does not matter, as each file is asked for by itself */
    for (size_t i = 0; i < s->n_staged && st == VB_OK; i++)
        st = vb_publish_sync(s->staged[i].dir, s->staged[i].name, err);
    for (size_t i = 0; i < s->n_staged && st == VB_OK; i++)
        st = vb_publish_rename(s->staged[i].dir, s->staged[i].name, err);
    return st ? st : sync_folders(s, err);
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
