/* Attention over parts of the keys, made whole on a CUDA device: means weighted by each part's share of the sum of
 * exponentials.
 *
 * All pointers named *_dev are device memory of the current device. Work is queued on cuda_stream (a cudaStream_t; NULL:
 * the default stream), nothing is waited for and nothing allocated, so that calls can be captured in a CUDA graph.
 * Errors: VB_ESHAPE for sizes that cannot be, VB_EARG for what is no dtype or not aligned to four values, VB_ECUDA where
 * the device refused. */
#ifndef VB_MERGE_CUDA_H
#define VB_MERGE_CUDA_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VB_CUDA_MERGE_PARTS 8 /* at most */

/* parts_dev [n_parts, rows, dim] and out_dev [rows, dim] of dtype, lse_dev [n_parts, rows] float32: the natural logarithm
 * of the sum of exponentials of a part's scores. A row is one query of one head; dim is a multiple of 4. Sums are in
 * float32. Where every part's logarithm is -Inf (no key at all) the row is 0. */
vb_status vb_cuda_merge_parts(void *out_dev, const void *parts_dev, const float *lse_dev, vb_dtype dtype, int n_parts, int64_t rows, int dim,
                              void *cuda_stream, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
