/* What a trial's telemetry samples come to; see telemetry_sum.h. */
#include "telemetry_sum.h"

#include "nvml.h"

#include <math.h>
#include <stddef.h>

static double value(const vb_telemetry_row *r, size_t offset)
{
    return *(const double *)(const void *)((const char *)r + offset);
}

/* The quantity at time t: linear between the samples on both sides that tell; beyond the first and the last one, that one's
 * value (the sampler takes one at each end of a trial). NaN where none tells. */
static double at(const vb_telemetry_row *rows, int n, size_t offset, double t)
{
    int below = -1, above = -1;

    for (int i = 0; i < n; i++) {
        if (isnan(value(&rows[i], offset)))
            continue;
        if (rows[i].t_ms <= t)
            below = i;
        else if (above < 0)
            above = i;
    }
    if (below < 0 && above < 0)
        return NAN;
    if (below < 0 || above < 0)
        return value(&rows[below < 0 ? above : below], offset);
    return value(&rows[below], offset) + (value(&rows[above], offset) - value(&rows[below], offset)) *
                                             (t - rows[below].t_ms) / (rows[above].t_ms - rows[below].t_ms);
}

static int told(const vb_telemetry_row *rows, int n, size_t offset)
{
    int k = 0;

    for (int i = 0; i < n; i++)
        k += !isnan(value(&rows[i], offset));
    return k;
}

double vb_energy_by_counter(const vb_telemetry_row *rows, int n, double a_ms, double b_ms)
{
    const size_t energy = offsetof(vb_telemetry_row, energy_j);

    if (told(rows, n, energy) < 2)
        return NAN;
    return at(rows, n, energy, b_ms) - at(rows, n, energy, a_ms);
}

double vb_energy_by_power(const vb_telemetry_row *rows, int n, double a_ms, double b_ms)
{
    const size_t power = offsetof(vb_telemetry_row, power_w);
    double sum = 0, t = a_ms, w = at(rows, n, power, a_ms), end;

    if (told(rows, n, power) < 2 || b_ms <= a_ms)
        return NAN;
    for (int i = 0; i < n; i++)
        if (!isnan(rows[i].power_w) && rows[i].t_ms > a_ms && rows[i].t_ms < b_ms) {
            sum += (w + rows[i].power_w) / 2 * (rows[i].t_ms - t);
            t = rows[i].t_ms;
            w = rows[i].power_w;
        }
    end = at(rows, n, power, b_ms);
    return (sum + (w + end) / 2 * (b_ms - t)) * 1e-3;
}

double vb_energy_between(const vb_telemetry_row *rows, int n, double a_ms, double b_ms)
{
    double j = vb_energy_by_counter(rows, n, a_ms, b_ms);

    return isnan(j) ? vb_energy_by_power(rows, n, a_ms, b_ms) : j;
}

/* Mean and maximum of the samples. The first and the last one are taken just outside of the frames: a short trial has no others. */
static void over(double *mean, double *most, const vb_trial *t, size_t offset)
{
    double sum = 0;
    int n = 0;

    *most = NAN;
    for (int i = 0; i < t->n_telemetry; i++) {
        double v = value(&t->telemetry[i], offset);

        if (isnan(v))
            continue;
        sum += v;
        n++;
        *most = fmax(*most, v);
    }
    *mean = n ? sum / n : NAN;
}

/* Bytes per millisecond: the least-squares slope of the resident set from a on. */
static double growth(const vb_trial *t, double a)
{
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;

    for (int i = 0; i < t->n_telemetry; i++) {
        double ms = t->telemetry[i].t_ms - a, bytes = t->telemetry[i].rss_bytes;

        if (ms < 0 || isnan(bytes))
            continue;
        n++;
        x += ms;
        y += bytes;
        xx += ms * ms;
        xy += ms * bytes;
    }
    return n < 3 || n * xx <= x * x ? NAN : (n * xy - x * y) / (n * xx - x * x);
}

static void sum_throttle(vb_trial *t)
{
    int64_t bits = -1;

    for (int i = 0; i < t->n_telemetry; i++) {
        const vb_telemetry_row *r = &t->telemetry[i];

        if (r->throttle >= 0)
            bits = (bits < 0 ? 0 : bits) | r->throttle;
    }
    t->throttled = bits < 0 ? -1 : (bits & ~(int64_t)VB_THROTTLE_POWER_CAP) != 0;
    vb_throttle_text(t->throttle_reasons, sizeof t->throttle_reasons, bits);
}

void vb_telemetry_sum(vb_trial *t, double idle_w, bool alone)
{
    double a, b, unused;

    if (t->n_frames < 1)
        return;
    a = t->frames[0].start_ms;
    b = t->frames[t->n_frames - 1].end_ms;
    over(&t->power_mean_w, &t->power_max_w, t, offsetof(vb_telemetry_row, power_w));
    over(&unused, &t->temperature_max_c, t, offsetof(vb_telemetry_row, temperature_c));
    over(&t->gpu_clock_mhz, &unused, t, offsetof(vb_telemetry_row, gpu_clock_mhz));
    /* The first quarter is allocators filling up. */
    t->rss_bytes_per_frame = growth(t, a + (b - a) / 4) * (b - a) / t->n_frames;
    sum_throttle(t);
    if (!alone)
        return;
    t->energy_j = vb_energy_between(t->telemetry, t->n_telemetry, a, b);
    if (t->energy_j < 0)
        t->energy_j = NAN; /* the counter was reset meanwhile */
    if (!isnan(t->energy_j))
        t->idle_j = idle_w * (b - a) * 1e-3;
}
