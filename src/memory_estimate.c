/* Estimate of a trial's memory; see memory_estimate.h.
 *
 * What lies in memory by shape alone is computed: the bank, masks, decoded frames. What layers need while they run grows with the
 * picture's area and is a constant of the model, as the peak of one pass; weights are what a loaded network was seen to hold. */
#include "memory_estimate.h"

#include "models.h"

#include <string.h>

#define MIB (double)(1 << 20)

enum {
    MEMORIES = 7,       /* a conditioning frame's and six recent ones */
    POINTERS = 16,
    MEMORY_WIDTH = 64,
    POINTER_WIDTH = 256, /* and that of a frame's tokens */
    LATENTS = 512,      /* tokens of a memory behind EdgeTAM's perceiver */
    DECODERS_CUDA = 8,  /* threads, each with a frame; on a CPU one */
    MASK_COPIES = 6,    /* of an object: prompt, ground truth, outputs, those that wait to be scored */
};

/* MiB. [0]: float32 and tf32, [1]: half dtypes. */
typedef struct {
    double weights[2];
    double cpu[2];    /* at 1024, resident: one frame and one object */
    /* at 1024, tensors: each frame in a pass of the image encoder; each object in one of attention, decoder and memory encoder */
    double encode[2], pass[2];           /* on a CPU, beyond the first */
    double cuda_encode[2], cuda_pass[2]; /* with what graphs keep */
} model_memory;

#define STUB_HOST 30.0 /* an engine that holds no network */
#define CPU_HOST 164.0   /* libtorch's own pages, and what its threads and libraries keep */
#define CUDA_HOST 1165.0
#define CUDA_FIXED 143.0 /* workspaces of cuBLAS and cuDNN, tables */

static const struct {
    const char *name; /* of the model without its family */
    model_memory memory;
} table[] = {
    /* cuda_encode of s, b+ and l in half dtypes is from batches of 8 frames, in float32 that of t times theirs over t's */
    {"edgetam", {{53, 27}, {306, 266}, {150, 110}, {155, 100}, {184, 56}, {100, 55}}},
    {"t", {{148, 74}, {862, 604}, {600, 350}, {140, 130}, {692, 250}, {113, 69}}},
    {"s", {{175, 88}, {870, 620}, {600, 350}, {140, 130}, {695, 251}, {113, 69}}},
    {"b+", {{308, 154}, {1100, 900}, {800, 450}, {140, 130}, {795, 287}, {113, 69}}},
    {"l", {{857, 428}, {1800, 1500}, {1100, 600}, {140, 130}, {1030, 372}, {113, 69}}},
};

static const model_memory *find(const char *model)
{
    const char *size = strrchr(model, '_');

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(table[i].name, size ? size + 1 : model))
            return &table[i].memory;
    return NULL;
}

int vb_default_batch(bool cuda)
{
    return cuda ? 16 : 1;
}

/* Memories and pointers of all objects. */
static double bank_bytes(const vb_memory_case *c)
{
    static const int bytes[VB_BANK_COUNT] = {[VB_BANK_BFLOAT16] = 2, [VB_BANK_FLOAT16] = 2, [VB_BANK_FLOAT32] = 4, [VB_BANK_AUTOCAST] = 4};
    double side = c->image_size / 16, tokens = strcmp(c->model, "edgetam") ? side * side : LATENTS;

    return c->n_objects * (MEMORIES * tokens * MEMORY_WIDTH * bytes[c->bank] + POINTERS * POINTER_WIDTH * 4.0);
}

/* Logits of all objects at a quarter of the network's size, and their masks at the video's. */
static double mask_bytes(const vb_memory_case *c)
{
    double low = c->image_size / 4;

    return c->n_objects * (low * low * 4 + (double)c->h * c->w / 8);
}

/* Offline, in the encoder's two slots: each frame on its way through memory attention, a sum in float32 and its norm. */
static double begun_bytes(const vb_memory_case *c)
{
    double side = c->image_size / 16, bytes = 4 + (c->dtype == VB_FLOAT16 || c->dtype == VB_BFLOAT16 ? 2 : 4);

    return c->batch_frames > 1 ? 2 * c->batch_frames * side * side * POINTER_WIDTH * bytes : 0;
}

static double frame_bytes(const vb_memory_case *c)
{
    return 3.0 * c->h * c->w;
}

vb_memory_estimate vb_memory_estimate_of(const vb_memory_case *c)
{
    const model_memory *m = find(c->model);
    double area = c->image_size / 1024.0 * c->image_size / 1024.0, host, device = 0;
    double frames = ((c->cuda ? DECODERS_CUDA : 1) + 1 + 3 * c->batch_frames) * frame_bytes(c); /* decoded: workers/feed.c */
    double masks = MASK_COPIES * c->n_objects * (double)c->h * c->w / 8;
    int half = c->dtype == VB_FLOAT16 || c->dtype == VB_BFLOAT16;
    int batch = c->max_batch < c->n_objects ? c->max_batch : c->n_objects;

    if (!m)
        return (vb_memory_estimate){.device_bytes = -1, .rss_bytes = (int64_t)(STUB_HOST * MIB + frames + masks)};
    if (c->cuda) {
        device = (CUDA_FIXED + m->weights[half] + area * (m->cuda_encode[half] * c->batch_frames + m->cuda_pass[half] * batch)) * MIB + bank_bytes(c) +
                 mask_bytes(c) + begun_bytes(c) + c->batch_frames * frame_bytes(c);
        host = CUDA_HOST * MIB + frames + masks;
    } else {
        host = (CPU_HOST + m->weights[half] + area * (m->cpu[half] + m->encode[half] * (c->batch_frames - 1) + m->pass[half] * (batch - 1))) * MIB +
               bank_bytes(c) + mask_bytes(c) + begun_bytes(c) + frames + masks;
    }
    return (vb_memory_estimate){.device_bytes = c->cuda ? (int64_t)device : -1, .rss_bytes = (int64_t)host};
}
