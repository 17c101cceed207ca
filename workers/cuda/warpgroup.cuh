// Matrix products of a warp group in half precision on compute capability 9.0: wgmma.m64nNk16, whose second factor the tensor
// cores read from shared memory by themselves (PTX manual, "Asynchronous Warpgroup Level Matrix Multiply-Accumulate
// Instructions"). Four warps take 64 rows; of accumulators and first factor each warp holds 16 rows as fragments.cuh has them:
// c[4 * n + i] is value i of the n-th eight columns.
//
// Compiled for 90a alone (VB_HAVE_WARPGROUPS); elsewhere kernels that need it are empty and must not be launched.
#ifndef VB_CUDA_WARPGROUP_CUH
#define VB_CUDA_WARPGROUP_CUH

#include "fragments.cuh"

#include <type_traits>

#ifdef __CUDA_ARCH_FEAT_SM90_ALL
#define VB_HAVE_WARPGROUPS
#endif

namespace vb_cuda {

// Whether this build has such kernels and the current device runs them
inline bool has_warp_groups()
{
#ifdef VB_CUDA_90A
  static const bool can = attribute(cudaDevAttrComputeCapabilityMajor) == 9 && attribute(cudaDevAttrComputeCapabilityMinor) == 0;
  return can;
#else
  return false;
#endif
}

enum Swizzle { NO_SWIZZLE = 0, SWIZZLE_128 = 1 };

// What a product reads of shared memory: where it begins, and the bytes from a block of 8x8 values (or, swizzled, of eight
// rows of 128 bytes) to the next along the leading and the strided dimension.
__device__ inline uint64_t matrix_at(unsigned shared_address, unsigned leading_bytes, unsigned stride_bytes, Swizzle swizzle)
{
  return (uint64_t)(shared_address >> 4 & 0x3fff) | (uint64_t)(leading_bytes >> 4 & 0x3fff) << 16 | (uint64_t)(stride_bytes >> 4 & 0x3fff) << 32 |
         (uint64_t)swizzle << 62;
}

#ifdef VB_HAVE_WARPGROUPS

__device__ inline void begin_products() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ inline void commit_products() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
// All but the last N groups of products are complete
template <int N> __device__ void wait_products() { asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory"); }

// The compiler does not know that products in flight read and write these: no access to them moves over this line.
template <int N> __device__ void settled(float (&values)[N])
{
#pragma unroll
  for (int i = 0; i < N; i++)
    asm volatile("" : "+f"(values[i])::"memory");
}

#define VB_C4(i) "+f"(c[i]), "+f"(c[(i) + 1]), "+f"(c[(i) + 2]), "+f"(c[(i) + 3])
#define VB_C24 VB_C4(0), VB_C4(4), VB_C4(8), VB_C4(12), VB_C4(16), VB_C4(20)
#define VB_C28 VB_C24, VB_C4(24)
#define VB_C32 VB_C28, VB_C4(28)
#define VB_C36 VB_C32, VB_C4(32)
#define VB_C48 VB_C36, VB_C4(36), VB_C4(40), VB_C4(44)
#define VB_C56 VB_C48, VB_C4(48), VB_C4(52)
#define VB_C64 VB_C56, VB_C4(56), VB_C4(60)
#define VB_C72 VB_C64, VB_C4(64), VB_C4(68)
#define VB_C96 VB_C72, VB_C4(72), VB_C4(76), VB_C4(80), VB_C4(84), VB_C4(88), VB_C4(92)
#define VB_S24 "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23"
#define VB_S28 VB_S24 ",%24,%25,%26,%27"
#define VB_S32 VB_S28 ",%28,%29,%30,%31"
#define VB_S36 VB_S32 ",%32,%33,%34,%35"
#define VB_S48 VB_S36 ",%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47"
#define VB_S56 VB_S48 ",%48,%49,%50,%51,%52,%53,%54,%55"
#define VB_S64 VB_S56 ",%56,%57,%58,%59,%60,%61,%62,%63"
#define VB_S72 VB_S64 ",%64,%65,%66,%67,%68,%69,%70,%71"
#define VB_S96 VB_S72 ",%72,%73,%74,%75,%76,%77,%78,%79,%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95"
#define VB_WGMMA_OF(TYPE, COLUMNS, C_TEXT, A, B, ONTO, BY_ROWS, ...)                                                                                \
  asm volatile("{.reg .pred p; setp.ne.b32 p, " ONTO ", 0; wgmma.mma_async.sync.aligned.m64n" COLUMNS "k16.f32." TYPE "." TYPE " {" C_TEXT "}, {" A \
               "}, " B ", p, 1, 1, " BY_ROWS ";}"                                                                                                   \
               : __VA_ARGS__                                                                                                                        \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"((int)onto), "n"(ROWS ? 1 : 0))
#define VB_WGMMA(...)                                                                                                                               \
  if constexpr (std::is_same_v<T, __half>)                                                                                                          \
    VB_WGMMA_OF("f16", __VA_ARGS__);                                                                                                                \
  else                                                                                                                                              \
    VB_WGMMA_OF("bf16", __VA_ARGS__)

// c [64, N] = a [64, 16] b [16, N], onto what c holds or not; queued. b lies in shared memory column by column, or, ROWS, row by row.
template <class T, bool ROWS, int HALF> __device__ void queue_product(float (&c)[HALF], const unsigned (&a)[4], uint64_t b, bool onto)
{
  constexpr int N = 2 * HALF;
  static_assert(N == 48 || N == 56 || N == 64 || N == 72 || N == 96 || N == 128, "another line below");
  if constexpr (N == 48) {
    VB_WGMMA("48", VB_S24, "%24,%25,%26,%27", "%28", "%29", "%30", VB_C24);
  } else if constexpr (N == 56) {
    VB_WGMMA("56", VB_S28, "%28,%29,%30,%31", "%32", "%33", "%34", VB_C28);
  } else if constexpr (N == 64) {
    VB_WGMMA("64", VB_S32, "%32,%33,%34,%35", "%36", "%37", "%38", VB_C32);
  } else if constexpr (N == 72) {
    VB_WGMMA("72", VB_S36, "%36,%37,%38,%39", "%40", "%41", "%42", VB_C36);
  } else if constexpr (N == 96) {
    VB_WGMMA("96", VB_S48, "%48,%49,%50,%51", "%52", "%53", "%54", VB_C48);
  } else {
    VB_WGMMA("128", VB_S64, "%64,%65,%66,%67", "%68", "%69", "%70", VB_C64);
  }
}

#define VB_WGMMA_SHARED_OF(TYPE, COLUMNS, C_TEXT, A, B, ONTO, ...)                                                                                  \
  asm volatile("{.reg .pred p; setp.ne.b32 p, " ONTO ", 0; wgmma.mma_async.sync.aligned.m64n" COLUMNS "k16.f32." TYPE "." TYPE " {" C_TEXT "}, " A  \
               ", " B ", p, 1, 1, 0, 0;}"                                                                                                           \
               : __VA_ARGS__                                                                                                                        \
               : "l"(a), "l"(b), "r"((int)onto))
#define VB_WGMMA_SHARED(...)                                                                                                                        \
  if constexpr (std::is_same_v<T, __half>)                                                                                                          \
    VB_WGMMA_SHARED_OF("f16", __VA_ARGS__);                                                                                                         \
  else                                                                                                                                              \
    VB_WGMMA_SHARED_OF("bf16", __VA_ARGS__)

// The same with a in shared memory too, row by row, and b column by column.
template <class T, int HALF> __device__ void queue_product(float (&c)[HALF], uint64_t a, uint64_t b, bool onto)
{
  constexpr int N = 2 * HALF;
  static_assert(N == 96 || N == 112 || N == 128 || N == 144 || N == 192, "another line below");
  if constexpr (N == 96) {
    VB_WGMMA_SHARED("96", VB_S48, "%48", "%49", "%50", VB_C48);
  } else if constexpr (N == 112) {
    VB_WGMMA_SHARED("112", VB_S56, "%56", "%57", "%58", VB_C56);
  } else if constexpr (N == 128) {
    VB_WGMMA_SHARED("128", VB_S64, "%64", "%65", "%66", VB_C64);
  } else if constexpr (N == 144) {
    VB_WGMMA_SHARED("144", VB_S72, "%72", "%73", "%74", VB_C72);
  } else {
    VB_WGMMA_SHARED("192", VB_S96, "%96", "%97", "%98", VB_C96);
  }
}

#undef VB_WGMMA
#undef VB_WGMMA_OF
#undef VB_WGMMA_SHARED
#undef VB_WGMMA_SHARED_OF
#undef VB_C4
#undef VB_C24
#undef VB_C28
#undef VB_C32
#undef VB_C36
#undef VB_C48
#undef VB_C56
#undef VB_C64
#undef VB_C72
#undef VB_C96
#undef VB_S24
#undef VB_S28
#undef VB_S32
#undef VB_S36
#undef VB_S48
#undef VB_S56
#undef VB_S64
#undef VB_S72
#undef VB_S96

#endif

} // namespace vb_cuda
#endif
