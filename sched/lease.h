/* Lease table: which block is whose, until when, and what is left of it. A plain data structure: no MPI, no clock,
 * no store; the coordinator tells it the time and what happened.
 *
 * Rules: a worker holds one lease at a time, and may have one more block of the same setup reserved, which becomes its
 * lease when that one ends. It gets blocks of the setup that it holds, longest first. It changes to another setup, the one that
 * would end last otherwise, when none is queued, or when the others will be through with its own in time and another is behind.
 * A setup of blocks much shorter than any other's is kept for the end, as much of it as fills what is left of everybody's time. The
 * first block of a worker is a short one where it is to have several: it may be the slowest.
 * No block is given to a worker that would be at it when all the others are through with the rest, as far as can be told from the
 * blocks that it and its like have run and from how far such estimates were off; where all are too long, it gets the
 * shortest, unless a faster one will have done that sooner. Every lease has an epoch that is never used
 * again; what comes under another epoch, or from another worker, is refused. A trial that brought its engine down
 * VB_LEASE_MAX_KILLS times is quarantined. A block that a worker's engine died of, or was lost in, goes to another worker
 * as long as there is one. */
#ifndef VB_LEASE_H
#define VB_LEASE_H

#include "plan.h"

#define VB_LEASE_MAX_KILLS 3

typedef enum { VB_LEASE_PENDING, VB_LEASE_DONE, VB_LEASE_FAILED, VB_LEASE_QUARANTINED } vb_lease_trial;

/* A lease as granted: trials[i] of it is trial index[i] of the plan's block. Borrowed from the table, valid until the
 * lease ends. */
typedef struct {
    int block; /* index in the plan */
    uint64_t epoch;
    int n_trials;
    const int *index;
    bool switched; /* the worker held another setup before */
} vb_lease;

typedef struct vb_lease_table vb_lease_table;

/* plan is borrowed and must outlive the table. Workers are 0 .. n_workers-1. */
vb_status vb_lease_create(vb_lease_table **out, const vb_plan *plan, int n_workers, vb_err *err);
void vb_lease_free(vb_lease_table *t);

/* Before the first take: what is recorded already. */
void vb_lease_mark(vb_lease_table *t, int block, int trial, vb_lease_trial state);

/* Likewise: how many engines a trial has brought down in earlier runs; true when that quarantines it. */
bool vb_lease_mark_kills(vb_lease_table *t, int block, int trial, int kills);

/* Grants the next block. false: nothing is queued now for this worker (all done, leased to others, or kept for another
 * worker because this one was lost in it or is too slow). A lease that the worker still holds is released first. */
bool vb_lease_take(vb_lease_table *t, int worker, double now_s, double ttl_s, vb_lease *out);

/* Reserves the block that the worker is to have next, under an epoch of its own; false: it holds no lease, has one reserved
 * already, or there is none of its setup. */
bool vb_lease_reserve(vb_lease_table *t, int worker, vb_lease *out);
/* Queues it again; false: that was not reserved. */
bool vb_lease_unreserve(vb_lease_table *t, int worker, uint64_t epoch);

/* Whether worker holds block under epoch, and which trial of the plan's block its trial is. VB_EARG says why not. */
vb_status vb_lease_check(const vb_lease_table *t, int worker, uint64_t epoch, int leased_trial, int *block, int *trial,
                         vb_err *err);
void vb_lease_renew(vb_lease_table *t, int worker, uint64_t epoch, double now_s, double ttl_s);

/* A trial's end; only of a pending one. */
void vb_lease_finish(vb_lease_table *t, int block, int trial, vb_lease_trial state);
/* Counts one engine lost to a trial; true when that quarantines it. */
bool vb_lease_killed(vb_lease_table *t, int block, int trial);
/* The worker's lease ends, and what is reserved for it becomes its lease: what is pending is queued again. seconds: how long what is done
 * of the block took when it was run whole (corrects the cost model), 0: not to be learnt from. kept: the engine still holds the setup. */
void vb_lease_release(vb_lease_table *t, int worker, double seconds, bool kept);
/* The worker's device is of the kind of as's: what one needs for a block tells of the other, and of all that were said to be of either
 * kind. Until then each is of a kind of its own. */
void vb_lease_same_kind(vb_lease_table *t, int worker, int as);
/* The worker was lost in the block that it holds: it does not get it again as long as there is another. */
void vb_lease_avoid(vb_lease_table *t, int worker);
/* The worker takes no more leases, as far as is known: nothing is kept for it until it takes one. */
void vb_lease_retire(vb_lease_table *t, int worker);
/* The epoch that the worker holds, 0: none. */
uint64_t vb_lease_held(const vb_lease_table *t, int worker);
/* Ends one lease whose deadline has passed, and its worker's reservation; false: none has. */
bool vb_lease_expire(vb_lease_table *t, double now_s, int *worker, int *block, uint64_t *epoch);

vb_lease_trial vb_lease_state(const vb_lease_table *t, int block, int trial);
bool vb_lease_holds(const vb_lease_table *t, int worker);
int64_t vb_lease_pending(const vb_lease_table *t); /* trials */
int64_t vb_lease_switches(const vb_lease_table *t); /* leases that made a worker change its setup */
/* Seconds of work left for one worker, after correction; 0 when done. */
double vb_lease_remaining_s(const vb_lease_table *t);

#endif
