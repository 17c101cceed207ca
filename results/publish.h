/* Publishing a file: temporary name, fsync, rename, fsync of the folder. The one place in the project that writes a
 * result's file, so that a crash at any point leaves the old file, the new file, or a temporary one: never half. */
#ifndef VB_PUBLISH_H
#define VB_PUBLISH_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VB_TEMPORARY_PREFIX ".tmp-" /* what recovery removes */

/* A file name built from checked parts: no '/', not "." or "..", not temporary; room for a prefix. */
bool vb_file_name_ok(const char *name);

/* Opens a sub-folder of dir without following links; created (and its entry made durable) when make is set.
 * *fd is -1 with VB_OK when it does not exist and make is not set. */
vb_status vb_folder_open(int *fd, int dir, const char *name, bool make, vb_err *err);
/* With make, but dir is left to be synced by the caller where *made. */
vb_status vb_folder_make(int *fd, bool *made, int dir, const char *name, vb_err *err);

/* bytes [n] become dir/name. */
vb_status vb_publish(int dir, const char *name, const uint8_t *bytes, size_t n, vb_err *err);
/* The first half of vb_publish for one of many: the temporary file, written but not synced. Then vb_publish_written. */
vb_status vb_publish_stage(int dir, const char *name, const uint8_t *bytes, size_t n, vb_err *err);
void vb_publish_unstage(int dir, const char *name); /* gives it up */

/* dir/(prefix + name), written and closed by someone else, becomes dir/name. */
vb_status vb_publish_written(int dir, const char *name, vb_err *err);
/* The same for many, in steps: each is synced, then each renamed, then each folder (fsync of dir) synced. */
vb_status vb_publish_sync(int dir, const char *name, vb_err *err);
/* After a sync of the whole file system in place of that: whether the file's own bytes were written without error, which
 * kernels before 5.8 do not say of the whole. */
vb_status vb_publish_written_back(int dir, const char *name, vb_err *err);
vb_status vb_publish_rename(int dir, const char *name, vb_err *err);

/* A regular file of at most most bytes, links not followed. *bytes malloc'ed; *found false: no such file. */
vb_status vb_read_file(uint8_t **bytes, size_t *n, bool *found, int dir, const char *name, size_t most, vb_err *err);

#endif
