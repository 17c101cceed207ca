/* Choice of a mask; see pick_cuda.h. Every thread finds the best of a few IoUs for itself, then copies its pixels. */
#include "pick_cuda.h"

#include "vectors.cuh"

namespace {

using vb_cuda::to_float;

constexpr int THREADS = 256;

template <class T> __device__ int best_of(const T *ious, int tokens)
{
  int best = 1;
  float most = to_float(ious[1]);
  for (int i = 2; i < tokens; i++) {
    const float v = to_float(ious[i]);
    if (v > most || (isnan(v) && !isnan(most))) {
      best = i;
      most = v;
    }
  }
  return best;
}

// Where pixel (y, x) lies in memory
__device__ int64_t place(int y, int x, int w, bool in_cells)
{
  if (!in_cells)
    return (int64_t)y * w + x;
  const int64_t cell = (int64_t)(y / 4) * (w / 4) + x / 4;
  return cell * 16 + (y / 2 % 2 * 2 + x / 2 % 2) * 4 + y % 2 * 2 + x % 2;
}

template <class T, class V> __global__ void __launch_bounds__(THREADS) pick_mask(vb_cuda_pick p)
{
  vb_cuda::await_kernel_before();
  const int object = (int)blockIdx.y, t = (int)threadIdx.x;
  const T *ious = (const T *)p.ious_dev + (size_t)object * (size_t)p.tokens;
  const int best = best_of(ious, p.tokens);
  const bool appears = to_float(((const T *)p.scores_dev)[object * p.score_stride]) > 0;
  const int64_t pixels = (int64_t)p.h * p.w, i = (int64_t)blockIdx.x * THREADS + t;
  if (i < pixels) {
    const T *mask = (const T *)p.masks_dev + ((size_t)object * (size_t)p.tokens + (size_t)best) * (size_t)pixels;
    const int y = (int)(i / p.w), x = (int)(i - (int64_t)y * p.w);
    p.low_dev[(size_t)object * (size_t)pixels + (size_t)i] = appears ? to_float(mask[place(y, x, p.w, p.in_cells)]) : p.absent;
  }
  if (blockIdx.x)
    return;
  if (t == 0)
    ((T *)p.iou_dev)[object] = ious[best];
  const V *vector = (const V *)p.vectors_dev + object * p.stride + (int64_t)best * p.width;
  for (int c = t; c < p.width; c += THREADS)
    ((V *)p.vector_dev)[(size_t)object * (size_t)p.width + (size_t)c] = vector[c];
}

} // namespace

extern "C" vb_status vb_cuda_pick_mask(const vb_cuda_pick *p, void *cuda_stream, vb_err *err)
{
  if (p->n < 1 || p->n > 65535 || p->tokens < 2 || p->h < 1 || p->w < 1 || p->h > VB_MAX_SIDE || p->w > VB_MAX_SIDE || p->width < 0 ||
      (p->in_cells && (p->h % 4 != 0 || p->w % 4 != 0)))
    return vb_fail(err, VB_ESHAPE, "choice among %d masks of %dx%d for %d objects on the device: sizes that it does not take", p->tokens, p->h, p->w, p->n);
  const dim3 blocks((unsigned)(((int64_t)p->h * p->w + THREADS - 1) / THREADS), (unsigned)p->n);
  bool known = false;
  vb_cuda::by_dtype(p->dtype, [&](auto *masks) {
    known = vb_cuda::by_dtype(p->vectors_dtype, [&](auto *vectors) {
      vb_cuda::queue_kernel(pick_mask<std::remove_pointer_t<decltype(masks)>, std::remove_pointer_t<decltype(vectors)>>, blocks, THREADS, 0, cuda_stream, *p);
    });
  });
  if (!known)
    return vb_fail(err, VB_EARG, "choice of a mask on the device: dtypes %d and %d are none", (int)p->dtype, (int)p->vectors_dtype);
  return vb_cuda::launched("choice of a mask", err);
}
