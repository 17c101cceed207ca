/* Reads the golden lists of seeded weights: a line per tensor, "key dtype shape checksum sum". */
#ifndef VB_WEIGHT_LIST_H
#define VB_WEIGHT_LIST_H

#include "checkpoint.h"

typedef struct {
    vb_tensor_spec *specs; /* keys owned */
    uint64_t *checksums;   /* sum over i of (i + 1) * bits(i); an integer's bits are its value */
    size_t n;
} weight_list;

/* False when the file is absent; a malformed one fails the test. */
bool weight_list_read(weight_list *out, const char *path);
void weight_list_free(weight_list *w);

#endif
