/* Roster: what is planned against what is recorded. Shared by the coordinator, which runs the difference, and the
 * supervisor, which judges by it whether a job has done its work. */
#ifndef VB_ROSTER_H
#define VB_ROSTER_H

#include "plan.h"
#include "store.h"

typedef struct {
    vb_dataset *dataset;
    vb_plan *plan;
    vb_store *store;
    vb_trial_status **status; /* [n_blocks][n_trials] */
    vb_block *bad;            /* [n_bad] every trial of each video that cannot be used, by setup; owned */
    int n_bad;                /* videos that cannot be used x setups */
    vb_trial_status **bad_status;
    int64_t total;       /* trials, those of bad videos too */
    int64_t missing;     /* of usable videos */
    int64_t missing_bad; /* of bad videos: to be recorded as failed */
    int64_t done, failed;
} vb_roster;

/* Opens everything and takes stock. Nothing is written when nothing has to be repaired. retry_failed: failed records of
 * what is planned are forgotten, others stay. */
vb_status vb_roster_open(vb_roster *r, const vb_options *o, bool retry_failed, vb_recovery *recovery, vb_err *err);
void vb_roster_close(vb_roster *r); /* takes a zeroed struct too */

/* The reason why bad[i] cannot be used. */
const char *vb_roster_reason(const vb_roster *r, int i);

#endif
