/* Sorted listings of folders. */
#ifndef VB_LISTING_H
#define VB_LISTING_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    size_t n;
    char **names; /* ascending by bytes, owned; "." and ".." are left out */
} vb_listing;

/* VB_EIO names the folder. *out is to be deinited only after VB_OK. */
vb_status vb_listing_read(vb_listing *out, const char *folder, vb_err *err);
/* Of an open folder; fd stays the caller's. folder: its name for messages. */
vb_status vb_listing_of(vb_listing *out, int fd, const char *folder, vb_err *err);
void vb_listing_deinit(vb_listing *l); /* takes a zeroed struct too */

bool vb_has_suffix(const char *name, const char *suffix);
bool vb_is_folder(const char *parent, const char *name); /* links are followed */

#endif
