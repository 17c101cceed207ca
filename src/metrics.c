/* J and F of one frame, and the running-union rule over a masklet's frames. No files; score.c reads them.
 *
 * F counts boundary pixels that lie within a disk of the other mask's boundary. The disk is taken apart into
 * rows: a boundary row, widened by the disk's half-width at a distance of d rows, is OR-ed into the rows d above
 * and below. From d = radius to 0 the half-width only grows, so one buffer is widened in place step by step.
 * Source: sam2@2b90b9f sav_dataset/utils/sav_benchmark.py:145-320 */
#include "metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct vb_scorer {
    int h, w, radius;
    size_t stride;
    int *half_width;    /* [radius + 1], of the disk at a distance of that many rows */
    uint64_t *edge[2];  /* [h, stride] boundaries: prediction, ground truth */
    uint64_t *dilated;  /* [h, stride] */
    uint64_t *wide[2];  /* [stride + 2] a row while it is widened, with a word to spare on each side */
};

/* Everything per pixel is inlined into score() and that compiled twice on x86-64; AVX2 is chosen at run time. */
#define INLINE static inline __attribute__((always_inline))

/* The words of a boundary that are not all zero: rows [y0, y1), words [x0, x1). */
typedef struct {
    int y0, y1;
    size_t x0, x1;
    int64_t pixels;
} extent;

vb_status vb_scorer_create(vb_scorer **out, int h, int w, double tol, vb_err *err)
{
    vb_status st = VB_ENOMEM;
    vb_scorer *s = NULL;
    size_t words;

    *out = NULL;
    if (h < 1 || w < 1 || !(tol >= 0) || !(tol <= 1))
        return vb_fail(err, VB_EARG, "scorer for %d x %d pixels, tolerance %g: sides from 1, tolerance 0 to 1", w, h, tol);
    if (!(s = calloc(1, sizeof *s)))
        goto out;
    s->h = h;
    s->w = w;
    s->stride = vb_mask_stride(w);
    s->radius = (int)ceil(tol * sqrt((double)h * h + (double)w * w));
    words = (size_t)h * s->stride;
    s->half_width = malloc(((size_t)s->radius + 1) * sizeof *s->half_width);
    s->edge[0] = malloc(words * sizeof(uint64_t));
    s->edge[1] = malloc(words * sizeof(uint64_t));
    s->dilated = malloc(words * sizeof(uint64_t));
    s->wide[0] = calloc(s->stride + 2, sizeof(uint64_t));
    s->wide[1] = calloc(s->stride + 2, sizeof(uint64_t));
    if (!s->half_width || !s->edge[0] || !s->edge[1] || !s->dilated || !s->wide[0] || !s->wide[1])
        goto out;
    for (int64_t d = 0, x = s->radius, r = s->radius; d <= r; d++) {
        while (x * x + d * d > r * r)
            x--;
        s->half_width[d] = (int)x;
    }
    *out = s;
    s = NULL;
    st = VB_OK;
out:
    if (st)
        vb_fail(err, st, "host memory for scoring %d x %d pixels", w, h);
    vb_scorer_free(s);
    return st;
}

void vb_scorer_free(vb_scorer *s)
{
    if (!s)
        return;
    free(s->half_width);
    free(s->edge[0]);
    free(s->edge[1]);
    free(s->dilated);
    free(s->wide[0]);
    free(s->wide[1]);
    free(s);
}

/* A pixel is boundary when it differs from its right, lower or lower right neighbour; in the last row only the
 * right one counts, in the last column only the lower one, in the last corner none. */
INLINE extent find_boundary(uint64_t *edge, const vb_mask *m)
{
    const size_t n = m->stride;
    const uint64_t last_column = UINT64_C(1) << ((m->w - 1) % 64);
    extent e = {m->h, 0, n, 0, 0};

    for (int y = 0; y < m->h; y++) {
        const uint64_t *row = m->bits + (size_t)y * n;
        const bool last_row = y + 1 == m->h;
        const uint64_t *below = last_row ? row : row + n;
        uint64_t *out = edge + (size_t)y * n;
        size_t first = n, end = 0;

        for (size_t i = 0; i < n; i++) {
            const bool last = i + 1 == n;
            const uint64_t right = row[i] >> 1 | (last ? 0 : row[i + 1] << 63);
            const uint64_t below_right = below[i] >> 1 | (last ? 0 : below[i + 1] << 63);
            const uint64_t lower = row[i] ^ below[i];
            uint64_t b = (row[i] ^ right) | lower | (row[i] ^ below_right);

            if (last)
                b = (b & (last_column - 1)) | (lower & last_column);
            out[i] = b;
            if (b) {
                first = first < i ? first : i;
                end = i + 1;
                e.pixels += __builtin_popcountll(b);
            }
        }
        if (end) {
            e.y0 = e.y0 < y ? e.y0 : y;
            e.y1 = y + 1;
            e.x0 = e.x0 < first ? e.x0 : first;
            e.x1 = e.x1 > end ? e.x1 : end;
        }
    }
    return e;
}

INLINE void widen_by_one(uint64_t *restrict out, const uint64_t *restrict in, size_t n)
{
    for (size_t i = 1; i <= n; i++)
        out[i] = in[i] | in[i] << 1 | in[i] >> 1 | in[i - 1] >> 63 | in[i + 1] << 63;
}

INLINE void or_row(uint64_t *restrict out, const uint64_t *restrict in, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] |= in[i];
}

/* Pixels of boundary b within the disk around pixels of boundary a. Only rows and words of b are computed. */
INLINE int64_t count_near(vb_scorer *s, const uint64_t *a, const extent *ea, const uint64_t *b, const extent *eb)
{
    const size_t n = s->stride, reach = ((size_t)s->radius + 63) / 64;
    const size_t x0 = eb->x0 > reach ? eb->x0 - reach : 0, x1 = eb->x1 + reach < n ? eb->x1 + reach : n;
    const int from = ea->y0 > eb->y0 - s->radius ? ea->y0 : eb->y0 - s->radius;
    const int to = ea->y1 < eb->y1 + s->radius ? ea->y1 : eb->y1 + s->radius;
    int64_t near = 0;

    memset(s->dilated + (size_t)eb->y0 * n, 0, (size_t)(eb->y1 - eb->y0) * n * sizeof(uint64_t));
    for (int y = from; y < to; y++) {
        const uint64_t *row = a + (size_t)y * n;
        size_t lo = x0, hi = x1, count;
        int width = 0;

        while (lo < hi && !row[lo])
            lo++;
        while (hi > lo && !row[hi - 1])
            hi--;
        if (lo == hi)
            continue;
        /* the part that widening can reach; no word outside it is read later */
        const size_t begin = lo > x0 + reach ? lo - reach : x0, end = hi + reach < x1 ? hi + reach : x1;
        uint64_t *now = s->wide[0], *next = s->wide[1];

        count = end - begin;
        memset(now, 0, (count + 2) * sizeof *now);
        memcpy(now + 1 + (lo - begin), row + lo, (hi - lo) * sizeof *now);
        next[0] = next[count + 1] = 0;
        for (int d = s->radius; d >= 0; d--) {
            for (; width < s->half_width[d]; width++) {
                uint64_t *swap = now;

                widen_by_one(next, now, count);
                now = next;
                next = swap;
            }
            if (y - d >= eb->y0 && y - d < eb->y1)
                or_row(s->dilated + (size_t)(y - d) * n + begin, now + 1, count);
            if (d && y + d >= eb->y0 && y + d < eb->y1)
                or_row(s->dilated + (size_t)(y + d) * n + begin, now + 1, count);
        }
    }
    for (int y = eb->y0; y < eb->y1; y++)
        for (size_t i = (size_t)y * n + eb->x0, end = (size_t)y * n + eb->x1; i < end; i++)
            near += __builtin_popcountll(s->dilated[i] & b[i]);
    return near;
}

INLINE double boundary_f(vb_scorer *s, const vb_mask *pred, const vb_mask *gt)
{
    const extent p = find_boundary(s->edge[0], pred), g = find_boundary(s->edge[1], gt);
    double precision, recall;

    if (!p.pixels || !g.pixels)
        return !p.pixels && !g.pixels;
    precision = (double)count_near(s, s->edge[1], &g, s->edge[0], &p) / (double)p.pixels;
    recall = (double)count_near(s, s->edge[0], &p, s->edge[1], &g) / (double)g.pixels;
    return precision + recall == 0 ? 0 : 2 * precision * recall / (precision + recall);
}

INLINE void score(vb_scorer *s, double *j, double *f, const vb_mask *pred, const vb_mask *gt)
{
    int64_t inter = 0, uni = 0;

    for (size_t i = 0, words = (size_t)s->h * s->stride; i < words; i++) {
        inter += __builtin_popcountll(pred->bits[i] & gt->bits[i]);
        uni += __builtin_popcountll(pred->bits[i] | gt->bits[i]);
    }
    *j = uni ? (double)inter / (double)uni : 1;
    *f = boundary_f(s, pred, gt);
}

#ifdef __x86_64__
__attribute__((target("avx2,popcnt"))) static void score_avx2(vb_scorer *s, double *j, double *f, const vb_mask *pred,
                                                              const vb_mask *gt)
{
    score(s, j, f, pred, gt);
}
#endif

vb_status vb_score_frame(vb_scorer *s, double *j, double *f, const vb_mask *pred, const vb_mask *gt, vb_err *err)
{
    if (pred->h != s->h || pred->w != s->w || gt->h != s->h || gt->w != s->w)
        return vb_fail(err, VB_ESHAPE, "scoring %d x %d pixels: the prediction has %d x %d, the ground truth %d x %d",
                       s->w, s->h, pred->w, pred->h, gt->w, gt->h);
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt")) {
        score_avx2(s, j, f, pred, gt);
        return VB_OK;
    }
#endif
    score(s, j, f, pred, gt);
    return VB_OK;
}

void vb_scored_range(int *first, int *end, int n_annotated, bool score_ends)
{
    *first = score_ends ? 0 : 1;
    *end = score_ends ? n_annotated : n_annotated - 1;
    if (*end < *first)
        *end = *first;
}

bool vb_masklet_add(vb_masklet_score *m, bool gt_any, bool pred_any, double j, double f)
{
    m->seen_gt |= gt_any;
    m->seen_pred |= pred_any;
    if (!m->seen_gt && !m->seen_pred)
        return false;
    m->n++;
    m->sum_j += j;
    m->sum_f += f;
    return true;
}

bool vb_masklet_mean(double *j, double *f, const vb_masklet_score *m)
{
    if (!m->seen_gt)
        return false;
    *j = m->sum_j / m->n;
    *f = m->sum_f / m->n;
    return true;
}
