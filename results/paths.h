/* Where the parts of an output folder lie. The database is in OUT, or in a state folder on a faster or local disk;
 * OUT/.state-dir then names that folder, so that later commands find it. */
#ifndef VB_PATHS_H
#define VB_PATHS_H

#include "err.h"

#include <stdbool.h>

#define VB_PATH_MAX 4096

typedef struct {
    char out[VB_PATH_MAX];   /* as given */
    char state[VB_PATH_MAX]; /* absolute when it is not OUT, else equal to out */
    char db[VB_PATH_MAX];    /* state/summary.db */
    bool apart;              /* the state folder is not OUT */
} vb_paths;

/* mkdir -p. VB_EARG where the path is empty or too long. */
vb_status vb_paths_make(const char *folder, vb_err *err);

/* state_dir NULL: the one that OUT/.state-dir names (vb_state_linked), else OUT. OUT must be there. With make the state folder
 * is created. Without: VB_EARG when OUT is no output folder. */
vb_status vb_paths_find(vb_paths *p, const char *out_dir, const char *state_dir, bool make, vb_err *err);

/* Whether path lies on a network or FUSE file system, where SQLite's WAL is not safe. */
bool vb_path_is_remote(const char *path);

#endif
