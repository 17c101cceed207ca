/* Finalize: results.h5 and the derived tables of summary.db, from the records; see store.h.
 *
 * The database holds the key of the records (derive.h) and the hash of results.h5: when both are those that are there,
 * nothing is written. results.h5 is published before the database says that it is there; a crash between the two only
 * means that it is made again. */
#include "derive.h"
#include "publish.h"
#include "state.h"
#include "store_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char results_name[] = "results.h5";

static vb_status derive_all(vb_store *s, const char *key, vb_err *err)
{
    char path[VB_PATH_MAX + 64], hash[65];
    vb_columnar *file = NULL;
    vb_status st;

    snprintf(path, sizeof path, "%s/" VB_TEMPORARY_PREFIX "%s", s->paths.out, results_name);
    if (unlink(path) && errno != ENOENT) /* HDF5 would write to where a link leads */
        return vb_fail(err, VB_EIO, "remove '%.300s': %s", path, strerror(errno));
    if ((st = vb_columnar_create(&file, path, key, err)))
        return st;
    if ((st = vb_store_begin(s, err))) {
        vb_columnar_free(file);
        goto out;
    }
    st = vb_derive(s->db, s->dir, file, err);
    if (st)
        vb_columnar_free(file);
    else
        st = vb_columnar_finish(file, err);
    if (st == VB_OK && (st = vb_columnar_hash(hash, path, err)) == VB_OK && (st = vb_publish_written(s->dir, results_name, err)) == VB_OK)
        st = vb_db_run(s->db, err, "UPDATE store SET derived_key = ?1, results_sha256 = ?2", "ss", key, hash);
    st = vb_store_end(s, st, err);
out:
    if (st)
        unlink(path);
    return st;
}

/* Both files are what was made from these records. A results.h5 that cannot be read is made anew. */
static vb_status is_current(bool *current, vb_store *s, const char *key, vb_err *err)
{
    char path[VB_PATH_MAX + 64], hash[65];
    int64_t same = 0;
    vb_err why = {0};
    vb_status st;

    snprintf(path, sizeof path, "%s/%s", s->paths.out, results_name);
    if (vb_columnar_hash(hash, path, &why) == VB_ENOMEM)
        return vb_fail(err, VB_ENOMEM, "%s", why.msg);
    st = vb_db_int(&same, NULL, s->db, err, "SELECT derived_key IS ?1 AND results_sha256 IS ?2 FROM store", "ss", key, hash);
    *current = same;
    return st;
}

/* What SQLite could not remove, of which it says nothing: empty by now. */
static void remove_beside(const char *db)
{
    static const char *const ends[] = {"-wal", "-shm"};
    char path[VB_PATH_MAX + 32];

    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s%s", db, ends[i]);
        (void)unlink(path); /* as a rule there is none */
    }
}

/* What the pragma answers. */
static vb_status journal_mode(char mode[16], vb_db *db, const char *pragma, vb_err *err)
{
    sqlite3_stmt *q;
    bool row;
    vb_status st;

    mode[0] = 0;
    if ((st = vb_db_query(&q, db, err, pragma, "")) || (st = vb_db_step(&row, db, q, err)))
        return st;
    vb_db_text(mode, 16, q, 0);
    sqlite3_reset(q);
    return VB_OK;
}

/* One file, no -wal and -shm beside it. */
static vb_status settle(vb_store *s, vb_err *err)
{
    char mode[16];
    vb_status st = journal_mode(mode, s->db, "PRAGMA journal_mode", err);

    if (st || strcmp(mode, "wal") != 0)
        return st;
    vb_db_forget(s->db);
    if (vb_db_exec(s->db, "PRAGMA wal_checkpoint(TRUNCATE)", err) || journal_mode(mode, s->db, "PRAGMA journal_mode=DELETE", err) ||
        strcmp(mode, "delete") != 0)
        /* Someone reads it just now: what is in it holds, and the last one to close it folds the files together. */
        vb_log(&s->log, VB_LOG_WARN, "summary.db is being read: it stays in several files until the next finalize");
    else
        remove_beside(s->paths.db);
    return VB_OK;
}

static vb_status epoch_of(int64_t *epoch, const char *path, vb_err *err)
{
    vb_db *db = NULL;
    vb_status st;

    *epoch = -1;
    if (access(path, F_OK) != 0)
        return VB_OK;
    if ((st = vb_db_open(&db, path, VB_DB_READ, err)) == VB_OK)
        st = vb_db_int(epoch, NULL, db, err, "SELECT epoch FROM store", "");
    vb_db_close(db);
    return st;
}

/* With a state folder elsewhere, OUT gets a copy of the database. */
static vb_status copy_to_out(vb_store *s, vb_err *err)
{
    char path[VB_PATH_MAX + 64];
    int64_t there = -1, here = 0;
    vb_status st;

    snprintf(path, sizeof path, "%s/summary.db", s->paths.out);
    if ((st = vb_db_int(&here, NULL, s->db, err, "SELECT epoch FROM store", "")))
        return st;
    if (epoch_of(&there, path, NULL) == VB_OK && there == here)
        return VB_OK;
    return vb_state_copy(s->dir, s->paths.out, s->db, err);
}

vb_status vb_finalize(const char *out_dir, const char *state_dir, vb_err *err)
{
    vb_paths paths;
    vb_store *s = NULL;
    char key[65];
    bool current = false;
    vb_status st;

    /* Finds before it opens: a folder that is not there is an error here, not something to make. */
    if ((st = vb_paths_find(&paths, out_dir, state_dir, false, err)) || (st = vb_store_open(&s, out_dir, state_dir, err)))
        return st;
    if ((st = vb_derive_key(key, s->db, err)) || (st = is_current(&current, s, key, err)))
        goto out;
    if (!current && (st = derive_all(s, key, err)))
        goto out;
    if ((st = settle(s, err)))
        goto out;
    if (s->paths.apart)
        st = copy_to_out(s, err);
out:
    vb_store_close(s);
    return st;
}
