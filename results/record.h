/* Records: the rows that one trial makes. Used within a transaction. */
#ifndef VB_RECORD_H
#define VB_RECORD_H

#include "db.h"
#include "store.h"

/* Rows that others refer to; made when missing. */
vb_status vb_record_video(int64_t *id, vb_db *db, const char *name, vb_err *err);
vb_status vb_record_variant(int64_t *id, vb_db *db, const vb_variant *v, vb_err *err);

typedef struct {
    int64_t epoch;
    const char *recorded_utc;
    const char *shard; /* path in OUT */
    const char *sha256;
    int64_t bytes;
} vb_record_source;

/* The done record of a trial; a failed record of the same key is replaced. */
vb_status vb_record_done(vb_db *db, const vb_trial *t, const vb_record_source *from, vb_err *err);

/* fps = 1000 n_timed / timed_ms over frames that are not first. In stream mode timed_ms is the sum of what each took until
 * its memory was stored or the next one was taken up; in offline mode, where frames overlap, the time from the end of the
 * last first frame to the end of the last frame. */
void vb_record_timed(const vb_trial *t, int64_t *n_timed, double *timed_ms);

#endif
