/* Memory that a trial will take at its peak, told before it starts from the model and the shapes: what `savbench plan` shows, what
 * the engine's guard goes by, and what stands in the record beside the measured peak. Pure. Formula: METRICS.md, "Memory"; its
 * constants are one table in memory_estimate.c, fitted to tests/bench/memory_bench.py. */
#ifndef VB_MEMORY_ESTIMATE_H
#define VB_MEMORY_ESTIMATE_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const char *model; /* canonical */
    int image_size;
    vb_dtype dtype;
    vb_bank bank;
    bool cuda;         /* else a CPU */
    int h, w;          /* video pixels */
    int n_frames, n_objects;
    int max_batch;     /* objects in one pass at most, >= 1 */
    int batch_frames;  /* frames in one pass of the image encoder, >= 1 */
} vb_memory_case;

typedef struct {
    int64_t device_bytes; /* given out by the device's allocator; -1 on a CPU */
    int64_t rss_bytes;    /* the engine's resident set */
} vb_memory_estimate;

vb_memory_estimate vb_memory_estimate_of(const vb_memory_case *c);

/* Objects in one forward pass where nothing says otherwise: on a CPU a larger one gains nothing, and a pass's peak grows by it. */
int vb_default_batch(bool cuda);

#ifdef __cplusplus
}
#endif
#endif
