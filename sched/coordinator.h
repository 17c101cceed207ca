/* Coordinator: rank 0. Strikes out what is recorded, leases the rest to workers, commits what comes back, records what
 * failed; the only process that writes results. Touches no device and no model. */
#ifndef VB_COORDINATOR_H
#define VB_COORDINATOR_H

#include "rank.h"

/* *exit_code: VB_EXIT_OK, or VB_EXIT_SOME_FAILED where records of this plan are failed. *stopped: INT or TERM came;
 * what is recorded stays, the same command goes on from there. Tells every worker to quit, however it ends. */
vb_status vb_coordinator_run(int *exit_code, bool *stopped, const vb_rank *r, vb_err *err);

#endif
