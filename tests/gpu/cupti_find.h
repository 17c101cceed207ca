/* CUPTI, found at run time, so that what uses it builds without CUDA: part of the torch wheel, which has loaded it when
 * the driver starts an injected library, and of every CUDA toolkit. */
#ifndef VB_CUPTI_FIND_H
#define VB_CUPTI_FIND_H

#include <dlfcn.h>
#include <stddef.h>

/* Address of a function, or NULL. */
static void *cupti(const char *symbol)
{
    static const char *const names[] = {"libcupti.so.13", "libcupti.so.12", "libcupti.so"};
    void *found = dlsym(RTLD_DEFAULT, symbol);

    for (size_t i = 0; !found && i < sizeof names / sizeof *names; i++) {
        void *lib = dlopen(names[i], RTLD_LAZY | RTLD_GLOBAL);

        found = lib ? dlsym(lib, symbol) : NULL;
    }
    return found;
}

#endif
