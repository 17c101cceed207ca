/* Pillow's BICUBIC resize (a = -0.5, antialiased) on 8-bit RGB: fixed-point coefficients, two passes, each rounded
 * and clipped. Bit for bit Pillow 13's: the horizontal pass is first, but for a height that shrinks by more than
 * twice the pixels that the width does (upright video). Pillow up to 12 begins horizontally there too; bytes then
 * differ by 1. */
#ifndef VB_RESIZE_H
#define VB_RESIZE_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vb_resizer vb_resizer; /* coefficients and scratch for one pair of sizes; one thread at a time */
vb_status vb_resizer_create(vb_resizer **out, int in_h, int in_w, int out_h, int out_w, vb_err *err);
void vb_resizer_free(vb_resizer *r);
/* in [in_h, in_w, 3], out [out_h, out_w, 3]; no overlap. */
void vb_resize_rgb(vb_resizer *r, uint8_t *out, const uint8_t *in);

/* The taps of one axis, for the same passes done elsewhere: an output is the sum over t < count[i] of
 * weight[i * width + t] * input[first[i] + t] plus half, shifted right by VB_RESIZE_FRACTION_BITS and clipped to a byte.
 * Where both sides are equal the pass changes nothing, done or skipped. */
#define VB_RESIZE_FRACTION_BITS 22
typedef struct {
    int n, width;             /* outputs; weights of each, 0 past its count */
    const int *first, *count; /* [n] */
    const int32_t *weight;    /* [n * width] */
} vb_resize_axis;
/* x, y: borrowed, as long as the resizer lives. vertical_first: which pass comes first. */
void vb_resizer_axes(const vb_resizer *r, vb_resize_axis *x, vb_resize_axis *y, bool *vertical_first);

/* What a network sees for byte value v of channel c: float32((v / 255) - mean) / std with upstream's rounding
 * (division in float64, stored as float32, then float32 arithmetic). table [3][256]. */
void vb_normalize_table(float table[3][256]);

#ifdef __cplusplus
}
#endif
#endif
