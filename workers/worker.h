/* Worker: every rank but 0. Thin: takes leases from the coordinator, hands them to an engine that it starts, passes on
 * what the engine says, and reports when it dies. Touches no device, no results and no model.
 *
 * An engine that says nothing for SAVBENCH_ENGINE_SILENCE_S seconds (environment; default 600) within a block is
 * killed: a hang. */
#ifndef VB_WORKER_H
#define VB_WORKER_H

#include "rank.h"

vb_status vb_worker_run(bool *cut, const vb_rank *r, vb_err *err); /* a vb_worker_fn */

#endif
