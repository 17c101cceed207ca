/* Hash and shuffle; see random.h. */
#include "random.h"

uint64_t vb_fnv1a(uint64_t h, const void *data, size_t n)
{
    const uint8_t *p = data;

    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

static void swap(uint8_t *a, uint8_t *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const uint8_t byte = a[i];

        a[i] = b[i];
        b[i] = byte;
    }
}

void vb_shuffle(void *items, int n, size_t size, uint64_t seed)
{
    uint8_t *at = items;

    for (int i = n - 1; i > 0; i--) {
        /* The modulo's bias is below n / 2^64. */
        const size_t j = vb_splitmix64(&seed) % ((uint64_t)i + 1);

        swap(at + (size_t)i * size, at + j * size, size);
    }
}
