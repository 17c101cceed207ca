/* A trial's result in memory: what the engine measured, before it becomes a shard, and what a shard gives back.
 *
 * Everything that a record needs is here: the database row is made from the shard alone (store.h), so that a shard
 * without its row can be adopted. Times are milliseconds of one monotonic clock; METRICS.md defines each number. */
#ifndef VB_TRIAL_H
#define VB_TRIAL_H

#include "types.h"

#include <stdint.h>

/* A row of /frames. */
typedef struct {
    int32_t frame_idx;
    uint8_t first;     /* first tracked frame of the trial: cold, marked, left out of percentiles and FPS */
    uint8_t prompted;  /* an object was conditioned on this frame */
    uint8_t annotated; /* ground truth exists */
    int32_t n_objects; /* tracked on it */
    double start_ms;   /* since the trial began: the device side takes the frame up */
    double end_ms;     /* its masks are out */
    double stored_ms;  /* its memory is stored, too; not before end_ms */
    double latency_ms; /* end_ms - start_ms */
    double stage_ms[VB_STAGE_COUNT];
    int64_t nonfinite; /* NaN and Inf among all mask logits of the frame */
} vb_frame_row;

/* A row of /scores: one object on one annotated frame. */
typedef struct {
    int32_t object;    /* index into objects */
    int32_t frame_idx;
    uint8_t counted;   /* enters the masklet's mean (METRICS.md) */
    double j, f;       /* 0..1 */
    float predicted_iou;
    float object_score; /* logit */
    int64_t nonfinite;
    int64_t area;      /* predicted pixels */
    uint64_t mask_hash; /* vb_mask_hash */
} vb_score_row;

/* A row of /objects. */
typedef struct {
    char obj_id[VB_NAME_MAX];
    int32_t prompt_frame;
    char prompt[96];   /* vb_prompt_text */
    int32_t n_counted; /* scored frames in the mean; 0: Meta's assertion, j and f are NaN */
    double j, f;
} vb_object_row;

/* A stored mask. */
typedef struct {
    int32_t object, frame_idx;
    char *rle; /* COCO text, owned */
} vb_mask_row;

/* A picture of the masks over a frame. */
typedef struct {
    int32_t frame_idx;
    uint32_t n_bytes;
    uint8_t *png; /* owned */
} vb_overlay_row;

/* An attention site as it ran (workers/model.h, vb_attention_site, says what each is). */
typedef struct {
    char site[48], dtype[16], backend[24], op[72], reason[160];
    int32_t batch, heads, q_len, k_len, head_dim;
    int64_t calls;
} vb_attention_row;

/* A row of /telemetry: one sample of the device and its host while the trial ran. NaN: not told. */
typedef struct {
    double t_ms;              /* since the trial began, as start_ms of /frames; below 0: just before */
    double power_w;           /* of power_source */
    double energy_j;          /* counter of power_source, where it has one: NVML's is read at both ends of the trial alone */
    double gpu_clock_mhz, memory_clock_mhz;
    double cpu_clock_mhz;     /* mean over cores */
    double gpu_load;          /* 0..1, as the driver tells */
    double temperature_c;     /* of the device */
    double temperature_max_c; /* of the hottest zone */
    double device_bytes;      /* device memory in use, by anyone */
    double available_bytes;   /* host memory that could be had */
    double rss_bytes;         /* resident set of the engine */
    int64_t throttle;         /* vb_throttle bits (nvml.h); -1: not told */
} vb_telemetry_row;

/* A row of /sensors: one sensor over the trial; n 0: it never told. */
typedef struct {
    char sensor[48]; /* "VDD_IN", "gpu-thermal" */
    char kind[16], unit[8];
    int32_t n;
    double mean, min, max;
} vb_sensor_row;

/* Strings of provenance: HDF5 attributes of the shard and columns of the database by the same names. */
#define VB_PROVENANCE(X)                                                                             \
    X(savbench_version, 32) X(git_revision, 48) X(run_id, 40) X(host, 64) X(device_kind, 16)         \
    X(device, 96) X(device_uuid, 64) X(capability, 16) X(torch, 48) X(cuda, 32) X(driver, 32)        \
    X(arch, 16) X(power_mode, 48) X(checkpoint, 256) X(checkpoint_sha256, 65) X(postprocess, 16)     \
    X(power_source, 96) X(started_utc, 32) X(point_rule, 16) X(options, 8192) X(deviation, 160)
typedef struct {
#define VB_FIELD(name, size) char name[size];
    VB_PROVENANCE(VB_FIELD)
#undef VB_FIELD
} vb_provenance;

typedef struct {
    vb_trial_key key;
    vb_provenance from;
    int32_t h, w;         /* video pixels */
    int32_t n_video_frames; /* tracked length */
    int32_t order_in_block; /* place in the block's seeded order, 0, 1, ... */
    int32_t threads;      /* CPU threads of the engine */
    int32_t clicks;       /* per object: the first one and corrective ones; 0: the prompt is a box or a mask */
    double warmup_ms;     /* configure + warm-up frames before the trial; not inside any number below */
    double warmup_frames_ms;  /* of it, the frames */
    int32_t warmup_frames;
    int32_t warmup_converged; /* 1: until times fell no more; 0: a bound ended it before; -1: a fixed number was asked for */
    double wall_ms;       /* first decode to last score, sensors read before and after left out */
    int64_t peak_device_bytes; /* -1: not told */
    int64_t peak_rss_bytes;    /* -1: not told */
    int64_t weights_bytes;
    int64_t estimate_device_bytes; /* what peak_device_bytes was expected to be; -1: on a CPU */
    int64_t estimate_rss_bytes;    /* likewise peak_rss_bytes */
    int32_t max_batch;    /* objects in one pass at most, as it ran */
    int32_t oom_retries;  /* tries before this one that ran out of memory, each with twice the max_batch */
    int64_t holes_filled; /* pixels changed by hole filling, -1: off */
    int64_t sprinkles_removed; /* pixels changed by sprinkle removal, -1: off */

    /* from telemetry, METRICS.md; NaN: not told */
    double energy_j;          /* first frame's start to last frame's end */
    double idle_j;            /* what the device would have taken in that time with nothing to do */
    double power_mean_w, power_max_w;
    double temperature_max_c; /* of the device */
    double gpu_clock_mhz;     /* mean */
    double rss_bytes_per_frame; /* growth */
    int32_t throttled;        /* 1: a clock was held down by heat, supply or the board; 0: none was; -1: not told */
    int32_t throttle_repeats; /* how often it ran before and was thrown away (--on-throttle repeat) */
    int32_t unified;          /* 1: device and host share one memory; 0: they do not */
    char throttle_reasons[64]; /* vb_throttle_text of all samples, the power cap too */

    int32_t n_telemetry, n_sensors;
    vb_telemetry_row *telemetry; /* owned */
    vb_sensor_row *sensors;      /* owned */
    int32_t n_frames, n_scores, n_objects, n_masks, n_attention, n_overlays;
    vb_frame_row *frames; /* owned, as all arrays below */
    vb_score_row *scores;
    vb_object_row *objects;
    vb_mask_row *masks;
    vb_attention_row *attention;
    vb_overlay_row *overlays;
} vb_trial;

void vb_trial_deinit(vb_trial *t); /* takes a zeroed struct */

/* Means over objects with n_counted > 0, as Meta's evaluator weighs them (objects equally); NaN when none. */
void vb_trial_mean(const vb_trial *t, double *j, double *f);

#endif
