/* GELU in place; see gelu_cuda.h.
 *
 * In place, because the values were written by the matrix product just before: their lines are in the second-level cache,
 * where a second tensor of that size would push them out. As many blocks as the device holds at once go over them, each thread
 * with its next 16 bytes on their way. */
#include "gelu_cuda.h"

#include "gelu_formula.h"
#include "vectors.cuh"

namespace {

constexpr int THREADS = 256, BLOCKS_AT_ONCE = 8; // of a multiprocessor

template <class T> __global__ void __launch_bounds__(THREADS, BLOCKS_AT_ONCE) gelu(T *x, int64_t n)
{
  vb_cuda::await_kernel_before();
  using vb_cuda::Wide;
  constexpr int N = Wide<T>::N;
  const int64_t first = (int64_t)blockIdx.x * THREADS + threadIdx.x, step = (int64_t)gridDim.x * THREADS, whole = n / N;
  Wide<T> next = {};

  if (first < whole)
    next = vb_cuda::load_wide(x + first * N);
  for (int64_t i = first; i < whole; i += step) {
    Wide<T> values = next;
    next = vb_cuda::load_wide(x + (i + step < whole ? i + step : i) * N);
    for (int k = 0; k < N; k++)
      vb_cuda::put(values.v[k], vb_gelu(vb_cuda::to_float(values.v[k])));
    vb_cuda::store_wide(x + i * N, values);
  }
  if (first < n - whole * N) // what fills no 16 bytes
    vb_cuda::put(x[whole * N + first], vb_gelu(vb_cuda::to_float(x[whole * N + first])));
}

} // namespace

extern "C" vb_status vb_cuda_gelu(void *x_dev, vb_dtype dtype, int64_t n, void *cuda_stream, vb_err *err)
{
  const int64_t all = (n + THREADS * 8 - 1) / (THREADS * 8), at_once = (int64_t)BLOCKS_AT_ONCE * vb_cuda::multiprocessors(), blocks = all < at_once ? all : at_once;
  if (n < 1)
    return vb_fail(err, VB_ESHAPE, "GELU of %lld values on the device: none", (long long)n);
  if (!vb_cuda::aligned(x_dev, 16) || (dtype != VB_FLOAT16 && dtype != VB_BFLOAT16))
    return vb_fail(err, VB_EARG, "GELU on the device: values of dtype %d, or not aligned to 16 bytes", (int)dtype);
  if (dtype == VB_FLOAT16)
    vb_cuda::queue_kernel(gelu<__half>, (unsigned)blocks, THREADS, 0, cuda_stream, (__half *)x_dev, n);
  else
    vb_cuda::queue_kernel(gelu<__nv_bfloat16>, (unsigned)blocks, THREADS, 0, cuda_stream, (__nv_bfloat16 *)x_dev, n);
  return vb_cuda::launched("GELU", err);
}
