/* Reading an output folder; see viewer.h. */
#include "viewer.h"

#include "derive.h"
#include "paths.h"
#include "schema.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

vb_status vb_viewer_open(vb_db **out, const char *out_dir, vb_err *err)
{
    vb_paths p;
    vb_db *db = NULL;
    vb_status st;

    if ((st = vb_paths_find(&p, out_dir, NULL, false, err)) || (st = vb_db_open(&db, p.db, VB_DB_READ, err)) ||
        (st = vb_schema_check(db, p.db, err))) {
        vb_db_close(db);
        return st;
    }
    *out = db;
    return VB_OK;
}

/* A copy in memory with this program's views, and with derive the derived tables made anew. */
static vb_status copy_in_memory(vb_db **out, vb_db *from, const char *out_dir, bool derive, vb_err *err)
{
    vb_db *copy = NULL;
    int dir = open(out_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    vb_status st;

    if (dir < 0)
        return vb_fail(err, VB_EARG, "output folder '%s': %s", out_dir, strerror(errno));
    if ((st = vb_db_open(&copy, NULL, VB_DB_MEMORY, err)) == VB_OK && (st = vb_db_copy(copy, from, err)) == VB_OK &&
        (st = vb_schema_apply(copy, err)) == VB_OK && derive && (st = vb_db_begin(copy, err)) == VB_OK)
        st = vb_db_end(copy, vb_derive(copy, dir, NULL, err), err);
    close(dir);
    if (st)
        vb_db_close(copy);
    else
        *out = copy;
    return st;
}

vb_status vb_viewer_open_derived(vb_db **out, int64_t *n_new, const char *out_dir, vb_err *err)
{
    char key[65];
    int64_t same = 0;
    bool ours = false, claimed;
    vb_db *db = NULL, *copy = NULL;
    vb_status st;

    *n_new = 0;
    if ((st = vb_viewer_open(&db, out_dir, err)) || (st = vb_derive_key(key, db, err)) ||
        (st = vb_db_int(&same, NULL, db, err, "SELECT derived_key IS ?1 FROM store", "s", key)) ||
        (st = vb_schema_views(&ours, &claimed, db, err)))
        goto out;
    if (same && ours) {
        *out = db;
        return VB_OK;
    }
    if ((st = copy_in_memory(&copy, db, out_dir, !same, err)) == VB_OK && !same)
        st = vb_db_int(n_new, NULL, copy, err, "SELECT count(*) FROM trial WHERE status = 'done'", "");
    if (st == VB_OK)
        *out = copy;
    else
        vb_db_close(copy);
out:
    vb_db_close(db);
    return st;
}
