/* Counts the CUDA kernels that a process launches, by name: the witness for the attention proof.
 *
 * A library that the CUDA driver loads itself when CUDA_INJECTION64_PATH names it. It asks CUPTI (part of the torch wheel
 * and of every CUDA toolkit) for the name at each launch and writes "COUNT <tab> NAME" lines to the file
 * named by VB_KERNEL_NAMES when the process ends. No counters are read, so no right to profile is needed.
 *
 * The few declarations below are those of cupti_callbacks.h and cupti_driver_cbid.h (stable: new entries come at the end). */
#include "cupti_find.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DRIVER_API = 1, API_ENTER = 0 };
static const uint32_t launches[] = {307, 442, 477, 478, 652, 653}; /* cuLaunchKernel, ..CooperativeKernel, ..KernelEx; and _ptsz */

typedef struct {
    int site;
    const char *function_name;
    const void *function_params;
    void *function_return_value;
    const char *symbol_name;
} callback_data; /* the beginning of CUpti_CallbackData */

typedef int (*subscribe_fn)(void **subscriber, void (*callback)(void *, int, uint32_t, const void *), void *ctx);
typedef int (*enable_fn)(uint32_t enable, void *subscriber, int domain, uint32_t id);

typedef struct kernel {
    struct kernel *next;
    unsigned long count;
    char name[];
} kernel;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static kernel *kernels;

static void launched(void *ctx, int domain, uint32_t id, const void *data)
{
    const callback_data *d = data;
    const char *name = d->symbol_name;
    kernel *k;

    (void)ctx, (void)domain, (void)id;
    if (d->site != API_ENTER || !name)
        return;
    pthread_mutex_lock(&lock);
    for (k = kernels; k && strcmp(k->name, name); k = k->next)
        ;
    if (!k && (k = calloc(1, sizeof *k + strlen(name) + 1))) {
        strcpy(k->name, name);
        k->next = kernels;
        kernels = k;
    }
    if (k)
        k->count++;
    pthread_mutex_unlock(&lock);
}

/* Called by the driver as the process initialises CUDA. */
int InitializeInjection(void);
int InitializeInjection(void)
{
    /* A union, since ISO C has no cast from an object's address to a function's. */
    union { void *object; subscribe_fn call; } subscribe = {cupti("cuptiSubscribe")};
    union { void *object; enable_fn call; } enable = {cupti("cuptiEnableCallback")};
    void *subscriber = NULL;

    if (!subscribe.object || !enable.object || subscribe.call(&subscriber, launched, NULL)) {
        fprintf(stderr, "kernel_names: CUPTI cannot be used here; no kernel is counted\n");
        return 1;
    }
    for (size_t i = 0; i < sizeof launches / sizeof *launches; i++)
        enable.call(1, subscriber, DRIVER_API, launches[i]);
    return 1;
}

__attribute__((destructor)) static void report(void)
{
    const char *path = getenv("VB_KERNEL_NAMES");
    FILE *f = path && kernels ? fopen(path, "a") : NULL;

    if (!f)
        return;
    for (const kernel *k = kernels; k; k = k->next)
        fprintf(f, "%lu\t%s\n", k->count, k->name);
    fclose(f);
}
