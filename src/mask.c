/* Bit-packed masks: areas, overlaps, hashes, byte and packbits forms, COCO run-length text.
 *
 * Everything works on whole words; the padding bits of a row stay 0. No pixels of images, no scores. */
#include "mask.h"

#include "types.h"

#include <stdlib.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "bit x % 64 of a word is bit x % 8 of byte x / 8 only on little-endian machines"
#endif

static uint64_t last_word_bits(int w)
{
    return w % 64 ? (UINT64_C(1) << (w % 64)) - 1 : ~UINT64_C(0);
}

vb_status vb_mask_init(vb_mask *m, int h, int w, vb_err *err)
{
    memset(m, 0, sizeof *m);
    if (h < 1 || w < 1 || h > VB_MAX_SIDE || w > VB_MAX_SIDE)
        return vb_fail(err, VB_ESHAPE, "mask of %d x %d: sides are 1 to %d pixels", w, h, VB_MAX_SIDE);
    m->h = h;
    m->w = w;
    m->stride = vb_mask_stride(w);
    m->bits = calloc((size_t)h * m->stride, sizeof *m->bits);
    if (!m->bits) {
        memset(m, 0, sizeof *m);
        return vb_fail(err, VB_ENOMEM, "host memory for a mask of %d x %d", w, h);
    }
    return VB_OK;
}

void vb_mask_deinit(vb_mask *m)
{
    free(m->bits);
    memset(m, 0, sizeof *m);
}

/* Bit k of the result: byte k of v is not 0. */
static uint64_t nonzero_bytes(uint64_t v)
{
    const uint64_t low7 = UINT64_C(0x7f7f7f7f7f7f7f7f);
    uint64_t top = (((v & low7) + low7) | v) & ~low7;

    return (top >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

static uint64_t word_of_bytes(const uint8_t *v)
{
    uint64_t word = 0;

    for (int k = 0; k < 64; k += 8) {
        uint64_t eight;

        memcpy(&eight, v + k, 8);
        word |= nonzero_bytes(eight) << k;
    }
    return word;
}

void vb_mask_from_bytes(vb_mask *m, const uint8_t *v, size_t pitch)
{
    const size_t whole = (size_t)m->w / 64, rest = (size_t)m->w % 64;

    for (int y = 0; y < m->h; y++) {
        const uint8_t *row = v + (size_t)y * pitch;
        uint64_t *out = m->bits + (size_t)y * m->stride;

        for (size_t i = 0; i < whole; i++)
            out[i] = word_of_bytes(row + i * 64);
        if (rest) {
            uint8_t tail[64] = {0};

            memcpy(tail, row + whole * 64, rest);
            out[whole] = word_of_bytes(tail);
        }
    }
}

int64_t vb_mask_area(const vb_mask *m)
{
    int64_t n = 0;

    for (size_t i = 0, words = (size_t)m->h * m->stride; i < words; i++)
        n += __builtin_popcountll(m->bits[i]);
    return n;
}

bool vb_mask_any(const vb_mask *m)
{
    for (size_t i = 0, words = (size_t)m->h * m->stride; i < words; i++)
        if (m->bits[i])
            return true;
    return false;
}

void vb_mask_overlap(int64_t *inter, int64_t *uni, const vb_mask *a, const vb_mask *b)
{
    int64_t both = 0, any = 0;

    for (size_t i = 0, words = (size_t)a->h * a->stride; i < words; i++) {
        both += __builtin_popcountll(a->bits[i] & b->bits[i]);
        any += __builtin_popcountll(a->bits[i] | b->bits[i]);
    }
    *inter = both;
    *uni = any;
}

static uint64_t hash_word(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 32; /* else a word's top bits reach only the hash's top bits, and two flips cancel */
}

uint64_t vb_mask_hash(const vb_mask *m)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    hash = hash_word(hash, (uint64_t)m->h);
    hash = hash_word(hash, (uint64_t)m->w);
    for (size_t i = 0, words = (size_t)m->h * m->stride; i < words; i++)
        hash = hash_word(hash, m->bits[i]);
    return hash;
}

static uint64_t reverse_bits_in_bytes(uint64_t v)
{
    v = (v >> 1 & UINT64_C(0x5555555555555555)) | (v & UINT64_C(0x5555555555555555)) << 1;
    v = (v >> 2 & UINT64_C(0x3333333333333333)) | (v & UINT64_C(0x3333333333333333)) << 2;
    return (v >> 4 & UINT64_C(0x0f0f0f0f0f0f0f0f)) | (v & UINT64_C(0x0f0f0f0f0f0f0f0f)) << 4;
}

void vb_mask_packbits(uint8_t *out, const vb_mask *m)
{
    size_t row_bytes = ((size_t)m->w + 7) / 8;

    for (int y = 0; y < m->h; y++, out += row_bytes)
        for (size_t i = 0; i < m->stride; i++) {
            uint64_t v = reverse_bits_in_bytes(m->bits[(size_t)y * m->stride + i]);
            size_t left = row_bytes - i * 8;

            memcpy(out + i * 8, &v, left < 8 ? left : 8);
        }
}

void vb_mask_unpackbits(vb_mask *m, const uint8_t *in)
{
    size_t row_bytes = ((size_t)m->w + 7) / 8;

    for (int y = 0; y < m->h; y++, in += row_bytes) {
        uint64_t *row = m->bits + (size_t)y * m->stride;

        for (size_t i = 0; i < m->stride; i++) {
            size_t left = row_bytes - i * 8;
            uint64_t v = 0;

            memcpy(&v, in + i * 8, left < 8 ? left : 8);
            row[i] = reverse_bits_in_bytes(v);
        }
        row[m->stride - 1] &= last_word_bits(m->w);
    }
}
