/* What fuzz targets share. A target is one file with LLVMFuzzerTestOneInput: libFuzzer drives it under clang (preset `fuzz`,
 * scripts/fuzz.sh), mutate.c everywhere else, as a short test. Seeds for both are made by seeds.c. */
#ifndef VB_FUZZ_H
#define VB_FUZZ_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's entry. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts where what must hold does not: libFuzzer and ctest both take that for a finding. */
void fuzz_hold(int holds, const char *what);
/* A refusal must say something, with its code in the error. Returns whether st is VB_OK. */
int fuzz_took(vb_status st, const vb_err *err);
/* A copy with a NUL behind it, malloc'ed: a read past the input's end is seen. */
char *fuzz_text(const uint8_t *data, size_t size);

/* A file of weights in memory is opened and all that it offers is touched. Returns how many tensors came out; 0: refused. */
size_t fuzz_open(const void *data, size_t size);

#endif
