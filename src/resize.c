/* Pillow's BICUBIC on RGB bytes, bit for bit; and the table from bytes to network input. No tensors.
 *
 * How: rows go through the horizontal pass four at a time, interleaved as [in_w][4 rows][4 bytes], so that a
 * vector pair holds a pixel of four rows and every tap is a plain multiply-add. Their results lie in a ring that is
 * just long enough for the vertical pass, which then runs along rows. Which pass comes first changes bytes by
 * one, because each rounds. Vectors are GCC's extension, which Clang shares; on x86-64 the passes are compiled
 * twice and AVX2 is chosen at run time. All arithmetic is in integers: the order of sums does not matter.
 * Source of the rule: Pillow 13.0.0 src/libImaging/Resample.c (coefficients: :177-260, fixed point: :20-25). */
#include "resize.h"

#include "types.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FRACTION_BITS = VB_RESIZE_FRACTION_BITS, HALF = 1 << (FRACTION_BITS - 1), ROWS = 4, PIXEL = 4, GROUP = ROWS * PIXEL, LANES = 8 };

typedef int32_t lanes __attribute__((vector_size(LANES * 4)));
typedef int16_t shorts __attribute__((vector_size(LANES * 2)));

static const lanes half = {HALF, HALF, HALF, HALF, HALF, HALF, HALF, HALF};

/* The taps of one axis: output i is the sum over t < count[i] of weight[i * width + t] * input[first[i] + t]. */
typedef struct {
    int n, width;
    int *first, *count;
    int32_t *weight; /* [n * width], FRACTION_BITS of fraction */
} taps;

struct vb_resizer {
    int in_h, in_w, out_h, out_w;
    bool copy_x, copy_y;  /* equal sides: Pillow skips the pass */
    bool vertical_first;  /* Pillow's choice since 13.0 when the height shrinks by over twice as much */
    taps x, y;
    uint8_t *bytes; /* [max(in_w, out_w)][ROWS][PIXEL], four rows interleaved */
    int16_t *group; /* [in_w][ROWS][PIXEL], the same as vectors take them */
    int32_t *sums;  /* [max(in_w, out_w)][ROWS][PIXEL] before rounding */
    uint8_t *ring;  /* [ring_rows][pitch], rows between the passes; horizontal first: row y at y % ring_rows */
    int ring_rows;
    size_t pitch;
    const uint8_t **tap_rows; /* [y.width], the rows of one output row's taps */
};

static double bicubic(double x)
{
    const double a = -0.5;

    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

static void taps_deinit(taps *t)
{
    free(t->first);
    free(t->count);
    free(t->weight);
}

/* False: no memory. Float64 and the order of operations are Pillow's: the rounding to fixed point shows them. */
static bool taps_init(taps *t, int in, int out)
{
    const double scale = (double)in / out, stretch = scale > 1 ? scale : 1, support = 2 * stretch, shrink = 1 / stretch;
    double *w;

    t->n = out;
    t->width = ((int)ceil(support) * 2 + 1 + 3) / 4 * 4; /* Pillow's, made a multiple of 4 by weights of 0 */
    t->first = malloc((size_t)out * sizeof *t->first);
    t->count = malloc((size_t)out * sizeof *t->count);
    t->weight = calloc((size_t)out * (size_t)t->width, sizeof *t->weight);
    w = malloc((size_t)t->width * sizeof *w);
    if (!t->first || !t->count || !t->weight || !w) {
        free(w);
        return false;
    }
    for (int i = 0; i < out; i++) {
        const double center = (i + 0.5) * scale;
        int begin = (int)(center - support + 0.5), end = (int)(center + support + 0.5);
        double sum = 0;

        begin = begin < 0 ? 0 : begin;
        end = end > in ? in : end;
        for (int k = 0; k < end - begin; k++) {
            w[k] = bicubic((k + begin - center + 0.5) * shrink);
            sum += w[k];
        }
        for (int k = 0; k < end - begin; k++) {
            const double v = (sum != 0 ? w[k] / sum : w[k]) * (1 << FRACTION_BITS);

            t->weight[(size_t)i * (size_t)t->width + (size_t)k] = (int32_t)(v < 0 ? v - 0.5 : v + 0.5);
        }
        t->first[i] = begin;
        t->count[i] = end - begin;
    }
    free(w);
    return true;
}

vb_status vb_resizer_create(vb_resizer **out, int in_h, int in_w, int out_h, int out_w, vb_err *err)
{
    vb_resizer *r;
    size_t widest;

    *out = NULL;
    if (in_h < 1 || in_w < 1 || out_h < 1 || out_w < 1 || in_h > VB_MAX_SIDE || in_w > VB_MAX_SIDE ||
        out_h > VB_MAX_SIDE || out_w > VB_MAX_SIDE)
        return vb_fail(err, VB_ESHAPE, "resize %d x %d to %d x %d: sides are 1 to %d pixels", in_w, in_h, out_w, out_h,
                       VB_MAX_SIDE);
    if (!(r = calloc(1, sizeof *r)))
        goto no_memory;
    r->in_h = in_h;
    r->in_w = in_w;
    r->out_h = out_h;
    r->out_w = out_w;
    r->copy_x = in_w == out_w;
    r->copy_y = in_h == out_h;
    if (!taps_init(&r->x, in_w, out_w) || !taps_init(&r->y, in_h, out_h))
        goto no_memory;
    r->vertical_first = !r->copy_x && out_h < in_h && in_h - out_h > 2 * (in_w - out_w);
    widest = (size_t)(in_w > out_w ? in_w : out_w);
    r->pitch = widest * 3 + PIXEL; /* room for a last pixel of 4 bytes */
    r->ring_rows = r->y.width + 2 * ROWS;
    r->bytes = calloc(widest, GROUP);
    r->group = calloc((size_t)in_w, GROUP * sizeof *r->group);
    r->sums = calloc(widest, GROUP * sizeof *r->sums);
    r->ring = calloc((size_t)r->ring_rows, r->pitch);
    r->tap_rows = calloc((size_t)r->y.width, sizeof *r->tap_rows);
    if (!r->bytes || !r->group || !r->sums || !r->ring || !r->tap_rows)
        goto no_memory;
    *out = r;
    return VB_OK;
no_memory:
    vb_resizer_free(r);
    return vb_fail(err, VB_ENOMEM, "host memory for resizing %d x %d to %d x %d", in_w, in_h, out_w, out_h);
}

void vb_resizer_free(vb_resizer *r)
{
    if (!r)
        return;
    taps_deinit(&r->x);
    taps_deinit(&r->y);
    free(r->bytes);
    free(r->group);
    free(r->sums);
    free(r->ring);
    free(r->tap_rows);
    free(r);
}

void vb_resizer_axes(const vb_resizer *r, vb_resize_axis *x, vb_resize_axis *y, bool *vertical_first)
{
    *x = (vb_resize_axis){r->x.n, r->x.width, r->x.first, r->x.count, r->x.weight};
    *y = (vb_resize_axis){r->y.n, r->y.width, r->y.first, r->y.count, r->y.weight};
    *vertical_first = r->vertical_first;
}

#define INLINE static inline __attribute__((always_inline))

/* Rounded sums to bytes, clipped to 0..255. */
INLINE void put_bytes(uint8_t *restrict out, const int32_t *restrict sums, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int32_t v = sums[i] >> FRACTION_BITS;

        v = v < 0 ? 0 : v;
        out[i] = (uint8_t)(v > 255 ? 255 : v);
    }
}

/* Four rows [in_w, 3] through the horizontal pass. out rows have room for a last pixel of 4 bytes. */
INLINE void horizontal(vb_resizer *r, uint8_t *const out[ROWS], const uint8_t *const in[ROWS])
{
    const size_t in_w = (size_t)r->in_w, out_w = (size_t)r->out_w;
    uint8_t *restrict bytes = r->bytes;
    int16_t *restrict group = r->group;

    for (int k = 0; k < ROWS; k++) {
        uint8_t *dst = bytes + k * PIXEL;

        /* pixels move as 4 bytes, the fourth never used; the last one would read past the row */
        for (size_t x = 0; x + 1 < in_w; x++)
            memcpy(dst + x * GROUP, in[k] + x * 3, 4);
        memcpy(dst + (in_w - 1) * GROUP, in[k] + (in_w - 1) * 3, 3);
    }
    for (size_t i = 0; i < in_w * GROUP; i++)
        group[i] = bytes[i];
    for (size_t x = 0; x < out_w; x++) {
        const int32_t *w = r->x.weight + x * (size_t)r->x.width;
        const int16_t *p = r->group + (size_t)r->x.first[x] * GROUP;
        lanes sum[2] = {half, half};

        for (int t = 0; t < r->x.count[x]; t++, p += GROUP)
            for (int i = 0; i < 2; i++) {
                shorts v;

                memcpy(&v, p + i * LANES, sizeof v);
                sum[i] += __builtin_convertvector(v, lanes) * w[t];
            }
        memcpy(r->sums + x * GROUP, sum, sizeof sum);
    }
    put_bytes(bytes, r->sums, out_w * GROUP);
    for (int k = 0; k < ROWS; k++)
        for (size_t x = 0; x < out_w; x++)
            memcpy(out[k] + x * 3, bytes + x * GROUP + k * PIXEL, 4);
}

/* Output row y, n bytes long, from r->tap_rows: four taps at a time, the last ones of weight 0. */
INLINE void vertical(const vb_resizer *r, uint8_t *out, int y, size_t n)
{
    const int32_t *w = r->y.weight + (size_t)y * (size_t)r->y.width;
    int32_t *restrict sums = r->sums;

    for (int t = 0; t < r->y.count[y]; t += 4) {
        const uint8_t *restrict a = r->tap_rows[t], *restrict b = r->tap_rows[t + 1];
        const uint8_t *restrict c = r->tap_rows[t + 2], *restrict d = r->tap_rows[t + 3];
        const int32_t wa = w[t], wb = w[t + 1], wc = w[t + 2], wd = w[t + 3];

        if (t == 0)
            for (size_t x = 0; x < n; x++)
                sums[x] = HALF + a[x] * wa + b[x] * wb + c[x] * wc + d[x] * wd;
        else
            for (size_t x = 0; x < n; x++)
                sums[x] += a[x] * wa + b[x] * wb + c[x] * wc + d[x] * wd;
    }
    put_bytes(out, sums, n);
}

/* Rows of the taps of output row y that are not there (weight 0) may be any row that is. */
static void fill_up_tap_rows(vb_resizer *r, int count)
{
    for (int t = count; t % 4; t++)
        r->tap_rows[t] = r->tap_rows[0];
}

/* Rows of the ring from input rows; below the image the last row again. */
INLINE void horizontal_into_ring(vb_resizer *r, const uint8_t *in, int y)
{
    const uint8_t *from[ROWS];
    uint8_t *to[ROWS];

    for (int k = 0; k < ROWS; k++) {
        from[k] = in + (size_t)(y + k < r->in_h ? y + k : r->in_h - 1) * (size_t)r->in_w * 3;
        to[k] = r->ring + (size_t)((y + k) % r->ring_rows) * r->pitch;
    }
    horizontal(r, to, from);
}

INLINE void run_horizontal_first(vb_resizer *r, uint8_t *out, const uint8_t *in)
{
    const size_t row_bytes = (size_t)r->out_w * 3;
    int ready = 0; /* rows that are or were in the ring */

    for (int y = 0; y < r->out_h; y++, out += row_bytes) {
        const int first = r->copy_y ? y : r->y.first[y], count = r->copy_y ? 1 : r->y.count[y];

        if (r->copy_x)
            for (int t = 0; t < count; t++)
                r->tap_rows[t] = in + (size_t)(first + t) * row_bytes;
        else {
            for (; ready < first + count; ready += ROWS)
                horizontal_into_ring(r, in, ready);
            for (int t = 0; t < count; t++)
                r->tap_rows[t] = r->ring + (size_t)((first + t) % r->ring_rows) * r->pitch;
        }
        if (r->copy_y)
            memcpy(out, r->tap_rows[0], row_bytes);
        else {
            fill_up_tap_rows(r, count);
            vertical(r, out, y, row_bytes);
        }
    }
}

INLINE void run_vertical_first(vb_resizer *r, uint8_t *out, const uint8_t *in)
{
    const size_t in_bytes = (size_t)r->in_w * 3, out_bytes = (size_t)r->out_w * 3;
    const uint8_t *from[ROWS];
    uint8_t *to[ROWS];

    for (int k = 0; k < ROWS; k++) {
        from[k] = r->ring + (size_t)k * r->pitch;
        to[k] = r->ring + (size_t)(ROWS + k) * r->pitch;
    }
    for (int y = 0; y < r->out_h; y += ROWS) {
        const int rows = r->out_h - y < ROWS ? r->out_h - y : ROWS;

        for (int k = 0; k < rows; k++) {
            for (int t = 0; t < r->y.count[y + k]; t++)
                r->tap_rows[t] = in + (size_t)(r->y.first[y + k] + t) * in_bytes;
            fill_up_tap_rows(r, r->y.count[y + k]);
            vertical(r, r->ring + (size_t)k * r->pitch, y + k, in_bytes);
        }
        horizontal(r, to, from);
        for (int k = 0; k < rows; k++)
            memcpy(out + (size_t)(y + k) * out_bytes, to[k], out_bytes);
    }
}

INLINE void run_passes(vb_resizer *r, uint8_t *out, const uint8_t *in)
{
    if (r->vertical_first)
        run_vertical_first(r, out, in);
    else
        run_horizontal_first(r, out, in);
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static void run_passes_avx2(vb_resizer *r, uint8_t *out, const uint8_t *in)
{
    run_passes(r, out, in);
}
#endif

void vb_resize_rgb(vb_resizer *r, uint8_t *out, const uint8_t *in)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) {
        run_passes_avx2(r, out, in);
        return;
    }
#endif
    run_passes(r, out, in);
}

void vb_normalize_table(float table[3][256])
{
    /* sam2@2b90b9f sam2/utils/misc.py:230-231 */
    static const float mean[3] = {0.485f, 0.456f, 0.406f}, std[3] = {0.229f, 0.224f, 0.225f};

    for (int c = 0; c < 3; c++)
        for (int v = 0; v < 256; v++)
            table[c][v] = ((float)(v / 255.0) - mean[c]) / std[c];
}
