/* A trial in memory: freeing it, and its mean; see trial.h. */
#include "trial.h"

#include <math.h>
#include <stdlib.h>

void vb_trial_deinit(vb_trial *t)
{
    if (t->masks)
        for (int32_t i = 0; i < t->n_masks; i++)
            free(t->masks[i].rle);
    if (t->overlays)
        for (int32_t i = 0; i < t->n_overlays; i++)
            free(t->overlays[i].png);
    free(t->frames);
    free(t->scores);
    free(t->objects);
    free(t->masks);
    free(t->attention);
    free(t->overlays);
    free(t->telemetry);
    free(t->sensors);
    *t = (vb_trial){0};
}

void vb_trial_mean(const vb_trial *t, double *j, double *f)
{
    double sum_j = 0, sum_f = 0;
    int n = 0;

    for (int32_t i = 0; i < t->n_objects; i++)
        if (t->objects[i].n_counted > 0) {
            sum_j += t->objects[i].j;
            sum_f += t->objects[i].f;
            n++;
        }
    *j = n ? sum_j / n : NAN;
    *f = n ? sum_f / n : NAN;
}
