/* Hosts: a host file, and how many engines a job is started with when the user does not say. */
#ifndef VB_HOSTS_H
#define VB_HOSTS_H

#include "options.h"

typedef struct {
    char name[256];
    int slots;
} vb_host;

typedef struct {
    int n;
    vb_host *list; /* owned */
} vb_hosts;

/* Open MPI's format: a host per line, "slots=N" (1 without), the rest of the line and comments ignored. VB_EARG, VB_EIO. */
vb_status vb_hosts_read(vb_hosts *h, const char *hostfile, vb_err *err);
void vb_hosts_deinit(vb_hosts *h); /* takes a zeroed struct too */

/* Without a hostfile: --ranks-per-device for each of --devices, else for each GPU of this machine, at least one; one device for
 * a --device that names it. With a hostfile (Open MPI's format): one per slot, a host without "slots=" has one.
 * VB_EARG, VB_EIO. */
vb_status vb_hosts_engines(int *n, const vb_options *o, vb_err *err);

#endif
