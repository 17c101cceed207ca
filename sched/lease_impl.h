/* What the parts of the lease table share: lease.c (whose a block is), lease_queue.c (which ones wait), lease_choice.c (who is to have
 * the next one). Not for others. */
#ifndef VB_LEASE_IMPL_H
#define VB_LEASE_IMPL_H

#include "lease.h"

typedef struct {
    vb_setup setup;
    int n;            /* queued blocks */
    int n_row, *row;  /* [n_row] its blocks by their whole cost */
    uint64_t *queued; /* [n_row / 64 + 1] by place in row */
    double queued_cost;
    double learnt_s, learnt_cost;   /* of blocks that were run whole */
    double learnt_work, work_cost;  /* of them, in what a worker of known speed did in the time */
    double holding, held_work; /* of the workers that hold it: their speed, and what is left of their blocks; by look_ahead() */
    int untried;               /* those of them whose speed is not known */
} vb_lease_setup;

typedef struct {
    int setup, place;  /* in the setup's row */
    int left;          /* pending trials */
    uint8_t *state;    /* [n_trials] vb_lease_trial */
    uint8_t *kills;    /* [n_trials] */
    double trial_cost; /* mean */
    uint8_t *lost;     /* [n_workers] those that were lost in it; NULL: none */
} vb_lease_block;

typedef struct {
    int block; /* -1: no lease */
    uint64_t epoch;
    double deadline_s, begun_s;
    int kind;                     /* a worker with such a device, the one in which is kept what is known of them all: */
    double learnt_s, learnt_work; /* of blocks that workers of this kind ran whole: their speed is the quotient */
    int n_learnt;                 /* those blocks */
    double speed;                 /* work per second, 0: not known yet; by look_ahead() */
    int setup; /* held by its engine, -1: none */
    bool gone; /* retired, or silent for a lease's time */
    int n_index;
    int *index; /* trials of the block when it was leased, owned */
    int next_block; /* reserved, -1: none; the rest likewise */
    uint64_t next_epoch;
    int next_n;
    int *next_index;
} vb_lease_worker;

struct vb_lease_table {
    const vb_plan *plan;
    int n_setups;
    vb_lease_setup *setups;
    vb_lease_block *blocks;
    int n_workers;
    vb_lease_worker *workers;
    bool *barred; /* [n_setups] for lease_choice.c: nothing in it for this worker */
    double scatter; /* mean square of (time that a block took / expected - 1), of the last ones */
    double now_s;   /* as last told */
    uint64_t epoch;
    int64_t pending, switches;
    bool queued; /* rows have their bits: no more marks */
};

/* lease_queue.c */
bool vb_lease_line_up(vb_lease_table *t);                 /* makes the setups and their rows, from the plan; false: no memory */
double vb_lease_cost(const vb_lease_table *t, int block); /* of the trials that are left */
void vb_lease_queue(vb_lease_table *t, int block);
void vb_lease_unqueue(vb_lease_table *t, int block);
int vb_lease_queued_from(const vb_lease_setup *q, int place);   /* the first queued place from a place on; -1: none */
int vb_lease_queued_before(const vb_lease_setup *q, int place); /* the last one before it; -1: none */

/* lease_choice.c: a queued block for worker, taken off the queue; -1: none for it now. */
int vb_lease_choose(vb_lease_table *t, int worker);
int vb_lease_choose_ahead(vb_lease_table *t, int worker); /* of the setup that it holds, to follow its present one */
void vb_lease_learn(vb_lease_table *t, int worker, double seconds); /* what is done of the block that it holds took so long */

#endif
