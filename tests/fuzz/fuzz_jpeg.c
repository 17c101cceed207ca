/* Fuzz target: a JPEG file: the walk to its frame header, then the whole of it. One decoder takes all inputs, as a reader's does:
 * what a bad file leaves behind must not reach the next one. */
#include "fuzz.h"

#include "../checkpoint/torch_writer.h"
#include "image_io.h"

#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static vb_jpeg *j;
    static vb_image im;
    char path[32];
    int fd, h = 0, w = 0;
    vb_err err = {.msg = ""};

    if (!j)
        fuzz_hold(vb_jpeg_create(&j, &err) == VB_OK, "a decoder");
    fd = as_path(path, data, size);
    const int sized = fuzz_took(vb_jpeg_size(path, &h, &w, &err), &err);
    if (!sized || (int64_t)h * w <= 1 << 22) {
        if (fuzz_took(vb_jpeg_decode(j, path, &im, &err), &err)) {
            volatile uint8_t last = im.rgb[(size_t)im.h * (size_t)im.w * 3 - 1];

            (void)last;
            if (sized)
                fuzz_hold(im.h == h && im.w == w, "header and picture agree in size");
        }
    }
    close(fd);
    return 0;
}
