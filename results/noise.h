/* Noise: how far the frame times of one trial differ though the work is the same. Pure; formulas: METRICS.md, "Noise".
 * Where it is too much is said by the view `noise` alone. */
#ifndef VB_NOISE_H
#define VB_NOISE_H

#include "trial.h"

typedef struct {
    int64_t n;     /* steady frames; the others are NaN below 12 */
    double spread; /* interquartile range over median */
    double drift;  /* median of the last third less that of the first one, over the median */
} vb_noise;

/* VB_ENOMEM. Of `offline` trials nothing is told: frames that overlap have no time of their own. */
vb_status vb_noise_of(vb_noise *out, const vb_trial *t, vb_err *err);

#endif
