/* Rotary position encoding on a CUDA device: neighbouring pairs of channels turned by complex factors.
 *
 * All pointers named *_dev are device memory of the current device. Work is queued on cuda_stream (a cudaStream_t; NULL:
 * the default stream), nothing is waited for and nothing allocated, so that calls can be captured in a CUDA graph.
 * Errors: VB_ESHAPE for sizes that cannot be, VB_EARG for what is no dtype or not aligned, VB_ECUDA where the device refused. */
#ifndef VB_ROTARY_CUDA_H
#define VB_ROTARY_CUDA_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Tokens [outer, inner, n, dim]; strides in elements, multiples of 4; channels lie side by side. A batch of sequences is
 * [B, 1, n, dim]; the grid tokens at the end of each memory of a bank are [B, memories, n, dim] with their own stride. */
typedef struct {
    int64_t outer, inner, token;
} vb_cuda_strides;

/* x_dev and out_dev (may be x_dev) of dtype; table_dev [n, dim / 2] complex float32. dim is a multiple of 4. Products are
 * in float32, rounded once. Source: EdgeTAM@9cc44bf sam2/modeling/position_encoding.py:194-221 */
vb_status vb_cuda_rotate(void *out_dev, vb_cuda_strides out, const void *x_dev, vb_cuda_strides x, vb_dtype dtype, int n_outer, int n_inner, int n,
                         int dim, const float *table_dev, void *cuda_stream, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
