/* Rotary encoding: a thread turns two pairs; see rotary_cuda.h. */
#include "rotary_cuda.h"

#include "vectors.cuh"

namespace {

constexpr int THREADS = 256;

struct Shape {
  int n_inner, n, fours; // fours: of channels in a token
  vb_cuda_strides out, x;
};

__device__ int64_t place(vb_cuda_strides s, int64_t outer, int64_t inner, int64_t token) { return outer * s.outer + inner * s.inner + token * s.token; }

template <class T> __global__ void __launch_bounds__(THREADS) rotate(T *out, const T *x, const float *__restrict__ table, Shape s)
{
  vb_cuda::await_kernel_before();
  const int i = (int)(blockIdx.x * THREADS + threadIdx.x);
  if (i >= s.n * s.fours)
    return;
  const int token = i / s.fours, channel = i % s.fours * 4, outer = (int)blockIdx.y / s.n_inner, inner = (int)blockIdx.y % s.n_inner;
  const float4 v = vb_cuda::load4(x + place(s.x, outer, inner, token) + channel);
  const float4 turn = vb_cuda::load4(table + 4 * (size_t)i); // two complex factors
  const float4 turned = {v.x * turn.x - v.y * turn.y, v.x * turn.y + v.y * turn.x, v.z * turn.z - v.w * turn.w, v.z * turn.w + v.w * turn.z};
  vb_cuda::store4(out + place(s.out, outer, inner, token) + channel, turned);
}

bool fits(const void *p, vb_cuda_strides s, vb_dtype dtype)
{
  return vb_cuda::aligned(p, 4 * vb_cuda::size_of(dtype)) && s.outer % 4 == 0 && s.inner % 4 == 0 && s.token % 4 == 0;
}

} // namespace

extern "C" vb_status vb_cuda_rotate(void *out_dev, vb_cuda_strides out, const void *x_dev, vb_cuda_strides x, vb_dtype dtype, int n_outer, int n_inner,
                                    int n, int dim, const float *table_dev, void *cuda_stream, vb_err *err)
{
  if (n_outer < 1 || n_inner < 1 || n < 1 || dim < 4 || dim % 4 != 0 || (int64_t)n_outer * n_inner > 65535 || (int64_t)n * dim > INT32_MAX)
    return vb_fail(err, VB_ESHAPE, "rotary encoding of %d x %d sequences of %d tokens with %d channels on the device: sizes that cannot be", n_outer,
                   n_inner, n, dim);
  if (!fits(out_dev, out, dtype) || !fits(x_dev, x, dtype) || !vb_cuda::aligned(table_dev, 16))
    return vb_fail(err, VB_EARG, "rotary encoding on the device: tokens or factors that are not aligned to four values");
  const Shape s = {n_inner, n, dim / 4, out, x};
  const dim3 blocks((unsigned)((n * s.fours + THREADS - 1) / THREADS), (unsigned)(n_outer * n_inner));
  cudaStream_t stream = (cudaStream_t)cuda_stream;
  const bool known = vb_cuda::by_dtype(dtype, [&](auto *type) {
    using T = std::remove_pointer_t<decltype(type)>;
    vb_cuda::queue_kernel(rotate<T>, blocks, THREADS, 0, stream, (T *)out_dev, (const T *)x_dev, table_dev, s);
  });
  if (!known)
    return vb_fail(err, VB_EARG, "rotary encoding on the device: dtype %d is none", (int)dtype);
  return vb_cuda::launched("rotary encoding", err);
}
