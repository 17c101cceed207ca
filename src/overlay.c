/* Overlay pictures; see overlay.h. */
#include "overlay.h"

#include "image_io.h"

#include <stdlib.h>
#include <string.h>

enum { OUTLINE = 2 }; /* pixels */

/* Tableau's ten and two more: far apart, none of them white. */
static const uint8_t palette[][3] = {{31, 119, 180},  {255, 127, 14},  {44, 160, 44},  {214, 39, 40},
                                     {148, 103, 189}, {140, 86, 75},   {227, 119, 194}, {188, 189, 34},
                                     {23, 190, 207},  {255, 221, 51},  {0, 0, 160},     {0, 255, 127}};

/* Whether a foreground pixel lies within 'distance' rows or columns of the background or of the picture's edge. */
static bool on_outline(const vb_mask *m, int y, int x, int distance)
{
    for (int d = 1; d <= distance; d++)
        if (y < d || x < d || y + d >= m->h || x + d >= m->w || !vb_mask_get(m, y - d, x) || !vb_mask_get(m, y + d, x) ||
            !vb_mask_get(m, y, x - d) || !vb_mask_get(m, y, x + d))
            return true;
    return false;
}

static void draw_mask(uint8_t *rgb, const vb_mask *m, const uint8_t colour[3])
{
    for (int y = 0; y < m->h; y++)
        for (int x = 0; x < m->w; x++) {
            uint8_t *p = rgb + ((size_t)y * (size_t)m->w + (size_t)x) * 3;

            if (!vb_mask_get(m, y, x))
                continue;
            if (on_outline(m, y, x, OUTLINE))
                memcpy(p, colour, 3);
            else
                for (int c = 0; c < 3; c++)
                    p[c] = (uint8_t)((p[c] * 5 + colour[c] * 4 + 4) / 9);
        }
}

static void draw_line(uint8_t *rgb, const vb_mask *m)
{
    for (int y = 0; y < m->h; y++)
        for (int x = 0; x < m->w; x++)
            if (vb_mask_get(m, y, x) && on_outline(m, y, x, 1))
                memset(rgb + ((size_t)y * (size_t)m->w + (size_t)x) * 3, 255, 3);
}

vb_status vb_overlay_write(const char *path, const uint8_t *rgb, int h, int w, const vb_mask *masks,
                           const vb_mask *gt_or_null, int n, vb_err *err)
{
    const size_t bytes = (size_t)h * (size_t)w * 3;
    uint8_t *picture;
    vb_status st;

    for (int i = 0; i < n; i++)
        if (masks[i].h != h || masks[i].w != w ||
            (gt_or_null && gt_or_null[i].bits && (gt_or_null[i].h != h || gt_or_null[i].w != w)))
            return vb_fail(err, VB_ESHAPE, "overlay '%s': mask %d is not of %d x %d pixels", path, i, w, h);
    if (!(picture = malloc(bytes)))
        return vb_fail(err, VB_ENOMEM, "overlay '%s': host memory for %d x %d pixels", path, w, h);
    memcpy(picture, rgb, bytes);
    for (int i = 0; i < n; i++)
        draw_mask(picture, &masks[i], palette[(size_t)i % (sizeof palette / sizeof *palette)]);
    for (int i = 0; gt_or_null && i < n; i++)
        if (gt_or_null[i].bits)
            draw_line(picture, &gt_or_null[i]);
    st = vb_png_write_rgb(path, picture, h, w, err);
    free(picture);
    return st;
}
