/* Feed: a trial's frames in order, decoded ahead, and in offline mode handed to the model ahead of their steps, a batch at
 * a time and one batch beyond the present one. The frame loop asks for the next and steps it. */
#ifndef VB_FEED_H
#define VB_FEED_H

#include "model.h"
#include "reader.h"
#include "scene.h"

typedef struct vb_feed vb_feed;

typedef struct {
    const vb_scene *scene;
    int end;                   /* place behind the last frame; the first one is the scene's */
    int batch;                 /* frames handed over at a time; 1: none ahead */
    int threads;               /* that decode */
    const vb_model_ops *ops;
    vb_model *model;           /* a clip of `ahead` = batch has begun in it by the first call of next */
} vb_feed_source;

typedef struct {
    const vb_decoded *decoded; /* borrowed until its batch and the next one have been stepped */
    double taken_ms;           /* vb_now_ms when the model got it, or gets it now */
} vb_fed;

vb_status vb_feed_open(vb_feed **out, const vb_feed_source *src, vb_err *err); /* src is copied */
vb_status vb_feed_next(vb_feed *f, vb_fed *out, vb_err *err);
void vb_feed_close(vb_feed *f); /* takes NULL */

#endif
