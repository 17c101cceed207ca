/* Memories and object pointers out of the bank on a CUDA device, with and without their place in space and time: what
 * memory attention reads, in one pass.
 *
 * All pointers named *_dev are device memory of the current device. Work is queued on cuda_stream (a cudaStream_t; NULL:
 * the default stream), nothing is waited for and nothing allocated, so that calls can be captured in a CUDA graph.
 * Errors: VB_ESHAPE for sizes that cannot be, VB_EARG for what is no dtype or not aligned to four values, VB_ECUDA where the
 * device refused. */
#ifndef VB_RECALL_CUDA_H
#define VB_RECALL_CUDA_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { VB_RECALL_MEMORIES = 8 }; /* at most, of an object */

typedef struct {
    int objects, memories, pointers; /* of each object: memories, pointers */
    int tokens, width;               /* of a memory; width is a multiple of 4 */
    int pointer_tokens;              /* a pointer's values are so many tokens */
    int place[VB_RECALL_MEMORIES];   /* row of places_dev for each memory of an object */
    vb_dtype stored, out;
    const void *bank_dev;            /* [rows, tokens, width] of stored */
    const int64_t *rows_dev;         /* [objects, memories] */
    const float *places_dev;         /* [., tokens, width] */
    const float *pointers_dev;       /* [rows, pointer_tokens, width] */
    const int64_t *pointer_rows_dev; /* [objects, pointers] */
    const float *pointer_places_dev; /* [objects, pointers, width]; NULL: zeros */
} vb_cuda_recall;

/* memory_dev and keys_dev [objects, memories tokens + pointers pointer_tokens, width] of out: an object's memories, then its
 * pointers; keys are the sums with their places, in float32, rounded once. */
vb_status vb_cuda_recall_tokens(void *memory_dev, void *keys_dev, const vb_cuda_recall *r, void *cuda_stream, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
