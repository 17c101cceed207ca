/* Masks of several objects at video size, as bits, from low-resolution logits on a CUDA device, in one pass: no map of
 * floats at video size is written.
 *
 * All pointers named *_dev are device memory of the current device. Work is queued on cuda_stream (a cudaStream_t; NULL:
 * the default stream), nothing is waited for and nothing allocated, so that calls can be captured in a CUDA graph.
 * Errors: VB_ESHAPE for sizes without pixels, too many, or rows longer than the stride, VB_ECUDA where the device refused. */
#ifndef VB_MASKS_CUDA_H
#define VB_MASKS_CUDA_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* low_dev       [n, low_h, low_w] logits of n objects of one frame
 * words_dev     [n, h, stride]: vb_mask's bits, padding 0. Bit of a pixel: its bilinear logit > 0 (ATen's
 *               upsample_bilinear2d without aligned corners, in its float32 arithmetic). stride >= vb_mask_stride(w)
 * nonfinite_dev [n]: how many of the object's low-resolution logits are NaN or Inf; NULL: not counted
 * no_overlap    a bit only where no other object's logit is greater, the first of equals, NaN the greatest: argmax
 *               Source: sam2@2b90b9f sam2/modeling/sam2_base.py:892-909 */
vb_status vb_cuda_mask_bits(uint64_t *words_dev, int64_t *nonfinite_dev, const float *low_dev, int n, int low_h, int low_w, int h, int w,
                            size_t stride, bool no_overlap, void *cuda_stream, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
