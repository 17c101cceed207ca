/* Scoring one folder of ground truth against one of predictions; between score.c and score_object.c. */
#ifndef VB_SCORE_OBJECT_H
#define VB_SCORE_OBJECT_H

#include "listing.h"
#include "metrics.h"

/* Results by object id: one entry, id 1, for a folder of masks; label values 1 to 255 for label images. */
typedef struct {
    vb_masklet_score label[256];
} vb_folder_score;

/* A thread's scratch, for whatever size came last. */
typedef struct {
    vb_scorer *scorer;
    vb_mask gt, pred;
} vb_score_scratch;

void vb_score_scratch_deinit(vb_score_scratch *s);

/* frames: the file names of the ground truth's folder, in order. */
vb_status vb_score_folder(vb_folder_score *out, vb_score_scratch *scratch, const char *gt_folder, const char *pred_folder,
                          const vb_listing *frames, bool labels, bool score_ends, vb_err *err);

#endif
