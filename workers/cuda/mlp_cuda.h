/* A pixel's MLP with its residual on a CUDA device: x + W2 gelu(W1 x + b1) + b2, of RepViT's narrow stages.
 *
 * Its hidden values are twice the channels; on the large maps of the first stages their way to memory and back, three
 * times, is most of the work. Here they never leave registers. Products are summed in float32; hidden values are rounded to
 * dtype ahead of the GELU and after it, as they would be in memory, and the output once.
 *
 * All pointers named *_dev are device memory of the current device, aligned to 16 bytes. Work is queued on cuda_stream (a
 * cudaStream_t; NULL: the default stream), nothing is waited for and nothing allocated, so that calls can be captured in a
 * CUDA graph. Errors: VB_ESHAPE for sizes that it does not take, VB_EARG for what is no half precision or not aligned,
 * VB_ECUDA where the device refused.
 * Source: timm/models/repvit.py RepVitMlp, its batch norms folded into the weights */
#ifndef VB_MLP_CUDA_H
#define VB_MLP_CUDA_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const void *in_dev, *in_bias_dev;   /* W1 [2 * channels, channels], b1 [2 * channels], of dtype */
    const void *out_dev, *out_bias_dev; /* W2 [channels, 2 * channels], b2 [channels], of dtype */
    int channels;
} vb_cuda_mlp_weights;

bool vb_cuda_mlp_takes(int channels); /* 48 and 96 */

/* x_dev [rows, channels] -> to_dev, likewise, another place. */
vb_status vb_cuda_mlp(void *to_dev, const void *x_dev, vb_dtype dtype, int64_t rows, const vb_cuda_mlp_weights *w, void *cuda_stream, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
