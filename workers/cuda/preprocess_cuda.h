/* Decoded frames to network images on a CUDA device: the bytes of resize.h bit for bit, then its normalisation table.
 *
 * All pointers named *_dev are device memory of the current device. Work is queued on cuda_stream (a cudaStream_t; NULL:
 * the default stream), nothing is waited for and nothing allocated, so that calls can be captured in a CUDA graph.
 * Errors: VB_ESHAPE for sizes without pixels or too many, VB_EARG for what is no dtype or too small, VB_ECUDA where the
 * device refused. */
#ifndef VB_PREPROCESS_CUDA_H
#define VB_PREPROCESS_CUDA_H

#include "resize.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One pair of sizes. Fill it with vb_cuda_resize_plan; then bring the tables to the device and set tables_dev. */
typedef struct {
    int in_h, in_w, out_h, out_w;
    int x_width, y_width; /* weights per output of an axis */
    bool vertical_first;
    const int32_t *tables_dev; /* [vb_cuda_resize_table_size] */
} vb_cuda_resize;

/* Sizes of the plan, from a resizer of these sizes, whose x and y axes are what the tables are made of. */
void vb_cuda_resize_plan(vb_cuda_resize *plan, const vb_resizer *r, int in_h, int in_w);
/* Elements of the tables. */
size_t vb_cuda_resize_table_size(const vb_cuda_resize *plan);
/* The tables on the host; of each output of an axis first tap, count, weights: x, then y. */
void vb_cuda_resize_tables(int32_t *tables, const vb_resizer *r);
/* Bytes of workspace for n frames: what lies between the passes. */
size_t vb_cuda_resize_workspace(const vb_cuda_resize *plan, int n);

/* rgb_dev [n, in_h, in_w, 3] -> image_dev [n, out_h, out_w, 3] of dtype, by table_dev [3][256] float32 (vb_normalize_table)
 * rounded to it. */
vb_status vb_cuda_preprocess(void *image_dev, vb_dtype dtype, const uint8_t *rgb_dev, int n, const vb_cuda_resize *plan, const float *table_dev,
                             void *workspace_dev, size_t workspace_bytes, void *cuda_stream, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
