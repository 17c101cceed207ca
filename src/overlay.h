/* A picture of what was predicted: masks blended over a frame, outlined; ground truth as a thin white line. */
#ifndef VB_OVERLAY_H
#define VB_OVERLAY_H

#include "err.h"
#include "mask.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Writes a PNG.
 *   rgb         [h, w, 3], borrowed
 *   masks       n masks of h x w; object i has colour i of a fixed palette of 12
 *   gt_or_null  n masks of h x w; one with bits NULL is an object without ground truth on this frame
 * VB_ESHAPE where a mask has another size, VB_ENOMEM, VB_EIO. */
vb_status vb_overlay_write(const char *path, const uint8_t *rgb, int h, int w, const vb_mask *masks,
                           const vb_mask *gt_or_null, int n, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
