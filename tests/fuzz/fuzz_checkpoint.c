/* Fuzz target: a whole file of weights: the archive, its directory, its pickle. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_open(data, size);
    return 0;
}
