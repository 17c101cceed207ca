/* Bilinear logits, their signs as bits and the count of those that are not finite; see masks_cuda.h.
 *
 * A warp makes 32 bits of a row for every object in turn, so that source positions are computed once. The first blocks
 * count instead, one object each. The interpolation is spelled as in ATen/native/cuda/UpSampleBilinear2d.cu, so that
 * the compiler contracts the same products and sums and a logit near 0 has the same sign. */
#include "masks_cuda.h"

#include "vectors.cuh"

#include <math.h>

namespace {

constexpr int THREADS = 256;
constexpr int WARPS = THREADS / 32;
constexpr int UNROLL = 8; // loads under way at once while counting: one block has a whole map to read

struct Shape {
  int n, low_h, low_w, h, w;
  int half_words; // of 32 bits in a row
  float scale_y, scale_x;
};

struct Source { // of one output coordinate: a low pixel, the step to the next, and their weights
  int at, step;
  float weight0, weight1;
};

__device__ Source source_of(float scale, int out, int low_size)
{
  Source s;
  const float centre = scale * (out + 0.5f) - 0.5f;
  const float from = centre < 0.0f ? 0.0f : centre;
  s.at = (int)from;
  s.step = s.at < low_size - 1 ? 1 : 0;
  s.weight1 = from - s.at;
  s.weight0 = 1.0f - s.weight1;
  return s;
}

__device__ float interpolate(const float *low, int low_w, Source y, Source x)
{
  const float *above = low + y.at * low_w + x.at, *below = above + y.step * low_w;
  return y.weight0 * (x.weight0 * above[0] + x.weight1 * above[x.step]) + y.weight1 * (x.weight0 * below[0] + x.weight1 * below[x.step]);
}

__device__ bool greater_or_nan(float a, float b) { return a > b || (isnan(a) && !isnan(b)); }

__device__ void count_nonfinite(int64_t *nonfinite, const float *low, int pixels)
{
  __shared__ int by_warp[WARPS];
  const int fours = (uintptr_t)low % sizeof(float4) == 0 ? pixels / 4 : 0;
  int count = 0;
  for (int i = (int)threadIdx.x; i < fours; i += THREADS * UNROLL) {
    float4 v[UNROLL];
#pragma unroll
    for (int k = 0; k < UNROLL; k++)
      v[k] = i + k * THREADS < fours ? vb_cuda::load4(low + 4 * (i + k * THREADS)) : float4{0, 0, 0, 0};
#pragma unroll
    for (int k = 0; k < UNROLL; k++)
      count += !isfinite(v[k].x) + !isfinite(v[k].y) + !isfinite(v[k].z) + !isfinite(v[k].w);
  }
  for (int i = 4 * fours + (int)threadIdx.x; i < pixels; i += THREADS)
    count += !isfinite(low[i]);
  count = vb_cuda::over_lanes(count, 32);
  if (threadIdx.x % 32 == 0)
    by_warp[threadIdx.x / 32] = count;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int i = 1; i < WARPS; i++)
      count += by_warp[i];
    *nonfinite = count;
  }
}

template <bool NO_OVERLAP>
__global__ void __launch_bounds__(THREADS) make_bits(uint32_t *words, int64_t *nonfinite, const float *__restrict__ low, Shape s)
{
  vb_cuda::await_kernel_before();
  const int counting = nonfinite ? s.n : 0, low_pixels = s.low_h * s.low_w;
  if ((int)blockIdx.x < counting) {
    count_nonfinite(nonfinite + blockIdx.x, low + (size_t)blockIdx.x * (size_t)low_pixels, low_pixels);
    return;
  }
  const int chunk = ((int)blockIdx.x - counting) * WARPS + (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32;
  if (chunk >= s.h * s.half_words) // the whole warp
    return;
  const int y = chunk / s.half_words, x = chunk % s.half_words * 32 + lane;
  const bool inside = x < s.w;
  const Source from_y = source_of(s.scale_y, y, s.low_h), from_x = source_of(s.scale_x, inside ? x : 0, s.low_w);
  const bool copy = s.low_h == s.h && s.low_w == s.w; // as ATen: no arithmetic, which would make NaN of 0 * Inf
  const auto logit = [&](int object) {
    const float *map = low + (size_t)object * (size_t)low_pixels;
    return !inside ? -1.0f : copy ? map[y * s.low_w + x] : interpolate(map, s.low_w, from_y, from_x);
  };
  int first = 0;
  float greatest = 0;
  if (NO_OVERLAP) {
    greatest = logit(0);
    for (int i = 1; i < s.n; i++) {
      const float v = logit(i);
      if (greater_or_nan(v, greatest)) {
        greatest = v;
        first = i;
      }
    }
  }
  for (int i = 0; i < s.n; i++) {
    const bool on = NO_OVERLAP ? i == first && greatest > 0 : logit(i) > 0;
    const uint32_t bits = __ballot_sync(~0u, on);
    if (lane == 0)
      words[(size_t)i * (size_t)s.h * (size_t)s.half_words + (size_t)chunk] = bits;
  }
}

} // namespace

extern "C" vb_status vb_cuda_mask_bits(uint64_t *words_dev, int64_t *nonfinite_dev, const float *low_dev, int n, int low_h, int low_w, int h, int w,
                                       size_t stride, bool no_overlap, void *cuda_stream, vb_err *err)
{
  const int limit = VB_MAX_SIDE;
  if (n < 1 || n > 65535 || low_h < 1 || low_w < 1 || h < 1 || w < 1 || low_h > limit || low_w > limit || h > limit || w > limit ||
      stride < ((size_t)w + 63) / 64 || stride > (size_t)limit)
    return vb_fail(err, VB_ESHAPE, "masks of %d objects at %d x %d from %d x %d logits, %zu words a row: sizes that cannot be", n, w, h, low_w, low_h,
                   stride);
  const Shape s = {n, low_h, low_w, h, w, 2 * (int)stride, (float)low_h / (float)h, (float)low_w / (float)w};
  const unsigned blocks = (unsigned)((h * s.half_words + WARPS - 1) / WARPS) + (unsigned)(nonfinite_dev ? n : 0);
  cudaStream_t stream = (cudaStream_t)cuda_stream;
  uint32_t *words = (uint32_t *)words_dev; // bit x of a 64-bit word is bit x % 32 of its half x / 32: little-endian
  if (no_overlap)
    vb_cuda::queue_kernel(make_bits<true>, blocks, THREADS, 0, stream, words, nonfinite_dev, low_dev, s);
  else
    vb_cuda::queue_kernel(make_bits<false>, blocks, THREADS, 0, stream, words, nonfinite_dev, low_dev, s);
  return vb_cuda::launched("mask bits", err);
}
