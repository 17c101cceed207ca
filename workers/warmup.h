/* Warm-up: how many frames a model runs before its trial's clock starts, told from their times alone. Pure: the rig
 * tracks the frames. The rule as a formula: METRICS.md, "Warm-up". */
#ifndef VB_WARMUP_H
#define VB_WARMUP_H

#include "model.h"

enum { VB_WARMUP_WINDOW_MAX = 32 };

typedef struct {
    int fixed;      /* frames, whatever their times; below 0: until they fall no more */
    int window;     /* frames whose median is compared with that of as many before, 1 .. VB_WARMUP_WINDOW_MAX */
    int least;      /* frames before the rule may say enough */
    int most;       /* and where it ends without */
    double most_ms; /* likewise */
} vb_warmup_rule;

typedef struct {
    vb_warmup_rule rule;
    int n;          /* frames so far */
    int n_timed;    /* of them without prompts: the others are other work, and in no window */
    double ms;      /* of all n */
    bool converged;
    double before;  /* median of the window before; NaN: there was none */
    double window[VB_WARMUP_WINDOW_MAX];
} vb_warmup;

/* A device's rule. fixed as --warmup-frames; last_start: frames from the first one tracked to the one on which the last object
 * comes in; n_frames: of the video, from the first one tracked. */
vb_warmup_rule vb_warmup_rule_of(vb_device_kind device, int fixed, int last_start, int n_frames);

void vb_warmup_begin(vb_warmup *w, const vb_warmup_rule *rule);
bool vb_warmup_wants_more(const vb_warmup *w);
void vb_warmup_add(vb_warmup *w, double frame_ms, bool prompted);

#endif
