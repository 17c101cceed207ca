/* Scoring: compares a trial's masks with ground truth on threads of its own, and keeps what the record stores.
 *
 * The frame loop hands masks over and goes on; a thread reads the frame's annotation, computes J and F, run-length codes
 * the mask. The queue is short: memory does not grow with the video, but for the result's rows. */
#ifndef VB_SCORING_H
#define VB_SCORING_H

#include "dataset.h"
#include "model.h"
#include "options.h"
#include "trial.h"

typedef struct {
    const vb_dataset *dataset;
    const vb_video *video;
    int n_objects;                    /* of the trial; object i is a masklet of the video */
    const vb_masklet *const *masklets; /* [n_objects] */
    vb_save_masks save_masks;
    int save_overlays; /* pictures, spread over the annotated frames */
    int threads;       /* 1 or more; the record is the same with any number */
    double *score_ms;  /* [n_frames] by place in the video; written by the threads until finish */
} vb_scoring_config;

typedef struct vb_scoring vb_scoring;

vb_status vb_scoring_open(vb_scoring **out, const vb_scoring_config *c, vb_err *err);
bool vb_scoring_annotated(const vb_scoring *s, int frame_idx); /* for any object */
/* Whether a frame's masks are needed (annotated, or every mask is kept). */
bool vb_scoring_wants(const vb_scoring *s, int frame_idx);
/* Copies the masks of one frame (place: its place in the video). rgb [h, w, 3] is copied where a picture is due.
 * Waits while the queue is full. The error may be an earlier frame's. */
vb_status vb_scoring_submit(vb_scoring *s, int place, int frame_idx, const vb_object_out *objects, const uint8_t *rgb, vb_err *err);
/* Waits for the threads and moves scores, masks and overlays into t; sets n_counted, j, f of t->objects. */
vb_status vb_scoring_finish(vb_scoring *s, vb_trial *t, vb_err *err);
void vb_scoring_close(vb_scoring *s); /* takes NULL */

#endif
