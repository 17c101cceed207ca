/* Coordinator: rank 0. Strikes out what is recorded, leases the rest to workers, commits what comes back, records what
 * failed; the only process that writes results. Touches no device and no model. */
#ifndef VB_COORDINATOR_H
#define VB_COORDINATOR_H

#include "rank.h"

/* *exit_code: VB_EXIT_OK, VB_EXIT_SOME_FAILED where records of this plan are failed, or VB_EXIT_RESUMABLE where signals
 * (stop.h) ended it with trials missing. *cut: the second signal came, so that nobody is to be waited for. Tells every
 * worker to quit, however it ends. */
vb_status vb_coordinator_run(int *exit_code, bool *cut, const vb_rank *r, vb_err *err);

#endif
