/* A tracked clip as a case file: the tensors that a model's probe hands out, in the layout of the golden files
 * (tests/golden/README.md), so that one script compares both. For debugging and goldens, never in a timed run.
 *
 * Rows are collected in memory (large tensors as samples and statistics) and written by vb_dump_close. */
#ifndef VB_DUMP_H
#define VB_DUMP_H

#include "model.h"

typedef struct {
    int obj_id;
    const vb_track_object *track; /* borrowed until close */
} vb_dump_object;

typedef struct {
    const char *model, *checkpoint; /* as given: a file or "seed:N"; "" where the model has none */
    const char *video;
    int image_size, h, w; /* h, w: video pixels */
    int fill_hole_area;
    vb_dtype dtype;
    vb_bank bank;
    int n_frames;
    const int *frame_order; /* [n_frames]: the file shown as frame 0, 1, ...; borrowed until close */
    int n_objects;
    const vb_dump_object *objects; /* borrowed until close */
    bool trace;                    /* inner tensors of the first frames too */
} vb_dump_info;

typedef struct vb_dump vb_dump;

/* Creates path (an existing file is replaced). VB_ESTORE, VB_ENOMEM. */
vb_status vb_dump_open(vb_dump **out, const char *path, const vb_dump_info *info, vb_err *err);
/* The probe to put into the clip; lives as long as the dump. Its faults come out at close. */
const vb_probe *vb_dump_probe(vb_dump *d);
/* Writes and frees; NULL is allowed. The first fault since open is the one reported. */
vb_status vb_dump_close(vb_dump *d, vb_err *err);

#endif
