/* RepViT's first convolution on a CUDA device: 3x3 with stride 2 from an image's 3 channels to 24, and GELU. cuDNN has no
 * fast kernel for so few channels, and bias and GELU would be passes of their own over the largest map of the network.
 *
 * All pointers named *_dev are device memory of the current device. Work is queued on cuda_stream (a cudaStream_t; NULL:
 * the default stream), nothing is waited for and nothing allocated, so that calls can be captured in a CUDA graph.
 * Sums are in float32, rounded to dtype ahead of the bias, as a convolution would leave them, and at the end. Errors: VB_ESHAPE for sizes that cannot be, VB_EARG for what is no
 * dtype or not aligned, VB_ECUDA where the device refused.
 * Source: timm/models/repvit.py RepVitStem, its batch norm folded into the weights */
#ifndef VB_STEM_CUDA_H
#define VB_STEM_CUDA_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VB_STEM_CHANNELS 24

/* image_dev [n, h, w, 3] -> out_dev [n, h / 2, w / 2, 24], both of dtype; h and w are even.
 * weight_dev [3 * 3 * 3, 24] float32, taps by row, then channels of the image; bias_dev [24] float32. out_dev
 * is aligned to 16 bytes, the others to four values. */
vb_status vb_cuda_stem(void *out_dev, const void *image_dev, vb_dtype dtype, const float *weight_dev, const float *bias_dev, int n, int h, int w,
                       void *cuda_stream, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
