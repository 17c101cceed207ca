/* Noise of a trial's frame times; see noise.h. */
#include "noise.h"

#include "stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BANK_FRAMES = 7, /* from an object's prompt on until its memories are all there: until then each frame is more work */
    LEAST = 12       /* steady frames, so that a third has four */
};

/* Sorts v. */
static double percentile_of(double *v, size_t n, int percent)
{
    vb_sort(v, n);
    return vb_percentile(v, n, percent);
}

/* Latencies of frames with the last frame's objects, all prompted at least BANK_FRAMES frames before, into v. */
static size_t steady(double *v, const vb_trial *t)
{
    size_t n = 0;
    int32_t from = 1;

    for (int32_t i = 0; i < t->n_frames; i++)
        if (t->frames[i].first || t->frames[i].prompted)
            from = i + BANK_FRAMES;
    for (int32_t i = from; i < t->n_frames; i++)
        if (t->frames[i].n_objects == t->frames[t->n_frames - 1].n_objects)
            v[n++] = t->frames[i].latency_ms;
    return n;
}

vb_status vb_noise_of(vb_noise *out, const vb_trial *t, vb_err *err)
{
    double *v, *sorted, median;
    size_t n, third;

    *out = (vb_noise){.spread = NAN, .drift = NAN};
    if (t->key.variant.mode == VB_OFFLINE)
        return VB_OK;
    if (!(v = malloc(2 * ((size_t)t->n_frames + 1) * sizeof *v)))
        return vb_fail(err, VB_ENOMEM, "noise of %d frames", t->n_frames);
    n = steady(v, t);
    out->n = (int64_t)n;
    sorted = v + n;
    memcpy(sorted, v, n * sizeof *v);
    if (n >= LEAST && (median = percentile_of(sorted, n, 50)) > 0) {
        third = n / 3;
        out->spread = (vb_percentile(sorted, n, 75) - vb_percentile(sorted, n, 25)) / median;
        out->drift = (percentile_of(v + n - third, third, 50) - percentile_of(v, third, 50)) / median;
    }
    free(v);
    return VB_OK;
}
