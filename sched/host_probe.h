/* Host probe: which hosts of a list still let processes be started on them. */
#ifndef VB_HOST_PROBE_H
#define VB_HOST_PROBE_H

#include "hosts.h"

/* Starts `true` on each host the way mpirun starts its daemons (OMPI_MCA_plm_rsh_agent, else ssh), on all at once, and
 * takes those out of h that fail or do not answer within timeout_ms; this machine is not asked. lost: their names, "" when
 * all answer; cut to n. */
vb_status vb_hosts_probe(vb_hosts *h, char *lost, size_t n, int timeout_ms, vb_err *err);

#endif
