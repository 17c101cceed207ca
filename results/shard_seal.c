/* Seal of a shard; see shard_seal.h. */
#include "shard_seal.h"

#include "hash.h"
#include "shard.h"

#include <stdio.h>
#include <string.h>

#define MAGIC "savbench shard"

vb_status vb_shard_seal(uint8_t block[VB_SEAL_BYTES], const uint8_t *image, size_t n, vb_err *err)
{
    char hash[65];
    vb_status st = vb_sha256(hash, image, n, err);

    if (st)
        return st;
    memset(block, 0, VB_SEAL_BYTES);
    snprintf((char *)block, VB_SEAL_BYTES, MAGIC " %d\nbytes %zu\nsha256 %s\n", VB_SHARD_SCHEMA, n, hash);
    return VB_OK;
}

vb_status vb_shard_unseal(const uint8_t **image, size_t *image_n, const uint8_t *bytes, size_t n, vb_err *err)
{
    uint8_t expected[VB_SEAL_BYTES];
    vb_status st;

    if (n > VB_SHARD_MAX_BYTES)
        return vb_fail(err, VB_EFORMAT, "shard of %zu bytes: the limit is %u", n, VB_SHARD_MAX_BYTES);
    if (n <= VB_SEAL_BYTES || memcmp(bytes, MAGIC, sizeof MAGIC - 1) != 0)
        return vb_fail(err, VB_EFORMAT, "these %zu bytes are no savbench shard", n);
    if ((st = vb_shard_seal(expected, bytes + VB_SEAL_BYTES, n - VB_SEAL_BYTES, err)))
        return st;
    /* The whole block is compared, padding included: no bit of a shard is free to change. */
    if (memcmp(bytes, expected, VB_SEAL_BYTES) != 0)
        return vb_fail(err, VB_EFORMAT, "shard does not match its seal: cut short, altered, or of another schema than %d",
                       VB_SHARD_SCHEMA);
    *image = bytes + VB_SEAL_BYTES;
    *image_n = n - VB_SEAL_BYTES;
    return VB_OK;
}
