/* Drives a fuzz target without libFuzzer: seeded mutations of sound files. Usage: mutate N FILE...
 * A .pt file is given as it is and as its data.pkl alone, a .safetensors file as it is and as its header alone. */
#include "fuzz.h"

#include "../checkpoint/torch_writer.h"
#include "zip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 1;

static uint64_t rnd(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return below ? state % below : 0;
}

static void mutate(bytes *b)
{
    static const uint64_t limits[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff, INT64_MAX, UINT64_MAX};

    for (uint64_t k = 1 + rnd(4); k && b->n; k--) {
        size_t at = rnd(b->n), n = 1 + rnd(16), from;

        if (n > b->n - at)
            n = b->n - at;
        switch (rnd(6)) {
        case 0:
            b->p[at] ^= (uint8_t)(1 << rnd(8));
            break;
        case 1:
            b->p[at] = (uint8_t)rnd(256);
            break;
        case 2: { /* a number at its limit */
            uint64_t v = limits[rnd(sizeof limits / sizeof *limits)];
            static const size_t widths[] = {1, 2, 4, 8};
            size_t width = widths[rnd(4)];

            memcpy(b->p + at, &v, width < b->n - at ? width : b->n - at);
            break;
        }
        case 3: /* a piece from elsewhere */
            from = rnd(b->n - n + 1);
            memmove(b->p + at, b->p + from, n);
            break;
        case 4: /* a piece removed */
            memmove(b->p + at, b->p + at + n, b->n - at - n);
            b->n -= n;
            break;
        case 5: /* a piece doubled */
            from = b->n;
            for (size_t i = 0; i < n; i++)
                put_le(b, 0, 1);
            memmove(b->p + at + n, b->p + at, from - at);
            break;
        }
    }
}

static void slurp(bytes *out, const char *path)
{
    FILE *f = fopen(path, "rb");
    int c;

    if (!f) {
        perror(path);
        exit(2);
    }
    while ((c = getc(f)) != EOF)
        put_le(out, (uint64_t)c, 1);
    fclose(f);
}

/* The part that the target wraps by itself: data.pkl, or the header. */
static void inner_part(bytes *out, const bytes *file, const char *path)
{
    vb_zip *zip;
    vb_err err;

    if (file->n > 8 && file->p[8] == '{') {
        put(out, file->p + 8, (size_t)file->p[0] | (size_t)file->p[1] << 8);
        return;
    }
    if (vb_zip_open(&zip, file->p, file->n, path, &err) != VB_OK) {
        fprintf(stderr, "%s\n", err.msg);
        exit(2);
    }
    put(out, vb_zip_at(zip, 0)->data, (size_t)vb_zip_at(zip, 0)->size);
    vb_zip_free(zip);
}

int main(int argc, char **argv)
{
    long n = argc > 2 ? strtol(argv[1], NULL, 10) : 0;

    if (n <= 0) {
        fprintf(stderr, "usage: %s N FILE...\n", argv[0]);
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        bytes seeds[2] = {{.n = 0}, {.n = 0}};

        slurp(&seeds[0], argv[i]);
        inner_part(&seeds[1], &seeds[0], argv[i]);
        for (long k = 0; k < n; k++) {
            bytes b = {.n = 0};

            put(&b, seeds[k % 2].p, seeds[k % 2].n);
            mutate(&b);
            LLVMFuzzerTestOneInput(b.p, b.n);
            free(b.p);
        }
        free(seeds[0].p);
        free(seeds[1].p);
    }
    printf("%ld mutations of %d files\n", n * (argc - 2), argc - 2);
    return 0;
}
