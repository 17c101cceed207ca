/* Child: the engine as a process. Started by posix_spawn from the worker's main thread (the death of that thread is
 * what kills the child), with a socket as descriptor 3 and its output in a pipe, whose last lines are kept for the
 * report of its death. */
#ifndef VB_CHILD_H
#define VB_CHILD_H

#include "err.h"
#include "log.h"

#include <sys/types.h>

typedef struct {
    pid_t pid; /* 0: none */
    int sock, log; /* -1: closed */
    char tail[512]; /* end of what it wrote */
    size_t n_tail;
    char line[512]; /* the line that is being written */
    size_t n_line;
} vb_child;

void vb_child_init(vb_child *c);

/* argv: the arguments behind the engine's name, NULL at the end. */
vb_status vb_child_start(vb_child *c, const char *engine, const char *const *argv, vb_err *err);

/* Passes on what the engine wrote so far, line by line. */
void vb_child_read_log(vb_child *c, const vb_logger *log);

/* Closes the socket, waits up to grace_ms, then kills; the status is waitpid's. Clears c but for its tail. */
int vb_child_end(vb_child *c, int grace_ms, const vb_logger *log);

#endif
