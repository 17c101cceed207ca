/* Linear layers on a CUDA device of compute capability 9.0, in half precision, with what follows them: GELU, the sum with a
 * residual, which may lie in another order, or the rotary encoding; and of a layer norm ahead of them what cannot be done in
 * weights beforehand.
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

/* Rows are sequences one behind the other, a sequence memories of so many tokens, of which the last ones turn as
 * rotary_cuda.h says, and others behind them. */
typedef struct {
    const float *table_dev;    /* [tokens, channels / 2] complex; or NULL: none turns */
    int channels;              /* of a head, multiple of 16 */
    int columns;               /* outputs that turn, the first ones, multiple of 16 */
    int tokens, memory, memories, sequence; /* that turn in a memory, of a memory, memories of a sequence, tokens of a sequence */
} vb_cuda_turn;

/* Rows of x are divided by their standard deviation, sqrt(variance + eps): a layer norm, when its weight and bias are in the layer's and
 * the layer's weights of an output add up to 0, so that a row's mean falls out. */
typedef struct {
    const float *sums_dev;     /* [x's rows, parts, 2]: of each part of a row its sum and its sum of squares; or NULL: no norm */
    int parts;                 /* at most VB_CUDA_PRODUCT_PARTS */
    float eps;
} vb_cuda_product_norm;

enum { VB_CUDA_PRODUCT_PARTS = 4 };

typedef struct {
    int64_t rows;              /* of x */
    int in, out;               /* channels */
    const void *x_dev;         /* [rows, in] */
    vb_cuda_product_norm norm;
    const void *weight_dev;    /* [out, in] */
    const void *bias_dev;      /* [out] */
    bool gelu;                 /* of the sum rounded to dtype; not with a residual */
    const void *residual_dev;  /* of y's rows, added to the sum rounded to dtype; or NULL */
    vb_cuda_turn turn;         /* of the sum rounded to dtype; alone */
    float *sums_dev;           /* with a residual: y's sums, [y's rows, vb_cuda_product_parts, 2], written; or NULL */
    int map_h, map_w, window;  /* window > 0: with a residual x's rows are those of windows of that side that cover maps, as norm_cuda.h has
                                  them, and y's and the residual's the maps'; without one x's are the maps' and y's the windows' */
} vb_cuda_product;

/* Whether this build and the current device can, and the sizes are such as it takes. */
bool vb_cuda_product_takes(int64_t rows, int in, int out);

/* Whether it reads rows of windows of that side from maps: windows that fill these, and tiles. */
bool vb_cuda_product_takes_windows(int map_h, int map_w, int window);

/* In how many parts sums of rows of that many output channels come. */
int vb_cuda_product_parts(int64_t rows, int out);

/* What part of the multiprocessors' time tiles of that many rows and output channels fill: less as their last round is emptier. */
double vb_cuda_product_share(int64_t rows, int out);

/* x weight' + bias, and what follows -> y_dev [rows or map rows, out]. Sums are float32. */
vb_status vb_cuda_product_of(void *y_dev, vb_dtype dtype, const vb_cuda_product *product, void *cuda_stream, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
