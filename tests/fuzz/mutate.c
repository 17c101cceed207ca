/* Drives a fuzz target without libFuzzer: seeded mutations of its seeds, the same ones on every machine.
 * Usage: mutate N FOLDER: N inputs, from every file of FOLDER alike; first the seeds as they are. */
#include "fuzz.h"

#include "../checkpoint/torch_writer.h"
#include "listing.h"

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

static void slurp(bytes *out, const char *folder, const char *name)
{
    char path[512];
    FILE *f;
    int c;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (!(f = fopen(path, "rb"))) {
        perror(path);
        exit(2);
    }
    while ((c = getc(f)) != EOF)
        put_le(out, (uint64_t)c, 1);
    fclose(f);
}

int main(int argc, char **argv)
{
    const long n = argc == 3 ? strtol(argv[1], NULL, 10) : 0;
    vb_listing seeds;
    vb_err err;

    if (n <= 0) {
        fprintf(stderr, "usage: %s N FOLDER\n", argv[0]);
        return 2;
    }
    if (vb_listing_read(&seeds, argv[2], &err) != VB_OK || !seeds.n) {
        fprintf(stderr, "no seeds in '%s': fuzz_seeds makes them\n", argv[2]);
        return 2;
    }
    for (size_t i = 0; i < seeds.n; i++) {
        bytes seed = {.n = 0};

        slurp(&seed, argv[2], seeds.names[i]);
        LLVMFuzzerTestOneInput(seed.p, seed.n);
        for (long k = (long)i; k < n; k += (long)seeds.n) {
            bytes b = {.n = 0};

            put(&b, seed.p, seed.n);
            mutate(&b);
            LLVMFuzzerTestOneInput(b.p, b.n);
            free(b.p);
        }
        free(seed.p);
    }
    printf("%ld mutations of %zu seeds\n", n, seeds.n);
    vb_listing_deinit(&seeds);
    return 0;
}
