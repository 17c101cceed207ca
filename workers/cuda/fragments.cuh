// Matrix products of a warp in half precision, mma.m16n8k16: fragments as the PTX manual lays them out.
#ifndef VB_CUDA_FRAGMENTS_CUH
#define VB_CUDA_FRAGMENTS_CUH

#include "vectors.cuh"

#include <string.h>

namespace vb_cuda {

__device__ inline unsigned shared_address(const void *p) { return (unsigned)__cvta_generic_to_shared(p); }

// Four matrices of 8x8, whose 32 rows the lanes point to
__device__ inline void load_matrices(unsigned (&r)[4], unsigned at)
{
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(at) : "memory");
}

__device__ inline void load_transposed(unsigned (&r)[4], unsigned at)
{
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(at) : "memory");
}

// c [16, 8] += a [16, 16] b [16, 8]
__device__ inline void multiply(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1, __half *)
{
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ inline void multiply(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1, __nv_bfloat16 *)
{
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ inline float power_of_2(float x) // exp2f() takes care of results below 2^-126, which are nothing beside 1
{
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// Over the four lanes that hold a row
__device__ inline float over_quad(float v, bool greatest)
{
  for (int o = 1; o <= 2; o *= 2) {
    const float other = __shfl_xor_sync(~0u, v, o);
    v = greatest ? fmaxf(v, other) : v + other;
  }
  return v;
}

// Both at once, which is one instruction; rounded as put() does
__device__ inline __half2 rounded(float x, float y, __half *) { return __floats2half2_rn(x, y); }
__device__ inline __nv_bfloat162 rounded(float x, float y, __nv_bfloat16 *) { return __floats2bfloat162_rn(x, y); }

// Two neighbouring values of a row, in a register and out of it
template <class T> __device__ unsigned pair(float x, float y)
{
  const auto v = rounded(x, y, (T *)nullptr);
  unsigned out;
  memcpy(&out, &v, sizeof out);
  return out;
}

template <class T> __device__ float2 of_pair(unsigned two)
{
  T v[2];
  memcpy(v, &two, sizeof v);
  return {to_float(v[0]), to_float(v[1])};
}

} // namespace vb_cuda
#endif
