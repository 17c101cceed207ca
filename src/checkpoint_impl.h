/* Inside of a checkpoint, shared by its readers (checkpoint_torch.c, safetensors.c). */
#ifndef VB_CHECKPOINT_IMPL_H
#define VB_CHECKPOINT_IMPL_H

#include "checkpoint.h"
#include "zip.h"

struct vb_checkpoint {
    char *path;
    char label[168]; /* the path, its front cut off when long: for errors */
    const uint8_t *map;
    size_t map_len;
    const char *format;     /* "torch", "safetensors" */
    vb_zip *zip;            /* torch only */
    vb_tensor *tensors;     /* file order; keys owned */
    const vb_tensor **find; /* by key; made by vb_checkpoint_index */
    size_t n, room;
    char sha256[65];
};

/* Takes a tensor whose elements lie in storage [numel] of its type from element offset on. Checks key, alignment
 * and bounds, copies the key. stride NULL: contiguous. VB_EFORMAT, VB_ENOMEM. */
typedef struct {
    const char *key;
    size_t key_len;
    vb_storage_type type;
    int ndim;
    const int64_t *shape, *stride;
    const uint8_t *storage;
    uint64_t numel, offset;
} vb_tensor_claim;
vb_status vb_checkpoint_add(vb_checkpoint *c, const vb_tensor_claim *claim, vb_err *err);

/* After the last add: sorts keys; a key that occurs twice is VB_EFORMAT, and so is a file without tensors. */
vb_status vb_checkpoint_index(vb_checkpoint *c, vb_err *err);

/* The readers: fill c from c->map. */
vb_status vb_checkpoint_read_torch(vb_checkpoint *c, vb_err *err);
vb_status vb_checkpoint_read_safetensors(vb_checkpoint *c, vb_err *err);

#endif
