/* Warm-up by convergence; see warmup.h. */
#include "warmup.h"

#include <math.h>
#include <stdlib.h>

enum {
    CUDA_WINDOW = VB_WARMUP_WINDOW_MAX, /* a few ms each: long enough that the median is steady, short against a clock's rise */
    CPU_WINDOW = 3,                     /* up to seconds each */
    BANK_FRAMES = 24,                   /* after an object comes in: 7 memories and 16 pointers, and each shape's first run and capture */
    CUDA_MOST = 1000,
    CPU_MOST = 30,
};
#define MOST_MS 30000.0
#define STILL_FALLING 0.02 /* a window's median below the one before by more than this share */

vb_warmup_rule vb_warmup_rule_of(vb_device_kind device, int fixed, int last_start, int n_frames)
{
    bool cuda = device == VB_DEVICE_CUDA;
    /* What is captured on a CUDA device is what all frames of the video need; a CPU keeps nothing by shape that would count. */
    int least = last_start + BANK_FRAMES < n_frames ? last_start + BANK_FRAMES : n_frames;

    return (vb_warmup_rule){.fixed = fixed, .window = cuda ? CUDA_WINDOW : CPU_WINDOW, .least = cuda ? least : 0,
                            .most = cuda ? CUDA_MOST : CPU_MOST, .most_ms = MOST_MS};
}

void vb_warmup_begin(vb_warmup *w, const vb_warmup_rule *rule)
{
    *w = (vb_warmup){.rule = *rule, .before = NAN};
}

bool vb_warmup_wants_more(const vb_warmup *w)
{
    const vb_warmup_rule *r = &w->rule;

    if (r->fixed >= 0)
        return w->n < r->fixed;
    return !w->converged && w->n < r->most && w->ms < r->most_ms;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

void vb_warmup_add(vb_warmup *w, double frame_ms, bool prompted)
{
    const vb_warmup_rule *r = &w->rule;
    double median;

    w->n++;
    w->ms += frame_ms;
    if (prompted)
        return;
    w->window[w->n_timed++ % r->window] = frame_ms;
    if (w->n_timed % r->window)
        return;
    qsort(w->window, (size_t)r->window, sizeof *w->window, ascending);
    median = w->window[(r->window - 1) / 2];
    /* NaN before the second window: not converged. */
    w->converged = w->n >= r->least && median >= (1 - STILL_FALLING) * w->before;
    w->before = median;
}
