/* holes.h on a CUDA device: the same labels, the same areas, the same pixels changed, for several masks at once.
 *
 * All pointers named *_dev are device memory of the current device. Work is queued on cuda_stream (a cudaStream_t; NULL:
 * the default stream) and nothing waits for it: buffers stay the caller's, untouched, until the stream has passed.
 * Nothing is allocated, so that calls can be captured in a CUDA graph.
 * Errors: VB_ESHAPE as in holes.h, VB_EARG for a small workspace, VB_ECUDA where the device refused. */
#ifndef VB_HOLES_CUDA_H
#define VB_HOLES_CUDA_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Whether this build has kernels that run on the current device; VB_ECUDA says what lacks. */
vb_status vb_cuda_holes_check(vb_err *err);

/* Bytes of workspace for n masks of h x w pixels: 8 per pixel. 4-byte aligned, contents of no meaning between calls. */
size_t vb_cuda_fill_holes_workspace(int n, int h, int w);

/* logits_dev [n, h, w], changed in place as by vb_fill_holes. *filled_dev (NULL: not counted) grows by the number of
 * pixels changed in all masks; the caller sets it to 0 first. */
vb_status vb_cuda_fill_holes(float *logits_dev, int n, int h, int w, int max_area, int64_t *filled_dev, void *workspace_dev,
                             size_t workspace_bytes, void *cuda_stream, vb_err *err);

/* As vb_remove_sprinkles; otherwise as above, with a workspace of the same size. */
vb_status vb_cuda_remove_sprinkles(float *logits_dev, int n, int h, int w, int max_area, int64_t *removed_dev, void *workspace_dev,
                                   size_t workspace_bytes, void *cuda_stream, vb_err *err);

/* As vb_label_components, of n masks: labels_dev, areas_dev and fg_dev [n, h, w]. */
vb_status vb_cuda_label_components(int32_t *labels_dev, int32_t *areas_dev, const uint8_t *fg_dev, int n, int h, int w,
                                   void *workspace_dev, size_t workspace_bytes, void *cuda_stream, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
