/* GELU in place; see gelu_cuda.h.
 *
 * In place, because the values were written by the matrix product just before: their lines are in the second-level cache,
 * where a second tensor of that size would push them out. A thread has two loads of 16 bytes on their way. */
#include "gelu_cuda.h"

#include "gelu_formula.h"
#include "vectors.cuh"

namespace {

constexpr int THREADS = 256, EACH = 2;

template <class T> __global__ void __launch_bounds__(THREADS) gelu(T *x, int64_t n)
{
  using vb_cuda::Wide;
  constexpr int N = Wide<T>::N;
  const int64_t first = ((int64_t)blockIdx.x * (THREADS * EACH) + threadIdx.x) * N;
  Wide<T> values[EACH];

  if (first + (THREADS * (EACH - 1) + 1) * N <= n) {
    for (int k = 0; k < EACH; k++)
      values[k] = vb_cuda::load_wide(x + first + k * THREADS * N);
    for (int k = 0; k < EACH; k++) {
      for (int i = 0; i < N; i++)
        vb_cuda::put(values[k].v[i], vb_gelu(vb_cuda::to_float(values[k].v[i])));
      vb_cuda::store_wide(x + first + k * THREADS * N, values[k]);
    }
    return;
  }
  for (int k = 0; k < EACH; k++)
    for (int64_t at = first + k * THREADS * N, i = at; i < at + N && i < n; i++)
      vb_cuda::put(x[i], vb_gelu(vb_cuda::to_float(x[i])));
}

} // namespace

extern "C" vb_status vb_cuda_gelu(void *x_dev, vb_dtype dtype, int64_t n, void *cuda_stream, vb_err *err)
{
  const int64_t per_block = THREADS * EACH * 8, blocks = (n + per_block - 1) / per_block;
  if (n < 1 || blocks > INT32_MAX)
    return vb_fail(err, VB_ESHAPE, "GELU of %lld values on the device: none, or too many for one launch", (long long)n);
  if (!vb_cuda::aligned(x_dev, 16) || (dtype != VB_FLOAT16 && dtype != VB_BFLOAT16))
    return vb_fail(err, VB_EARG, "GELU on the device: values of dtype %d, or not aligned to 16 bytes", (int)dtype);
  if (dtype == VB_FLOAT16)
    gelu<<<(unsigned)blocks, THREADS, 0, (cudaStream_t)cuda_stream>>>((__half *)x_dev, n);
  else
    gelu<<<(unsigned)blocks, THREADS, 0, (cudaStream_t)cuda_stream>>>((__nv_bfloat16 *)x_dev, n);
  return vb_cuda::launched("GELU", err);
}
