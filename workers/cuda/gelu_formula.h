/* The exact GELU for results in half precision, without erf: x times the normal distribution's cumulative, whose tail is
 * a power of two of a polynomial. In float32; on the host too, where tests hold it to ATen's over all inputs.
 *
 * log2(Q(t)), Q(t) = erfc(t / sqrt(2)) / 2, is fitted (least greatest error, degree 7, -1 at 0 exactly) on [0, 5.8], to 4e-6
 * of Q; beyond, where t Q(t) < 2e-8, it only falls. As 1 + erf(x) it would lose Q where that is small: float32 leaves
 * no digit of it at x = -5.5. */
#ifndef VB_GELU_FORMULA_H
#define VB_GELU_FORMULA_H

#include <math.h>

#ifdef __CUDACC__
#define VB_GELU_ON __device__ __forceinline__
#else
#define VB_GELU_ON static inline
#endif

VB_GELU_ON float vb_gelu_exp2(float x)
{
#ifdef __CUDA_ARCH__
    float y; /* of results below 2^-126: 0, which no half dtype misses but bfloat16 below 1e-37 */
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
#else
    return exp2f(x);
#endif
}

/* NaN and infinities as x * (1 + erf(x / sqrt(2))) / 2 has them: NaN of -Inf. */
VB_GELU_ON float vb_gelu(float x)
{
    const float t = fabsf(x);
    float p = -1.78261689e-06f;

    p = fmaf(p, t, 6.05362948e-05f);
    p = fmaf(p, t, -0.000921946601f);
    p = fmaf(p, t, 0.00847295672f);
    p = fmaf(p, t, -0.0538849272f);
    p = fmaf(p, t, -0.458545715f);
    p = fmaf(p, t, -1.15121341f);
    const float tail = vb_gelu_exp2(fmaf(p, t, -1.0f));
    return x * (x > 0 ? 1.0f - tail : tail);
}

#endif
