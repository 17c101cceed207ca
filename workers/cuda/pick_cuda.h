/* The one of an object's proposed masks that is shown, with all that belongs to it, on a CUDA device.
 *
 * All pointers named *_dev are device memory of the current device. Work is queued on cuda_stream (a cudaStream_t; NULL:
 * the default stream), nothing is waited for and nothing allocated, so that calls can be captured in a CUDA graph.
 * Errors: VB_ESHAPE for sizes that it does not take, VB_EARG for what is no dtype, VB_ECUDA where the device refused. */
#ifndef VB_PICK_CUDA_H
#define VB_PICK_CUDA_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of n objects, the mask token with the greatest predicted IoU among all but the first (of equals the first; NaN counts as
 * the greatest). Masks, IoUs and scores are of one dtype. */
typedef struct {
    vb_dtype dtype;
    int n, tokens;       /* objects; mask tokens of each, 2 at least */
    int h, w;            /* of a mask */
    const void *masks_dev;  /* [n, tokens, h * w] */
    bool in_cells;          /* a mask lies in cells of 4 x 4 pixels, a cell as two levels of 2 x 2: [h / 4, w / 4, 2, 2, 2, 2];
                               h and w are multiples of 4 */
    const void *ious_dev;   /* [n, tokens] */
    const void *scores_dev; /* [n], score_stride apart */
    int64_t score_stride;
    const void *vectors_dev; /* [n, tokens, width] of vectors_dtype, a row of it per token; objects are stride apart */
    vb_dtype vectors_dtype;
    int width;
    int64_t stride;
    float absent;        /* the mask's value where the score is not above 0 */
    float *low_dev;      /* [n, h, w], written */
    void *iou_dev;       /* [n] of dtype, written */
    void *vector_dev;    /* [n, width] of vectors_dtype, written */
} vb_cuda_pick;

vb_status vb_cuda_pick_mask(const vb_cuda_pick *pick, void *cuda_stream, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
