/* Which GPUs this process may use, as far as its surroundings say: CUDA_VISIBLE_DEVICES, and the device files that it can open
 * (Slurm's device constraints close the others). Two processes of a host with equal keys see the same devices in the same
 * order. */
#ifndef VB_VISIBLE_H
#define VB_VISIBLE_H

#include <stdint.h>

uint64_t vb_visible_devices_key(void);

#endif
