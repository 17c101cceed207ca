/* Model weights by official state-dict key: read from an official .pt file or a .safetensors file, or, key by key,
 * generated from a seed.
 *
 * A .pt file is a zip with stored entries and one pickle; the pickle runs through an interpreter that knows the
 * opcodes and globals that torch.save emits for a dict of tensors and refuses every other by name. Nothing in a
 * file is executed. Tensor data stays in the read-only mapping of the file: each struct borrows from it.
 * The file must not be cut while it is mapped: reading past its new end is a bus error, as with any mapping. */
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
bool vb_storage_type_floats(vb_storage_type t);

typedef struct {
    const char *key; /* NUL-terminated printable ASCII, without the name of the wrapping dict ("model") */
    vb_storage_type type;
    int ndim;
    int64_t shape[VB_TENSOR_DIMS];
    int64_t stride[VB_TENSOR_DIMS]; /* in elements; >= 0 */
    const void *data;               /* first element, aligned to its size, little endian; every element reachable by
                                       shape and stride is in the mapping, and their number is bounded by its size */
} vb_tensor;

typedef struct vb_checkpoint vb_checkpoint;

/* Told apart by content, not by name. Of a .pt file the state dict is root["model"], root["state_dict"] or the root
 * itself; other entries beside those two are ignored. VB_EIO, VB_ENOMEM; VB_EFORMAT names what is wrong. */
vb_status vb_checkpoint_open(vb_checkpoint **out, const char *path, vb_err *err);
void vb_checkpoint_free(vb_checkpoint *c); /* tensors and keys die with it */
/* Gives the pages of the file that were read back to the system; they are read again where they are wanted again. */
void vb_checkpoint_forget_pages(const vb_checkpoint *c);
size_t vb_checkpoint_count(const vb_checkpoint *c);
const vb_tensor *vb_checkpoint_at(const vb_checkpoint *c, size_t i); /* in file order */
const vb_tensor *vb_checkpoint_find(const vb_checkpoint *c, const char *key);
/* SHA-256 of the file, computed at the first call. */
vb_status vb_checkpoint_sha256(vb_checkpoint *c, char out[65], vb_err *err);
/* Canonical model name told by the keys and shapes ("edgetam", "sam2.1_t", ...), or NULL. */
const char *vb_checkpoint_kind(const vb_checkpoint *c);
/* Compares all data with the checksums in the file (.pt: CRC-32 of every record; safetensors has none).
 * *n_checked records were compared. VB_EFORMAT names the first that differs. */
vb_status vb_checkpoint_verify(const vb_checkpoint *c, size_t *n_checked, vb_err *err);

/* What a model expects under one key. */
typedef struct {
    const char *key;
    int ndim;
    int64_t shape[VB_TENSOR_DIMS];
    bool integer;  /* holds integers (num_batches_tracked), otherwise floats of any width */
    bool optional; /* may be missing */
} vb_tensor_spec;

/* The whole checkpoint against the whole list: VB_EFORMAT counts missing, unexpected, misshapen and mistyped keys,
 * names the first of each kind, and names the model whose weights these look like if it is another than model. */
vb_status vb_checkpoint_check(const vb_checkpoint *c, const vb_tensor_spec *specs, size_t n, const char *model, vb_err *err);

/* "seed:N" in place of a path: true and *seed when s starts with "seed:"; VB_EARG when N is no number of 64 bits. */
vb_status vb_seed_parse(bool *is_seed, uint64_t *seed, const char *s, vb_err *err);

/* Writes the value of a tensor by the seeded rule of its key (src/weights_rules.h; the arithmetic is in seed_weights.c).
 * out is [product of shape] float32. VB_EARG: no rule matches the key; VB_ESHAPE. */
vb_status vb_seed_weights(float *out, const char *key, const int64_t *shape, int ndim, uint64_t seed, vb_err *err);

/* `savbench inspect FILE`: kind, keys, shapes, dtypes, SHA-256; json as one JSON object. */
vb_status vb_checkpoint_print(vb_checkpoint *c, const char *path, bool json, FILE *to, vb_err *err);

/* `savbench inspect FILE [--json] [--verify]`; argv[0] is "inspect". Returns the exit code: 2 usage, 3 unreadable. */
int vb_inspect_main(int argc, char **argv);

#ifdef __cplusplus
}
#endif
#endif
