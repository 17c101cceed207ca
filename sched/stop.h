/* Stop: INT, TERM and USR1 (as batch systems send it ahead of a time limit) as something to poll, instead of a handler.
 * The first one drains: what runs may end, within --grace. The second one stops at once. */
#ifndef VB_STOP_H
#define VB_STOP_H

#include "err.h"

/* Blocks the signals in this thread and those that it starts later; call before any of them. *fd is the caller's. */
vb_status vb_stop_open(int *fd, vb_err *err);
/* The signal that came, 0: none. Waits up to wait_ms. */
int vb_stop_wait(int fd, int wait_ms);

#endif
