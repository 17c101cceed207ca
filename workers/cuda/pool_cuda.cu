/* Max pooling: a thread makes 16 bytes of the output from four loads of 16 bytes; see pool_cuda.h. */
#include "pool_cuda.h"

#include "vectors.cuh"

namespace {

constexpr int THREADS = 256;

struct Pool {
  unsigned n_vectors, vectors; // of the output; in a pixel
  int out_h, out_w;
  int64_t map, row, pixel; // strides of x
};

template <class T> __global__ void __launch_bounds__(THREADS) max_pool(T *out, const T *__restrict__ x, Pool s)
{
  vb_cuda::await_kernel_before();
  using vb_cuda::Wide;
  const unsigned i = blockIdx.x * THREADS + threadIdx.x;
  if (i >= s.n_vectors)
    return;
  const unsigned place = i / s.vectors, line = place / (unsigned)s.out_w;
  const unsigned across = place % (unsigned)s.out_w, down = line % (unsigned)s.out_h, map = line / (unsigned)s.out_h;
  const T *corner = x + map * s.map + 2 * down * s.row + 2 * across * s.pixel + (int64_t)(i % s.vectors) * Wide<T>::N;
  Wide<T> best = vb_cuda::load_wide(corner);
  const Wide<T> others[3] = {vb_cuda::load_wide(corner + s.pixel), vb_cuda::load_wide(corner + s.row), vb_cuda::load_wide(corner + s.row + s.pixel)};
  for (int k = 0; k < 3; k++)
    for (int c = 0; c < Wide<T>::N; c++) {
      const float v = vb_cuda::to_float(others[k].v[c]);
      if (v > vb_cuda::to_float(best.v[c]) || v != v)
        best.v[c] = others[k].v[c];
    }
  vb_cuda::store_wide(out + (int64_t)i * Wide<T>::N, best);
}

} // namespace

extern "C" vb_status vb_cuda_max_pool(void *out_dev, const void *x_dev, vb_dtype dtype, const vb_cuda_pool_shape *shape, void *cuda_stream, vb_err *err)
{
  const vb_cuda_pool_shape s = *shape;
  const int wide = 16 / (int)vb_cuda::size_of(dtype);
  const int64_t n_vectors = s.n * (s.h / 2) * (s.w / 2) * (s.channels / wide);
  if (s.n < 1 || s.h < 2 || s.w < 2 || s.h > VB_MAX_SIDE || s.w > VB_MAX_SIDE || s.channels < wide || s.channels % wide != 0 || n_vectors > INT32_MAX - THREADS)
    return vb_fail(err, VB_ESHAPE, "max pooling of %lld maps %d x %d of %d channels on the device: sizes that it does not take", (long long)s.n, s.w, s.h,
                   s.channels);
  if (!vb_cuda::aligned(out_dev, 16) || !vb_cuda::aligned(x_dev, 16) || s.pixel_stride < s.channels || s.pixel_stride % wide != 0)
    return vb_fail(err, VB_EARG, "max pooling on the device: maps that are not aligned to 16 bytes");
  const Pool pool = {(unsigned)n_vectors, (unsigned)(s.channels / wide), s.h / 2, s.w / 2, s.h * s.w * s.pixel_stride, s.w * s.pixel_stride, s.pixel_stride};
  const unsigned blocks = (unsigned)((n_vectors + THREADS - 1) / THREADS);
  const bool known = vb_cuda::by_dtype(dtype, [&](auto *type) {
    using T = std::remove_pointer_t<decltype(type)>;
    vb_cuda::queue_kernel(max_pool<T>, blocks, THREADS, 0, cuda_stream, (T *)out_dev, (const T *)x_dev, pool);
  });
  if (!known)
    return vb_fail(err, VB_EARG, "max pooling on the device: dtype %d is none", (int)dtype);
  return vb_cuda::launched("max pooling", err);
}
