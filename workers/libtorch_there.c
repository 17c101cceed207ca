/* The libtorch that is loaded; see libtorch_there.h. No header of torch is needed for that. */
#include "libtorch_there.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* ".../torch/lib", where the library lies -> ".../torch" */
static bool loaded_from(char *folder, size_t n)
{
    void *lib = dlopen("libtorch_cpu.so", RTLD_LAZY | RTLD_NOLOAD);
    char lies[PATH_MAX], *slash;
    bool found;

    if (!lib)
        return false;
    found = !dlinfo(lib, RTLD_DI_ORIGIN, lies) && (slash = strrchr(lies, '/')) && (*slash = '\0', *lies) &&
            (size_t)snprintf(folder, n, "%s", lies) < n;
    dlclose(lib);
    return found;
}

bool vb_libtorch_there(char *version, size_t n, char *folder, size_t n_folder)
{
    char path[PATH_MAX], line[256];
    FILE *f;

    *version = '\0';
    if (!loaded_from(folder, n_folder) || (size_t)snprintf(path, sizeof path, "%s/version.py", folder) >= sizeof path || !(f = fopen(path, "r")))
        return false;
    while (!*version && fgets(line, sizeof line, f)) {
        char *from = strchr(line, '\'');

        if (!strncmp(line, "__version__", 11) && from)
            snprintf(version, n, "%.*s", (int)strcspn(from + 1, "'\n"), from + 1);
    }
    fclose(f);
    return *version;
}

bool vb_libtorch_same(const char *compiled, const char *there)
{
    size_t a = strcspn(compiled, "+"), b = strcspn(there, "+");

    return a == b && !strncmp(compiled, there, a);
}
