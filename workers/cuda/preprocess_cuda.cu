/* Pillow's resize in two passes and the normalisation table, by a thread per pixel; see preprocess_cuda.h.
 *
 * Weights are integers, so that the order of a sum does not matter, but each pass rounds: which comes first does.
 * The pixels between the passes go through memory. They are a few megabytes that the second level cache holds, and the
 * two passes take microseconds: a fused one would compute rows at tile borders twice and gain nothing that shows. */
#include "preprocess_cuda.h"

#include "vectors.cuh"

#include <string.h>

namespace {

constexpr int THREADS = 256;
constexpr int HEADER = 2; // of a table's row: first tap, count

// What a pass does: out [n, out_h, out_w, 3] from in [n, in_h, in_w, 3]; one of the sides stays.
struct Pass {
  int in_h, in_w, out_h, out_w;
  const int32_t *taps; // rows of `pitch`
  int pitch;
};

struct Bytes {
  using Value = uint8_t;
  __device__ uint8_t operator()(int byte, int) const { return (uint8_t)byte; }
};

template <class T> struct Normalized {
  using Value = T;
  const float *table;
  __device__ T operator()(int byte, int channel) const
  {
    T v;
    vb_cuda::put(v, table[channel * 256 + byte]);
    return v;
  }
};

template <bool HORIZONTAL, class Output>
__global__ void __launch_bounds__(THREADS) pass(typename Output::Value *out, const uint8_t *__restrict__ in, Pass p, Output output)
{
  vb_cuda::await_kernel_before();
  const int i = (int)(blockIdx.x * THREADS + threadIdx.x);
  if (i >= p.out_h * p.out_w)
    return;
  const int x = i % p.out_w, y = i / p.out_w;
  const int32_t *tap = p.taps + (size_t)(HORIZONTAL ? x : y) * (size_t)p.pitch;
  const int first = tap[0], count = tap[1], step = HORIZONTAL ? 3 : 3 * p.in_w;
  const uint8_t *from = in + 3 * ((size_t)blockIdx.y * (size_t)p.in_h * (size_t)p.in_w +
                                  (HORIZONTAL ? (size_t)y * (size_t)p.in_w + (size_t)first : (size_t)first * (size_t)p.in_w + (size_t)x));
  int sum[3] = {1 << (VB_RESIZE_FRACTION_BITS - 1), 1 << (VB_RESIZE_FRACTION_BITS - 1), 1 << (VB_RESIZE_FRACTION_BITS - 1)};
  for (int t = 0; t < count; t++, from += step) {
    const int weight = tap[HEADER + t];
    for (int c = 0; c < 3; c++)
      sum[c] += from[c] * weight;
  }
  typename Output::Value *to = out + 3 * ((size_t)blockIdx.y * (size_t)p.out_h * (size_t)p.out_w + (size_t)i);
  for (int c = 0; c < 3; c++)
    to[c] = output(min(max(sum[c] >> VB_RESIZE_FRACTION_BITS, 0), 255), c);
}

template <bool HORIZONTAL, class Output>
void queue(typename Output::Value *out, const uint8_t *in, int n, Pass p, Output output, cudaStream_t stream)
{
  const dim3 blocks((unsigned)((p.out_h * p.out_w + THREADS - 1) / THREADS), (unsigned)n);
  vb_cuda::queue_kernel(pass<HORIZONTAL, Output>, blocks, THREADS, 0, stream, out, in, p, output);
}

size_t axis_size(int n, int width) { return (size_t)n * (size_t)(HEADER + width); }

void put_axis(int32_t *to, const vb_resize_axis *axis)
{
  for (int i = 0; i < axis->n; i++, to += HEADER + axis->width) {
    to[0] = axis->first[i];
    to[1] = axis->count[i];
    memcpy(to + HEADER, axis->weight + (size_t)i * (size_t)axis->width, (size_t)axis->width * sizeof *to);
  }
}

} // namespace

extern "C" void vb_cuda_resize_plan(vb_cuda_resize *plan, const vb_resizer *r, int in_h, int in_w)
{
  vb_resize_axis x, y;
  vb_resizer_axes(r, &x, &y, &plan->vertical_first);
  plan->in_h = in_h;
  plan->in_w = in_w;
  plan->out_h = y.n;
  plan->out_w = x.n;
  plan->x_width = x.width;
  plan->y_width = y.width;
  plan->tables_dev = nullptr;
}

extern "C" size_t vb_cuda_resize_table_size(const vb_cuda_resize *p) { return axis_size(p->out_w, p->x_width) + axis_size(p->out_h, p->y_width); }

extern "C" void vb_cuda_resize_tables(int32_t *tables, const vb_resizer *r)
{
  vb_resize_axis x, y;
  bool vertical_first;
  vb_resizer_axes(r, &x, &y, &vertical_first);
  put_axis(tables, &x);
  put_axis(tables + axis_size(x.n, x.width), &y);
}

extern "C" size_t vb_cuda_resize_workspace(const vb_cuda_resize *p, int n)
{
  const size_t pixels = p->vertical_first ? (size_t)p->out_h * (size_t)p->in_w : (size_t)p->in_h * (size_t)p->out_w;
  return n < 1 ? 0 : (size_t)n * pixels * 3;
}

extern "C" vb_status vb_cuda_preprocess(void *image_dev, vb_dtype dtype, const uint8_t *rgb_dev, int n, const vb_cuda_resize *plan,
                                        const float *table_dev, void *workspace_dev, size_t workspace_bytes, void *cuda_stream, vb_err *err)
{
  const vb_cuda_resize p = *plan;
  if (n < 1 || n > 65535 || p.in_h < 1 || p.in_w < 1 || p.out_h < 1 || p.out_w < 1 || p.in_h > VB_MAX_SIDE || p.in_w > VB_MAX_SIDE ||
      p.out_h > VB_MAX_SIDE || p.out_w > VB_MAX_SIDE)
    return vb_fail(err, VB_ESHAPE, "preprocessing of %d frames %d x %d to %d x %d on the device: too few or too many pixels", n, p.in_w, p.in_h,
                   p.out_w, p.out_h);
  if (!p.tables_dev || workspace_bytes < vb_cuda_resize_workspace(&p, n))
    return vb_fail(err, VB_EARG, "preprocessing of %d frames %d x %d on the device: %s", n, p.in_w, p.in_h,
                   p.tables_dev ? "the workspace is too small" : "the plan has no tables");
  cudaStream_t stream = (cudaStream_t)cuda_stream;
  uint8_t *between = (uint8_t *)workspace_dev;
  const int32_t *x = p.tables_dev, *y = x + axis_size(p.out_w, p.x_width);
  const bool known = vb_cuda::by_dtype(dtype, [&](auto *type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const Normalized<T> normalized = {table_dev};
    if (p.vertical_first) {
      queue<false>(between, rgb_dev, n, {p.in_h, p.in_w, p.out_h, p.in_w, y, HEADER + p.y_width}, Bytes{}, stream);
      queue<true>((T *)image_dev, between, n, {p.out_h, p.in_w, p.out_h, p.out_w, x, HEADER + p.x_width}, normalized, stream);
    } else {
      queue<true>(between, rgb_dev, n, {p.in_h, p.in_w, p.in_h, p.out_w, x, HEADER + p.x_width}, Bytes{}, stream);
      queue<false>((T *)image_dev, between, n, {p.in_h, p.out_w, p.out_h, p.out_w, y, HEADER + p.y_width}, normalized, stream);
    }
  });
  if (!known)
    return vb_fail(err, VB_EARG, "preprocessing on the device: dtype %d is none", (int)dtype);
  return vb_cuda::launched("preprocessing", err);
}
