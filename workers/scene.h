/* Scene: a video made ready for tracking. Its objects, their prompts from ground truth, where the tracking begins; and a
 * frame's worth of model: prompts with their corrective clicks, then the step. No timing but that of the clicks, no
 * records: those are the rig's. */
#ifndef VB_SCENE_H
#define VB_SCENE_H

#include "dataset.h"
#include "model.h"
#include "options.h"

/* Objects that can be prompted come first, [0, n_prompted); the rest never appear in the ground truth. */
typedef struct {
    const vb_dataset *dataset;
    vb_video *video;
    int n_objects, n_prompted;
    const vb_masklet **masklets;  /* [n_objects] */
    vb_prompt *prompts;           /* [n_prompted]; of a point prompt, grows by corrective clicks during a trial */
    vb_mask *truth;               /* [n_prompted] ground truth on the prompt's frame: what clicks are chosen by */
    vb_track_object *objects;     /* [n_prompted]; frame numbers are places in the video */
    vb_mask *masks;               /* [n_prompted] the step's output */
    vb_object_out *outs;          /* [n_prompted] */
    int first;                    /* place of the first frame tracked */
    int clicks;                   /* per point prompt; 0: the prompts are no points */
} vb_scene;

/* What a frame's prompts were. */
typedef struct {
    int n;            /* objects conditioned */
    double choice_ms; /* spent on choosing corrective clicks: the work of a user, not of the model */
    void (*chosen)(void *ctx, double ms); /* the caller's, told of each choice straight after it; NULL: nobody is */
    void *ctx;
} vb_prompting;

/* Scans a video of d (borrowed until deinit) and makes the prompts by --point-rule. VB_EFORMAT: no object can be prompted.
 * Deinit in any case. */
vb_status vb_scene_init(vb_scene *s, const vb_dataset *d, const char *video, vb_prompt_kind kind, const vb_options *o, vb_err *err);
void vb_scene_deinit(vb_scene *s); /* takes a zeroed struct */

/* The path of a frame by its place; of the type that vb_reader_source wants, ctx being the scene. */
void vb_scene_frame_path(void *ctx, int place, char *buf, size_t n);

/* Back to the first click: what corrected the masks of one tracking is nothing to the next. Before the model's begin. */
void vb_scene_forget_clicks(vb_scene *s);

/* Prompts due on this frame (its number is a place in the video), then the step; between its own begin and end. */
vb_status vb_scene_track(const vb_scene *s, const vb_model_ops *ops, vb_model *model, const vb_frame *frame, vb_step *step, vb_prompting *out, vb_err *err);

#endif
