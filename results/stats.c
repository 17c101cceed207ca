/* Percentiles and intervals; see stats.h. */
#include "stats.h"

#include <math.h>
#include <stdlib.h>

size_t vb_percentile_needs(int percent) { return (size_t)((100 + (99 - percent)) / (100 - percent)); }

double vb_percentile(const double *sorted, size_t n, int percent)
{
    if (n < vb_percentile_needs(percent))
        return NAN;
    return sorted[(n * (size_t)percent + 99) / 100 - 1];
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

void vb_sort(double *v, size_t n) { qsort(v, n, sizeof *v, ascending); }

vb_summary vb_summarize(double *v, size_t n)
{
    vb_summary s = {n, NAN, NAN, NAN, NAN, NAN};
    double sum = 0;

    if (n == 0)
        return s;
    vb_sort(v, n);
    for (size_t i = 0; i < n; i++)
        sum += v[i];
    s.mean = sum / (double)n;
    s.median = vb_percentile(v, n, 50);
    s.p95 = vb_percentile(v, n, 95);
    s.p99 = vb_percentile(v, n, 99);
    s.max = v[n - 1];
    return s;
}

/* Continued fraction of the incomplete beta function (Lentz's method; Numerical Recipes 6.4, DLMF 8.17.22). */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1), h;

    d = 1 / (fabs(d) < tiny ? tiny : d);
    h = d;
    for (int m = 1; m <= 500; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double step;

        d = 1 + even * d;
        c = 1 + even / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        d = 1 + odd * d;
        c = 1 + odd / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        step = d * c;
        h *= step;
        if (fabs(step - 1) < 1e-15)
            break;
    }
    return h;
}

static double incomplete_beta(double a, double b, double x)
{
    double front;

    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double vb_student_975(double df)
{
    double low = 0, high = 1;

    /* P(|T| > t) = I_{df / (df + t^2)}(df / 2, 1 / 2) falls with t; it is 0.05 at the quantile. */
    while (incomplete_beta(df / 2, 0.5, df / (df + high * high)) > 0.05)
        high *= 2;
    for (int i = 0; i < 100; i++) {
        double t = (low + high) / 2;

        if (incomplete_beta(df / 2, 0.5, df / (df + t * t)) > 0.05)
            low = t;
        else
            high = t;
    }
    return (low + high) / 2;
}

vb_interval vb_cluster_interval(const vb_cluster *c, size_t n)
{
    vb_interval r = {NAN, NAN, NAN};
    double sum = 0, weight = 0, squares = 0, half;

    for (size_t i = 0; i < n; i++) {
        sum += c[i].sum;
        weight += c[i].weight;
    }
    if (weight <= 0)
        return r;
    r.estimate = sum / weight;
    if (n < 2)
        return r;
    for (size_t i = 0; i < n; i++) {
        double residual = c[i].sum - c[i].weight * r.estimate;

        squares += residual * residual;
    }
    half = vb_student_975((double)(n - 1)) * sqrt((double)n / (double)(n - 1) * squares) / weight;
    r.low = r.estimate - half;
    r.high = r.estimate + half;
    return r;
}
