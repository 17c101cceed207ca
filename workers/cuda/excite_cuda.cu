/* Squeeze and excitation in two steps; see excite_cuda.h.
 *   1 sum_parts  sums of each channel over a part of the pixels: many blocks, so that the map is read at full speed
 *   2 excite     in every block the sums put together, both small products and the sigmoid, then the product with its
 *                share of the map. That all blocks make the same gates costs less than a launch between: what they read
 *                for it lies in the L2 cache, and is kept to a few ten kilobytes.
 * Between them lie the parts' sums, in float32. */
#include "excite_cuda.h"

#include "vectors.cuh"

#include <math.h>

namespace {

using vb_cuda::load4;
using vb_cuda::over_lanes;
using vb_cuda::store4;

constexpr int THREADS = 512;
constexpr int MAX_CHANNELS = 1024; // a thread for each four, at most half of them
constexpr int MAX_PARTS = 128, MAX_SUMS = 8192; // of a map; floats that every block of the second step reads
constexpr int PIXELS_PER_PART = 64;             // at least
constexpr int BLOCKS = 264;                     // of the second step, about: two for each multiprocessor of a large GPU
constexpr int LANES = 8;                        // that make one row of the first product
constexpr int AT_ONCE = 4;

struct Shape {
  int n, pixels, channels, reduced, fours, parts, blocks;
};

__device__ void add(float4 &to, float4 v)
{
  to.x += v.x;
  to.y += v.y;
  to.z += v.z;
  to.w += v.w;
}

__device__ float product(float4 a, float4 b) { return (a.x * b.x + a.y * b.y) + (a.z * b.z + a.w * b.w); }

// A thread takes four channels of every THREADS / fours-th pixel of the part; sums over these threads in shared memory.
template <class T> __global__ void __launch_bounds__(THREADS) sum_parts(float *sums, const T *__restrict__ x, Shape s)
{
  vb_cuda::await_kernel_before();
  __shared__ float4 shared[THREADS];
  const int t = (int)threadIdx.x, side = THREADS / s.fours, four = t % s.fours, first = t / s.fours;
  const int from = (int)((int64_t)s.pixels * blockIdx.x / s.parts), to = (int)((int64_t)s.pixels * (blockIdx.x + 1) / s.parts);
  const T *map = x + (size_t)blockIdx.y * (size_t)s.pixels * (size_t)s.channels + (size_t)four * 4;
  float4 sum = {0, 0, 0, 0};
  if (first < side)
#pragma unroll 4
    for (int p = from + first; p < to; p += side)
      add(sum, load4(map + (size_t)p * (size_t)s.channels));
  shared[t] = sum;
  __syncthreads();
  if (first == 0) {
    for (int i = 1; i < side; i++)
      add(sum, shared[i * s.fours + four]);
    store4(sums + ((size_t)blockIdx.y * (size_t)s.parts + blockIdx.x) * (size_t)s.channels + four * 4, sum);
  }
}

// mean [channels] of the map: its parts' sums, by threads that share the parts
__device__ void put_together(float *mean, float4 *shared, const float *sums, Shape s)
{
  const int t = (int)threadIdx.x, groups = THREADS / s.fours, group = t / s.fours, four = t % s.fours;
  float4 sum = {0, 0, 0, 0};
  if (group < groups)
    for (int p = group; p < s.parts; p += groups)
      add(sum, load4(sums + (size_t)p * (size_t)s.channels + four * 4));
  shared[t] = sum;
  __syncthreads();
  if (group == 0) {
    for (int i = 1; i < groups; i++)
      add(sum, shared[i * s.fours + four]);
    const float n = (float)s.pixels;
    store4(mean + four * 4, {sum.x / n, sum.y / n, sum.z / n, sum.w / n});
  }
  __syncthreads();
}

// gates [channels] from the means; hidden [reduced] between
template <class T>
__device__ void make_gates(float *gates, float *hidden, const float *mean, const T *down, const T *down_bias, const T *up, const T *up_bias, Shape s)
{
  const int t = (int)threadIdx.x, lane = t % LANES;
  for (int first = 0; first < s.reduced; first += THREADS / LANES) { // all threads: shuffles need them
    const int r = first + t / LANES;
    float sum = 0;
    if (r < s.reduced)
      for (int i = lane * 4; i < s.channels; i += LANES * 4)
        sum += product(load4(down + (size_t)r * (size_t)s.channels + i), load4(mean + i));
    sum = over_lanes(sum, LANES);
    if (lane == 0 && r < s.reduced)
      hidden[r] = fmaxf(sum + vb_cuda::to_float(down_bias[r]), 0.0f);
  }
  __syncthreads();
  for (int c = t; c < s.channels; c += THREADS) {
    float sum = 0;
    for (int i = 0; i < s.reduced; i += 4)
      sum += product(load4(up + (size_t)c * (size_t)s.reduced + i), load4(hidden + i));
    gates[c] = 1.0f / (1.0f + expf(-(sum + vb_cuda::to_float(up_bias[c]))));
  }
  __syncthreads();
}

template <class T>
__global__ void __launch_bounds__(THREADS) excite(T *out, const T *x, const float *__restrict__ sums, const T *__restrict__ down, const T *__restrict__ down_bias,
                                                  const T *__restrict__ up, const T *__restrict__ up_bias, Shape s)
{
  vb_cuda::await_kernel_before();
  __shared__ float4 shared[THREADS];
  alignas(16) __shared__ float mean[MAX_CHANNELS], hidden[MAX_CHANNELS], gates[MAX_CHANNELS];
  put_together(mean, shared, sums + (size_t)blockIdx.y * (size_t)s.parts * (size_t)s.channels, s);
  make_gates(gates, hidden, mean, down, down_bias, up, up_bias, s);

  // Some fours of a pixel's channels at a time: all loads ahead of the stores, as out may be x, and in no branch, where each would be waited for.
  const int64_t n = (int64_t)s.pixels * s.fours, first = (int64_t)blockIdx.x * THREADS + threadIdx.x;
  const int step = (int)gridDim.x * THREADS, turn = step % s.fours;
  x += (size_t)blockIdx.y * (size_t)n * 4;
  out += (size_t)blockIdx.y * (size_t)n * 4;
  int four = (int)(first % s.fours);
  for (int64_t i = first; i < n; i += (int64_t)step * AT_ONCE) {
    float4 v[AT_ONCE];
    for (int k = 0; k < AT_ONCE; k++)
      v[k] = load4(x + min(i + (int64_t)k * step, n - 1) * 4);
    for (int k = 0; k < AT_ONCE; k++) {
      const float4 gate = load4(gates + four * 4);
      if (i + (int64_t)k * step < n)
        store4(out + (i + (int64_t)k * step) * 4, {v[k].x * gate.x, v[k].y * gate.y, v[k].z * gate.z, v[k].w * gate.w});
      four += turn;
      four -= four >= s.fours ? s.fours : 0;
    }
  }
}

int smaller(int64_t a, int64_t b) { return (int)(a < b ? a : b); }

Shape shape_of(const vb_cuda_excite_shape *s)
{
  const int fours = s->channels / 4, most = smaller(MAX_PARTS, MAX_SUMS / s->channels);
  const int64_t shares = ((int64_t)s->pixels * fours + 2 * THREADS - 1) / (2 * THREADS); // of two fours a thread
  return {s->n, s->pixels, s->channels, s->reduced, fours, smaller(((int64_t)s->pixels + PIXELS_PER_PART - 1) / PIXELS_PER_PART, most),
          smaller(shares, (BLOCKS + s->n - 1) / s->n)};
}

} // namespace

extern "C" bool vb_cuda_excite_takes(const vb_cuda_excite_shape *s)
{
  return s->n >= 1 && s->n <= 65535 && s->pixels >= 1 && s->pixels <= VB_MAX_SIDE * VB_MAX_SIDE && s->channels >= 4 && s->channels % 4 == 0 &&
         s->channels <= MAX_CHANNELS && s->reduced >= 4 && s->reduced % 4 == 0 && s->reduced <= s->channels;
}

extern "C" size_t vb_cuda_excite_workspace(const vb_cuda_excite_shape *s)
{
  return (size_t)s->n * (size_t)shape_of(s).parts * (size_t)s->channels * sizeof(float);
}

extern "C" vb_status vb_cuda_excite(void *out_dev, const void *x_dev, vb_dtype dtype, const vb_cuda_excite_shape *shape, const void *down_dev,
                                    const void *down_bias_dev, const void *up_dev, const void *up_bias_dev, void *workspace_dev,
                                    size_t workspace_bytes, void *cuda_stream, vb_err *err)
{
  if (!vb_cuda_excite_takes(shape))
    return vb_fail(err, VB_ESHAPE, "squeeze and excitation of %d maps of %d pixels with %d channels, %d reduced, on the device: sizes that it does not take",
                   shape->n, shape->pixels, shape->channels, shape->reduced);
  const size_t four = 4 * vb_cuda::size_of(dtype);
  if (!vb_cuda::aligned(out_dev, four) || !vb_cuda::aligned(x_dev, four) || !vb_cuda::aligned(down_dev, four) || !vb_cuda::aligned(up_dev, four) ||
      !vb_cuda::aligned(workspace_dev, 16) || workspace_bytes < vb_cuda_excite_workspace(shape))
    return vb_fail(err, VB_EARG, "squeeze and excitation on the device: values that are not aligned to four, or a workspace that is too small");
  const Shape s = shape_of(shape);
  float *sums = (float *)workspace_dev;
  cudaStream_t stream = (cudaStream_t)cuda_stream;
  const dim3 parts((unsigned)s.parts, (unsigned)s.n), shares((unsigned)s.blocks, (unsigned)s.n);
  const bool known = vb_cuda::by_dtype(dtype, [&](auto *type) {
    using T = std::remove_pointer_t<decltype(type)>;
    vb_cuda::queue_kernel(sum_parts<T>, parts, THREADS, 0, stream, sums, (const T *)x_dev, s);
    vb_cuda::queue_kernel(excite<T>, shares, THREADS, 0, stream, (T *)out_dev, (const T *)x_dev, sums, (const T *)down_dev, (const T *)down_bias_dev, (const T *)up_dev,
                                              (const T *)up_bias_dev, s);
  });
  if (!known)
    return vb_fail(err, VB_EARG, "squeeze and excitation on the device: dtype %d is none", (int)dtype);
  return vb_cuda::launched("squeeze and excitation", err);
}
