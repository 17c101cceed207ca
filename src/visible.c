/* Which GPUs this process may use; see visible.h. */
#include "visible.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_GPUS = 64 };

static uint64_t fnv1a(uint64_t h, const char *s)
{
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    return h;
}

uint64_t vb_visible_devices_key(void)
{
    const char *listed = getenv("CUDA_VISIBLE_DEVICES");
    uint64_t key = fnv1a(0xcbf29ce484222325u, listed ? listed : "all");

    for (int i = 0; i < MAX_GPUS; i++) {
        char path[32];
        int fd;

        snprintf(path, sizeof path, "/dev/nvidia%d", i);
        if ((fd = open(path, O_RDWR | O_CLOEXEC)) < 0)
            continue;
        close(fd);
        key = fnv1a(key, path);
    }
    return key;
}
