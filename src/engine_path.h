/* Where this program lies, and where savbench-engine does: $SAVBENCH_ENGINE; in a package's build the user's own engine, by `savbench
 * build-engine`; beside this program, or in ../libexec/savbench from it. */
#ifndef VB_ENGINE_PATH_H
#define VB_ENGINE_PATH_H

#include "err.h"

#include <limits.h>
#include <stddef.h>

/* Of the process's own executable. VB_EIO. */
vb_status vb_program_path(char path[PATH_MAX], vb_err *err);
/* VB_EIO tells where it looked. */
vb_status vb_engine_path(char *path, size_t n, vb_err *err);

#endif
