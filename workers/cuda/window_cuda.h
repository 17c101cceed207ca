/* Attention within windows on a CUDA device, in half precision: many short sequences, which kernels made for long ones
 * fill badly.
 *
 * All pointers named *_dev are device memory of the current device. Work is queued on cuda_stream (a cudaStream_t; NULL:
 * the default stream), nothing is waited for and nothing allocated, so that calls can be captured in a CUDA graph.
 * Errors: VB_ESHAPE for sizes that it does not take, VB_EARG for a dtype that is none or values that are not aligned to 16
 * bytes, VB_ECUDA where the device refused. */
#ifndef VB_WINDOW_CUDA_H
#define VB_WINDOW_CUDA_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const void *dev;
    int64_t window, head, token; /* strides in values, multiples of 8; channels are neighbours */
} vb_cuda_heads;

typedef struct {
    int windows, heads, queries, keys, dim; /* queries and keys of a window; channels of a head */
    vb_cuda_heads q, k, v;
} vb_cuda_window;

/* dim is 56, 72 or 96 (Hiera's), keys are at most 256. */
bool vb_cuda_window_takes(int queries, int keys, int dim);

/* softmax(q k' / sqrt(dim)) v of every window and head -> out_dev [windows, queries, heads, dim]. dtype is a half precision;
 * scores and sums are float32, probabilities are rounded to dtype before the product with v. */
vb_status vb_cuda_window_attention(void *out_dev, vb_dtype dtype, const vb_cuda_window *a, void *cuda_stream, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
