/* Parts of an attention merged, four channels of a row by a thread; see merge_cuda.h. */
#include "merge_cuda.h"

#include "vectors.cuh"

#include <math.h>

namespace {

constexpr int THREADS = 256;

struct Shape {
  int n_parts, fours; // fours: of channels in a row
  int64_t rows;
};

template <class T, int MAX_PARTS> __global__ void __launch_bounds__(THREADS) merge(T *out, const T *__restrict__ parts, const float *__restrict__ lse, Shape s)
{
  vb_cuda::await_kernel_before();
  const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x, row = i / s.fours;
  if (row >= s.rows)
    return;
  float own[MAX_PARTS], greatest = -INFINITY, weights = 0;
  float4 v[MAX_PARTS], sum = {0, 0, 0, 0};
#pragma unroll
  for (int p = 0; p < MAX_PARTS; p++) { // all loads at once: in a branch each would be waited for
    const int64_t part = min(p, s.n_parts - 1);
    own[p] = lse[part * s.rows + row];
    v[p] = vb_cuda::load4(parts + (part * s.rows * s.fours + i) * 4);
  }
#pragma unroll
  for (int p = 0; p < MAX_PARTS; p++)
    greatest = p < s.n_parts ? fmaxf(greatest, own[p]) : greatest;
#pragma unroll
  for (int p = 0; p < MAX_PARTS; p++)
    if (p < s.n_parts && own[p] != -INFINITY) { // a part without keys holds nothing to be weighted, NaN perhaps
      const float weight = expf(own[p] - greatest);
      weights += weight;
      sum = {sum.x + weight * v[p].x, sum.y + weight * v[p].y, sum.z + weight * v[p].z, sum.w + weight * v[p].w};
    }
  const float scale = weights > 0 || isnan(weights) ? 1.0f / weights : 0.0f;
  vb_cuda::store4(out + i * 4, {sum.x * scale, sum.y * scale, sum.z * scale, sum.w * scale});
}

} // namespace

extern "C" vb_status vb_cuda_merge_parts(void *out_dev, const void *parts_dev, const float *lse_dev, vb_dtype dtype, int n_parts, int64_t rows,
                                         int dim, void *cuda_stream, vb_err *err)
{
  const int64_t blocks = (rows * (dim / 4) + THREADS - 1) / THREADS;
  if (n_parts < 1 || n_parts > VB_CUDA_MERGE_PARTS || rows < 1 || dim < 4 || dim % 4 != 0 || blocks > INT32_MAX)
    return vb_fail(err, VB_ESHAPE, "merge of %d parts of %lld rows with %d channels on the device: sizes that cannot be", n_parts, (long long)rows, dim);
  if (!vb_cuda::aligned(out_dev, 4 * vb_cuda::size_of(dtype)) || !vb_cuda::aligned(parts_dev, 4 * vb_cuda::size_of(dtype)))
    return vb_fail(err, VB_EARG, "merge on the device: rows that are not aligned to four values");
  const Shape s = {n_parts, dim / 4, rows};
  cudaStream_t stream = (cudaStream_t)cuda_stream;
  const bool known = vb_cuda::by_dtype(dtype, [&](auto *type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const auto kernel = n_parts <= 2 ? merge<T, 2> : n_parts <= 4 ? merge<T, 4> : merge<T, VB_CUDA_MERGE_PARTS>;
    vb_cuda::queue_kernel(kernel, (unsigned)blocks, THREADS, 0, stream, (T *)out_dev, (const T *)parts_dev, lse_dev, s);
  });
  if (!known)
    return vb_fail(err, VB_EARG, "merge on the device: dtype %d is none", (int)dtype);
  return vb_cuda::launched("merge of attention", err);
}
