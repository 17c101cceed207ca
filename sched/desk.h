/* Desk: where the coordinator deals with its workers: hands out leases, takes in what they send, writes it to the store,
 * answers. Whatever a worker says is accepted only from the holder of the lease that it is about. */
#ifndef VB_DESK_H
#define VB_DESK_H

#include "rank.h"
#include "roster.h"

typedef struct vb_desk vb_desk;

/* r's counts (done, failed) and status are kept up to date. All borrowed until close. Welcomes every worker. */
vb_status vb_desk_open(vb_desk **out, const vb_rank *rank, vb_roster *r, const char *run_id, vb_err *err);
/* Whatever can be done now. *busy: something was. An error ends the run: the store failed, or no worker is left. */
vb_status vb_desk_round(vb_desk *d, bool *busy, vb_err *err);
bool vb_desk_done(const vb_desk *d);
/* From now on no lease is granted, and workers begin no trial. */
vb_status vb_desk_drain(vb_desk *d, vb_err *err);
bool vb_desk_deserted(const vb_desk *d); /* no worker takes leases any more: each was told to stop */
bool vb_desk_idle(const vb_desk *d); /* no worker holds a lease */
void vb_desk_close(vb_desk *d); /* takes NULL */

#endif
