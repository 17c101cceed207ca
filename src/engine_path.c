/* The engine's executable; see engine_path.h. */
#include "engine_path.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

vb_status vb_engine_path(char *path, size_t n, vb_err *err)
{
    static const char *const places[] = {"savbench-engine", "../libexec/savbench/savbench-engine"};
    const char *told = getenv("SAVBENCH_ENGINE");
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

    if (told && *told) {
        snprintf(path, n, "%s", told);
        if (access(path, X_OK))
            return vb_fail(err, VB_EIO, "SAVBENCH_ENGINE='%.400s' is no executable file", told);
        return VB_OK;
    }
    if (len <= 0)
        return vb_fail(err, VB_EIO, "/proc/self/exe cannot be read: set SAVBENCH_ENGINE to savbench-engine's path");
    self[len] = '\0';
    *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if ((size_t)snprintf(path, n, "%s/%s", self, places[i]) < n && !access(path, X_OK))
            return VB_OK;
    return vb_fail(err, VB_EIO, "savbench-engine is not in '%.200s' nor in ../libexec/savbench from there: "
                   "install it there, or set SAVBENCH_ENGINE", self);
}
