/* See fuzz.h. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fuzz_hold(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz: does not hold: %s\n", what);
    abort();
}

int fuzz_took(vb_status st, const vb_err *err)
{
    fuzz_hold(st == VB_OK || (err->code == st && err->msg[0]), "a refusal has its code and a message");
    return st == VB_OK;
}

char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    fuzz_hold(text != NULL, "memory for a copy of the input");
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}
