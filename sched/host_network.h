/* What a host file's names lead to: the network that its hosts share, for Open MPI to keep to, and whether one is this machine.
 *
 * Every Jetson has bridges (l4tbr0, docker0) with one and the same address; Open MPI takes them for a network that the boards
 * share, one connects to itself, and the job hangs. */
#ifndef VB_HOST_NETWORK_H
#define VB_HOST_NETWORK_H

#include "hosts.h"

enum { VB_NETWORK_MAX = 32 };

/* "10.77.0.0/24": a network of this machine's that each other host's name leads into. "" where there is none (routes, IPv6, a name
 * that leads nowhere, no other host), or where the user has told Open MPI which to take. */
void vb_host_network(char network[VB_NETWORK_MAX], const vb_hosts *h);

/* Whether the name or IPv4 address is this machine's. A name that is not the one which the machine goes by is looked up: that may take
 * seconds. */
bool vb_host_is_own(const char *host);

#endif
