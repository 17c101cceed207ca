/* Squeeze and excitation of channels-last maps on a CUDA device: each channel times a gate made from all channels' means.
 *
 * All pointers named *_dev are device memory of the current device. Work is queued on cuda_stream (a cudaStream_t; NULL:
 * the default stream), nothing is waited for and nothing allocated, so that calls can be captured in a CUDA graph.
 * Errors: VB_ESHAPE for sizes that it does not take, VB_EARG for what is no dtype, not aligned to four values or too
 * small, VB_ECUDA where the device refused. */
#ifndef VB_EXCITE_CUDA_H
#define VB_EXCITE_CUDA_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int n, pixels;         /* maps, pixels in each */
    int channels, reduced; /* up to 1024 and channels; multiples of 4 */
} vb_cuda_excite_shape;

bool vb_cuda_excite_takes(const vb_cuda_excite_shape *s);

/* Bytes of workspace; 16-byte aligned, contents of no meaning between calls. */
size_t vb_cuda_excite_workspace(const vb_cuda_excite_shape *s);

/* out = x * sigmoid(up * relu(down * mean(x) + down_bias) + up_bias), all of dtype but what is named
 *   x_dev, out_dev (may be x_dev) [n, pixels, channels]
 *   down_dev [reduced, channels], up_dev [channels, reduced]; biases [reduced] and [channels]
 * Means, gates and products are float32 until the last, which is rounded.
 * Source: timm/layers/squeeze_excite.py SEModule */
vb_status vb_cuda_excite(void *out_dev, const void *x_dev, vb_dtype dtype, const vb_cuda_excite_shape *shape, const void *down_dev,
                         const void *down_bias_dev, const void *up_dev, const void *up_bias_dev, void *workspace_dev, size_t workspace_bytes,
                         void *cuda_stream, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
