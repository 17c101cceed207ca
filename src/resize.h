/* Pillow's BICUBIC resize (a = -0.5, antialiased) on 8-bit RGB: fixed-point coefficients, two passes, each rounded
 * and clipped. Bit for bit Pillow 13's: the horizontal pass is first, but for a height that shrinks by more than
 * twice the pixels that the width does (upright video). Pillow up to 12 begins horizontally there too; bytes then
 * differ by 1. */
#ifndef VB_RESIZE_H
#define VB_RESIZE_H

#include "err.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vb_resizer vb_resizer; /* coefficients and scratch for one pair of sizes; one thread at a time */
vb_status vb_resizer_create(vb_resizer **out, int in_h, int in_w, int out_h, int out_w, vb_err *err);
void vb_resizer_free(vb_resizer *r);
/* in [in_h, in_w, 3], out [out_h, out_w, 3]; no overlap. */
void vb_resize_rgb(vb_resizer *r, uint8_t *out, const uint8_t *in);

/* What a network sees for byte value v of channel c: float32((v / 255) - mean) / std with upstream's rounding
 * (division in float64, stored as float32, then float32 arithmetic). table [3][256]. */
void vb_normalize_table(float table[3][256]);

#ifdef __cplusplus
}
#endif
#endif
