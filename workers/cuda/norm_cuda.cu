/* Sum, layer norm and GELU of rows; see norm_cuda.h.
 *
 * A row lies in the registers of 1 to 32 neighbouring lanes of a warp, FOURS times four channels in each. The number of
 * lanes is the greatest power of two that divides the channels by four, so that no lane idles: 4 channels take one lane,
 * 96 take 8 lanes with 3 fours, 1152 take 32 with 9. Mean and variance are sums over registers and lanes, the variance
 * of what the mean leaves. */
#include "norm_cuda.h"

#include "vectors.cuh"
#include "windows.cuh"

namespace {

using vb_cuda::by_dtype;
using vb_cuda::gelu;
using vb_cuda::load4;
using vb_cuda::operator+;
using vb_cuda::over_lanes;
using vb_cuda::squares;
using vb_cuda::store4;
using vb_cuda::total;
using vb_cuda::Windows;

constexpr int THREADS = 256;
constexpr int MAX_FOURS = 9;

struct Rows {
  vb_cuda_norm norm;
  int64_t n, n_out; // n_out: with those that fill up the last windows
  int channels, lanes;
};

template <class T> __device__ float4 rounded(float4 v, T *)
{
  vb_cuda::Four<T> to;
  store4(to.v, v);
  return load4(to.v);
}

__device__ float4 operator-(float4 a, float b) { return {a.x - b, a.y - b, a.z - b, a.w - b}; }

template <int FOURS> __global__ void __launch_bounds__(THREADS) norm_rows(Rows r)
{
  vb_cuda::await_kernel_before();
  const vb_cuda_norm &norm = r.norm;
  const int lane = (int)threadIdx.x % r.lanes;
  const int64_t place = (int64_t)blockIdx.x * (THREADS / r.lanes) + (int)threadIdx.x / r.lanes; // of out
  int64_t row = place < r.n_out ? place : -1;
  if (norm.out_window && row >= 0)
    row = Windows(norm.out_window, norm.map_h, norm.map_w).map_row(place);
  const bool inside = row >= 0;
  if (!inside) // it computes the first row again: shuffles need all lanes
    row = 0;
  float4 v[FOURS];

  by_dtype(norm.a.dtype, norm.a.dev, [&](auto *a) {
    for (int k = 0; k < FOURS; k++)
      v[k] = load4(a + row * r.channels + (k * r.lanes + lane) * 4);
  });
  if (norm.b.dev) {
    const int64_t b_row = norm.b_window            ? Windows(norm.b_window, norm.map_h, norm.map_w).of_map_row(row)
                          : norm.b_rows == r.n ? row
                                               : row % norm.b_rows;
    by_dtype(norm.b.dtype, norm.b.dev, [&](auto *b) {
      float4 more[FOURS];
      for (int k = 0; k < FOURS; k++)
        more[k] = load4(b + b_row * r.channels + (k * r.lanes + lane) * 4);
      for (int k = 0; k < FOURS; k++)
        v[k] = v[k] + more[k];
    });
    by_dtype(norm.sum.dtype, norm.sum.dev, [&](auto *sum) {
      for (int k = 0; k < FOURS; k++)
        v[k] = rounded(v[k], sum);
    });
  }
  if (norm.sum.dev && inside)
    by_dtype(norm.sum.dtype, norm.sum.dev, [&](auto *sum) {
      for (int k = 0; k < FOURS; k++)
        store4(sum + row * r.channels + (k * r.lanes + lane) * 4, v[k]);
    });
  if (!norm.out.dev)
    return;

  if (norm.weight_dev) {
    float sum = 0, sum_squares = 0;
    for (int k = 0; k < FOURS; k++)
      sum += total(v[k]);
    const float mean = over_lanes(sum, r.lanes) / (float)r.channels;
    for (int k = 0; k < FOURS; k++) {
      v[k] = v[k] - mean;
      sum_squares += squares(v[k]);
    }
    const float scale = rsqrtf(over_lanes(sum_squares, r.lanes) / (float)r.channels + norm.eps);
    for (int k = 0; k < FOURS; k++) {
      const float4 w = load4(norm.weight_dev + (k * r.lanes + lane) * 4), b = load4(norm.bias_dev + (k * r.lanes + lane) * 4);
      v[k] = {w.x * (scale * v[k].x) + b.x, w.y * (scale * v[k].y) + b.y, w.z * (scale * v[k].z) + b.z, w.w * (scale * v[k].w) + b.w};
    }
  }
  if (norm.gelu)
    for (int k = 0; k < FOURS; k++)
      v[k] = {gelu(v[k].x), gelu(v[k].y), gelu(v[k].z), gelu(v[k].w)};
  if (place < r.n_out)
    by_dtype(norm.out.dtype, norm.out.dev, [&](auto *out) {
      for (int k = 0; k < FOURS; k++)
        store4(out + place * r.channels + (k * r.lanes + lane) * 4, inside ? v[k] : float4{0, 0, 0, 0});
    });
}

int lanes_of(int64_t channels)
{
  int lanes = 1;
  while (lanes < 32 && channels / 4 % (2 * lanes) == 0)
    lanes *= 2;
  return lanes;
}

template <int FOURS> void queue(int fours, unsigned blocks, const Rows &r, cudaStream_t stream)
{
  if (fours == FOURS)
    vb_cuda::queue_kernel(norm_rows<FOURS>, blocks, THREADS, 0, stream, r);
  else if constexpr (FOURS > 1)
    queue<FOURS - 1>(fours, blocks, r, stream);
}

bool fits(const vb_cuda_rows &rows) { return vb_cuda::comes_in_fours(rows.dev, rows.dtype); }

} // namespace

extern "C" bool vb_cuda_norm_takes(int64_t channels)
{
  return channels >= 4 && channels % 4 == 0 && channels / 4 / lanes_of(channels) <= MAX_FOURS;
}

extern "C" vb_status vb_cuda_norm_rows(const vb_cuda_norm *norm, int64_t rows, int channels, void *cuda_stream, vb_err *err)
{
  const bool cut = norm->out_window || norm->b_window;
  if (rows < 1 || !vb_cuda_norm_takes(channels) || (norm->b.dev && !norm->b_window && norm->b_rows < 1) || norm->out_window < 0 || norm->b_window < 0 ||
      norm->out_window > VB_MAX_SIDE || norm->b_window > VB_MAX_SIDE ||
      (cut && (norm->map_h < 1 || norm->map_w < 1 || norm->map_h > VB_MAX_SIDE || norm->map_w > VB_MAX_SIDE || rows % ((int64_t)norm->map_h * norm->map_w) != 0)))
    return vb_fail(err, VB_ESHAPE, "layer norm of %lld rows of %d channels on the device: sizes that it does not take", (long long)rows, channels);
  if (!norm->a.dev || !fits(norm->a) || !fits(norm->b) || !fits(norm->sum) || !fits(norm->out) || !vb_cuda::aligned(norm->weight_dev, 16) ||
      !vb_cuda::aligned(norm->bias_dev, 16) || !norm->weight_dev != !norm->bias_dev)
    return vb_fail(err, VB_EARG, "layer norm on the device: an input that lacks, is of no dtype, or is not aligned to four values");
  Rows r = {*norm, rows, rows, channels, lanes_of(channels)};
  if (norm->out_window)
    r.n_out = rows / ((int64_t)norm->map_h * norm->map_w) * Windows(norm->out_window, norm->map_h, norm->map_w).rows();
  const int64_t per_block = THREADS / r.lanes, blocks = (r.n_out + per_block - 1) / per_block;
  if (blocks > INT32_MAX)
    return vb_fail(err, VB_ESHAPE, "layer norm of %lld rows on the device: too many for one launch", (long long)rows);
  queue<MAX_FOURS>(channels / 4 / r.lanes, (unsigned)blocks, r, (cudaStream_t)cuda_stream);
  return vb_cuda::launched("layer norm", err);
}
