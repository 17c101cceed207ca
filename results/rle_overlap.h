/* Overlap of two masks from their COCO run-length texts, without drawing them. */
#ifndef VB_RLE_OVERLAP_H
#define VB_RLE_OVERLAP_H

#include "err.h"

#include <stdint.h>

/* |a & b| and |a | b| of two masks of n_pixels. Texts may be hostile: VB_EFORMAT when the runs of one are malformed or do
 * not add up to n_pixels. */
vb_status vb_rle_overlap(int64_t *inter, int64_t *uni, const char *a, const char *b, int64_t n_pixels, vb_err *err);

#endif
