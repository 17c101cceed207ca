/* Depthwise convolution; see depthwise_cuda.h.
 *
 * A thread makes ROWS outputs one below the other, of four channels; neighbouring threads take neighbouring channels, so
 * that loads are whole lines. It goes down each column of the kernel in turn: a value of the map is loaded once per
 * column and takes part in all of the thread's outputs that it reaches, and one column of weights is in registers. */
#include "depthwise_cuda.h"

#include "vectors.cuh"

namespace {

constexpr int THREADS = 256;

struct Shape {
  int h, w, out_h, out_w, channels, fours;
};

__device__ void add_product(float4 &to, float4 a, float4 b)
{
  to.x += a.x * b.x;
  to.y += a.y * b.y;
  to.z += a.z * b.z;
  to.w += a.w * b.w;
}

template <class T, int KERNEL, int STRIDE, int ROWS>
__global__ void __launch_bounds__(THREADS)
    convolve(T *__restrict__ out, const T *__restrict__ x, const T *__restrict__ residual, const float *__restrict__ weight, const float *__restrict__ bias, Shape s)
{
  const int i = (int)(blockIdx.x * THREADS + threadIdx.x);
  if (i >= s.out_w * s.fours)
    return;
  const int channel = i % s.fours * 4, at_x = i / s.fours, at_y = (int)blockIdx.y * ROWS;
  const T *map = x + (size_t)blockIdx.z * (size_t)s.h * (size_t)s.w * (size_t)s.channels + channel;
  const int from_y = at_y * STRIDE - KERNEL / 2, from_x = at_x * STRIDE - KERNEL / 2;
  float4 sum[ROWS];

#pragma unroll
  for (int row = 0; row < ROWS; row++)
    sum[row] = vb_cuda::load4(bias + channel);
#pragma unroll(KERNEL == 3 ? 3 : 1) // all columns of a small kernel at once: more loads under way
  for (int kx = 0; kx < KERNEL; kx++) {
    const bool inside = from_x + kx >= 0 && from_x + kx < s.w;
    float4 column[KERNEL];
#pragma unroll
    for (int ky = 0; ky < KERNEL; ky++)
      column[ky] = vb_cuda::load4(weight + (ky * KERNEL + kx) * s.channels + channel);
#pragma unroll
    for (int dy = 0; dy < (ROWS - 1) * STRIDE + KERNEL; dy++) {
      const int y = from_y + dy;
      float4 v = {0, 0, 0, 0};
      if (inside && y >= 0 && y < s.h)
        v = vb_cuda::load4(map + ((size_t)y * (size_t)s.w + (size_t)(from_x + kx)) * (size_t)s.channels);
#pragma unroll
      for (int row = 0; row < ROWS; row++)
        if (dy - row * STRIDE >= 0 && dy - row * STRIDE < KERNEL)
          add_product(sum[row], v, column[dy - row * STRIDE]);
    }
  }
#pragma unroll
  for (int row = 0; row < ROWS; row++) {
    if (at_y + row >= s.out_h)
      return;
    const size_t to = (((size_t)blockIdx.z * (size_t)s.out_h + (size_t)(at_y + row)) * (size_t)s.out_w + (size_t)at_x) * (size_t)s.channels + (size_t)channel;
    if (residual)
      add_product(sum[row], vb_cuda::load4(residual + to), {1, 1, 1, 1});
    vb_cuda::store4(out + to, sum[row]);
  }
}

struct Arrays {
  void *out;
  const void *x, *residual;
  const float *weight, *bias;
};

template <class T, int KERNEL, int STRIDE, int ROWS> void queue(const Arrays &a, int n, const Shape &s, cudaStream_t stream)
{
  const dim3 blocks((unsigned)((s.out_w * s.fours + THREADS - 1) / THREADS), (unsigned)((s.out_h + ROWS - 1) / ROWS), (unsigned)n);
  convolve<T, KERNEL, STRIDE, ROWS><<<blocks, THREADS, 0, stream>>>((T *)a.out, (const T *)a.x, (const T *)a.residual, a.weight, a.bias, s);
}

// Fewer rows a thread where the map is too small to fill a GPU with tall strips.
constexpr int64_t MANY_FOURS = 1 << 18;

template <class T> void queue(const Arrays &a, const vb_cuda_depthwise_shape &of, const Shape &s, cudaStream_t stream)
{
  const bool many = (int64_t)of.n * s.out_h * s.out_w * s.fours > MANY_FOURS;
  if (of.kernel == 7)
    many ? queue<T, 7, 1, 8>(a, of.n, s, stream) : queue<T, 7, 1, 4>(a, of.n, s, stream);
  else if (of.stride == 2)
    many ? queue<T, 3, 2, 4>(a, of.n, s, stream) : queue<T, 3, 2, 2>(a, of.n, s, stream);
  else
    many ? queue<T, 3, 1, 4>(a, of.n, s, stream) : queue<T, 3, 1, 2>(a, of.n, s, stream);
}

} // namespace

extern "C" bool vb_cuda_depthwise_takes(const vb_cuda_depthwise_shape *s)
{
  return s->n >= 1 && s->n <= 65535 && s->h >= 1 && s->w >= 1 && s->h <= VB_MAX_SIDE && s->w <= VB_MAX_SIDE && s->channels >= 4 &&
         s->channels % 4 == 0 && s->channels <= 1 << 16 && ((s->kernel == 3 && (s->stride == 1 || s->stride == 2)) || (s->kernel == 7 && s->stride == 1));
}

extern "C" vb_status vb_cuda_depthwise(void *out_dev, const void *x_dev, const void *residual_dev, const float *weight_dev, const float *bias_dev,
                                       vb_dtype dtype, const vb_cuda_depthwise_shape *shape, void *cuda_stream, vb_err *err)
{
  const vb_cuda_depthwise_shape d = *shape;
  if (!vb_cuda_depthwise_takes(&d))
    return vb_fail(err, VB_ESHAPE, "depthwise convolution of [%d, %d, %d, %d] by %d x %d with stride %d on the device: sizes that it does not take", d.n,
                   d.h, d.w, d.channels, d.kernel, d.kernel, d.stride);
  const size_t four = 4 * vb_cuda::size_of(dtype);
  if (!vb_cuda::aligned(out_dev, four) || !vb_cuda::aligned(x_dev, four) || !vb_cuda::aligned(residual_dev, four) || !vb_cuda::aligned(weight_dev, 16) ||
      !vb_cuda::aligned(bias_dev, 16))
    return vb_fail(err, VB_EARG, "depthwise convolution on the device: values that are not aligned to four");
  const Shape s = {d.h, d.w, (d.h - 1) / d.stride + 1, (d.w - 1) / d.stride + 1, d.channels, d.channels / 4};
  const Arrays arrays = {out_dev, x_dev, residual_dev, weight_dev, bias_dev};
  const bool known = vb_cuda::by_dtype(dtype, [&](auto *type) { queue<std::remove_pointer_t<decltype(type)>>(arrays, d, s, (cudaStream_t)cuda_stream); });
  if (!known)
    return vb_fail(err, VB_EARG, "depthwise convolution on the device: dtype %d is none", (int)dtype);
  return vb_cuda::launched("depthwise convolution", err);
}
