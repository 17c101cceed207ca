/* Hosts: how many engines a job is started with when the user does not say. */
#ifndef VB_HOSTS_H
#define VB_HOSTS_H

#include "err.h"

/* Without a hostfile: one per GPU of this machine, at least 1; 1 for a --device that names one. With a hostfile (Open
 * MPI's format): one per slot, a host without "slots=" has one. VB_EARG, VB_EIO. */
vb_status vb_hosts_engines(int *n, const char *hostfile, const char *device, vb_err *err);

#endif
