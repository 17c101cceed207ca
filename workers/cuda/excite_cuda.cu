/* Squeeze and excitation in three steps; see excite_cuda.h.
 *   1 sum_parts  sums of each channel over a part of the pixels: many blocks, so that the map is read at full speed
 *   2 make_gates the sums put together, both small products and the sigmoid: one block per map
 *   3 apply      the product with the map
 * Between them lie a few kilobytes of float32: the parts' sums, then the gates. */
#include "excite_cuda.h"

#include "vectors.cuh"

#include <math.h>

namespace {

using vb_cuda::load4;
using vb_cuda::store4;

constexpr int THREADS = 256;
constexpr int GATE_THREADS = 1024;
constexpr int MAX_CHANNELS = 1024; // a thread of make_gates for each, and of sum_parts for four
constexpr int MAX_PARTS = 128;
constexpr int PIXELS_PER_PART = 64; // at least

struct Shape {
  int n, pixels, channels, reduced, fours, parts;
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
  __shared__ float4 shared[THREADS];
  const int t = (int)threadIdx.x, side = THREADS / s.fours, four = t % s.fours, first = t / s.fours;
  const int from = (int)((int64_t)s.pixels * blockIdx.x / s.parts), to = (int)((int64_t)s.pixels * (blockIdx.x + 1) / s.parts);
  const T *map = x + (size_t)blockIdx.y * (size_t)s.pixels * (size_t)s.channels + (size_t)four * 4;
  float4 sum = {0, 0, 0, 0};
  if (first < side)
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

// rows[r] . x for the warp's rows r, all lanes together; the result in lane 0
template <class T> __device__ float row_product(const T *row, const float *x, int n, int lane)
{
  float sum = 0;
  for (int i = lane * 4; i < n; i += 32 * 4)
    sum += product(load4(row + i), load4(x + i));
  for (int o = 16; o > 0; o /= 2)
    sum += __shfl_xor_sync(~0u, sum, o);
  return sum;
}

template <class T>
__global__ void __launch_bounds__(GATE_THREADS) make_gates(float *gates, const float *__restrict__ sums, const T *__restrict__ down, const T *__restrict__ down_bias,
                                                           const T *__restrict__ up, const T *__restrict__ up_bias, Shape s)
{
  __shared__ float of_group[GATE_THREADS];
  alignas(16) __shared__ float mean[MAX_CHANNELS], hidden[MAX_CHANNELS];
  const int t = (int)threadIdx.x, lane = t % 32, warp = t / 32;
  const float *own = sums + (size_t)blockIdx.x * (size_t)s.parts * (size_t)s.channels;
  const int groups = GATE_THREADS / s.channels, group = t / s.channels; // of threads that share a channel's parts
  float sum = 0;
  if (group < groups)
    for (int p = group; p < s.parts; p += groups)
      sum += own[(size_t)p * (size_t)s.channels + (size_t)(t % s.channels)];
  of_group[t] = sum;
  __syncthreads();
  if (group == 0) {
    for (int i = 1; i < groups; i++)
      sum += of_group[i * s.channels + t];
    mean[t] = sum / (float)s.pixels;
  }
  __syncthreads();
  for (int r = warp; r < s.reduced; r += GATE_THREADS / 32) {
    const float v = row_product(down + (size_t)r * (size_t)s.channels, mean, s.channels, lane);
    if (lane == 0)
      hidden[r] = fmaxf(v + vb_cuda::to_float(down_bias[r]), 0.0f);
  }
  __syncthreads();
  for (int c = warp; c < s.channels; c += GATE_THREADS / 32) {
    const float v = row_product(up + (size_t)c * (size_t)s.reduced, hidden, s.reduced, lane);
    if (lane == 0)
      gates[(size_t)blockIdx.x * (size_t)s.channels + (size_t)c] = 1.0f / (1.0f + expf(-(v + vb_cuda::to_float(up_bias[c]))));
  }
}

template <class T> __global__ void __launch_bounds__(THREADS) apply(T *out, const T *x, const float *__restrict__ gates, Shape s)
{
  const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x; // four channels of a pixel
  if (i >= (int64_t)s.pixels * s.fours)
    return;
  const size_t at = ((size_t)blockIdx.y * (size_t)s.pixels * (size_t)s.fours + (size_t)i) * 4;
  const float4 v = load4(x + at), gate = load4(gates + (size_t)blockIdx.y * (size_t)s.channels + (size_t)(i % s.fours) * 4);
  store4(out + at, {v.x * gate.x, v.y * gate.y, v.z * gate.z, v.w * gate.w});
}

Shape shape_of(const vb_cuda_excite_shape *s)
{
  const int parts = (s->pixels + PIXELS_PER_PART - 1) / PIXELS_PER_PART;
  return {s->n, s->pixels, s->channels, s->reduced, s->channels / 4, parts < MAX_PARTS ? parts : MAX_PARTS};
}

} // namespace

extern "C" bool vb_cuda_excite_takes(const vb_cuda_excite_shape *s)
{
  return s->n >= 1 && s->n <= 65535 && s->pixels >= 1 && s->pixels <= VB_MAX_SIDE * VB_MAX_SIDE && s->channels >= 4 && s->channels % 4 == 0 &&
         s->channels <= MAX_CHANNELS && s->reduced >= 4 && s->reduced % 4 == 0 && s->reduced <= s->channels;
}

extern "C" size_t vb_cuda_excite_workspace(const vb_cuda_excite_shape *s)
{
  return (size_t)s->n * (size_t)(shape_of(s).parts + 1) * (size_t)s->channels * sizeof(float);
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
  float *gates = (float *)workspace_dev, *sums = gates + (size_t)s.n * (size_t)s.channels;
  cudaStream_t stream = (cudaStream_t)cuda_stream;
  const dim3 parts((unsigned)s.parts, (unsigned)s.n), maps((unsigned)s.n);
  const dim3 pixels((unsigned)(((int64_t)s.pixels * s.fours + THREADS - 1) / THREADS), (unsigned)s.n);
  const bool known = vb_cuda::by_dtype(dtype, [&](auto *type) {
    using T = std::remove_pointer_t<decltype(type)>;
    sum_parts<T><<<parts, THREADS, 0, stream>>>(sums, (const T *)x_dev, s);
    make_gates<T><<<maps, GATE_THREADS, 0, stream>>>(gates, sums, (const T *)down_dev, (const T *)down_bias_dev, (const T *)up_dev, (const T *)up_bias_dev, s);
    apply<T><<<pixels, THREADS, 0, stream>>>((T *)out_dev, (const T *)x_dev, gates, s);
  });
  if (!known)
    return vb_fail(err, VB_EARG, "squeeze and excitation on the device: dtype %d is none", (int)dtype);
  return vb_cuda::launched("squeeze and excitation", err);
}
