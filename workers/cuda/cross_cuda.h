/* Attention to the memory bank on a CUDA device of compute capability 9.0, in half precision: one head with keys of 256
 * channels and values of 64, which are projected afterwards (workers/torch/memory_attention.cpp).
 *
 * The keys go in parts, so that one object's queries fill the device; the parts' results are merged by the logarithms of their
 * sums of exponentials (merge_cuda.h).
 *
 * All pointers named *_dev are device memory of the current device. Work is queued on cuda_stream (a cudaStream_t; NULL:
 * the default stream), nothing is waited for and nothing allocated, so that calls can be captured in a CUDA graph.
 * Errors: VB_ESHAPE for sizes that it does not take, VB_EARG for a dtype that is none or values that are not aligned to 16
 * bytes, VB_ECUDA where the device refused. */
#ifndef VB_CROSS_CUDA_H
#define VB_CROSS_CUDA_H

#include "err.h"
#include "types.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const void *dev;
    int64_t object, token; /* strides in values, multiples of 8; channels are neighbours */
} vb_cuda_tokens_of;

typedef struct {
    int objects, queries, keys, parts; /* keys of an object, those of all parts; a part has 128 or more */
    vb_cuda_tokens_of q, k, v;         /* of 256, 256 and 64 channels */
} vb_cuda_cross;

/* Whether this build and the current device can, and the sizes are such as it takes. */
bool vb_cuda_cross_takes(int objects, int queries, int keys, int parts);

/* softmax(q k' / 16) v over each part's keys -> out_dev [parts, objects, queries, 64], and the logarithm of the sum of
 * exponentials of its scores -> lse_dev [parts, objects, queries]. dtype is a half precision; scores and sums are float32,
 * probabilities are rounded to dtype before the product with v. */
vb_status vb_cuda_cross_attention(void *out_dev, float *lse_dev, vb_dtype dtype, const vb_cuda_cross *a, void *cuda_stream, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
