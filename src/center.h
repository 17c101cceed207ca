/* Center of a mask: the pixel farthest from what is not the mask. What lies outside the picture is not the mask. */
#ifndef VB_CENTER_H
#define VB_CENTER_H

#include "mask.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int x0, y0, x1, y1; /* inclusive */
    int64_t area, sum_x, sum_y; /* pixels, and the sums of their coordinates */
} vb_extent;

/* False when the mask is empty. */
bool vb_mask_extent(vb_extent *e, const vb_mask *m);

/* The first in row order of the pixels farthest from the nearest one outside the mask; *squared is that distance,
 * squared, 1 or more. e: the mask's extent, not empty. VB_ENOMEM.
 * Source of the rule: sam2@2b90b9f sam2/modeling/sam2_utils.py:252-314 */
vb_status vb_mask_center(int *x, int *y, int64_t *squared, const vb_mask *m, const vb_extent *e, vb_err *err);

/* Whether the first of two squared distances is the greater one, as upstream compares them: by their roots in
 * float32, which are equal for some neighbouring squares over 2^22. */
bool vb_center_deeper(int64_t squared, int64_t than);

#ifdef __cplusplus
}
#endif
#endif
