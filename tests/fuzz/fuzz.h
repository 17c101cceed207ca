/* What fuzz targets share: a file in memory is opened and everything that it then offers is touched. */
#ifndef VB_FUZZ_H
#define VB_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's entry; mutate.c drives it too, where there is no clang. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts when an error comes without a message. Returns how many tensors came out; 0: refused. */
size_t fuzz_open(const void *data, size_t size);

#endif
