/* Rig: what trials run on, the device with the model in its memory, the dataset and the sensors; and one trial on it, from the first
 * frame of the warm-up to the result. Which trials, on what setup, and what becomes of a failure is the pipeline's. */
#ifndef VB_RIG_H
#define VB_RIG_H

#include "pipeline.h"
#include "scene.h"
#include "telemetry.h"

/* Pointers are borrowed. */
typedef struct {
    const vb_options *options;
    vb_device device;
    vb_dataset *dataset;
    int threads;
    vb_telemetry *telemetry;
    vb_provenance from;       /* what is the same for all trials */
    const vb_model_ops *ops;  /* NULL: no model yet */
    vb_model *model;
    int max_batch;            /* objects in one pass at most, of the trial at hand */
} vb_rig;

/* The trial of that number in b, of the video that s is of; t zeroed, to be deinited in any case. VB_EARG with "stopped" when the sink asked for it,
 * VB_ENOMEM where memory did not do, the model's errors, those of frames that cannot be read. */
vb_status vb_rig_run(vb_trial *t, const vb_rig *r, vb_scene *s, const vb_block *b, int trial, const vb_block_sink *sink, vb_err *err);

#endif
