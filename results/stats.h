/* Statistics that SQL has not: nearest-rank percentiles and Student intervals. Pure; formulas in METRICS.md. */
#ifndef VB_STATS_H
#define VB_STATS_H

#include <stddef.h>
#include <stdint.h>

void vb_sort(double *v, size_t n); /* in place, ascending; no NaN */

/* Nearest rank: the ceil(percent / 100 * n)-th smallest of sorted [n], ascending. NaN when n is under
 * vb_percentile_needs(percent): then no value would be expected beyond it. percent 1..99. */
double vb_percentile(const double *sorted, size_t n, int percent);
size_t vb_percentile_needs(int percent); /* 50: 2, 95: 20, 99: 100 */

/* Summary of times; sorts v in place. NaN where n is too small. */
typedef struct {
    size_t n;
    double mean, median, p95, p99, max;
} vb_summary;
vb_summary vb_summarize(double *v, size_t n);

/* A clustered sample: one entry per video, sum over its units and how many there are. */
typedef struct {
    double sum;
    double weight;
} vb_cluster;

/* Weighted mean (sum of sums / sum of weights) and its 95 % interval over clusters, as a ratio estimate with
 * n - 1 degrees of freedom; with weights of 1 it is the ordinary paired t interval. low, high are NaN when n < 2. */
typedef struct {
    double estimate, low, high;
} vb_interval;
vb_interval vb_cluster_interval(const vb_cluster *c, size_t n);

/* The 0.975 quantile of Student's t with df >= 1 degrees of freedom. */
double vb_student_975(double df);

#endif
