/* Hosts: how many engines a job is started with when the user does not say. */
#ifndef VB_HOSTS_H
#define VB_HOSTS_H

#include "options.h"

/* Without a hostfile: --ranks-per-device for each of --devices, else for each GPU of this machine, at least one; one device for
 * a --device that names it. With a hostfile (Open MPI's format): one per slot, a host without "slots=" has one.
 * VB_EARG, VB_EIO. */
vb_status vb_hosts_engines(int *n, const vb_options *o, vb_err *err);

#endif
