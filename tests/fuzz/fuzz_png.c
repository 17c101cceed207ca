/* Fuzz target: a PNG file. The CRC of every chunk is set right first: libpng refuses a wrong one before our code has a say,
 * and a forger would not leave it wrong. */
#include "fuzz.h"

#include "../checkpoint/torch_writer.h"
#include "image_io.h"
#include "types.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void put_be32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* chunk: length u32, name [4], data [length], CRC over name and data */
static void mend(uint8_t *png, size_t n)
{
    for (size_t at = 8; at + 12 <= n;) {
        const size_t length = (size_t)png[at] << 24 | (size_t)png[at + 1] << 16 | (size_t)png[at + 2] << 8 | png[at + 3];

        if (length > n - at - 12)
            return;
        put_be32(png + at + 8 + length, crc32_of(png + at + 4, length + 4));
        at += length + 12;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *png = (uint8_t *)fuzz_text(data, size), *grey = NULL;
    char path[32];
    int fd, h = 0, w = 0, seen_h = 0, seen_w = 0;
    vb_mask m;
    vb_err err = {.msg = ""};

    mend(png, size);
    fd = as_path(path, png, size);
    const int sized = fuzz_took(vb_png_size(path, &h, &w, &err), &err);
    /* what the header promises is allocated, so pixels are asked for only up to a size that leaves other inputs room */
    if (!sized || (int64_t)h * w <= 1 << 24) {
        if (fuzz_took(vb_png_read_grey(&grey, &seen_h, &seen_w, path, &err), &err))
            fuzz_hold(sized && h == seen_h && w == seen_w, "header and picture agree in size");
        const int masked = fuzz_took(vb_png_read_mask(&m, path, &err), &err);
        fuzz_hold(masked == (grey != NULL), "grey and mask readers take the same files");
        if (masked)
            for (int i = 0; i < h; i++)
                fuzz_hold(vb_mask_get(&m, i, w - 1) == (grey[(size_t)i * (size_t)w + (size_t)w - 1] != 0), "mask and grey agree");
        vb_mask_deinit(&m);
    }
    free(grey);
    free(png);
    close(fd);
    return 0;
}
