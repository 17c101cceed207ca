/* Rows of channels on a CUDA device: a sum, its layer norm, a GELU, in one pass over memory.
 *
 * All pointers named *_dev are device memory of the current device. Work is queued on cuda_stream (a cudaStream_t; NULL:
 * the default stream), nothing is waited for and nothing allocated, so that calls can be captured in a CUDA graph.
 * Errors: VB_ESHAPE for sizes that it does not take, VB_EARG for what is no dtype or not aligned to four values, VB_ECUDA
 * where the device refused. */
#ifndef VB_NORM_CUDA_H
#define VB_NORM_CUDA_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    void *dev; /* [rows, channels]; NULL: none */
    vb_dtype dtype;
} vb_cuda_rows;

/* sum = a + b, rounded to sum's dtype (stored or not); out = gelu(layer_norm(sum)) of that, rounded to out's dtype.
 * Arithmetic is in float32: what autocast does with these ops, and a cast of their result. */
typedef struct {
    vb_cuda_rows a;
    vb_cuda_rows b;    /* NULL: the sum is a */
    int64_t b_rows;    /* b repeats after as many; the rows of a for one of its size */
    vb_cuda_rows sum;  /* NULL: not stored; may be a or b, if it has their dtype and size */
    vb_cuda_rows out;  /* NULL: the sum alone */
    const float *weight_dev, *bias_dev; /* [channels]; NULL: no norm */
    float eps;
    bool gelu; /* the exact one, by erf */
    /* Maps cut into square windows, as Hiera attends: rows are [n, map_h, map_w], windows [n, windows down, windows across,
     * side, side], the last ones filled up by rows of 0. Sides in pixels; 0: not cut. */
    int map_h, map_w;
    int out_window; /* out lies in windows of that side */
    int b_window;   /* b does; b_rows is then of no meaning */
} vb_cuda_norm;

/* Whether it takes so many channels: multiples of 4 whose odd part is at most 9, up to 1152. */
bool vb_cuda_norm_takes(int64_t channels);

vb_status vb_cuda_norm_rows(const vb_cuda_norm *norm, int64_t rows, int channels, void *cuda_stream, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
