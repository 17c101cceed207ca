/* Cost: what a block is expected to take, in seconds on a device of speed 1 (1 TFLOP/s sustained in float32).
 * For leasing only ratios matter: longest first, shares of remaining work, ETA after correction by finished blocks.
 * `savbench plan` scales it by records, or says which speed it assumes (estimate.h). METRICS.md has the formula. */
#ifndef VB_COST_H
#define VB_COST_H

#include "types.h"

/* One trial of n_frames with n_objects; always above 0, and in proportion to n_frames. */
double vb_cost_trial(const vb_variant *v, int n_frames, int n_objects);

#endif
