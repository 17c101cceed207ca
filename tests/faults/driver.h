/* Driver: what a coordinator does to an output folder from start to end, without MPI and engines, on shards made
 * beforehand: up to 20 videos in two dtypes, one trial that fails, one that loses two engines. */
#ifndef VB_DRIVER_H
#define VB_DRIVER_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

enum { DRIVER_VIDEOS = 20, DRIVER_TRIALS = 2 * DRIVER_VIDEOS };

/* Once, before anything else: how many of the trials there are to be, 8 at least. */
void driver_prepare(int trials);

/* From whatever the folder holds to finalized. promised (may be NULL) is told of each trial when its commit has returned. */
vb_status driver_run(const char *out, void (*promised)(int trial), vb_err *err);

/* Opens and recovers alone: false where a promised trial (promised[DRIVER_TRIALS]) is not done; why says which. */
bool driver_keeps(const char *out, const bool *promised, char *why, size_t n);

/* What report and verify say of a finished folder, into *text (malloc'ed, also on errors). */
vb_status driver_read(const char *out, char **text, vb_err *err);

/* What others do with a finished folder: it is printed, listed for a plan, and merged into another. */
vb_status driver_around(const char *out, const char *into, vb_err *err);

/* Everything of a finished folder that a user sees, but for times: rows, shards' hashes, report, names of files; and what
 * verify finds. malloc'ed; NULL: it cannot be read (err says why). */
char *driver_snapshot(const char *out, vb_err *err);

#endif
