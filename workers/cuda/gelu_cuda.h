/* GELU in place, on a CUDA device, of values of a half dtype.
 *
 * x_dev is device memory of the current device. Work is queued on cuda_stream (a cudaStream_t; NULL: the default stream),
 * nothing is waited for and nothing allocated, so that calls can be captured in a CUDA graph.
 * Errors: VB_ESHAPE for too many values, VB_EARG for another dtype or what is not aligned, VB_ECUDA where the device refused. */
#ifndef VB_GELU_CUDA_H
#define VB_GELU_CUDA_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* n values at x_dev, aligned to 16 bytes. The exact one, of erf, to a step of the dtype; see gelu_formula.h. */
vb_status vb_cuda_gelu(void *x_dev, vb_dtype dtype, int64_t n, void *cuda_stream, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
