/* Numbers that follow from a seed or a name alone, the same on every machine: orders of videos and trials and seeded weights are
 * made of them, and recorded. */
#ifndef VB_RANDOM_H
#define VB_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#define VB_SPLITMIX64_STEP 0x9e3779b97f4a7c15u
#define VB_FNV1A_START 0xcbf29ce484222325u

/* The next number of the stream. Inline: seeded weights are one each. */
static inline uint64_t vb_splitmix64(uint64_t *state)
{
    uint64_t z = *state += VB_SPLITMIX64_STEP;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* h: VB_FNV1A_START, or the hash of what came before. */
uint64_t vb_fnv1a(uint64_t h, const void *data, size_t n);

/* Fisher-Yates over n items of size bytes. */
void vb_shuffle(void *items, int n, size_t size, uint64_t seed);

#endif
