/* The shard's user block: 512 bytes before the HDF5 file that say how long it is and what its hash is. */
#ifndef VB_SHARD_SEAL_H
#define VB_SHARD_SEAL_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

#define VB_SEAL_BYTES 512

/* Writes the seal of image [n] into block. */
vb_status vb_shard_seal(uint8_t block[VB_SEAL_BYTES], const uint8_t *image, size_t n, vb_err *err);
/* bytes [n] = seal and image, hostile. VB_EFORMAT: no shard, cut short, too long or altered. */
vb_status vb_shard_unseal(const uint8_t **image, size_t *image_n, const uint8_t *bytes, size_t n, vb_err *err);

#endif
