// What every call of our CUDA kernels needs of a tensor. Only where the build has kernels.
#ifndef VB_TORCH_KERNELS_CALL_HPP
#define VB_TORCH_KERNELS_CALL_HPP

#include "kernels.hpp"
#include "norm_cuda.h"

#include <c10/cuda/CUDAStream.h>

namespace vb::kernels {

inline vb_dtype dtype_of(const Tensor &t)
{
  switch (t.scalar_type()) {
  case at::kFloat: return VB_FLOAT32;
  case at::kHalf: return VB_FLOAT16;
  case at::kBFloat16: return VB_BFLOAT16;
  default: return VB_DTYPE_COUNT; // the kernels refuse it
  }
}

inline void *stream_of(const Tensor &t) { return c10::cuda::getCurrentCUDAStream(t.device().index()).stream(); }

inline bool runs_here(const Tensor &t) { return t.is_cuda() && usable(t.device()) && dtype_of(t) != VB_DTYPE_COUNT; }

// To four values, which the kernels take at once
inline bool aligned(const Tensor &t) { return (uintptr_t)t.data_ptr() % (4 * t.element_size()) == 0; }

// Rows that lie one behind the other, of a dtype and place that the kernels take
inline bool are_rows(const Tensor &t) { return runs_here(t) && t.is_contiguous() && aligned(t); }

inline vb_cuda_rows rows_of(const Tensor &t) { return t.defined() ? vb_cuda_rows{t.data_ptr(), dtype_of(t)} : vb_cuda_rows{nullptr, VB_FLOAT32}; }

// Whether b, or its rows repeated, is of a's sizes.
inline bool repeats_to(const Tensor &b, const Tensor &a)
{
  int64_t first = 0;
  while (first + 1 < b.dim() && b.size(first) == 1)
    first++;
  const int64_t n = b.dim() - first;
  return n >= 1 && n <= a.dim() && b.sizes().slice((size_t)first) == a.sizes().slice((size_t)(a.dim() - n));
}

} // namespace vb::kernels
#endif
