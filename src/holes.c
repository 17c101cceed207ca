/* Connected components by union-find over horizontal runs, and the changing of small ones on top; see holes.h.
 *
 * Runs are found in row order and the root of a set is always its first run, so that a component's label, its
 * first pixel, needs no second search. 8-connected: runs of neighbouring rows touch when they overlap after
 * one is widened by a pixel on both sides. */
#include "holes.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int32_t begin, end; /* flat pixel indices [begin, end), in one row */
    int32_t parent;
    int32_t area; /* of the whole component, at its root */
} run;

static int32_t find_root(run *r, int32_t i)
{
    while (r[i].parent != i) {
        r[i].parent = r[r[i].parent].parent;
        i = r[i].parent;
    }
    return i;
}

static void unite(run *r, int32_t a, int32_t b)
{
    a = find_root(r, a);
    b = find_root(r, b);
    if (a < b)
        r[b].parent = a;
    else
        r[a].parent = b;
}

/* The runs of non-zero bytes of fg [h, w] with their components; *runs is malloc'ed. */
static vb_status label_runs(run **runs, int32_t *n_runs, const uint8_t *fg, int h, int w, vb_err *err)
{
    int32_t n = 0, above = 0, above_end = 0;
    size_t count = 0;
    run *r;

    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            count += fg[(size_t)y * (size_t)w + (size_t)x] && (x == 0 || !fg[(size_t)y * (size_t)w + (size_t)x - 1]);
    if (!(r = malloc((count + 1) * sizeof *r)))
        return vb_fail(err, VB_ENOMEM, "host memory for the components of %d x %d pixels", w, h);
    for (int y = 0; y < h; y++) {
        const int32_t first = n, row = (int32_t)((size_t)y * (size_t)w);
        int32_t up = above;

        for (int x = 0; x < w;) {
            if (!fg[row + x]) {
                x++;
                continue;
            }
            r[n].begin = row + x;
            while (x < w && fg[row + x])
                x++;
            r[n].end = row + x;
            r[n].parent = n;
            while (up < above_end && r[up].end + w < r[n].begin)
                up++;
            /* the last one that touches may touch the next run too: up stays on it */
            for (int32_t k = up; k < above_end && r[k].begin + w <= r[n].end; k++) {
                unite(r, k, n);
                up = k;
            }
            n++;
        }
        above = first;
        above_end = n;
    }
    for (int32_t i = 0; i < n; i++)
        r[i].area = 0;
    for (int32_t i = 0; i < n; i++)
        r[find_root(r, i)].area += r[i].end - r[i].begin;
    *runs = r;
    *n_runs = n;
    return VB_OK;
}

static vb_status check_size(int h, int w, vb_err *err)
{
    if (h < 1 || w < 1 || (int64_t)h * w >= INT32_MAX - w)
        return vb_fail(err, VB_ESHAPE, "components of %d x %d pixels: too few or too many", w, h);
    return VB_OK;
}

vb_status vb_label_components(int32_t *labels, int32_t *areas, const uint8_t *fg, int h, int w, vb_err *err)
{
    run *r = NULL;
    int32_t n;
    vb_status st = check_size(h, w, err);

    if (st || (st = label_runs(&r, &n, fg, h, w, err)))
        return st;
    memset(labels, 0, (size_t)h * (size_t)w * sizeof *labels);
    memset(areas, 0, (size_t)h * (size_t)w * sizeof *areas);
    for (int32_t i = 0; i < n; i++) {
        const run *root = &r[find_root(r, i)];

        for (int32_t p = r[i].begin; p < r[i].end; p++) {
            labels[p] = root->begin + 1;
            areas[p] = root->area;
        }
    }
    free(r);
    return VB_OK;
}

/* Components of the pixels that are foreground or not, as asked for, get the value where they are small. */
static vb_status change_small(float *logits, int h, int w, bool foreground, float value, int max_area, int64_t *n_changed, vb_err *err)
{
    vb_status st = check_size(h, w, err);
    uint8_t *side = NULL;
    run *r = NULL;
    int32_t n = 0;
    int64_t changed = 0;

    if (st)
        return st;
    if (max_area > 0) {
        const size_t pixels = (size_t)h * (size_t)w;

        if (!(side = malloc(pixels))) {
            st = vb_fail(err, VB_ENOMEM, "host memory for small components of %d x %d pixels", w, h);
            goto out;
        }
        for (size_t i = 0; i < pixels; i++)
            side[i] = foreground ? logits[i] > 0 : logits[i] <= 0; /* NaN is neither, as in upstream's comparisons */
        if ((st = label_runs(&r, &n, side, h, w, err)))
            goto out;
        for (int32_t i = 0; i < n; i++)
            if (r[find_root(r, i)].area <= max_area)
                for (int32_t p = r[i].begin; p < r[i].end; p++, changed++)
                    logits[p] = value;
    }
    if (n_changed)
        *n_changed = changed;
out:
    free(side);
    free(r);
    return st;
}

vb_status vb_fill_holes(float *logits, int h, int w, int max_area, int64_t *n_filled, vb_err *err)
{
    return change_small(logits, h, w, false, VB_HOLE_LOGIT, max_area, n_filled, err);
}

vb_status vb_remove_sprinkles(float *logits, int h, int w, int max_area, int64_t *n_removed, vb_err *err)
{
    return change_small(logits, h, w, true, VB_SPRINKLE_LOGIT, max_area, n_removed, err);
}
