/* What the parts of the store share: store.c (life, runs, plan's facts), commit.c, recover.c. Not for others. */
#ifndef VB_STORE_IMPL_H
#define VB_STORE_IMPL_H

#include "db.h"
#include "lock.h"
#include "log.h"
#include "paths.h"
#include "store.h"

#include <limits.h>
#include <sys/types.h>

#define VB_SHARD_PATH_MAX 300

/* Files of a group on their way to their names; staged.c. */
typedef struct {
    int dir; /* owned */
    dev_t device;
    ino_t inode; /* of the folder */
    char name[NAME_MAX + 1]; /* vb_file_name_ok */
} vb_staged_file;

struct vb_store {
    vb_paths paths;
    int dir;    /* OUT */
    int shards; /* OUT/shards, or -1 while there is none */
    vb_lock lock;
    vb_db *db;
    vb_logger log;
    int64_t epoch;    /* 0 until this process first writes */
    bool group;       /* between group_begin and group_end */
    bool undo_in_memory; /* of a group, by SQLite */
    vb_staged_file *staged; /* [n_staged] of the group */
    size_t n_staged, room_staged;
    bool new_folder;  /* the group has made one in shards */
    bool open;        /* a transaction is open that more writes may join: facts that may be lost, or a group */
    char run_id[40];  /* "" before begin_run */
    char *run_options, *run_argv, started_utc[32];
    bool run_written;
};

/* Begins a durable write: the first one takes an epoch and writes the run's row; each transaction checks that epoch and
 * state folder are still ours (VB_ESTORE when another coordinator has taken over). End with vb_store_end; in a group that only closes a
 * savepoint. */
vb_status vb_store_begin(vb_store *s, vb_err *err);
vb_status vb_store_end(vb_store *s, vb_status st, vb_err *err);

void vb_store_now(char out[32]); /* "2026-01-31T12:00:00Z" */

/* The parts of a shard's path: folder (video) and file name. VB_EARG when a part is no plain name. */
vb_status vb_store_shard_name(char file[VB_SHARD_PATH_MAX], const vb_trial_key *key, vb_err *err);

/* A shard's pictures as OUT/overlays/VIDEO/TAG_rN_FRAME.png. They are copies: none is read again. */
vb_status vb_store_publish_overlays(vb_store *s, const vb_trial *t, vb_err *err);

/* staged.c. dir: taken over, also on failure. */
vb_status vb_staged_add(vb_store *s, int dir, const char *name, const uint8_t *bytes, size_t n, vb_err *err);
/* All of them durable under their names; before the rows are committed. */
vb_status vb_staged_publish(vb_store *s, vb_err *err);
void vb_staged_drop(vb_store *s); /* what is not published is given up */

/* attempt.c: the row of an attempt that gave the record t. Within a transaction. */
vb_status vb_attempt_done(vb_store *s, const vb_trial *t, const char *outcome, const char *now, vb_err *err);

/* recorded.c: the option record of the run that last wrote, malloc'ed; NULL: none did. */
vb_status vb_last_options(char **options_json, vb_db *db, vb_err *err);

#endif
