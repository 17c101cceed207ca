/* Fuzz target: run-length text of a mask. Input: height - 1, width - 1 (a byte each), then the text.
 * What is taken must be a mask that its own text gives again. */
#include "fuzz.h"

#include "mask.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vb_mask m, again;
    vb_err err = {.msg = ""};
    char *text, *written;

    if (size < 2)
        return 0;
    text = fuzz_text(data + 2, size - 2);
    fuzz_hold(vb_mask_init(&m, data[0] + 1, data[1] + 1, &err) == VB_OK && vb_mask_init(&again, m.h, m.w, &err) == VB_OK, "masks");
    if (fuzz_took(vb_mask_from_rle(&m, text, &err), &err)) {
        for (int y = 0; m.w % 64 && y < m.h; y++)
            fuzz_hold(m.bits[(size_t)(y + 1) * m.stride - 1] >> (m.w % 64) == 0, "padding bits are 0");
        fuzz_hold(vb_mask_rle(&written, &m, &err) == VB_OK && vb_mask_from_rle(&again, written, &err) == VB_OK,
                  "a mask's own text is taken");
        fuzz_hold(memcmp(m.bits, again.bits, (size_t)m.h * m.stride * sizeof *m.bits) == 0, "and gives the mask again");
        free(written);
    }
    vb_mask_deinit(&m);
    vb_mask_deinit(&again);
    free(text);
    return 0;
}
