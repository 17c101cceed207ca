/* Depthwise convolution; see depthwise_cuda.h.
 *
 * A thread makes ROWS x COLUMNS outputs of four channels; neighbouring threads take neighbouring channels, so that loads
 * are whole lines. It goes down each column of the map in turn: a value is loaded once and takes part in all of the
 * thread's outputs that it reaches. Of a large kernel one column of weights is in registers, of a small one all. */
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

// Four channels at p, or 0: loaded in any case and chosen afterwards, since a load in a branch is waited for within it.
template <class T> __device__ float4 load_or_zero(const T *p, bool wanted)
{
  using Bits = std::conditional_t<sizeof(T) == 4, uint4, uint2>;
  vb_cuda::Four<T> raw;
  Bits bits = *reinterpret_cast<const Bits *>(p);
  if (!wanted)
    bits = {};
  memcpy(&raw, &bits, sizeof raw);
  return vb_cuda::load4(raw.v);
}

template <class T, int KERNEL, int STRIDE, int ROWS, int COLUMNS>
__global__ void __launch_bounds__(THREADS)
    convolve(T *__restrict__ out, const T *__restrict__ x, const T *__restrict__ residual, const float *__restrict__ weight, const float *__restrict__ bias, Shape s)
{
  vb_cuda::await_kernel_before();
  constexpr bool HOLD = KERNEL == 3; // all weights, and all columns at once: more loads under way
  static_assert(HOLD || COLUMNS == 1, "neighbours need several columns of weights");
  constexpr int DOWN = (ROWS - 1) * STRIDE + KERNEL, ACROSS = (COLUMNS - 1) * STRIDE + KERNEL; // what of the map is read
  const int i = (int)(blockIdx.x * THREADS + threadIdx.x);
  const int channel = i % s.fours * 4, at_x = i / s.fours * COLUMNS, at_y = (int)blockIdx.y * ROWS;
  if (at_x >= s.out_w)
    return;
  const T *map = x + (size_t)blockIdx.z * (size_t)(s.h * s.w * s.channels) + channel;
  const int from_y = at_y * STRIDE - KERNEL / 2, from_x = at_x * STRIDE - KERNEL / 2;
  float4 sum[ROWS][COLUMNS], held[HOLD ? KERNEL : 1][KERNEL];
  int rows[DOWN]; // where they begin

#pragma unroll
  for (int dy = 0; dy < DOWN; dy++)
    rows[dy] = min(max(from_y + dy, 0), s.h - 1) * s.w * s.channels;
#pragma unroll
  for (int j = 0; j < ROWS * COLUMNS; j++)
    sum[j / COLUMNS][j % COLUMNS] = vb_cuda::load4(bias + channel);
#pragma unroll(HOLD ? ACROSS : 1)
  for (int dx = 0; dx < ACROSS; dx++) {
    const int column_x = min(max(from_x + dx, 0), s.w - 1), column_at = column_x * s.channels;
    const bool inside = column_x == from_x + dx;
    float4 column[DOWN];
    if (dx < KERNEL)
#pragma unroll
      for (int ky = 0; ky < KERNEL; ky++)
        held[HOLD ? dx : 0][ky] = vb_cuda::load4(weight + (ky * KERNEL + dx) * s.channels + channel);
#pragma unroll
    for (int dy = 0; dy < DOWN; dy++)
      column[dy] = load_or_zero(map + (rows[dy] + column_at), inside && from_y + dy >= 0 && from_y + dy < s.h);
#pragma unroll
    for (int dy = 0; dy < DOWN; dy++)
#pragma unroll
      for (int j = 0; j < ROWS * COLUMNS; j++) {
        const int row = j / COLUMNS, out_column = j % COLUMNS, kx = dx - out_column * STRIDE, ky = dy - row * STRIDE;
        if (ky >= 0 && ky < KERNEL && (COLUMNS == 1 || (kx >= 0 && kx < KERNEL)))
          add_product(sum[row][out_column], column[dy], held[HOLD ? kx : 0][ky]);
      }
  }
  T *to = out + (size_t)blockIdx.z * (size_t)(s.out_h * s.out_w * s.channels) + channel;
  if (residual) {
    residual += (size_t)blockIdx.z * (size_t)(s.out_h * s.out_w * s.channels) + channel;
#pragma unroll
    for (int j = 0; j < ROWS * COLUMNS; j++)
      add_product(sum[j / COLUMNS][j % COLUMNS],
                  vb_cuda::load4(residual + (min(at_y + j / COLUMNS, s.out_h - 1) * s.out_w + min(at_x + j % COLUMNS, s.out_w - 1)) * s.channels), {1, 1, 1, 1});
  }
#pragma unroll
  for (int j = 0; j < ROWS * COLUMNS; j++)
    if (at_y + j / COLUMNS < s.out_h && at_x + j % COLUMNS < s.out_w)
      vb_cuda::store4(to + ((at_y + j / COLUMNS) * s.out_w + at_x + j % COLUMNS) * s.channels, sum[j / COLUMNS][j % COLUMNS]);
}

struct Arrays {
  void *out;
  const void *x, *residual;
  const float *weight, *bias;
};

template <class T, int KERNEL, int STRIDE, int ROWS, int COLUMNS = 1> void queue(const Arrays &a, int n, const Shape &s, cudaStream_t stream)
{
  const int threads = (s.out_w + COLUMNS - 1) / COLUMNS * s.fours;
  const dim3 blocks((unsigned)((threads + THREADS - 1) / THREADS), (unsigned)((s.out_h + ROWS - 1) / ROWS), (unsigned)n);
  vb_cuda::queue_kernel(convolve<T, KERNEL, STRIDE, ROWS, COLUMNS>, blocks, THREADS, 0, stream, (T *)a.out, (const T *)a.x, (const T *)a.residual, a.weight, a.bias, s);
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
    many ? queue<T, 3, 1, 4, 2>(a, of.n, s, stream) : queue<T, 3, 1, 2>(a, of.n, s, stream);
}

} // namespace

extern "C" bool vb_cuda_depthwise_takes(const vb_cuda_depthwise_shape *s)
{
  return s->n >= 1 && s->n <= 65535 && s->h >= 1 && s->w >= 1 && s->h <= VB_MAX_SIDE && s->w <= VB_MAX_SIDE && s->channels >= 4 &&
         s->channels % 4 == 0 && s->channels <= 1 << 16 &&
         (int64_t)s->h * s->w * s->channels <= INT32_MAX && ((s->kernel == 3 && (s->stride == 1 || s->stride == 2)) || (s->kernel == 7 && s->stride == 1));
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
