/* Pipeline: runs the trials of a block on this process's device: decode -> model -> score -> result.
 *
 * Lives in the engine (one per process) and in `track`. No MPI. The engine loop (engine.c) gives it blocks and passes
 * on what comes out. */
#ifndef VB_PIPELINE_H
#define VB_PIPELINE_H

#include "model.h"
#include "options.h"
#include "plan.h"
#include "trial.h"

typedef struct vb_pipeline vb_pipeline;

/* What a running block tells its owner; called on the caller's thread. */
typedef struct {
    void *ctx;
    /* A frame is done (or a phase begins: frame_idx -1 while weights load and the model warms up). */
    void (*progress)(void *ctx, int trial, int frame_idx, int n_frames, vb_stage stage);
    /* Each second that a trial waits until the device has cooled; nothing of it runs, or what ran is thrown away. */
    void (*waits)(void *ctx, int trial, int n_frames);
    /* A trial's result; the callee may keep nothing of it. A failure here ends the block. */
    vb_status (*result)(void *ctx, int trial, const vb_trial *t, vb_err *err);
    /* A trial failed; the block goes on with the next one. */
    vb_status (*failed)(void *ctx, int trial, const vb_err *why, vb_err *err);
    /* Asked between frames and while a trial waits: stop soon (the trial is given up, nothing recorded). */
    bool (*stop)(void *ctx);
} vb_block_sink;

vb_status vb_pipeline_open(vb_pipeline **out, const vb_options *o, vb_device device, const char *run_id, vb_err *err);
/* Returns VB_OK also when trials failed; an error means that the process should be replaced (device lost, sink failed). */
vb_status vb_pipeline_block(vb_pipeline *p, const vb_block *b, const vb_block_sink *sink, vb_err *err);
void vb_pipeline_close(vb_pipeline *p);

#endif
