/* Weights from a seed: what stands in for a checkpoint in goldens, demos and benchmarks.
 *
 * The value of an element follows from its key, its row-major index, the seed and the key's rule alone:
 *   u(i)   output i of a SplitMix64 stream that starts at FNV-1a(key) ^ output 0 of the seed's own stream, as a number in [-1, 1)
 *   const  c0
 *   unif   c0 + gain * u(i)
 *   absu   c0 + gain * |u(i)|
 *   fan    c0 + s * u(i),                          s = gain * sqrt(3 / fan_in), fan_in = product of shape[1:]
 *   fanc   c0 + s * (u(i / k) + 0.25 * u(i)),      k = shape[2] * shape[3]: nearly one weight for a whole kernel
 *   fant   as fanc with fan_in = shape[0] (transposed convolutions)
 * A key of fewer than 2 dimensions that meets fan or fanc is a normalisation scale: unif 1, 0.1.
 * Computed in float64, each operation rounded on its own (the library is built without fused multiply-add), then
 * rounded to float32: equal bits on every machine. */
#include "seed_weights.h"

#include "checkpoint.h"
#include "random.h"
#include "weights_rules.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

uint64_t vb_seed_base(const char *key, uint64_t seed)
{
    return vb_fnv1a(VB_FNV1A_START, key, strlen(key)) ^ vb_splitmix64(&seed);
}

uint64_t vb_seed_bits(uint64_t base, uint64_t i)
{
    uint64_t state = base + i * VB_SPLITMIX64_STEP;

    return vb_splitmix64(&state);
}

static double unit(uint64_t base, uint64_t i) { return (double)(int64_t)(vb_seed_bits(base, i) >> 40) * 0x1p-23 - 1.0; }

bool vb_seed_match(const char *pattern, const char *key)
{
    const char *star = NULL, *retry = NULL;

    while (*key) {
        if (*pattern == '*') {
            star = pattern++;
            retry = key;
        } else if (*pattern == *key) {
            pattern++;
            key++;
        } else if (star) {
            pattern = star + 1; /* let the latest star take one more character */
            key = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

static const weight_rule *find_rule(const char *key)
{
    for (size_t i = 0; i < sizeof weight_rules / sizeof *weight_rules; i++)
        if (vb_seed_match(weight_rules[i].pattern, key))
            return &weight_rules[i];
    return NULL;
}

/* Product of shape[from:]; false on a negative size or beyond 2^48 elements. */
static bool product(uint64_t *out, const int64_t *shape, int from, int ndim)
{
    *out = 1;
    for (int d = from; d < ndim; d++)
        if (shape[d] < 0 || __builtin_mul_overflow(*out, (uint64_t)shape[d], out) || *out >> 48)
            return false;
    return true;
}

static void fill_kernels(float *out, uint64_t n, uint64_t k, uint64_t base, double c0, double s)
{
    for (uint64_t j = 0, i = 0; i < n; j++) {
        double shared = unit(base, j);

        for (uint64_t end = i + k; i < end; i++)
            out[i] = (float)(c0 + s * (shared + 0.25 * unit(base, i)));
    }
}

vb_status vb_seed_weights(float *out, const char *key, const int64_t *shape, int ndim, uint64_t seed, vb_err *err)
{
    const weight_rule *rule = find_rule(key);
    uint64_t n, fan_in, base = vb_seed_base(key, seed);

    if (!rule)
        return vb_fail(err, VB_EARG, "seeded weights: no rule for key '%.200s'", key);
    weight_rule_kind kind = rule->kind;
    double c0 = rule->c0, gain = rule->gain;

    if ((kind == RULE_FAN || kind == RULE_FANC) && ndim < 2) {
        kind = RULE_UNIF;
        c0 = 1.0;
        gain = 0.1;
    }
    if (!product(&n, shape, 0, ndim))
        return vb_fail(err, VB_ESHAPE, "seeded weights: key '%.200s' has a negative or impossible shape", key);
    if ((kind == RULE_FANC || kind == RULE_FANT) && ndim != 4)
        return vb_fail(err, VB_ESHAPE, "seeded weights: key '%.200s' has %d dimensions, its rule is for convolutions of 4",
                       key, ndim);
    if (kind == RULE_FANT)
        fan_in = (uint64_t)shape[0];
    else
        product(&fan_in, shape, 1, ndim);
    if (kind >= RULE_FAN)
        gain = gain * sqrt(3.0 / (double)fan_in);

    switch (kind) {
    case RULE_CONST:
        for (uint64_t i = 0; i < n; i++)
            out[i] = (float)c0;
        break;
    case RULE_UNIF:
    case RULE_FAN:
        for (uint64_t i = 0; i < n; i++)
            out[i] = (float)(c0 + gain * unit(base, i));
        break;
    case RULE_ABSU:
        for (uint64_t i = 0; i < n; i++)
            out[i] = (float)(c0 + gain * fabs(unit(base, i)));
        break;
    case RULE_FANC:
    case RULE_FANT:
        fill_kernels(out, n, (uint64_t)(shape[2] * shape[3]), base, c0, gain);
        break;
    }
    return VB_OK;
}

vb_status vb_seed_parse(bool *is_seed, uint64_t *seed, const char *s, vb_err *err)
{
    char *end;

    *is_seed = strncmp(s, "seed:", 5) == 0;
    if (!*is_seed)
        return VB_OK;
    errno = 0;
    *seed = strtoull(s + 5, &end, 10);
    if (errno || s[5] < '0' || s[5] > '9' || *end)
        return vb_fail(err, VB_EARG, "--checkpoint %.200s: a seed is a number from 0 to %" PRIu64 ", as in seed:1", s,
                       UINT64_MAX);
    return VB_OK;
}
