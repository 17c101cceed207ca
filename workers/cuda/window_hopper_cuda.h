/* Attention within windows on compute capability 9.0, by its warp-group products; window_cuda.cu asks whether it may and does
 * the rest itself. Arguments and errors are vb_cuda_window_attention's, which has checked them. */
#ifndef VB_WINDOW_HOPPER_CUDA_H
#define VB_WINDOW_HOPPER_CUDA_H

#include "window_cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The current device can, and it is faster for this shape. */
bool vb_cuda_window_hopper_takes(const vb_cuda_window *a);

vb_status vb_cuda_window_hopper(void *out_dev, vb_dtype dtype, const vb_cuda_window *a, void *cuda_stream, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
