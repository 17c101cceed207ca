/* Agreement: the IoU, mask by mask, of a trial with its float32 sibling. METRICS.md, "Mask agreement". */
#ifndef VB_AGREEMENT_H
#define VB_AGREEMENT_H

#include "tables.h"

/* One stored mask of the trial. */
typedef struct {
    int32_t baseline_trial;    /* row of the sibling in /trials */
    int32_t object, frame_idx; /* as in the trial's /masks */
    double mask_iou;           /* 1 when both are empty; NaN when the sibling has no such mask */
} vb_agreement_row;

extern const vb_table VB_TABLE_AGREEMENT;

typedef struct {
    int64_t n; /* masks that both have */
    double mean, min; /* NaN when n is 0 */
} vb_agreement;

/* rows: one per mask of t, malloc'ed, NULL when none; baseline_trial is left 0. */
vb_status vb_agreement_of(vb_agreement_row **rows, vb_agreement *sum, const vb_trial *t, const vb_trial *baseline, vb_err *err);

#endif
