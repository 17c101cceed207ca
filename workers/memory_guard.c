/* Guard of a trial's memory; see memory_guard.h. */
#include "memory_guard.h"

#include "board.h"
#include "engine_env.h"
#include "free_memory.h"

#include <stdio.h>
#include <string.h>

void vb_room_read(vb_room *out, vb_device device)
{
    vb_board board;
    int64_t own = vb_own_bytes();

    vb_board_read(&board, vb_board_root());
    out->unified = device.kind == VB_DEVICE_CUDA && board.unified;
    out->device_bytes = device.kind == VB_DEVICE_CUDA && !out->unified ? vb_backend_free_bytes(device) : -1;
    out->host_bytes = vb_free_memory(vb_board_root());
    if (out->host_bytes >= 0 && own > 0)
        out->host_bytes += own;
    if (out->unified && out->host_bytes >= 0) {
        int64_t held = vb_backend_held_bytes(device);

        out->host_bytes += held > 0 ? held : 0;
    }
}

vb_memory_case vb_memory_case_of(const vb_options *o, vb_device device, const vb_variant *v, const vb_scene *s)
{
    return (vb_memory_case){.model = v->setup.model, .image_size = v->setup.image_size, .dtype = v->dtype, .bank = v->bank,
                            .cuda = device.kind == VB_DEVICE_CUDA, .h = s->video->h, .w = s->video->w,
                            .n_frames = s->video->n_frames, .n_objects = s->n_prompted,
                            .max_batch = vb_options_batch(o, device.kind == VB_DEVICE_CUDA, s->n_prompted),
                            .batch_frames = vb_options_batch_frames(o, device.kind == VB_DEVICE_CUDA, v->mode)};
}

static bool fits(const vb_memory_estimate *e, const vb_room *room)
{
    int64_t host = e->rss_bytes + (room->unified && e->device_bytes > 0 ? e->device_bytes : 0);

    return (room->device_bytes < 0 || e->device_bytes <= room->device_bytes) && (room->host_bytes < 0 || host <= room->host_bytes);
}

/* The largest smaller batch that fits; 0: none. */
static int smaller_batch(const vb_memory_case *c, const vb_room *room)
{
    vb_memory_case less = *c;

    for (less.max_batch = c->max_batch / 2; less.max_batch > 0; less.max_batch /= 2) {
        vb_memory_estimate e = vb_memory_estimate_of(&less);

        if (fits(&e, room))
            return less.max_batch;
    }
    return 0;
}

vb_status vb_memory_guard(const vb_memory_case *c, const vb_room *room, vb_err *err)
{
    vb_memory_estimate e = vb_memory_estimate_of(c);
    bool device = room->device_bytes >= 0 && e.device_bytes > room->device_bytes;
    double needed = (double)(device ? e.device_bytes : e.rss_bytes + (room->unified && e.device_bytes > 0 ? e.device_bytes : 0));
    char batch[64] = "";
    int less;

    if (fits(&e, room))
        return VB_OK;
    if ((less = smaller_batch(c, room)) > 0)
        snprintf(batch, sizeof batch, "--max-batch %d would fit; or take ", less);
    return vb_fail(err, VB_ENOMEM, "memory guard: %s at %d in %s with %d object%s needs about %.0f MiB of %s memory, %.0f MiB are free: %sa smaller "
                   "--image-size%s%s, --limit-objects, %sor --memory-guard off if the estimate is wrong here",
                   c->model, c->image_size, vb_dtype_name(c->dtype), c->n_objects, c->n_objects == 1 ? "" : "s", needed / (1 << 20),
                   device ? "device" : room->unified ? "unified" : "host", (double)(device ? room->device_bytes : room->host_bytes) / (1 << 20), batch,
                   !less && c->max_batch > 1 ? ", --objects separate" : "", c->dtype == VB_FLOAT32 ? ", a half dtype" : "",
                   device ? "" : "fewer engines on this host, ");
}
