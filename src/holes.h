/* Hole filling on mask logits: background components (logit <= 0, 8-connected) of at most max_area pixels
 * become 0.1; max_area 0 changes nothing. CPU code. Source of the rule: sam2@2b90b9f sam2/utils/misc.py:306-330 */
#ifndef VB_HOLES_H
#define VB_HOLES_H

#include "err.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* logits [h, w], changed in place; *n_filled (may be NULL) counts changed pixels. VB_ENOMEM. */
vb_status vb_fill_holes(float *logits, int h, int w, int max_area, int64_t *n_filled, vb_err *err);

/* 8-connected components of fg [h, w] (non-zero): labels [h, w] (0 background; else 1 + index of the component's
 * first pixel in row order), areas [h, w] (the component's area at each of its pixels, 0 on background). */
vb_status vb_label_components(int32_t *labels, int32_t *areas, const uint8_t *fg, int h, int w, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
