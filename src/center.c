/* Center of a mask; see center.h. The distance of each pixel to the nearest background pixel is computed exactly, in
 * integers (squared), in two passes over the mask's bounding box. */
#include "center.h"

#include <math.h>
#include <stdlib.h>

bool vb_mask_extent(vb_extent *e, const vb_mask *m)
{
    *e = (vb_extent){m->w, m->h, -1, -1, 0, 0, 0};
    for (int y = 0; y < m->h; y++)
        for (size_t i = 0; i < m->stride; i++)
            for (uint64_t bits = m->bits[(size_t)y * m->stride + i]; bits; bits &= bits - 1) {
                const int x = (int)(i * 64) + __builtin_ctzll(bits);

                e->x0 = x < e->x0 ? x : e->x0;
                e->x1 = x > e->x1 ? x : e->x1;
                e->y0 = y < e->y0 ? y : e->y0;
                e->y1 = y;
                e->area++;
                e->sum_x += x;
                e->sum_y += y;
            }
    return e->area > 0;
}

/* Squared distance from column x of a row to the nearest background, when column k is 'up[k]' rows away from one. */
static int64_t nearest_in_row(const int32_t *up, int n, int x)
{
    int64_t best = (int64_t)up[x] * up[x];

    /* Columns further away than the best so far cannot win. Columns -1 and n are background. */
    for (int64_t d = 1; d * d < best; d++) {
        const int64_t left = x - d >= 0 ? up[x - d] : 0, right = x + d < n ? up[x + d] : 0;
        const int64_t side = left < right ? left : right;

        if (d * d + side * side < best)
            best = d * d + side * side;
    }
    return best;
}

bool vb_center_deeper(int64_t squared, int64_t than)
{
    return squared > than && sqrtf((float)squared) > sqrtf((float)than);
}

/* What surrounds the bounding box is background, like what lies outside the picture. */
vb_status vb_mask_center(int *cx, int *cy, int64_t *squared, const vb_mask *m, const vb_extent *e, vb_err *err)
{
    const int w = e->x1 - e->x0 + 1, h = e->y1 - e->y0 + 1;
    int32_t *up = malloc((size_t)w * (size_t)h * sizeof *up);
    int64_t best = 0;

    if (!up)
        return vb_fail(err, VB_ENOMEM, "host memory for the center of a mask of %d x %d", m->w, m->h);
    for (int x = 0; x < w; x++) {
        int32_t d = 0;

        for (int y = 0; y < h; y++)
            up[(size_t)y * (size_t)w + (size_t)x] = d = vb_mask_get(m, e->y0 + y, e->x0 + x) ? d + 1 : 0;
        d = 0;
        for (int y = h - 1; y >= 0; y--) {
            int32_t *at = &up[(size_t)y * (size_t)w + (size_t)x];

            d = *at ? d + 1 : 0;
            *at = d < *at ? d : *at;
        }
    }
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            const int32_t *row = up + (size_t)y * (size_t)w;
            int64_t d;

            if ((int64_t)row[x] * row[x] <= best)
                continue;
            d = nearest_in_row(row, w, x);
            if (vb_center_deeper(d, best)) {
                best = d;
                *cx = e->x0 + x;
                *cy = e->y0 + y;
            }
        }
    free(up);
    *squared = best;
    return VB_OK;
}
