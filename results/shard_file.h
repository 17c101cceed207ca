/* A shard's file by the path that its row holds. */
#ifndef VB_SHARD_FILE_H
#define VB_SHARD_FILE_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* dir: the open output folder; path: "shards/VIDEO/FILE". Links are not followed. *bytes malloc'ed. *found false: there
 * is no such file, it cannot be a shard, or path is none that a commit writes. */
vb_status vb_shard_file_read(uint8_t **bytes, size_t *n, bool *found, int dir, const char *path, vb_err *err);

/* Likewise, and its SHA-256 and size are those of its row: *holds. *bytes is given only where it does; NULL: not wanted. */
vb_status vb_shard_file_check(uint8_t **bytes, size_t *n, bool *holds, int dir, const char *path, const char *sha256,
                              int64_t size, vb_err *err);

#endif
