/* What a trial's telemetry samples come to. Pure. Formulas: METRICS.md, "Energy, power, temperature". */
#ifndef VB_TELEMETRY_SUM_H
#define VB_TELEMETRY_SUM_H

#include "trial.h"

/* Joules from a to b (ms on the samples' clock): the counter's difference where there is one, else the integral of power.
 * NaN with fewer than two samples that tell; beyond the first and the last of them it goes on as there. */
double vb_energy_between(const vb_telemetry_row *rows, int n, double a_ms, double b_ms);
double vb_energy_by_counter(const vb_telemetry_row *rows, int n, double a_ms, double b_ms);
double vb_energy_by_power(const vb_telemetry_row *rows, int n, double a_ms, double b_ms);

/* Mean, maximum, throttling, growth and energy into the trial, from its frames and telemetry. idle_w NaN: not known.
 * alone: energy is this trial's. */
void vb_telemetry_sum(vb_trial *t, double idle_w, bool alone);

#endif
