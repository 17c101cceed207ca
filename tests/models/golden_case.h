/* A golden case file (tests/golden/README.md) for tests in C: settings, prompts, expected numbers; and the run of a
 * model on it. The whole comparison, with traces, is tests/golden/run.py. */
#ifndef VB_GOLDEN_CASE_H
#define VB_GOLDEN_CASE_H

#include "model.h"

#include <hdf5.h>

enum { GOLDEN_MAX_OBJECTS = 4, GOLDEN_MAX_FRAMES = 64 };

typedef struct {
    hid_t file;
    char model[32], bank[16], video[64], weights[32]; /* weights: "seed:N" */
    int image_size, fill_hole_area, h, w, n_frames, n_objects;
    bool traced;
    int order[GOLDEN_MAX_FRAMES];
    int obj_id[GOLDEN_MAX_OBJECTS];
    vb_prompt prompts[GOLDEN_MAX_OBJECTS];
    vb_track_object objects[GOLDEN_MAX_OBJECTS];
    vb_weight_fill fill; /* key NULL: none */
    char fill_key[128];
    int ahead; /* 0: as in the file; else frames are given ahead in batches of so many, and prompts come with their frames */
} golden_case;

/* A dataset of an object as it is in the file; to holds all of it. */
void golden_read(const golden_case *c, int object, const char *name, hid_t type, void *to);

vb_status golden_open(golden_case *c, const char *path, vb_err *err);
void golden_close(golden_case *c);

/* Runs the case's frames through the model (configured already); frames from clips/JPEGImages_24fps/<video>.
 * each (may be NULL) sees every step. */
vb_status golden_run(const golden_case *c, const vb_model_ops *ops, vb_model *m, const char *clips, const vb_probe *probe,
                     void (*each)(void *ctx, int frame_idx, const vb_step *step), void *ctx, vb_err *err);

#endif
