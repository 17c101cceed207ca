/* Overlap of run-length texts; see rle_overlap.h. The text: pycocotools' rleToString (cocoapi common/maskApi.c): runs of
 * background and foreground in turn, from the fourth on as the difference to the run before the last, in groups of five
 * bits, lowest first; bit 5 says that more follow, bit 4 of the last group is the sign. */
#include "rle_overlap.h"

#include <stdbool.h>

typedef struct {
    const char *text;
    int64_t before, last; /* the last two runs */
    int n;                /* runs read, as far as it matters */
    int64_t left;         /* pixels of the present run that are not used yet */
    bool foreground;
} runs;

/* The next run; false: malformed. At the end of the text, a run of 0. */
static bool next_run(runs *r)
{
    int64_t v = 0;
    int shift = 0;
    bool more = *r->text != 0;

    while (more) {
        int c = (unsigned char)*r->text - 48;

        if (c < 0 || c > 63 || shift > 40)
            return false;
        r->text++;
        v |= (int64_t)(c & 31) << shift;
        shift += 5;
        more = c & 32;
        if (!more && (c & 16))
            v -= (int64_t)1 << shift;
    }
    if (shift > 0 && r->n > 2)
        v += r->before;
    if (v < 0 || v > INT32_MAX)
        return false;
    r->before = r->last;
    r->last = v;
    r->n += r->n < 3;
    r->left = v;
    return true;
}

vb_status vb_rle_overlap(int64_t *inter, int64_t *uni, const char *a, const char *b, int64_t n_pixels, vb_err *err)
{
    runs r[2] = {{.text = a, .foreground = true}, {.text = b, .foreground = true}};
    int64_t at = 0;

    *inter = *uni = 0;
    while (at < n_pixels) {
        int64_t step;

        for (int i = 0; i < 2; i++)
            while (r[i].left == 0) {
                bool end = *r[i].text == 0;

                if (end || !next_run(&r[i]))
                    return vb_fail(err, VB_EFORMAT, "run-length mask: %s", end ? "shorter than its video's frame" : "malformed run");
                r[i].foreground = !r[i].foreground;
            }
        step = r[0].left < r[1].left ? r[0].left : r[1].left;
        if (step > n_pixels - at)
            return vb_fail(err, VB_EFORMAT, "run-length mask: longer than its video's frame");
        *inter += r[0].foreground && r[1].foreground ? step : 0;
        *uni += r[0].foreground || r[1].foreground ? step : 0;
        r[0].left -= step;
        r[1].left -= step;
        at += step;
    }
    for (int i = 0; i < 2; i++) {
        while (r[i].left == 0 && *r[i].text)
            if (!next_run(&r[i]))
                return vb_fail(err, VB_EFORMAT, "run-length mask: malformed run");
        if (r[i].left > 0)
            return vb_fail(err, VB_EFORMAT, "run-length mask: longer than its video's frame");
    }
    return VB_OK;
}
