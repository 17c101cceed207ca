/* What the targets of weights share; see fuzz.h. */
#include "fuzz.h"

#include "../checkpoint/torch_writer.h"
#include "checkpoint.h"

#include <string.h>
#include <unistd.h>

/* Reads the first and the last byte that shape and stride reach: a wrong bound faults or trips a sanitizer. */
static void touch(const vb_tensor *t)
{
    const volatile uint8_t *p = t->data;
    size_t last = 0;

    for (int d = 0; d < t->ndim; d++) {
        if (!t->shape[d])
            return;
        last += (size_t)(t->shape[d] - 1) * (size_t)t->stride[d];
    }
    (void)p[0];
    (void)p[last * vb_storage_type_size(t->type) + vb_storage_type_size(t->type) - 1];
}

size_t fuzz_open(const void *data, size_t size)
{
    char path[32];
    vb_checkpoint *c;
    vb_err err = {.msg = ""};
    size_t n = 0, n_checked;
    int fd = as_path(path, data, size);

    if (fuzz_took(vb_checkpoint_open(&c, path, &err), &err)) {
        n = vb_checkpoint_count(c);
        for (size_t i = 0; i < n; i++) {
            const vb_tensor *t = vb_checkpoint_at(c, i);

            fuzz_hold(vb_checkpoint_find(c, t->key) == t, "a tensor is found by its key");
            touch(t);
        }
        vb_checkpoint_kind(c);
        vb_checkpoint_verify(c, &n_checked, &err);
        vb_checkpoint_free(c);
    } else {
        fuzz_hold(strstr(err.msg, "checkpoint '") != NULL, "a refusal names the checkpoint");
    }
    close(fd);
    return n;
}
