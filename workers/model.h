/* The model layer's one door: a C table of functions, implemented by the stub (model_stub.c) and by libtorch
 * (torch/). The pipeline drives it; nothing else includes libtorch.
 *
 * Life: open (weights of one setup) -> configure (a precision; weights are cast, attention chosen) ->
 *       begin (a video) -> [ahead] / prompt / step ... -> end -> begin ... -> configure ... -> close.
 * One thread uses a model at a time. Every function but close and end may fail; after a failure of prompt or
 * step, end must be called; after VB_ECUDA the process is of no further use. */
#ifndef VB_MODEL_H
#define VB_MODEL_H

#include "err.h"
#include "mask.h"
#include "prompt.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { VB_DEVICE_CPU, VB_DEVICE_CUDA } vb_device_kind;
typedef struct {
    vb_device_kind kind;
    int index; /* CUDA ordinal as this process sees it */
} vb_device;

typedef struct {
    const char *key;
    double value;
} vb_weight_fill; /* --weight KEY=VALUE: the tensor filled with one constant */

typedef enum { VB_FLASH_ANY, VB_FLASH_REQUIRED, VB_FLASH_STRICT } vb_require_flash;

typedef struct {
    const char *model;      /* canonical name */
    int image_size;
    vb_device device;
    const char *checkpoint; /* file, or "seed:N" */
    const vb_weight_fill *fills;
    size_t n_fills;
    int threads; /* CPU threads, 0: libtorch's choice */
    bool eager; /* CUDA: as libtorch alone would, kernels launched one by one, none of ours, attention by its choice; nothing is captured or measured */
    bool repeatable; /* CUDA: attention by libtorch's choice too, but with our kernels and graphs: the same bits in every run */
    bool holes_on_cpu; /* holes and sprinkles are the CPU code's affair though vb_backend_hole_filling says "cuda" */
} vb_model_config;

typedef struct {
    vb_dtype dtype;
    vb_bank bank;
    vb_mode mode;
    vb_require_flash require_flash; /* half dtypes only */
} vb_precision;

/* One object to track. Frames before start_frame give no output for it. start_frame <= prompt_frame;
 * it is less where an object is tracked before its prompt, as upstream does with several objects.
 * The prompt is read by each call of prompt(); corrective clicks are appended to it between two calls. */
typedef struct {
    int prompt_frame;
    int start_frame;
    const vb_prompt *prompt;
} vb_track_object;

/* Device times of a frame; the model adds to them, the caller zeroes them before begin. */
typedef struct {
    double stage_ms[VB_STAGE_COUNT]; /* preprocess .. postprocess */
    double after_ms;                 /* work on the frame that the device did after its masks were out */
} vb_frame_times;

/* Tensors out of the forward pass, for goldens and debugging; costs copies, never used in a timed trial.
 * data is float32, contiguous, on the host, valid during the call. object is -1 for what belongs to the image. */
typedef struct {
    void *ctx;
    bool trace; /* also inner tensors (golden files' /trace) */
    void (*tensor)(void *ctx, int frame_idx, int object, const char *name, const float *data,
                   const int64_t *shape, int ndim);
} vb_probe;

typedef struct {
    int n_frames; /* the model knows it: SAM 2 attends to at most N = min(n_frames, 16) object pointers and encodes their
                     ages in parts of N - 1 */
    int h, w;     /* video pixels */
    int n_objects;
    const vb_track_object *objects; /* borrowed until end */
    int fill_hole_area;             /* background components up to this many low-resolution pixels become foreground; 0: off */
    int sprinkle_area;              /* foreground components up to this many become background, after the holes; 0: off */
    bool non_overlap;               /* each pixel belongs to the object of the greatest logit alone */
    int ahead;                      /* frames that one call of ahead() brings at most; 0 and 1: one */
    vb_frame_times *times;          /* [n_frames], the caller's; all is in it when end has returned. NULL: not wanted */
    int max_batch;                  /* objects in one forward pass; 0: vb_default_batch, 1: each by itself */
    const vb_probe *probe;          /* NULL: none */
} vb_clip;

typedef struct {
    int frame_idx;
    const uint8_t *rgb; /* [h, w, 3] video size, as decoded; borrowed for the call, or, if from frame_alloc or given ahead, until its step has returned */
} vb_frame;

typedef struct {
    bool active;         /* tracked on this frame */
    vb_mask *mask;       /* [h, w]; the caller's, written when active */
    float predicted_iou; /* of the mask shown; 1 for a mask prompt */
    float object_score;  /* logit; <= 0: occluded */
    int64_t nonfinite;   /* NaN and Inf among the mask logits */
} vb_object_out;

typedef struct {
    vb_object_out *objects;        /* [n_objects], the caller's array */
    int64_t holes_filled;          /* pixels changed by hole filling, of all objects, prompts before this step included */
    int64_t sprinkles_removed;     /* likewise by sprinkle removal */
    double enqueue_ms;             /* host time until all of the step's device work was queued; 0 on a CPU */
} vb_step;

/* An attention site and one of the backends that really ran there since configure. */
typedef struct {
    char site[48];    /* "memory.cross", "decoder.token_to_image", ... */
    char dtype[16];   /* of q */
    char backend[24]; /* "flash", "cudnn", "efficient", "math", "fused" */
    /* of the call with the most scores, batch x heads x q_len x k_len */
    char op[72];      /* the ATen op or kernel called */
    char reason[160]; /* why not flash; empty where it was */
    int batch, heads, q_len, k_len, head_dim;
    int64_t calls;    /* all */
} vb_attention_site;

typedef struct {
    int64_t peak_alloc_bytes;   /* device allocations (CUDA); 0 where the allocator does not tell */
    int64_t weights_bytes;
    int64_t late_allocs; /* since the peaks were reset: device allocations for which all that was kept had to be given back, waiting for the device */
} vb_model_memory;

typedef struct vb_model vb_model;

typedef struct {
    vb_status (*open)(vb_model **out, const vb_model_config *config, vb_err *err);
    vb_status (*configure)(vb_model *m, const vb_precision *p, vb_err *err);
    vb_status (*begin)(vb_model *m, const vb_clip *clip, vb_err *err);
    /* Conditions one object on its prompt; frame is objects[object].prompt_frame. Before that frame's step. Called again
     * for an object whose prompt has points (more of them now), it refines the mask that the call before gave.
     * shown [h, w], the caller's, receives the mask; NULL: not wanted. */
    vb_status (*prompt)(vb_model *m, int object, const vb_frame *frame, vb_mask *shown, vb_err *err);
    /* The next frame, in ascending order. A prompted frame gives its prompt's result. Returns when the masks are out; a
     * device may still be storing its memories while the host goes on. */
    vb_status (*step)(vb_model *m, const vb_frame *frame, vb_step *out, vb_err *err);
    void (*end)(vb_model *m);
    vb_status (*memory)(vb_model *m, vb_model_memory *out, bool reset_peaks, vb_err *err);
    size_t (*attention)(vb_model *m, vb_attention_site *out, size_t cap); /* returns how many there are */
    void (*close)(vb_model *m);
    /* What is computed otherwise than upstream would under the configured precision, as text for the record;
     * "" where nothing is. The function may be NULL: nothing ever is. The string lives until configure or close. */
    const char *(*deviations)(const vb_model *m);
    /* Offline: starts, in one pass, the work on the next frames that needs no other frame's result; their prompts and steps
     * follow. Frames of two calls may wait for theirs. NULL: step does it all. */
    vb_status (*ahead)(vb_model *m, const vb_frame *frames, int n, vb_err *err);
    /* Memory for decoded frames that the device reads by itself; by one thread, freed before close, with the size it was asked for by. NULL:
     * malloc's will do. */
    void *(*frame_alloc)(vb_model *m, size_t bytes);
    void (*frame_free)(vb_model *m, void *p, size_t bytes);
} vb_model_ops;

/* The implementation of a canonical model name; NULL: this build has none. */
const vb_model_ops *vb_model_find(const char *model);

/* What a build knows about itself and the device: strings for provenance, "" where unknown. */
typedef struct {
    char pci[32]; /* of the CUDA device, "0000:65:00.0": how NVML finds it */
    char torch[48], cuda[32], driver[32], device[96], capability[16], arch_list[160];
    int64_t device_memory_bytes;
    int n_devices; /* CUDA devices visible */
} vb_backend_info;
void vb_backend_describe(vb_backend_info *out, vb_device device);

/* Device memory for this process: what is free and what its allocator holds already; -1: not told. Starts CUDA on that device. */
int64_t vb_backend_free_bytes(vb_device device);
int64_t vb_backend_held_bytes(vb_device device); /* the latter alone */

/* What fills holes on the device: "cuda", our own kernel, or "cpu"; then why (may be NULL) says what the kernel lacks.
 * Starts CUDA on that device. */
const char *vb_backend_hole_filling(vb_device device, vb_err *why);

#ifdef __cplusplus
}
#endif
#endif
