/* The stem's first convolution: a block makes a tile of the map from the image under it in shared memory, a thread two
 * pixels of a row, so that a weight read serves twice; see stem_cuda.h. */
#include "stem_cuda.h"

#include "gelu_formula.h"
#include "vectors.cuh"

namespace {

constexpr int TILE = 16, PIXELS = 2, THREADS = TILE * TILE / PIXELS; // of the output
constexpr int EDGE = 2 * TILE + 1, OUT = VB_STEM_CHANNELS;            // of the image
constexpr int ROW = EDGE * 3 + 1, FOURS = ROW / 4; // values of a row under the tile, from one before them, where four are aligned

template <class T>
__global__ void __launch_bounds__(THREADS) stem(T *out, const T *__restrict__ image, const float *__restrict__ weight_dev, const float *__restrict__ bias_dev, int h, int w)
{
  vb_cuda::await_kernel_before();
  using vb_cuda::load4;
  using vb_cuda::Wide;
  __shared__ alignas(16) float weight[27 * OUT];
  __shared__ alignas(16) float under[EDGE * ROW];
  const int t = (int)threadIdx.x, left = (int)blockIdx.x * TILE, top = (int)blockIdx.y * TILE;
  image += (size_t)blockIdx.z * (size_t)h * (size_t)w * 3;
  for (int i = 4 * t; i < 27 * OUT; i += 4 * THREADS)
    vb_cuda::store4(weight + i, load4(weight_dev + i));
  for (int i = t; i < EDGE * FOURS; i += THREADS) {
    const int row = i / FOURS, y = 2 * top - 1 + row, value = 6 * left - 4 + 4 * (i - row * FOURS); // in the image's row
    const bool there = y >= 0 && y < h && value >= 0;
    const T *from = image + (size_t)y * (size_t)w * 3 + (size_t)value;
    float4 v = {0, 0, 0, 0};
    if (there && value + 4 <= 3 * w && 3 * w % 4 == 0)
      v = load4(from);
    else if (there)
      v = {value < 3 * w ? vb_cuda::to_float(from[0]) : 0.0f, value + 1 < 3 * w ? vb_cuda::to_float(from[1]) : 0.0f,
           value + 2 < 3 * w ? vb_cuda::to_float(from[2]) : 0.0f, value + 3 < 3 * w ? vb_cuda::to_float(from[3]) : 0.0f};
    vb_cuda::store4(under + 4 * i, v);
  }
  __syncthreads();
  const int ty = t / (TILE / PIXELS), tx = t % (TILE / PIXELS) * PIXELS, y = top + ty, x = left + tx;
  float4 v[PIXELS][OUT / 4] = {};
  for (int ky = 0; ky < 3; ky++) {
    const float *row = under + (2 * ty + ky) * ROW + 6 * tx + 1;
#pragma unroll
    for (int tap = 0; tap < 9; tap++) { // of a row: pixel and channel
      float in[PIXELS];
#pragma unroll
      for (int p = 0; p < PIXELS; p++)
        in[p] = row[6 * p + tap];
#pragma unroll
      for (int c = 0; c < OUT / 4; c++) {
        const float4 by = load4(weight + (9 * ky + tap) * OUT + 4 * c);
#pragma unroll
        for (int p = 0; p < PIXELS; p++)
          v[p][c] = {v[p][c].x + in[p] * by.x, v[p][c].y + in[p] * by.y, v[p][c].z + in[p] * by.z, v[p][c].w + in[p] * by.w};
      }
    }
  }
  for (int p = 0; p < PIXELS; p++) {
    if (y >= h / 2 || x + p >= w / 2)
      return;
    T *to = out + (((size_t)blockIdx.z * (size_t)(h / 2) + (size_t)y) * (size_t)(w / 2) + (size_t)(x + p)) * OUT;
    constexpr int FEW = Wide<T>::N / 4; // fours that are stored at once
#pragma unroll
    for (int c = 0; c < OUT / 4; c += FEW) {
      Wide<T> wide;
#pragma unroll
      for (int k = 0; k < FEW; k++) {
        vb_cuda::store4(wide.v + 4 * k, v[p][c + k]);
        const float4 a = load4(wide.v + 4 * k), b = load4(bias_dev + 4 * (c + k));
        vb_cuda::store4(wide.v + 4 * k, {vb_gelu(a.x + b.x), vb_gelu(a.y + b.y), vb_gelu(a.z + b.z), vb_gelu(a.w + b.w)});
      }
      vb_cuda::store_wide(to + 4 * c, wide);
    }
  }
}

} // namespace

extern "C" vb_status vb_cuda_stem(void *out_dev, const void *image_dev, vb_dtype dtype, const float *weight_dev, const float *bias_dev, int n, int h, int w,
                                  void *cuda_stream, vb_err *err)
{
  if (n < 1 || n > 65535 || h < 2 || w < 2 || h > VB_MAX_SIDE || w > VB_MAX_SIDE || h % 2 || w % 2)
    return vb_fail(err, VB_ESHAPE, "stem of %d images %d x %d on the device: sizes that it does not take", n, w, h);
  if (!vb_cuda::aligned(out_dev, 16) || !vb_cuda::aligned(image_dev, 4 * vb_cuda::size_of(dtype)) || !vb_cuda::aligned(weight_dev, 16) || !vb_cuda::aligned(bias_dev, 16))
    return vb_fail(err, VB_EARG, "stem on the device: values that are not aligned");
  const dim3 tiles((unsigned)((w / 2 + TILE - 1) / TILE), (unsigned)((h / 2 + TILE - 1) / TILE), (unsigned)n);
  const bool known = vb_cuda::by_dtype(dtype, [&](auto *type) {
    using T = std::remove_pointer_t<decltype(type)>;
    vb_cuda::queue_kernel(stem<T>, tiles, THREADS, 0, cuda_stream, (T *)out_dev, (const T *)image_dev, weight_dev, bias_dev, h, w);
  });
  return known ? vb_cuda::launched("stem", err) : vb_fail(err, VB_EARG, "stem on the device: dtype %d is none", (int)dtype);
}
