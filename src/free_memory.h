/* Host memory that could still be had: what the kernel says is available, and what the control groups that this process is in
 * leave of their limits (Slurm, containers). */
#ifndef VB_FREE_MEMORY_H
#define VB_FREE_MEMORY_H

#include <stdint.h>

/* The least of them, in bytes; -1 where nothing tells. root as for sensors.h. Page cache that can be dropped counts as free. */
int64_t vb_free_memory(const char *root);

#endif
