/* What the parts of the desk share: desk.c (its life, its rounds, the granting of leases), desk_inbox.c (what workers send),
 * desk_trials.c (how a trial ends in the records). Not for others. */
#ifndef VB_DESK_IMPL_H
#define VB_DESK_IMPL_H

#include "control.h"
#include "desk.h"
#include "intake.h"
#include "lease.h"
#include "ticker.h"
#include "timing.h"

enum { VB_DESK_GROUP = 64 }; /* results in one transaction, at most */

typedef struct {
    vb_hello hello;
    bool known, waiting, retired;
    bool silent;    /* it said nothing for a lease's time, and has not spoken since: it gets no block */
    double heard_s; /* when it last spoke */
    int failed_starts;
    double leased_ms;
    vb_intake intake;
} vb_desk_worker;

struct vb_desk {
    const vb_rank *rank;
    vb_roster *r;
    vb_lease_table *leases;
    int n_workers;
    vb_desk_worker *workers; /* worker i is rank i + 1 */
    vb_ticker_worker *shown;
    vb_ticker ticker;
    double ttl_s;
    double beat_ms; /* when the progress file is to be written next */
    const char *run_id;
    bool draining;
    char manifest[65];  /* of the coordinator's split; made when a worker on another host has told its own */
    char last_loss[512]; /* why an engine could not be started */
    int n_owed;          /* acknowledgements of results whose rows the group at hand holds */
    struct {
        int worker, trial;
        uint64_t epoch;
    } owed[VB_DESK_GROUP];
};

static inline double vb_desk_now_s(void)
{
    return vb_now_ms() / 1000;
}

__attribute__((format(printf, 3, 4))) void vb_desk_say(vb_desk *d, vb_log_level level, const char *fmt, ...);
vb_status vb_desk_send(vb_desk *d, int worker, vb_msg_type type, uint64_t epoch, const void *p, size_t n, vb_err *err);

/* desk_inbox.c: reads and answers what workers sent. Results that wait together cost one durable write together. */
vb_status vb_desk_take_in(vb_desk *d, bool *busy, vb_err *err);

/* desk_trials.c */
void vb_desk_trial_ended(vb_desk *d, int block, int trial, vb_trial_status status); /* marks it everywhere; it was pending */
vb_attempt vb_desk_attempt(const vb_desk_worker *w, const char *device, const char *outcome, const char *detail);
/* An attempt that brought its engine down, or a result that cannot be taken; the third one is the trial's end. */
vb_status vb_desk_count_kill(vb_desk *d, int block, int trial, vb_attempt *a, vb_err *err);
/* What earlier runs recorded: a trial whose third attempt was the last act of one is not begun a fourth time. */
vb_status vb_desk_count_earlier(vb_desk *d, vb_err *err);

#endif
