/* Tokens of the mask decoder on a CUDA device: a sum, its layer norm, and both forms in which linear layers read it.
 *
 * All pointers named *_dev are device memory of the current device. Work is queued on cuda_stream (a cudaStream_t; NULL:
 * the default stream), nothing is waited for and nothing allocated, so that calls can be captured in a CUDA graph.
 * Errors: VB_ESHAPE for sizes that it does not take, VB_EARG for what is no dtype or not aligned to four values, VB_ECUDA
 * where the device refused. */
#ifndef VB_TOKENS_CUDA_H
#define VB_TOKENS_CUDA_H

#include "norm_cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { VB_CUDA_TOKEN_CHANNELS = 256 };

/* whole = layer_norm(a + b); narrow = whole rounded, posed = (whole + pe) rounded. Arithmetic is in float32.
 * b and pe repeat after their rows; they, narrow and posed may lack (dev NULL); without a weight there is no norm. */
typedef struct {
    vb_cuda_rows a, b, pe;
    int64_t b_rows, pe_rows;
    float *whole_dev;           /* [rows, 256] */
    vb_cuda_rows narrow, posed; /* [rows, 256] */
    const float *weight_dev, *bias_dev; /* [256] */
    float eps;
} vb_cuda_tokens;

vb_status vb_cuda_token_rows(const vb_cuda_tokens *tokens, int64_t rows, void *cuda_stream, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
