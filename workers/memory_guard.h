/* Guard: whether what a trial will take (memory_estimate.h) is there to be had for this process on its device. */
#ifndef VB_MEMORY_GUARD_H
#define VB_MEMORY_GUARD_H

#include "memory_estimate.h"
#include "model.h"
#include "options.h"
#include "scene.h"

/* What is free for a trial of this process: what it holds already counts as free, since the trial will use it. -1: not told. */
typedef struct {
    int64_t device_bytes;
    int64_t host_bytes;
    bool unified; /* the device's is part of the host's */
} vb_room;

void vb_room_read(vb_room *out, vb_device device);

/* max_batch as asked for; scene inited. */
vb_memory_case vb_memory_case_of(const vb_options *o, vb_device device, const vb_variant *v, const vb_scene *s);

/* VB_ENOMEM where the estimate does not fit into the room: what is needed, what is free, and what would need less. */
vb_status vb_memory_guard(const vb_memory_case *c, const vb_room *room, vb_err *err);

#endif
