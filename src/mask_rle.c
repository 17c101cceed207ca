/* COCO's compressed run-length text of a mask, both ways.
 *
 * The text counts runs down the columns, but masks lie in rows. Both ways go through the places where the value
 * changes from one pixel to the next below: as bits these are XORs of neighbouring rows, so the cost follows the
 * words and the runs, not the pixels. Format: pycocotools common/maskApi.c rleToString, rleFrString. */
#include "mask.h"

#include <stdlib.h>
#include <string.h>

/* The changes of row y against the pixel before in column order: above, or for row 0 the foot of the column
 * to the left (0 for the first pixel). */
static uint64_t changes(const vb_mask *m, int y, size_t i)
{
    const uint64_t *row = m->bits + (size_t)y * m->stride;
    const uint64_t *foot = m->bits + (size_t)(m->h - 1) * m->stride;

    if (y > 0)
        return row[i] ^ (row - m->stride)[i];
    uint64_t left = foot[i] << 1 | (i ? foot[i - 1] >> 63 : 0);
    if (i + 1 == m->stride && m->w % 64)
        left &= (UINT64_C(1) << (m->w % 64)) - 1;
    return row[i] ^ left;
}

/* One number as groups of 5 bits, low first, bit 5 set when more follow. Returns its length; at most 13. */
static size_t put_number(char *out, int64_t v)
{
    size_t n = 0;
    bool more = true;

    while (more) {
        int group = (int)(v & 31);

        v >>= 5;
        more = group & 16 ? v != -1 : v != 0;
        out[n++] = (char)(48 + (more ? group | 32 : group));
    }
    return n;
}

vb_status vb_mask_rle(char **out, const vb_mask *m, vb_err *err)
{
    vb_status st = VB_ENOMEM;
    size_t n = 0, used = 0;
    uint32_t *column = calloc((size_t)m->w + 1, sizeof *column); /* where a column's changes begin */
    uint32_t *at = NULL;                                         /* changes as column-major positions, ascending */
    char *text = NULL;
    int64_t before = 0, run = 0, last[2] = {0, 0};

    *out = NULL;
    if (!column)
        goto out;
    for (int y = 0; y < m->h; y++)
        for (size_t i = 0; i < m->stride; i++)
            for (uint64_t bits = changes(m, y, i); bits; bits &= bits - 1, n++)
                column[i * 64 + (size_t)__builtin_ctzll(bits) + 1]++;
    for (int x = 0; x < m->w; x++)
        column[x + 1] += column[x];
    at = malloc((n + 1) * sizeof *at);
    text = malloc((n + 1) * 7 + 1); /* a run is under 2^28, its difference to another under 2^29: 6 groups */
    if (!at || !text)
        goto out;
    for (int y = 0; y < m->h; y++)
        for (size_t i = 0; i < m->stride; i++)
            for (uint64_t bits = changes(m, y, i); bits; bits &= bits - 1) {
                size_t x = i * 64 + (size_t)__builtin_ctzll(bits);

                at[column[x]++] = (uint32_t)(x * (size_t)m->h + (size_t)y);
            }
    at[n] = (uint32_t)((size_t)m->h * (size_t)m->w);
    for (size_t k = 0; k <= n; k++) {
        run = at[k] - before;
        before = at[k];
        used += put_number(text + used, k > 2 ? run - last[k % 2] : run);
        last[k % 2] = run;
    }
    text[used] = '\0';
    *out = text;
    text = NULL;
    st = VB_OK;
out:
    if (st)
        vb_fail(err, st, "host memory for the run-length text of a mask of %d x %d", m->w, m->h);
    free(column);
    free(at);
    free(text);
    return st;
}

/* Reads one number; *s is moved past it. False where the text is no such number. */
static bool get_number(int64_t *out, const char **s)
{
    uint64_t v = 0;

    for (int shift = 0; shift < 60; shift += 5) {
        int c = (unsigned char)*(*s)++ - 48;

        if (c < 0 || c > 63)
            return false;
        v |= (uint64_t)(c & 31) << shift;
        if (!(c & 32)) {
            if (c & 16)
                v |= ~UINT64_C(0) << (shift + 5);
            *out = (int64_t)v;
            return true;
        }
    }
    return false;
}

vb_status vb_mask_from_rle(vb_mask *m, const char *rle, vb_err *err)
{
    const int64_t h = m->h, total = h * m->w;
    const char *s = rle;
    int64_t at = 0, run, last[2] = {0, 0};

    memset(m->bits, 0, (size_t)m->h * m->stride * sizeof *m->bits);
    for (size_t k = 0; *s; k++) {
        const size_t offset = (size_t)(s - rle);

        if (!get_number(&run, &s))
            return vb_fail(err, VB_EFORMAT, "run-length text: no number at byte %zu", offset);
        /* what is added is at most 2^28; the number itself may be anything below 2^60 */
        run += k > 2 ? last[k % 2] : 0;
        if (run < 0 || run > total - at)
            return vb_fail(err, VB_EFORMAT, "run-length text: run %zu does not fit %d x %d pixels", k, m->w, m->h);
        last[k % 2] = run;
        if (k % 2 && run) { /* row 0 gets its values, every other row its changes */
            for (int64_t x = (at + h - 1) / h; x * h < at + run; x++)
                m->bits[x / 64] |= UINT64_C(1) << (x % 64);
            for (int end = 0; end < 2; end++) {
                const int64_t p = at + (end ? run : 0), y = p % h, x = p / h;

                if (y)
                    m->bits[(size_t)y * m->stride + (size_t)x / 64] ^= UINT64_C(1) << (x % 64);
            }
        }
        at += run;
    }
    if (at != total)
        return vb_fail(err, VB_EFORMAT, "run-length text covers %lld of %d x %d pixels", (long long)at, m->w, m->h);
    for (size_t i = m->stride, words = (size_t)m->h * m->stride; i < words; i++)
        m->bits[i] ^= m->bits[i - m->stride];
    return VB_OK;
}
