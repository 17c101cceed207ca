/* Where the programs lie; see engine_path.h. */
#include "engine_path.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

vb_status vb_program_path(char path[PATH_MAX], vb_err *err)
{
    const ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);

    if (n <= 0)
        return vb_fail(err, VB_EIO, "/proc/self/exe: %s", strerror(errno));
    path[n] = '\0';
    return VB_OK;
}

/* The engine that `savbench build-engine` made for this user; a package's own one has the stub model alone. */
static bool own_engine(char *path, size_t n)
{
#ifdef VB_ENGINE_APART
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

    if (data && *data)
        snprintf(path, n, "%s/savbench/engine/savbench-engine", data);
    else
        snprintf(path, n, "%s/.local/share/savbench/engine/savbench-engine", home ? home : "");
    return !access(path, X_OK);
#else
    (void)path, (void)n;
    return false;
#endif
}

vb_status vb_engine_path(char *path, size_t n, vb_err *err)
{
    static const char *const places[] = {"savbench-engine", "../libexec/savbench/savbench-engine"};
    const char *told = getenv("SAVBENCH_ENGINE");
    char self[PATH_MAX];

    if (told && *told) {
        snprintf(path, n, "%s", told);
        if (access(path, X_OK))
            return vb_fail(err, VB_EIO, "SAVBENCH_ENGINE='%.400s' is no executable file", told);
        return VB_OK;
    }
    if (own_engine(path, n))
        return VB_OK;
    if (vb_program_path(self, NULL))
        return vb_fail(err, VB_EIO, "/proc/self/exe cannot be read: set SAVBENCH_ENGINE to savbench-engine's path");
    *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if ((size_t)snprintf(path, n, "%s/%s", self, places[i]) < n && !access(path, X_OK))
            return VB_OK;
    return vb_fail(err, VB_EIO, "savbench-engine is not in '%.200s' nor in ../libexec/savbench from there: "
                   "install it there, or set SAVBENCH_ENGINE", self);
}
