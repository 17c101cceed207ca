/* Max pooling 2x2 of channels-last maps on a CUDA device.
 *
 * All pointers named *_dev are device memory of the current device. Work is queued on cuda_stream (a cudaStream_t; NULL:
 * the default stream), nothing is waited for and nothing allocated, so that calls can be captured in a CUDA graph.
 * Errors: VB_ESHAPE for sizes that cannot be, VB_EARG for what is no dtype or not aligned, VB_ECUDA where the device refused. */
#ifndef VB_POOL_CUDA_H
#define VB_POOL_CUDA_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* x_dev [n, h, w, channels] of dtype, pixels pixel_stride values apart: the queries within rows of queries, keys and values
 * are read in place. out_dev [n, h / 2, w / 2, channels], dense. Pointers and strides are aligned to 16 bytes. NaN if any of
 * the four is, as ATen has it. */
typedef struct {
    int64_t n;
    int h, w, channels;
    int64_t pixel_stride;
} vb_cuda_pool_shape;

vb_status vb_cuda_max_pool(void *out_dev, const void *x_dev, vb_dtype dtype, const vb_cuda_pool_shape *shape, void *cuda_stream, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
