/* The memory encoder's way from a mask to its first maps on a CUDA device: a mask of logits enlarged and scaled, then 3x3
 * convolutions of stride 2 with few channels, each with layer norm and GELU at once. cuDNN has no fast kernel for so few.
 *
 * All pointers named *_dev are device memory of the current device. Work is queued on cuda_stream (a cudaStream_t; NULL:
 * the default stream), nothing is waited for and nothing allocated, so that calls can be captured in a CUDA graph.
 * Sums are in float32 and rounded once, at the end; the scaled mask is rounded to dtype, as autocast does ahead of a
 * convolution. Errors: VB_ESHAPE for sizes that cannot be, VB_EARG for what is no dtype or not aligned, VB_ECUDA where the
 * device refused.
 * Source: EdgeTAM@9cc44bf sam2/modeling/memory_encoder.py (MaskDownSampler), sam2/modeling/sam2_base.py:700-710 */
#ifndef VB_MASK_MAP_CUDA_H
#define VB_MASK_MAP_CUDA_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const float *weight_dev; /* [9, in, out], taps by row */
    const float *bias_dev, *norm_weight_dev, *norm_bias_dev; /* [out] */
    float eps;
    int in, out; /* channels: see vb_cuda_mask_map_takes */
} vb_cuda_down;

/* 1 to 4 channels, from logits; 4 to 16 and 16 to 64, from a map. */
bool vb_cuda_mask_map_takes(int in, int out);

/* low_dev [n, h, w] float32 logits, enlarged bilinearly to side x side (align_corners false), then 20 sigmoid(x) - 10, or
 * where binary 10 for x > 0 and -10 else; out_dev [n, side / 2, side / 2, 4] of dtype. side is even. */
vb_status vb_cuda_mask_map_first(void *out_dev, const float *low_dev, vb_dtype dtype, const vb_cuda_down *down, int n, int h, int w, int side,
                                 bool binary, void *cuda_stream, vb_err *err);
/* x_dev [n, h, w, in] -> out_dev [n, h / 2, w / 2, out], both of dtype; h and w are even. */
vb_status vb_cuda_mask_map_next(void *out_dev, const void *x_dev, vb_dtype dtype, const vb_cuda_down *down, int n, int h, int w, void *cuda_stream,
                                vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
