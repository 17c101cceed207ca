/* Linear layers on a CUDA device of compute capability 9.0, in half precision, with what follows them: GELU, or the sum
 * with a residual, which may lie in another order.
 *
 * All pointers named *_dev are device memory of the current device. Work is queued on cuda_stream (a cudaStream_t; NULL:
 * the default stream), nothing is waited for and nothing allocated, so that calls can be captured in a CUDA graph.
 * Errors: VB_ESHAPE for sizes that it does not take, VB_EARG for a dtype that is none or values that are not aligned to 16
 * bytes, VB_ECUDA where the device refused. */
#ifndef VB_PRODUCT_CUDA_H
#define VB_PRODUCT_CUDA_H

#include "err.h"
#include "types.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int64_t rows;
    int in, out;               /* channels */
    const void *x_dev;         /* [rows, in] */
    const void *weight_dev;    /* [out, in] */
    const void *bias_dev;      /* [out] */
    bool gelu;                 /* of the sum rounded to dtype; not with a residual */
    const void *residual_dev;  /* of y's rows, added to the sum rounded to dtype; or NULL */
    int map_h, map_w, window;  /* window > 0, with a residual alone: x's rows are those of windows of that side that cover maps, as
                                  norm_cuda.h has them; y's and the residual's are the maps' */
} vb_cuda_product;

/* Whether this build and the current device can, and the sizes are such as it takes. */
bool vb_cuda_product_takes(int64_t rows, int in, int out);

/* What part of the multiprocessors' time tiles of that many rows and output channels fill: less as their last round is emptier. */
double vb_cuda_product_share(int64_t rows, int out);

/* x weight' + bias, and what follows -> y_dev [rows or map rows, out]. Sums are float32. */
vb_status vb_cuda_product_of(void *y_dev, vb_dtype dtype, const vb_cuda_product *product, void *cuda_stream, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
