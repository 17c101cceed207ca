/* A process that may read and compute, and is killed where it starts a program or a process, reaches for a network, or changes
 * anything in a file system. For tests that claim that something runs nothing. */
#ifndef VB_SECCOMP_BOX_H
#define VB_SECCOMP_BOX_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    bool killed;   /* by the filter: it tried what it must not */
    int code;      /* exit code; -1: ended by another signal */
    char said[1024]; /* begin of what it wrote to stderr */
} box_end;

/* Runs argv in such a box; stdout goes to /dev/null. Its own start is the one execve that the filter lets pass.
 * False: this kernel has no seccomp filters. */
bool box_run(box_end *end, char *const argv[]);

/* The same for a function, which shows that the box holds. */
bool box_call(box_end *end, void (*act)(void));

#endif
