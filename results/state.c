/* State folders; see state.h. */
#include "state.h"

#include "publish.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINK_NAME ".state-dir" /* in OUT; a line each: the state folder, who writes */
#define OWNER_NAME ".out-dir"  /* in the state folder: OUT, as it was called when it was last written */
#define DB_NAME "summary.db"

enum { TEXT_MAX = VB_PATH_MAX + 128 };

static int open_folder(const char *path) { return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); }

static bool same_folder(const char *a, const char *b)
{
    struct stat x, y;

    return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* What a call's errno says of a path: VB_OK where there is nothing that we could reach. Else nothing is known, and to go on as if
 * there were none would put something in its place. */
static vb_status not_there(const char *path, vb_err *err)
{
    return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? VB_OK : vb_fail(err, VB_EIO, "'%s': %s", path, strerror(errno));
}

vb_status vb_state_has_database(bool *has, const char *dir, vb_err *err)
{
    char path[VB_PATH_MAX + 16];

    snprintf(path, sizeof path, "%s/" DB_NAME, dir);
    *has = access(path, F_OK) == 0;
    return *has ? VB_OK : not_there(path, err);
}

/* dir/name; "" where there is none. */
static vb_status read_text(char text[TEXT_MAX], int dir, const char *name, vb_err *err)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    bool found;
    vb_status st = vb_read_file(&bytes, &n, &found, dir, name, TEXT_MAX - 1, err);

    text[0] = 0;
    if (st == VB_OK && found) {
        memcpy(text, bytes, n);
        text[n] = 0;
    }
    free(bytes);
    return st;
}

/* Its first line. */
static vb_status read_path(char path[VB_PATH_MAX], int dir, const char *name, vb_err *err)
{
    char text[TEXT_MAX];
    vb_status st = read_text(text, dir, name, err);

    text[strcspn(text, "\n")] = 0;
    snprintf(path, VB_PATH_MAX, "%.*s", VB_PATH_MAX - 1, text);
    return st;
}

/* The output folder that a state folder belongs to, where that is not out_dir; else "". It must be there and name the state
 * folder in turn: out_dir may have been moved, and the state folder of one that has gone is free. */
static vb_status other_owner(char owner[VB_PATH_MAX], const char *state, const char *out_dir, vb_err *err)
{
    char its_state[VB_PATH_MAX];
    int dir = open_folder(state);
    vb_status st;

    owner[0] = 0;
    if (dir < 0)
        return not_there(state, err);
    st = read_path(owner, dir, OWNER_NAME, err);
    close(dir);
    if (st || !owner[0])
        return st;
    if (same_folder(owner, out_dir) || (dir = open_folder(owner)) < 0) {
        st = dir < 0 ? not_there(owner, err) : VB_OK;
        owner[0] = 0;
        return st;
    }
    st = read_path(its_state, dir, LINK_NAME, err);
    close(dir);
    if (st == VB_OK && !same_folder(its_state, state))
        owner[0] = 0;
    return st;
}

vb_status vb_state_linked(char state[VB_PATH_MAX], const char *out_dir, vb_err *err)
{
    char owner[VB_PATH_MAX];
    bool has = false;
    int dir = open_folder(out_dir);
    vb_status st;

    state[0] = 0;
    if (dir < 0)
        return vb_fail(err, VB_EARG, "output folder '%s': %s", out_dir, strerror(errno));
    st = read_path(state, dir, LINK_NAME, err);
    close(dir);
    if (st || !state[0])
        return st;
    if ((st = other_owner(owner, state, out_dir, err)) || (st = vb_state_has_database(&has, state, err)) || owner[0] || !has)
        state[0] = 0;
    return st;
}

/* What SQLite keeps beside a database that is not there any more would be taken for the new one's. */
static vb_status remove_leftovers(int dir, const char *folder, vb_err *err)
{
    static const char *const names[] = {VB_TEMPORARY_PREFIX DB_NAME, VB_TEMPORARY_PREFIX DB_NAME "-journal",
                                        DB_NAME "-journal", DB_NAME "-wal", DB_NAME "-shm"};
    bool removed = false;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (unlinkat(dir, names[i], 0) == 0)
            removed = true;
        else if (errno != ENOENT)
            return vb_fail(err, VB_EIO, "remove '%.300s/%s': %s", folder, names[i], strerror(errno));
    return removed && fsync(dir) ? vb_fail(err, VB_EIO, "fsync '%.300s': %s", folder, strerror(errno)) : VB_OK;
}

vb_status vb_state_copy(int dir, const char *folder, vb_db *from, vb_err *err)
{
    char path[VB_PATH_MAX + 32];
    vb_db *to = NULL;
    vb_status st;

    snprintf(path, sizeof path, "%s/" VB_TEMPORARY_PREFIX DB_NAME, folder);
    if ((st = remove_leftovers(dir, folder, err)))
        return st;
    if ((st = vb_db_open(&to, path, VB_DB_WRITE, err)) == VB_OK)
        st = vb_db_copy(to, from, err);
    vb_db_close(to);
    if (st || (st = vb_publish_written(dir, DB_NAME, err)))
        unlinkat(dir, VB_TEMPORARY_PREFIX DB_NAME, 0);
    return st;
}

/* Opened for writing: what a crash left half done in it is undone before it is copied. */
static vb_status copy_before(const vb_paths *p, const char *before, vb_err *err)
{
    char path[VB_PATH_MAX + 16];
    vb_db *from = NULL;
    int dir = open_folder(p->state);
    vb_status st;

    if (dir < 0)
        return vb_fail(err, VB_EIO, "state folder '%s': %s", p->state, strerror(errno));
    snprintf(path, sizeof path, "%s/" DB_NAME, before);
    if ((st = vb_db_open(&from, path, VB_DB_WRITE, err)) == VB_OK)
        st = vb_state_copy(dir, p->state, from, err);
    vb_db_close(from);
    close(dir);
    return st;
}

vb_status vb_state_prepare(const vb_paths *p, vb_err *err)
{
    char owner[VB_PATH_MAX] = "", before[VB_PATH_MAX];
    bool has;
    vb_status st;

    if (p->apart && (st = other_owner(owner, p->state, p->out, err)))
        return st;
    if (owner[0])
        return vb_fail(err, VB_EARG, "state folder '%.150s' has the database of the output folder '%.150s'; give '%.150s' a --state-dir of its own",
                       p->state, owner, p->out);
    if ((st = vb_state_has_database(&has, p->state, err)) || has || (st = vb_state_linked(before, p->out, err)))
        return st;
    if (!before[0] && p->apart) {
        if ((st = vb_state_has_database(&has, p->out, err)) || !has)
            return st;
        strcpy(before, p->out);
    }
    return before[0] ? copy_before(p, before, err) : VB_OK;
}

static vb_status claim_state(const vb_paths *p, vb_err *err)
{
    char there[TEXT_MAX], ours[PATH_MAX + 2];
    int dir = open_folder(p->state);
    vb_status st;

    if (dir < 0 || !realpath(p->out, ours)) {
        st = vb_fail(err, VB_EIO, "state folder '%s' of '%.150s': %s", p->state, p->out, strerror(errno));
        goto out;
    }
    strcat(ours, "\n");
    if ((st = read_text(there, dir, OWNER_NAME, err)) == VB_OK && strcmp(there, ours) != 0)
        st = vb_publish(dir, OWNER_NAME, (const uint8_t *)ours, strlen(ours), err);
out:
    if (dir >= 0)
        close(dir);
    return st;
}

/* What OUT's link says while we write. */
static void link_text(char text[TEXT_MAX], const vb_paths *p, const char *writer)
{
    text[0] = 0;
    if (p->apart)
        snprintf(text, TEXT_MAX, "%s\n%.100s\n", p->state, writer);
}

vb_status vb_state_claim(const vb_paths *p, int dir, const char *writer, vb_err *err)
{
    char ours[TEXT_MAX], there[TEXT_MAX];
    vb_status st;

    link_text(ours, p, writer);
    if ((p->apart && (st = claim_state(p, err))) || (st = read_text(there, dir, LINK_NAME, err)) || !strcmp(there, ours))
        return st;
    if (p->apart)
        return vb_publish(dir, LINK_NAME, (const uint8_t *)ours, strlen(ours), err);
    return unlinkat(dir, LINK_NAME, 0) || fsync(dir) ? vb_fail(err, VB_EIO, "remove '%s/" LINK_NAME "': %s", p->out, strerror(errno)) : VB_OK;
}

vb_status vb_state_check(const vb_paths *p, int dir, const char *writer, vb_err *err)
{
    char ours[TEXT_MAX], there[TEXT_MAX];
    vb_status st = read_text(there, dir, LINK_NAME, err);

    link_text(ours, p, writer);
    if (st || !strcmp(there, ours))
        return st;
    there[strcspn(there, "\n")] = 0;
    return vb_fail(err, VB_ESTORE, "another savbench has taken over '%.150s' (its database is in '%.150s' now): this one stops writing", p->out,
                   there[0] ? there : p->out);
}
