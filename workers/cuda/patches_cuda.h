/* An image's pixels as rows of a matrix, on a CUDA device.
 *
 * All pointers named *_dev are device memory of the current device. Work is queued on cuda_stream (a cudaStream_t; NULL:
 * the default stream), nothing is waited for and nothing allocated, so that calls can be captured in a CUDA graph.
 * Errors: VB_ESHAPE for sizes that cannot be, VB_EARG for what is no dtype or not aligned, VB_ECUDA where the device refused. */
#ifndef VB_PATCHES_CUDA_H
#define VB_PATCHES_CUDA_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VB_PATCH 192 /* values of a patch: 8 x 8 pixels of 3 channels */

/* image_dev [n, h, w, 3] of dtype, sides multiples of 4 -> out_dev [n, h / 4, w / 4, 192]: of every 4th pixel the 8 x 8 pixels
 * from 4 above and left of it, 0 beyond the image. Both aligned to four values. */
vb_status vb_cuda_patches(void *out_dev, const void *image_dev, vb_dtype dtype, int64_t n, int h, int w, void *cuda_stream, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
