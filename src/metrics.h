/* J and F of masks, and Meta's rule for a masklet's mean. Equal to sav_benchmark.py to 10 decimals.
 * Source: sam2@2b90b9f sav_dataset/utils/sav_benchmark.py */
#ifndef VB_METRICS_H
#define VB_METRICS_H

#include "mask.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VB_SAV_BOUND 0.008 /* tolerance as a fraction of the image diagonal */

typedef struct vb_scorer vb_scorer; /* scratch buffers for one size of image; one thread at a time */
vb_status vb_scorer_create(vb_scorer **out, int h, int w, double tol, vb_err *err);
void vb_scorer_free(vb_scorer *s);

/* J = |pred & gt| / |pred | gt|, 1 when both are empty. F = boundary measure, see METRICS.md. 0..1.
 * Masks of the scorer's size, borrowed; VB_ESHAPE otherwise. */
vb_status vb_score_frame(vb_scorer *s, double *j, double *f, const vb_mask *pred, const vb_mask *gt, vb_err *err);

/* The running-union rule over one object's scored frames, fed in order:
 * a frame counts once the object has been seen in ground truth (or in the prediction). */
typedef struct {
    bool seen_gt, seen_pred;
    int n;
    double sum_j, sum_f;
} vb_masklet_score;

/* Returns whether the frame counted; pass whether the masks of this frame are non-empty. */
bool vb_masklet_add(vb_masklet_score *m, bool gt_any, bool pred_any, double j, double f);

/* The masklet's means, 0..1. False when no scored frame has it in ground truth: Meta's evaluator stops there
 * with an assertion; such an object has no score. */
bool vb_masklet_mean(double *j, double *f, const vb_masklet_score *m);

/* Which of a masklet's annotated frames are scored: places [first, end) of its list in ascending order. Without
 * score_ends the first and the last are dropped, whatever their masks hold; of two or fewer none is left. */
void vb_scored_range(int *first, int *end, int n_annotated, bool score_ends);

#ifdef __cplusplus
}
#endif
#endif
