/* Model weights by official state-dict key: read from an official .pt file, or generated from a seed.
 *
 * A .pt file is a zip with stored entries and one pickle; the pickle runs through an interpreter that knows the
 * opcodes and globals that torch.save emits for a dict of tensors and refuses every other by name. Nothing in a
 * file is executed. Tensor data stays in the read-only mapping of the file: each struct borrows from it. */
#ifndef VB_CHECKPOINT_H
#define VB_CHECKPOINT_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VB_TENSOR_DIMS 8

typedef enum { VB_ST_FLOAT32, VB_ST_FLOAT16, VB_ST_BFLOAT16, VB_ST_FLOAT64, VB_ST_INT64, VB_ST_INT32, VB_ST_UINT8, VB_ST_BOOL } vb_storage_type;

const char *vb_storage_type_name(vb_storage_type t); /* "float32" */
size_t vb_storage_type_size(vb_storage_type t);

typedef struct {
    const char *key; /* NUL-terminated, without the leading "model." wrapper's name */
    vb_storage_type type;
    int ndim;
    int64_t shape[VB_TENSOR_DIMS];
    int64_t stride[VB_TENSOR_DIMS]; /* in elements */
    const void *data;               /* first element; every element reachable by shape and stride is in the mapping */
} vb_tensor;

typedef struct vb_checkpoint vb_checkpoint;

vb_status vb_checkpoint_open(vb_checkpoint **out, const char *path, vb_err *err);
void vb_checkpoint_free(vb_checkpoint *c); /* tensors and keys die with it */
size_t vb_checkpoint_count(const vb_checkpoint *c);
const vb_tensor *vb_checkpoint_at(const vb_checkpoint *c, size_t i); /* in file order */
const vb_tensor *vb_checkpoint_find(const vb_checkpoint *c, const char *key);
/* SHA-256 of the file (computed at the first call); seeded weights have none: "seed:N". */
vb_status vb_checkpoint_sha256(vb_checkpoint *c, char out[65], vb_err *err);
/* Canonical model name told by the keys and shapes ("edgetam", "sam2.1_t", ...), or NULL. */
const char *vb_checkpoint_kind(const vb_checkpoint *c);

/* Writes the value of a tensor by the seeded rule of its key (oracle README 1; rules compiled in from
 * src/weights_rules.h). out is [product of shape] float32. VB_EARG: no rule matches the key. */
vb_status vb_seed_weights(float *out, const char *key, const int64_t *shape, int ndim, uint64_t seed, vb_err *err);

/* `savbench inspect FILE`: kind, keys, shapes, dtypes, SHA-256; json as one JSON object. */
vb_status vb_checkpoint_print(vb_checkpoint *c, const char *path, bool json, FILE *to, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
