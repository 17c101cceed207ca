/* Launch: the command line of mpirun that starts this very program as the ranks of a job. */
#ifndef VB_LAUNCH_H
#define VB_LAUNCH_H

#include "host_network.h"
#include "options.h"

#include <limits.h>

typedef struct {
    char mpirun[PATH_MAX], self[PATH_MAX], ranks[16];
    char *hosts; /* of --host; owned */
    char network[VB_NETWORK_MAX]; /* that Open MPI keeps to; "": as it likes */
    char lost[512]; /* hosts that were left out, "" for none */
    const char **argv; /* NULL-terminated; owned, its strings are borrowed from here and the caller's argv */
} vb_launch;

/* One coordinator, and --workers or else one worker per device or slot. argv [argc]: the command and its options. ask: hosts of
 * the host file that do not answer are left out. VB_EARG says what is missing. l must not move afterwards. */
vb_status vb_launch_make(vb_launch *l, const vb_options *o, int argc, char **argv, bool ask, vb_err *err);
void vb_launch_deinit(vb_launch *l); /* takes a zeroed struct too */

#endif
