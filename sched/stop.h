/* Stop: INT and TERM as something to poll, instead of a handler. */
#ifndef VB_STOP_H
#define VB_STOP_H

#include "err.h"

/* Blocks both signals in this thread and those that it starts later; call before any of them. *fd is the caller's. */
vb_status vb_stop_open(int *fd, vb_err *err);
/* The signal that came, 0: none. Waits up to wait_ms. */
int vb_stop_wait(int fd, int wait_ms);

#endif
