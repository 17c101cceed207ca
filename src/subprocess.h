/* Starting another program and reading what it prints. */
#ifndef VB_SUBPROCESS_H
#define VB_SUBPROCESS_H

#include <sys/types.h>

/* Starts args[0] (looked for on PATH unless it has a slash; args ends with NULL) with this process's environment. Its
 * standard output is read from *from, which the caller closes before it waits for *pid. 0, or an errno. */
int vb_spawn_reading(pid_t *pid, int *from, const char *const *args);

#endif
