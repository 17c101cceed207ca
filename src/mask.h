/* A binary mask as bits, and its COCO run-length text.
 *
 * Layout: row y starts at bits[y * stride]; pixel x is bit x % 64 of word x / 64
 * (least significant first). stride = ceil(w / 64); the padding bits of a row are 0, always:
 * popcounts and comparisons run over whole words. */
#ifndef VB_MASK_H
#define VB_MASK_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int h, w;
    size_t stride;  /* words per row */
    uint64_t *bits; /* [h * stride], owned */
} vb_mask;

static inline size_t vb_mask_stride(int w) { return ((size_t)w + 63) / 64; }
static inline bool vb_mask_get(const vb_mask *m, int y, int x)
{
    return m->bits[(size_t)y * m->stride + (size_t)x / 64] >> (x % 64) & 1;
}

vb_status vb_mask_init(vb_mask *m, int h, int w, vb_err *err); /* all zero; VB_ENOMEM, VB_ESHAPE */
void vb_mask_deinit(vb_mask *m);                               /* takes a zeroed struct too */

/* From [h, w] bytes, foreground where v != 0, rows pitch bytes apart. m is inited, same size. */
void vb_mask_from_bytes(vb_mask *m, const uint8_t *v, size_t pitch);
int64_t vb_mask_area(const vb_mask *m);
bool vb_mask_any(const vb_mask *m); /* area > 0, sooner */
/* |a & b| and |a | b|; same sizes. */
void vb_mask_overlap(int64_t *inter, int64_t *uni, const vb_mask *a, const vb_mask *b);
/* FNV-1a by 64-bit steps, each followed by a fold, over h, w and the words: equal masks, equal hash. */
uint64_t vb_mask_hash(const vb_mask *m);

/* numpy.packbits layout: rows of ceil(w / 8) bytes, bit 7 first; out is [h * ceil(w / 8)]. */
void vb_mask_packbits(uint8_t *out, const vb_mask *m);
void vb_mask_unpackbits(vb_mask *m, const uint8_t *in);

/* COCO compressed RLE (column-major runs, pycocotools' text). The string is malloc'ed.
 * Decoding takes hostile text: VB_EFORMAT when runs do not add up to h * w (m is then all zero or nonsense, but a mask). */
vb_status vb_mask_rle(char **out, const vb_mask *m, vb_err *err);
vb_status vb_mask_from_rle(vb_mask *m, const char *rle, vb_err *err); /* m inited: gives h, w */

#ifdef __cplusplus
}
#endif
#endif
