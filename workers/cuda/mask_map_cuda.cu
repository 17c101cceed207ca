/* Mask to maps; see mask_map_cuda.h.
 *   first  a block makes a tile of the map: the scaled mask under it goes to shared memory once, then a thread takes a pixel
 *   next   LANES neighbouring threads share a pixel's channels, each for two pixels of a row, so that a weight read from
 *          shared memory serves twice; norms are sums over these threads
 *   next_by_products  16 to 64 channels in half precision: a warp takes 16 pixels, whose 16 channels under a tap are one step
 *          of a matrix product */
#include "mask_map_cuda.h"

#include "fragments.cuh"
#include "gelu_formula.h"

#include <math.h>

namespace {

using vb_cuda::gelu;
using vb_cuda::load4;
using vb_cuda::over_lanes;
using vb_cuda::store4;

constexpr int TILE = 16, THREADS = TILE * TILE; // first
constexpr int NEXT_THREADS = 128;
constexpr int PIXELS = 2; // of a thread
constexpr int PRODUCT_THREADS = 256, PRODUCT_PIXELS = PRODUCT_THREADS / 32 * 16;

struct Shape {
  int n, h, w; // of the input
};

template <class T> __device__ float rounded(float v, T *)
{
  T to;
  vb_cuda::put(to, v);
  return vb_cuda::to_float(to);
}

// Bilinear sample as ATen's upsample_bilinear2d takes it
__device__ float sample(const float *low, int h, int w, float fy, float fx, int y, int x)
{
  const float sy = fmaxf(fy * ((float)y + 0.5f) - 0.5f, 0.0f), sx = fmaxf(fx * ((float)x + 0.5f) - 0.5f, 0.0f);
  const int y0 = (int)sy, x0 = (int)sx, y1 = y0 + (y0 < h - 1), x1 = x0 + (x0 < w - 1);
  const float ay = sy - (float)y0, ax = sx - (float)x0;
  return (1 - ay) * ((1 - ax) * low[y0 * w + x0] + ax * low[y0 * w + x1]) + ay * ((1 - ax) * low[y1 * w + x0] + ax * low[y1 * w + x1]);
}

template <class T> __global__ void __launch_bounds__(THREADS) first(T *out, const float *__restrict__ low, vb_cuda_down d, Shape s, int side, bool binary)
{
  vb_cuda::await_kernel_before();
  constexpr int EDGE = 2 * TILE + 1;
  __shared__ float mask[EDGE * EDGE];
  const int to = side / 2, t = (int)threadIdx.x, left = (int)blockIdx.x * TILE, top = (int)blockIdx.y * TILE;
  const float fy = (float)s.h / (float)side, fx = (float)s.w / (float)side;
  low += (size_t)blockIdx.z * (size_t)(s.h * s.w);
  for (int i = t; i < EDGE * EDGE; i += THREADS) {
    const int y = 2 * top - 1 + i / EDGE, x = 2 * left - 1 + i % EDGE;
    float v = 0; // the convolution's padding
    if (y >= 0 && y < side && x >= 0 && x < side) {
      const float logit = sample(low, s.h, s.w, fy, fx, y, x);
      v = rounded((binary ? (logit > 0 ? 1.0f : 0.0f) : 1.0f / (1.0f + expf(-logit))) * 20.0f - 10.0f, (T *)nullptr);
    }
    mask[i] = v;
  }
  __syncthreads();
  const int ty = t / TILE, tx = t % TILE, y = top + ty, x = left + tx;
  if (y >= to || x >= to)
    return;
  float4 v = load4(d.bias_dev);
  for (int k = 0; k < 9; k++) {
    const float m = mask[(2 * ty + k / 3) * EDGE + 2 * tx + k % 3];
    const float4 w = load4(d.weight_dev + k * 4);
    v = {v.x + m * w.x, v.y + m * w.y, v.z + m * w.z, v.w + m * w.w};
  }
  const float mean = ((v.x + v.y) + (v.z + v.w)) / 4.0f;
  v = {v.x - mean, v.y - mean, v.z - mean, v.w - mean};
  const float scale = rsqrtf(((v.x * v.x + v.y * v.y) + (v.z * v.z + v.w * v.w)) / 4.0f + d.eps);
  const float4 w = load4(d.norm_weight_dev), b = load4(d.norm_bias_dev);
  store4(out + (((size_t)blockIdx.z * (size_t)to + (size_t)y) * (size_t)to + (size_t)x) * 4,
         {gelu(w.x * (scale * v.x) + b.x), gelu(w.y * (scale * v.y) + b.y), gelu(w.z * (scale * v.z) + b.z), gelu(w.w * (scale * v.w) + b.w)});
}

template <class T, int IN, int OUT, int LANES> __global__ void __launch_bounds__(NEXT_THREADS) next(T *out, const T *__restrict__ x, vb_cuda_down d, Shape s)
{
  vb_cuda::await_kernel_before();
  constexpr int OWN = OUT / LANES; // channels of a thread
  __shared__ alignas(16) float weight[9 * IN * OUT];
  for (int i = (int)threadIdx.x * 4; i < 9 * IN * OUT; i += NEXT_THREADS * 4)
    store4(weight + i, load4(d.weight_dev + i));
  __syncthreads();
  const int to_h = s.h / 2, to_w = s.w / 2, lane = (int)threadIdx.x % LANES, pairs = (to_w + PIXELS - 1) / PIXELS;
  const int64_t pair = (int64_t)blockIdx.x * (NEXT_THREADS / LANES) + (int)threadIdx.x / LANES;
  const bool inside = pair < (int64_t)s.n * to_h * pairs; // shuffles need all threads
  const int64_t row = inside ? pair / pairs : 0;
  const int at_x = inside ? (int)(pair - row * pairs) * PIXELS : 0, map = (int)(row / to_h), at_y = (int)(row - (int64_t)map * to_h);
  const T *from = x + (size_t)map * (size_t)s.h * (size_t)s.w * IN;
  float v[PIXELS][OWN];
#pragma unroll
  for (int c = 0; c < OWN; c += 4) {
    const float4 b = load4(d.bias_dev + lane * OWN + c);
#pragma unroll
    for (int p = 0; p < PIXELS; p++)
      v[p][c] = b.x, v[p][c + 1] = b.y, v[p][c + 2] = b.z, v[p][c + 3] = b.w;
  }
  for (int ky = 0; ky < 3; ky++) {
    const int iy = 2 * at_y + ky - 1;
    if (iy < 0 || iy >= s.h)
      continue;
#pragma unroll
    for (int kx = 0; kx < 3; kx++)
#pragma unroll
      for (int c = 0; c < IN; c += 4) {
        float in[PIXELS][4];
#pragma unroll
        for (int p = 0; p < PIXELS; p++) {
          const int ix = 2 * (at_x + p) + kx - 1;
          const float4 four = ix >= 0 && ix < s.w ? load4(from + ((size_t)iy * (size_t)s.w + (size_t)ix) * IN + c) : float4{0, 0, 0, 0};
          in[p][0] = four.x, in[p][1] = four.y, in[p][2] = four.z, in[p][3] = four.w;
        }
#pragma unroll
        for (int k = 0; k < 4; k++) {
          const float *w = weight + ((ky * 3 + kx) * IN + c + k) * OUT + lane * OWN;
#pragma unroll
          for (int o = 0; o < OWN; o += 4) {
            const float4 four = load4(w + o);
#pragma unroll
            for (int p = 0; p < PIXELS; p++) {
              v[p][o] += in[p][k] * four.x;
              v[p][o + 1] += in[p][k] * four.y;
              v[p][o + 2] += in[p][k] * four.z;
              v[p][o + 3] += in[p][k] * four.w;
            }
          }
        }
      }
  }
#pragma unroll
  for (int p = 0; p < PIXELS; p++) {
    float sum = 0, squares = 0;
#pragma unroll
    for (int c = 0; c < OWN; c++)
      sum += v[p][c];
    const float mean = over_lanes(sum, LANES) / OUT;
#pragma unroll
    for (int c = 0; c < OWN; c++) {
      v[p][c] -= mean;
      squares += v[p][c] * v[p][c];
    }
    const float scale = rsqrtf(over_lanes(squares, LANES) / OUT + d.eps);
    if (!inside || at_x + p >= to_w)
      continue;
    T *to = out + (((size_t)map * (size_t)to_h + (size_t)at_y) * (size_t)to_w + (size_t)(at_x + p)) * OUT + lane * OWN;
#pragma unroll
    for (int c = 0; c < OWN; c += 4) {
      const float4 w = load4(d.norm_weight_dev + lane * OWN + c), b = load4(d.norm_bias_dev + lane * OWN + c);
      store4(to + c, {gelu(w.x * (scale * v[p][c]) + b.x), gelu(w.y * (scale * v[p][c + 1]) + b.y), gelu(w.z * (scale * v[p][c + 2]) + b.z),
                      gelu(w.w * (scale * v[p][c + 3]) + b.w)});
    }
  }
}

template <class T> __global__ void __launch_bounds__(PRODUCT_THREADS) next_by_products(T *out, const T *__restrict__ x, vb_cuda_down d, Shape s)
{
  vb_cuda::await_kernel_before();
  constexpr int IN = 16, OUT = 64, TAPS = 9, EIGHTS = OUT / 8;
  __shared__ unsigned weight[TAPS * EIGHTS * 2 * 32]; // as the lanes take them: fragments.cuh
  for (int i = (int)threadIdx.x; i < TAPS * EIGHTS * 2 * 32; i += PRODUCT_THREADS) {
    const int lane = i % 32, channel = i / (2 * 32 * EIGHTS) * IN + i / 32 % 2 * 8 + lane % 4 * 2, column = i / (2 * 32) % EIGHTS * 8 + lane / 4;
    weight[i] = vb_cuda::pair<T>(d.weight_dev[channel * OUT + column], d.weight_dev[(channel + 1) * OUT + column]);
  }
  __syncthreads();
  const int lane = (int)threadIdx.x % 32, in_group = lane % 4, to_h = s.h / 2, to_w = s.w / 2;
  const int64_t pixels = (int64_t)s.n * to_h * to_w, first = ((int64_t)blockIdx.x * PRODUCT_THREADS + threadIdx.x) / 32 * 16 + lane / 4;
  const T *from[2];
  int top[2], left[2];
  for (int half = 0; half < 2; half++) {
    const int64_t pixel = min(first + half * 8, pixels - 1), row = pixel / to_w;
    top[half] = (int)(row % to_h) * 2 - 1;
    left[half] = (int)(pixel - row * to_w) * 2 - 1;
    from[half] = x + (size_t)(row / to_h) * (size_t)s.h * (size_t)s.w * IN + in_group * 2;
  }
  float v[EIGHTS][4];
#pragma unroll
  for (int n = 0; n < EIGHTS; n++)
    v[n][0] = v[n][2] = d.bias_dev[n * 8 + in_group * 2], v[n][1] = v[n][3] = d.bias_dev[n * 8 + in_group * 2 + 1];
  unsigned a[TAPS][4];
#pragma unroll
  for (int tap = 0; tap < TAPS; tap++)
#pragma unroll
    for (int r = 0; r < 4; r++) { // loaded in any case: in a branch it would be waited for
      const int half = r % 2, y = top[half] + tap / 3, at_y = min(max(y, 0), s.h - 1), ix = left[half] + tap % 3, at_x = min(max(ix, 0), s.w - 1);
      const unsigned two = *reinterpret_cast<const unsigned *>(from[half] + ((size_t)at_y * (size_t)s.w + (size_t)at_x) * IN + r / 2 * 8);
      a[tap][r] = y == at_y && ix == at_x ? two : 0;
    }
#pragma unroll
  for (int tap = 0; tap < TAPS; tap++)
#pragma unroll
    for (int n = 0; n < EIGHTS; n++) {
      const unsigned *b = weight + (tap * EIGHTS + n) * 2 * 32 + lane;
      vb_cuda::multiply(v[n], a[tap], b[0], b[32], (T *)nullptr);
    }
#pragma unroll
  for (int half = 0; half < 2; half++) {
    float sum = 0, squares = 0;
#pragma unroll
    for (int n = 0; n < EIGHTS; n++)
      sum += v[n][2 * half] + v[n][2 * half + 1];
    const float mean = over_lanes(sum, 4) / OUT;
#pragma unroll
    for (int n = 0; n < EIGHTS; n++)
#pragma unroll
      for (int e = 2 * half; e < 2 * half + 2; e++) {
        v[n][e] -= mean;
        squares += v[n][e] * v[n][e];
      }
    const float scale = rsqrtf(over_lanes(squares, 4) / OUT + d.eps);
    if (first + half * 8 >= pixels)
      continue;
#pragma unroll
    for (int n = 0; n < EIGHTS; n++) {
      const int c = n * 8 + in_group * 2;
      const float2 w = *reinterpret_cast<const float2 *>(d.norm_weight_dev + c), b = *reinterpret_cast<const float2 *>(d.norm_bias_dev + c);
      *reinterpret_cast<unsigned *>(out + (first + half * 8) * OUT + c) =
          vb_cuda::pair<T>(vb_gelu(w.x * (scale * v[n][2 * half]) + b.x), vb_gelu(w.y * (scale * v[n][2 * half + 1]) + b.y));
    }
  }
}

template <class T, int IN, int OUT, int LANES> void queue(T *out, const T *x, const vb_cuda_down &d, Shape s, cudaStream_t stream)
{
  const int64_t pairs = (int64_t)s.n * (s.h / 2) * ((s.w / 2 + PIXELS - 1) / PIXELS), per_block = NEXT_THREADS / LANES;
  vb_cuda::queue_kernel(next<T, IN, OUT, LANES>, (unsigned)((pairs + per_block - 1) / per_block), NEXT_THREADS, 0, stream, out, x, d, s);
}

vb_status check(const void *out, const void *x, size_t x_bytes, vb_dtype dtype, const vb_cuda_down *d, int n, int h, int w, vb_err *err)
{
  if (n < 1 || n > 65535 || h < 1 || w < 1 || h > VB_MAX_SIDE || w > VB_MAX_SIDE || !vb_cuda_mask_map_takes(d->in, d->out))
    return vb_fail(err, VB_ESHAPE, "mask map of %d times %dx%d, %d to %d channels, on the device: sizes that it does not take", n, h, w, d->in, d->out);
  if (!vb_cuda::aligned(out, 4 * vb_cuda::size_of(dtype)) || !vb_cuda::aligned(x, x_bytes) || !vb_cuda::aligned(d->weight_dev, 16) ||
      !vb_cuda::aligned(d->bias_dev, 16) || !vb_cuda::aligned(d->norm_weight_dev, 16) || !vb_cuda::aligned(d->norm_bias_dev, 16))
    return vb_fail(err, VB_EARG, "mask map on the device: values that are not aligned to four");
  return VB_OK;
}

} // namespace

extern "C" bool vb_cuda_mask_map_takes(int in, int out) { return (in == 1 && out == 4) || (in == 4 && out == 16) || (in == 16 && out == 64); }

extern "C" vb_status vb_cuda_mask_map_first(void *out_dev, const float *low_dev, vb_dtype dtype, const vb_cuda_down *down, int n, int h, int w, int side,
                                            bool binary, void *cuda_stream, vb_err *err)
{
  if (vb_status st = check(out_dev, low_dev, 4, dtype, down, n, h, w, err))
    return st;
  if (down->in != 1 || side < 2 || side % 2 || side > VB_MAX_SIDE)
    return vb_fail(err, VB_ESHAPE, "mask map on the device: from %d channels to a side of %d", down->in, side);
  const unsigned tiles = (unsigned)((side / 2 + TILE - 1) / TILE);
  const bool known = vb_cuda::by_dtype(dtype, [&](auto *type) {
    using T = std::remove_pointer_t<decltype(type)>;
    vb_cuda::queue_kernel(first<T>, dim3(tiles, tiles, (unsigned)n), THREADS, 0, cuda_stream, (T *)out_dev, low_dev, *down, Shape{n, h, w}, side, binary);
  });
  return known ? vb_cuda::launched("mask map", err) : vb_fail(err, VB_EARG, "mask map on the device: dtype %d is none", (int)dtype);
}

extern "C" vb_status vb_cuda_mask_map_next(void *out_dev, const void *x_dev, vb_dtype dtype, const vb_cuda_down *down, int n, int h, int w,
                                           void *cuda_stream, vb_err *err)
{
  if (vb_status st = check(out_dev, x_dev, 4 * vb_cuda::size_of(dtype), dtype, down, n, h, w, err))
    return st;
  if (down->in == 1 || h % 2 || w % 2)
    return vb_fail(err, VB_ESHAPE, "mask map of %dx%d with %d channels on the device: sizes that it does not take", h, w, down->in);
  const bool known = vb_cuda::by_dtype(dtype, [&](auto *type) {
    using T = std::remove_pointer_t<decltype(type)>;
    if (down->in == 4)
      queue<T, 4, 16, 1>((T *)out_dev, (const T *)x_dev, *down, Shape{n, h, w}, (cudaStream_t)cuda_stream);
    else if constexpr (sizeof(T) == 2)
      vb_cuda::queue_kernel(next_by_products<T>, (unsigned)(((int64_t)n * (h / 2) * (w / 2) + PRODUCT_PIXELS - 1) / PRODUCT_PIXELS), PRODUCT_THREADS, 0, cuda_stream,
                            (T *)out_dev, (const T *)x_dev, *down, Shape{n, h, w});
    else
      queue<T, 16, 64, 8>((T *)out_dev, (const T *)x_dev, *down, Shape{n, h, w}, (cudaStream_t)cuda_stream);
  });
  return known ? vb_cuda::launched("mask map", err) : vb_fail(err, VB_EARG, "mask map on the device: dtype %d is none", (int)dtype);
}
