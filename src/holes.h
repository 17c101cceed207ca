/* Small components of mask logits changed sides: holes filled, sprinkles removed. Components are 8-connected; max_area 0
 * changes nothing; NaN belongs to no component. CPU code; on CUDA: workers/cuda/holes_cuda.h. */
#ifndef VB_HOLES_H
#define VB_HOLES_H

#include "err.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VB_HOLE_LOGIT 0.1f        /* as upstream */
#define VB_SPRINKLE_LOGIT (-0.1f) /* its mirror: all around it is background, so that resizing makes no foreground of it */

/* Background components (logit <= 0) of at most max_area pixels become VB_HOLE_LOGIT.
 * logits [h, w], changed in place; *n_filled (may be NULL) counts changed pixels. VB_ENOMEM, VB_ESHAPE.
 * Source of the rule: sam2@2b90b9f sam2/utils/misc.py:306-330 */
vb_status vb_fill_holes(float *logits, int h, int w, int max_area, int64_t *n_filled, vb_err *err);

/* Foreground components (logit > 0) of at most max_area pixels become VB_SPRINKLE_LOGIT; the rest as above. Called after
 * vb_fill_holes, so that a ring around a filled hole counts with it. Upstream removes sprinkles from single images alone
 * (sam2@2b90b9f sam2/utils/transforms.py:76-115, with -10, found before holes are filled), never from videos. */
vb_status vb_remove_sprinkles(float *logits, int h, int w, int max_area, int64_t *n_removed, vb_err *err);

/* 8-connected components of fg [h, w] (non-zero): labels [h, w] (0 background; else 1 + index of the component's
 * first pixel in row order), areas [h, w] (the component's area at each of its pixels, 0 on background). */
vb_status vb_label_components(int32_t *labels, int32_t *areas, const uint8_t *fg, int h, int w, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
