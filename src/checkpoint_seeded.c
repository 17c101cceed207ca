/* Seeded weights as a checkpoint; see checkpoint.h. The values come from seed_weights.c. */
#include "checkpoint_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

vb_status vb_seed_parse(bool *is_seed, uint64_t *seed, const char *s, vb_err *err)
{
    char *end;

    *is_seed = strncmp(s, "seed:", 5) == 0;
    if (!*is_seed)
        return VB_OK;
    errno = 0;
    *seed = strtoull(s + 5, &end, 10);
    if (errno || end == s + 5 || *end || s[5] < '0' || s[5] > '9')
        return vb_fail(err, VB_EARG, "checkpoint '%.200s': a seed is a number from 0 to %" PRIu64 ", as in seed:1", s,
                       UINT64_MAX);
    return VB_OK;
}

/* Bytes of all tensors, each rounded up to 64: as torch.save aligns them. */
static bool total_bytes(size_t *total, const vb_tensor_spec *specs, size_t n)
{
    *total = 0;
    for (size_t i = 0; i < n; i++) {
        size_t bytes = specs[i].integer ? 8 : 4;

        for (int d = 0; d < specs[i].ndim; d++)
            if (specs[i].shape[d] < 0 || __builtin_mul_overflow(bytes, (size_t)specs[i].shape[d], &bytes))
                return false;
        if (__builtin_add_overflow(bytes, 63, &bytes) || __builtin_add_overflow(*total, bytes & ~(size_t)63, total))
            return false;
    }
    return true;
}

static vb_status add_seeded(vb_checkpoint *c, uint8_t **at, const vb_tensor_spec *spec, uint64_t seed, vb_err *err)
{
    vb_tensor_claim t = {.key = spec->key, .key_len = strlen(spec->key), .ndim = spec->ndim, .shape = spec->shape,
                         .type = spec->integer ? VB_ST_INT64 : VB_ST_FLOAT32, .storage = *at, .numel = 1};
    vb_status st;

    for (int d = 0; d < spec->ndim; d++)
        t.numel *= (uint64_t)spec->shape[d];
    if (spec->integer) {
        /* Integers are counters; the rules make each a constant. */
        float value;
        static const int64_t scalar[1] = {1};

        if ((st = vb_seed_weights(&value, spec->key, scalar, 0, seed, err)) != VB_OK)
            return st;
        for (uint64_t i = 0; i < t.numel; i++)
            ((int64_t *)(void *)*at)[i] = (int64_t)value;
    } else if ((st = vb_seed_weights((float *)(void *)*at, spec->key, spec->shape, spec->ndim, seed, err)) != VB_OK) {
        return st;
    }
    *at += (t.numel * vb_storage_type_size(t.type) + 63) & ~(size_t)63;
    return vb_checkpoint_add(c, &t, err);
}

vb_status vb_checkpoint_seeded(vb_checkpoint **out, const vb_tensor_spec *specs, size_t n, uint64_t seed, vb_err *err)
{
    vb_checkpoint *c = calloc(1, sizeof *c);
    vb_status st = VB_ENOMEM;
    uint8_t *at;
    size_t bytes;

    *out = NULL;
    if (!c) {
        vb_fail(err, st, "seeded weights: host memory");
        goto out;
    }
    snprintf(c->label, sizeof c->label, "seed:%" PRIu64, seed);
    memcpy(c->sha256, c->label, strlen(c->label) + 1);
    c->format = "seeded";
    if (!total_bytes(&bytes, specs, n)) {
        st = vb_fail(err, VB_ESHAPE, "seeded weights: an impossible shape in the list");
        goto out;
    }
    if (!(c->heap = aligned_alloc(64, bytes + 64))) {
        vb_fail(err, st, "seeded weights: host memory, %zu bytes", bytes);
        goto out;
    }
    at = c->heap;
    for (size_t i = 0; i < n; i++)
        if ((st = add_seeded(c, &at, &specs[i], seed, err)) != VB_OK)
            goto out;
    if ((st = vb_checkpoint_index(c, err)) != VB_OK)
        goto out;
    *out = c;
    c = NULL;
out:
    vb_checkpoint_free(c);
    return st;
}
