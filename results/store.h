/* Store: the output folder. OUT/shards/VIDEO/TAG_rN.h5 (the tag's '/' as ','), summary.db beside it (or in the state
 * folder, which OUT/.state-dir then names), and the order of a commit:
 *   shard to a temporary name, fsync, rename, fsync of the folder, then the row, then the caller acknowledges.
 * One process writes: the coordinator, on one thread. Why it is so: ARCHITECTURE.md, "Why" and "When things break". */
#ifndef VB_STORE_H
#define VB_STORE_H

#include "trial.h"

typedef enum { VB_TRIAL_MISSING, VB_TRIAL_DONE, VB_TRIAL_FAILED, VB_TRIAL_QUARANTINED } vb_trial_status;
const char *vb_trial_status_name(vb_trial_status s);

typedef struct vb_store vb_store;

typedef struct {
    int64_t redone;   /* rows whose shard was missing or wrong: row deleted, trial runs again */
    int64_t adopted;  /* valid shards without a row: row made */
    int64_t refused;  /* shards without a row that were not valid: removed */
    int64_t temporaries;
} vb_recovery;

/* Creates or opens OUT; takes the writer's lock (VB_ESTORE names the holder when another lives); migrates the schema.
 * state_dir NULL: the one that an earlier run used, else OUT; one without a database gets a copy of that of the run before,
 * one of another output folder is VB_EARG. The epoch grows and the run's row is written with the
 * first real write: opening, recovering and asking alone leave a sound folder's files as they are, to the byte. */
vb_status vb_store_open(vb_store **out, const char *out_dir, const char *state_dir, vb_err *err);
void vb_store_close(vb_store *s);
vb_status vb_store_recover(vb_store *s, vb_recovery *out, vb_err *err);

/* The option record of the run that last wrote here, malloc'ed; NULL: none did. What may not change between runs into one
 * folder is checked against it. */
vb_status vb_store_last_options(vb_store *s, char **options_json, vb_err *err);

/* A run = one start of the coordinator. options_json: the whole option record; argv: the command line. A run that writes
 * nothing leaves no row. */
vb_status vb_store_begin_run(vb_store *s, const char *run_id, const char *options_json, const char *argv, vb_err *err);
vb_status vb_store_end_run(vb_store *s, const char *run_id, const char *how, vb_err *err); /* "done", "failed", "drained" */

/* The plan's facts, repeated at each start (upsert): videos, also those that cannot be used (error not NULL). A size of 0 is
 * unknown: what is known stays, as records may have been made from it. Grouped: they are on disk after the next durable write,
 * or close. */
vb_status vb_store_put_video(vb_store *s, const char *name, int h, int w, int n_frames, int n_objects, const char *error, vb_err *err);

vb_status vb_store_status(vb_store *s, const vb_trial_key *key, vb_trial_status *out, vb_err *err);

/* Commits a shard: decodes and checks that it is this key's, then the order above. A record that is there already
 * is left alone: *fresh tells. */
vb_status vb_store_commit(vb_store *s, const vb_trial_key *key, const uint8_t *bytes, size_t n, const char sha256[65],
                          bool *fresh, vb_err *err);
/* A trial that failed: a record with its reason, no shard. code: vb_status_name; a later commit replaces it. */
vb_status vb_store_fail(vb_store *s, const vb_trial_key *key, vb_trial_status status, const char *code,
                        const char *reason, const char *host, const char *device, vb_err *err);
/* Deletes a trial's record where it is failed or quarantined, so that the trial runs again (--retry-failed), from no attempts. */
vb_status vb_store_forget_failed(vb_store *s, const vb_trial_key *key, vb_err *err);

/* An attempt at a trial that gave no result. Of those that did, the commit makes the row. */
typedef struct {
    char host[64], device[96];
    char outcome[24]; /* sched/outcome.h */
    char detail[512];
    int signal, exit_code; /* 0: none */
    int last_frame;        /* -1: none */
    char last_stage[16];
    double duration_ms;
    char log[512]; /* the last that the engine printed */
    bool counts;   /* towards the trial's quarantine */
} vb_attempt;
vb_status vb_store_attempt(vb_store *s, const vb_trial_key *key, const vb_attempt *a, vb_err *err);
/* How many attempts at a trial count, over all runs since the last vb_store_forget_failed; key NULL: at all trials. */
vb_status vb_store_kills(vb_store *s, const vb_trial_key *key, int64_t *n, vb_err *err);

/* Writes that belong together, or that come at the same time, as one transaction: what is between the two is on disk
 * when vb_store_group_end has returned VB_OK, and not before. Where it fails, none of it is. */
void vb_store_group_begin(vb_store *s);
vb_status vb_store_group_end(vb_store *s, vb_err *err);

/* A record as a plan wants it. */
typedef struct {
    char video[VB_NAME_MAX], tag[VB_TAG_MAX];
    int repetition;
    vb_trial_status status;
    char device[192];       /* label of the kind of device; "" where the trial failed */
    int n_frames, n_objects;
    double seconds;         /* warm-up and trial; 0 where it failed */
    int64_t shard_bytes;
} vb_recorded;

/* Every record of OUT, by video, tag and repetition, and its last run's options (as vb_store_last_options); read-only, beside
 * a running job too. Both malloc'ed, also on errors. A folder without results has none. */
vb_status vb_store_recorded(vb_recorded **out, int *n, char **options_json, const char *out_dir, vb_err *err);

/* results.h5 (columnar) and the derived tables of summary.db, from the records; repeatable: when both are made from the
 * present records already, no file changes. Leaves summary.db as one file, and a copy of it in OUT when the state folder is
 * elsewhere. Takes the folder's writer lock: close the store first. state_dir as in vb_store_open. */
vb_status vb_finalize(const char *out_dir, const char *state_dir, vb_err *err);

#endif
