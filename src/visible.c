/* Which GPUs this process may use; see visible.h. */
#include "visible.h"

#include "random.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_GPUS = 64 };

uint64_t vb_visible_devices_key(void)
{
    const char *set = getenv("CUDA_VISIBLE_DEVICES"), *listed = set ? set : "all";
    uint64_t key = vb_fnv1a(VB_FNV1A_START, listed, strlen(listed));

    for (int i = 0; i < MAX_GPUS; i++) {
        char path[32];
        int fd;

        snprintf(path, sizeof path, "/dev/nvidia%d", i);
        if ((fd = open(path, O_RDWR | O_CLOEXEC)) < 0)
            continue;
        close(fd);
        key = vb_fnv1a(key, path, strlen(path));
    }
    return key;
}
