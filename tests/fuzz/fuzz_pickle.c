/* Fuzz target: the bytes as the data.pkl of a sound archive, past its CRC. */
#include "fuzz.h"

#include "../checkpoint/torch_writer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const bytes pickle = {.p = (uint8_t *)(uintptr_t)data, .n = size};
    bytes file;

    torch_file(&file, &pickle, "0123456789abcdef", 16);
    fuzz_open(file.p, file.n);
    free(file.p);
    return 0;
}
