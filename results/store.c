/* Store: opening, epochs, runs, the plan's facts; see store.h. Commits: commit.c; recovery: recover.c. */
#include "store.h"

#include "publish.h"
#include "record.h"
#include "schema.h"
#include "state.h"
#include "store_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *vb_trial_status_name(vb_trial_status s)
{
    static const char *const names[] = {"missing", "done", "failed", "quarantined"};

    return (unsigned)s < sizeof names / sizeof *names ? names[s] : "?";
}

void vb_store_now(char out[32])
{
    time_t now = time(NULL);
    struct tm utc;

    gmtime_r(&now, &utc);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

vb_status vb_store_open(vb_store **out, const char *out_dir, const char *state_dir, vb_err *err)
{
    vb_store *s = calloc(1, sizeof *s);
    vb_status st;

    if (!s)
        return vb_fail(err, VB_ENOMEM, "store '%s'", out_dir);
    s->dir = s->shards = s->lock.fd = -1;
    vb_logger_init(&s->log, -1, false);
    if ((st = vb_paths_make(out_dir, err)))
        goto fail;
    if ((s->dir = open(out_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        st = vb_fail(err, VB_EIO, "output folder '%s': %s", out_dir, strerror(errno));
        goto fail;
    }
    if ((st = vb_lock_take(&s->lock, s->dir, out_dir, err)) || (st = vb_folder_open(&s->shards, s->dir, "shards", false, err)) ||
        (st = vb_paths_find(&s->paths, out_dir, state_dir, true, err)) || (st = vb_state_prepare(&s->paths, err)) ||
        (st = vb_db_open(&s->db, s->paths.db, VB_DB_WRITE, err)) || (st = vb_schema_apply(s->db, err)))
        goto fail;
    *out = s;
    return VB_OK;
fail:
    vb_store_close(s);
    return st;
}

/* Ends a transaction. With a failed one the run's row may have gone; writing it again does no harm. */
static vb_status end_transaction(vb_store *s, vb_status st, vb_err *err)
{
    st = vb_db_end(s->db, st, err);
    if (st)
        s->run_written = false;
    return st;
}

static vb_status end_batch(vb_store *s, vb_err *err)
{
    if (!s->open)
        return VB_OK;
    s->open = false;
    return end_transaction(s, VB_OK, err);
}

void vb_store_close(vb_store *s)
{
    if (!s)
        return;
    if (s->group) /* never without a database */
        vb_store_group_end(s, NULL);
    else if (s->db)
        end_batch(s, NULL);
    vb_db_close(s->db);
    vb_lock_drop(&s->lock);
    if (s->shards >= 0)
        close(s->shards);
    if (s->dir >= 0)
        close(s->dir);
    free(s->run_options);
    free(s->run_argv);
    free(s);
}

/* Once per process, before its first write: name in the lock, where the database is, journal, epoch. Until then nothing on disk changes, so
 * that a command that finds nothing to do leaves every file as it was. */
static vb_status take_epoch(vb_store *s, vb_err *err)
{
    bool remote = vb_path_is_remote(s->paths.state);
    vb_status st;

    if ((st = vb_lock_claim(&s->lock, err)) || (st = vb_state_claim(&s->paths, s->dir, s->lock.name, err)))
        return st;
    if (remote)
        vb_log(&s->log, VB_LOG_WARN,
               "summary.db in '%s' is on a network file system: slower and less safe; --state-dir puts it on a local disk",
               s->paths.state);
    if ((st = vb_db_exec(s->db, remote ? "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA" : "PRAGMA journal_mode=WAL", err)) ||
        (st = vb_db_begin(s->db, err)))
        return st;
    st = vb_db_run(s->db, err, "UPDATE store SET epoch = epoch + 1", "");
    if (st == VB_OK)
        st = vb_db_int(&s->epoch, NULL, s->db, err, "SELECT epoch FROM store", "");
    if ((st = vb_db_end(s->db, st, err)))
        s->epoch = 0;
    return st;
}

static vb_status write_run(vb_store *s, vb_err *err)
{
    if (!s->run_id[0] || s->run_written)
        return VB_OK;
    s->run_written = true;
    return vb_db_run(s->db, err,
                     "INSERT INTO run (run_id, epoch, started_utc, argv, options) VALUES (?1, ?2, ?3, ?4, ?5)"
                     " ON CONFLICT (run_id) DO UPDATE SET epoch = ?2, started_utc = ?3, argv = ?4, options = ?5",
                     "sisss", s->run_id, s->epoch, s->started_utc, s->run_argv, s->run_options);
}

/* In a group each write can be undone alone. What that takes SQLite would write to a file beside, page by page, and the group's
 * sync of the file system would wait for it. Only here: sorts of a finalize could take more memory than there is. */
static vb_status undo_in_memory(vb_store *s, vb_err *err)
{
    vb_status st = VB_OK;

    if (s->group && !s->undo_in_memory && (st = vb_db_exec(s->db, "PRAGMA temp_store=MEMORY", err)) == VB_OK)
        s->undo_in_memory = true;
    return st;
}

static vb_status begin_transaction(vb_store *s, vb_err *err)
{
    int64_t epoch = 0;
    vb_status st;

    if ((s->epoch == 0 && (st = take_epoch(s, err))) || (st = undo_in_memory(s, err)) || (st = vb_db_begin(s->db, err)))
        return st;
    if ((st = vb_db_int(&epoch, NULL, s->db, err, "SELECT epoch FROM store", "")) == VB_OK && epoch != s->epoch)
        st = vb_fail(err, VB_ESTORE, "another savbench has taken over '%s' (epoch %lld, ours was %lld): this one stops writing",
                     s->paths.out, (long long)epoch, (long long)s->epoch);
    if (st == VB_OK && (st = vb_state_check(&s->paths, s->dir, s->lock.name, err)) == VB_OK)
        st = write_run(s, err);
    return st ? end_transaction(s, st, err) : VB_OK;
}

vb_status vb_store_begin(vb_store *s, vb_err *err)
{
    vb_status st;

    if (!s->group)
        return (st = end_batch(s, err)) ? st : begin_transaction(s, err);
    if (!s->open && (st = begin_transaction(s, err)))
        return st;
    s->open = true;
    return vb_db_exec(s->db, "SAVEPOINT write", err);
}

/* A write of a group that failed is undone alone; where even that fails the whole group is lost with its connection. */
vb_status vb_store_end(vb_store *s, vb_status st, vb_err *err)
{
    if (!s->group)
        return end_transaction(s, st, err);
    if (st == VB_OK)
        return vb_db_exec(s->db, "RELEASE write", err);
    (void)vb_db_exec(s->db, "ROLLBACK TO write; RELEASE write", NULL);
    return st;
}

void vb_store_group_begin(vb_store *s)
{
    s->group = true;
}

vb_status vb_store_group_end(vb_store *s, vb_err *err)
{
    bool rows = s->open;
    vb_status st = vb_staged_publish(s, err);

    vb_staged_drop(s);
    s->group = s->open = false;
    return rows ? end_transaction(s, st, err) : st;
}

vb_status vb_store_begin_run(vb_store *s, const char *run_id, const char *options_json, const char *argv, vb_err *err)
{
    if (strlen(run_id) == 0 || strlen(run_id) >= sizeof s->run_id)
        return vb_fail(err, VB_EARG, "run id '%.60s': 1 to %zu characters", run_id, sizeof s->run_id - 1);
    free(s->run_options);
    free(s->run_argv);
    s->run_options = strdup(options_json);
    s->run_argv = strdup(argv);
    if (!s->run_options || !s->run_argv)
        return vb_fail(err, VB_ENOMEM, "record of the run");
    strcpy(s->run_id, run_id);
    vb_store_now(s->started_utc);
    s->run_written = false;
    return VB_OK;
}

vb_status vb_store_last_options(vb_store *s, char **options_json, vb_err *err)
{
    return vb_last_options(options_json, s->db, err);
}

vb_status vb_store_end_run(vb_store *s, const char *run_id, const char *how, vb_err *err)
{
    char now[32];
    vb_status st = end_batch(s, err);

    if (st || !s->run_written)
        return st; /* a run that wrote nothing leaves no row */
    vb_store_now(now);
    if ((st = vb_store_begin(s, err)))
        return st;
    st = vb_db_run(s->db, err, "UPDATE run SET ended_utc = ?2, how = ?3 WHERE run_id = ?1", "sss", run_id, now, how);
    return vb_store_end(s, st, err);
}

vb_status vb_store_put_video(vb_store *s, const char *name, int h, int w, int n_frames, int n_objects, const char *error,
                             vb_err *err)
{
    int64_t same = 0, id;
    bool found;
    vb_status st;

    if (!vb_name_ok(name))
        return vb_fail(err, VB_EARG, "'%.64s' cannot be a video's name", name);
    st = vb_db_int(&same, &found, s->db, err,
                   "SELECT h IS coalesce(nullif(?2, 0), h) AND w IS coalesce(nullif(?3, 0), w)"
                   " AND n_frames IS coalesce(nullif(?4, 0), n_frames) AND n_objects IS coalesce(nullif(?5, 0), n_objects)"
                   " AND error IS ?6 FROM video WHERE video = ?1",
                   "siiiis", name, (int64_t)h, (int64_t)w, (int64_t)n_frames, (int64_t)n_objects, error);
    if (st || (found && same))
        return st;
    if (!s->open) {
        if ((st = begin_transaction(s, err)))
            return st;
        s->open = true;
    }
    if ((st = vb_record_video(&id, s->db, name, err)))
        return st;
    return vb_db_run(s->db, err,
                     "UPDATE video SET h = coalesce(nullif(?2, 0), h), w = coalesce(nullif(?3, 0), w),"
                     " n_frames = coalesce(nullif(?4, 0), n_frames), n_objects = coalesce(nullif(?5, 0), n_objects), error = ?6"
                     " WHERE video_id = ?1",
                     "iiiiis", id, (int64_t)h, (int64_t)w, (int64_t)n_frames, (int64_t)n_objects, error);
}

vb_status vb_store_status(vb_store *s, const vb_trial_key *key, vb_trial_status *out, vb_err *err)
{
    char tag[VB_TAG_MAX];
    sqlite3_stmt *q;
    bool row;
    vb_status st;

    vb_variant_tag(tag, &key->variant);
    *out = VB_TRIAL_MISSING;
    if ((st = vb_db_query(&q, s->db, err,
                          "SELECT status FROM trial WHERE video_id = (SELECT video_id FROM video WHERE video = ?1)"
                          " AND variant_id = (SELECT variant_id FROM variant WHERE tag = ?2) AND repetition = ?3",
                          "ssi", key->video, tag, (int64_t)key->repetition)) ||
        (st = vb_db_step(&row, s->db, q, err)) || !row)
        return st;
    for (int i = VB_TRIAL_DONE; i <= VB_TRIAL_QUARANTINED; i++)
        if (strcmp((const char *)sqlite3_column_text(q, 0), vb_trial_status_name((vb_trial_status)i)) == 0)
            *out = (vb_trial_status)i;
    sqlite3_reset(q);
    return VB_OK;
}
