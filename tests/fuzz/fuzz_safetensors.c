/* Fuzz target: the bytes as a safetensors header with a little data behind it. */
#include "fuzz.h"

#include "../checkpoint/torch_writer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bytes file = {.n = 0};

    put_le(&file, size, 8);
    put(&file, data, size);
    put(&file, "0123456789abcdef", 16);
    fuzz_open(file.p, file.n);
    free(file.p);
    return 0;
}
