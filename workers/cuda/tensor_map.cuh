// What the tensor memory accelerator of GPUs from 9.0 on fetches: boxes of tensors of half precision, rows of 64 values lying
// in shared memory as 128 bytes whose 16-byte chunks are swizzled (SWIZZLE_128 of warpgroup.cuh), zeros beyond a tensor's end.
#ifndef VB_CUDA_TENSOR_MAP_CUH
#define VB_CUDA_TENSOR_MAP_CUH

#include "types.h"

#include <cuda_runtime_api.h>

#if CUDART_VERSION >= 12000 // before, there is no such thing

#include <cuda.h>

#include <initializer_list>

namespace vb_cuda {

// The driver's function, which no library of the toolkit wraps
using Encode = CUresult (*)(CUtensorMap *, CUtensorMapDataType, cuuint32_t, void *, const cuuint64_t *, const cuuint64_t *, const cuuint32_t *, const cuuint32_t *,
                            CUtensorMapInterleave, CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill);

inline Encode find_encode()
{
  void *f = nullptr;
  cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSymbolNotFound;
#if CUDART_VERSION >= 13000 // there the other is gone; before, the runtime of torch's wheel may be older than this toolkit and lack this one
  const cudaError_t e = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &f, 12000, cudaEnableDefault, &found);
#else
  const cudaError_t e = cudaGetDriverEntryPoint("cuTensorMapEncodeTiled", &f, cudaEnableDefault, &found);
#endif
  if (e != cudaSuccess)
    (void)cudaGetLastError();
  return e == cudaSuccess && found == cudaDriverEntryPointSuccess ? (Encode)f : nullptr;
}

inline Encode encode_function() // it is looked for once
{
  static const Encode encode = find_encode();
  return encode;
}

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
__device__ inline void prefetch(const CUtensorMap &map) { asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory"); }
#endif

// A tensor of values at dev: sizes from the innermost dimension on, strides in values from the second one on (multiples of 8;
// they need not grow), and the box of one fetch, 64 values wide at most. false: the driver refuses
inline bool describe(CUtensorMap *map, vb_dtype dtype, const void *dev, std::initializer_list<cuuint64_t> sizes, std::initializer_list<int64_t> strides,
                     std::initializer_list<cuuint32_t> box)
{
  cuuint64_t bytes[4] = {};
  const cuuint32_t steps[] = {1, 1, 1, 1, 1};
  size_t n = 0;
  for (const int64_t stride : strides)
    bytes[n++] = (cuuint64_t)stride * 2;
  return encode_function()(map, dtype == VB_FLOAT16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16 : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, (cuuint32_t)sizes.size(), (void *)dev,
                           sizes.begin(), bytes, box.begin(), steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_NONE,
                           CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
}

} // namespace vb_cuda

#endif
#endif
