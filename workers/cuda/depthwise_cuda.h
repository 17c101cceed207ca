/* Depthwise convolution of channels-last maps on a CUDA device, with bias and a residual sum.
 *
 * All pointers named *_dev are device memory of the current device. Work is queued on cuda_stream (a cudaStream_t; NULL:
 * the default stream), nothing is waited for and nothing allocated, so that calls can be captured in a CUDA graph.
 * Errors: VB_ESHAPE for sizes that it does not take, VB_EARG for what is no dtype or not aligned to four values, VB_ECUDA
 * where the device refused. */
#ifndef VB_DEPTHWISE_CUDA_H
#define VB_DEPTHWISE_CUDA_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int n, h, w, channels; /* of x; channels a multiple of 4, fewer than 2^31 values a map */
    int kernel, stride;    /* 3 with stride 1 or 2, 7 with stride 1; padding is kernel / 2 */
} vb_cuda_depthwise_shape;

bool vb_cuda_depthwise_takes(const vb_cuda_depthwise_shape *s);

/* x_dev [n, h, w, channels] and out_dev [n, (h - 1) / stride + 1, (w - 1) / stride + 1, channels] of dtype
 * residual_dev: of out's size and dtype, added; NULL: none; may be x_dev, not out_dev
 * weight_dev [kernel * kernel, channels], bias_dev [channels]: float32
 * Sums are in float32, bias and residual within, and rounded once. */
vb_status vb_cuda_depthwise(void *out_dev, const void *x_dev, const void *residual_dev, const float *weight_dev, const float *bias_dev, vb_dtype dtype,
                            const vb_cuda_depthwise_shape *shape, void *cuda_stream, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
