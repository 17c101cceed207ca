/* Sum, layer norm, cast and position of the mask decoder's tokens; see tokens_cuda.h. A warp holds a row, eight channels in each lane. */
#include "tokens_cuda.h"

#include "vectors.cuh"

namespace {

using vb_cuda::by_dtype;
using vb_cuda::load4;
using vb_cuda::over_lanes;
using vb_cuda::store4;

constexpr int THREADS = 128, ROWS = THREADS / 32; // few rows, as a rule: small blocks reach more multiprocessors
constexpr int FOURS = VB_CUDA_TOKEN_CHANNELS / 4 / 32;

// A row in a lane's registers: fours of channels, 32 apart.
struct Row {
  float4 v[FOURS];
};

__device__ Row load(const vb_cuda_rows &rows, int64_t row, int lane)
{
  Row out;
  by_dtype(rows.dtype, rows.dev, [&](auto *p) {
    for (int k = 0; k < FOURS; k++)
      out.v[k] = load4(p + row * VB_CUDA_TOKEN_CHANNELS + (k * 32 + lane) * 4);
  });
  return out;
}

__device__ void store(const vb_cuda_rows &rows, int64_t row, int lane, const Row &x)
{
  by_dtype(rows.dtype, rows.dev, [&](auto *p) {
    for (int k = 0; k < FOURS; k++)
      store4(p + row * VB_CUDA_TOKEN_CHANNELS + (k * 32 + lane) * 4, x.v[k]);
  });
}

__device__ void add(Row &to, const Row &x)
{
  for (int k = 0; k < FOURS; k++)
    to.v[k] = {to.v[k].x + x.v[k].x, to.v[k].y + x.v[k].y, to.v[k].z + x.v[k].z, to.v[k].w + x.v[k].w};
}

__device__ void normalize(Row &x, const vb_cuda_tokens &t, int lane)
{
  float sum = 0, squares = 0;
  for (int k = 0; k < FOURS; k++)
    sum += (x.v[k].x + x.v[k].y) + (x.v[k].z + x.v[k].w);
  const float mean = over_lanes(sum, 32) / VB_CUDA_TOKEN_CHANNELS;
  for (int k = 0; k < FOURS; k++) {
    x.v[k] = {x.v[k].x - mean, x.v[k].y - mean, x.v[k].z - mean, x.v[k].w - mean};
    squares += (x.v[k].x * x.v[k].x + x.v[k].y * x.v[k].y) + (x.v[k].z * x.v[k].z + x.v[k].w * x.v[k].w);
  }
  const float scale = rsqrtf(over_lanes(squares, 32) / VB_CUDA_TOKEN_CHANNELS + t.eps);
  for (int k = 0; k < FOURS; k++) {
    const float4 w = load4(t.weight_dev + (k * 32 + lane) * 4), b = load4(t.bias_dev + (k * 32 + lane) * 4);
    x.v[k] = {w.x * (scale * x.v[k].x) + b.x, w.y * (scale * x.v[k].y) + b.y, w.z * (scale * x.v[k].z) + b.z, w.w * (scale * x.v[k].w) + b.w};
  }
}

__global__ void __launch_bounds__(THREADS) token_rows(vb_cuda_tokens t, int64_t rows)
{
  vb_cuda::await_kernel_before();
  const int lane = (int)threadIdx.x % 32;
  const int64_t row = (int64_t)blockIdx.x * ROWS + (int)threadIdx.x / 32;
  if (row >= rows) // a whole warp
    return;
  Row x = load(t.a, row, lane), pe = {};
  if (t.pe.dev) // asked for early
    pe = load(t.pe, t.pe_rows == rows ? row : row % t.pe_rows, lane);
  if (t.b.dev)
    add(x, load(t.b, t.b_rows == rows ? row : row % t.b_rows, lane));
  if (t.weight_dev)
    normalize(x, t, lane);
  store({t.whole_dev, VB_FLOAT32}, row, lane, x);
  if (t.narrow.dev)
    store(t.narrow, row, lane, x);
  if (t.posed.dev) {
    add(x, pe);
    store(t.posed, row, lane, x);
  }
}

bool fits(const vb_cuda_rows &rows) { return vb_cuda::comes_in_fours(rows.dev, rows.dtype); }

} // namespace

extern "C" vb_status vb_cuda_token_rows(const vb_cuda_tokens *t, int64_t rows, void *cuda_stream, vb_err *err)
{
  const int64_t blocks = (rows + ROWS - 1) / ROWS;
  if (rows < 1 || blocks > INT32_MAX || (t->b.dev && t->b_rows < 1) || (t->pe.dev && t->pe_rows < 1))
    return vb_fail(err, VB_ESHAPE, "%lld tokens of %d channels on the device: sizes that it does not take", (long long)rows, (int)VB_CUDA_TOKEN_CHANNELS);
  if (!t->a.dev || !t->whole_dev || !fits(t->a) || !fits(t->b) || !fits(t->pe) || !fits({t->whole_dev, VB_FLOAT32}) || !fits(t->narrow) || !fits(t->posed) ||
      !vb_cuda::aligned(t->weight_dev, 16) || !vb_cuda::aligned(t->bias_dev, 16) || !t->weight_dev != !t->bias_dev || (t->posed.dev && !t->pe.dev))
    return vb_fail(err, VB_EARG, "tokens on the device: an input that lacks, is of no dtype, or is not aligned to four values");
  vb_cuda::queue_kernel(token_rows, (unsigned)blocks, THREADS, 0, cuda_stream, *t, rows);
  return vb_cuda::launched("tokens", err);
}
