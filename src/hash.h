/* SHA-256 by libcrypto, as 64 hex digits. */
#ifndef VB_HASH_H
#define VB_HASH_H

#include "err.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

vb_status vb_sha256(char out[65], const void *data, size_t n, vb_err *err);
vb_status vb_sha256_file(char out[65], const char *path, vb_err *err);

/* Streaming. */
typedef struct vb_sha vb_sha;
vb_status vb_sha_create(vb_sha **out, vb_err *err);
vb_status vb_sha_add(vb_sha *s, const void *data, size_t n, vb_err *err);
vb_status vb_sha_finish(vb_sha *s, char out[65], vb_err *err); /* and frees s */

#ifdef __cplusplus
}
#endif
#endif
