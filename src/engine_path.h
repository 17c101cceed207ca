/* Where savbench-engine lies: $SAVBENCH_ENGINE; for a package the user's own, by `savbench build-engine`; beside this program, or in
 * ../libexec/savbench from it. */
#ifndef VB_ENGINE_PATH_H
#define VB_ENGINE_PATH_H

#include "err.h"

#include <stddef.h>

/* VB_EIO tells where it looked. */
vb_status vb_engine_path(char *path, size_t n, vb_err *err);

#endif
