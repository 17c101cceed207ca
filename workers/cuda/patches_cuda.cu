/* Patches of an image: a thread moves four values, of which a row of a patch, 8 pixels, has six; see patches_cuda.h. */
#include "patches_cuda.h"

#include "vectors.cuh"

namespace {

constexpr int THREADS = 256;
constexpr unsigned FOURS = VB_PATCH / 4, ROW_FOURS = FOURS / 8;

template <class T> __global__ void __launch_bounds__(THREADS) patches(T *out, const T *__restrict__ image, unsigned n_fours, int h, int w)
{
  vb_cuda::await_kernel_before();
  using vb_cuda::Four;
  const unsigned i = blockIdx.x * THREADS + threadIdx.x;
  if (i >= n_fours)
    return;
  const unsigned patch = i / FOURS, in_patch = i % FOURS, across = patch % (unsigned)(w / 4), line = patch / (unsigned)(w / 4);
  const int down = (int)(line % (unsigned)(h / 4)), y = 4 * down - 4 + (int)(in_patch / ROW_FOURS);
  const int value = 12 * (int)across - 12 + 4 * (int)(in_patch % ROW_FOURS); // in the image's row
  Four<T> v = {};
  if (y >= 0 && value >= 0)
    v = *reinterpret_cast<const Four<T> *>(image + ((int64_t)(line / (unsigned)(h / 4)) * h + y) * w * 3 + value);
  *reinterpret_cast<Four<T> *>(out + (int64_t)i * 4) = v;
}

} // namespace

extern "C" vb_status vb_cuda_patches(void *out_dev, const void *image_dev, vb_dtype dtype, int64_t n, int h, int w, void *cuda_stream, vb_err *err)
{
  if (n < 1 || h < 4 || w < 4 || h > VB_MAX_SIDE || w > VB_MAX_SIDE || h % 4 || w % 4 || n * (h / 4) * (w / 4) * FOURS > INT32_MAX - THREADS)
    return vb_fail(err, VB_ESHAPE, "patches of %lld images %d x %d on the device: sizes that it does not take", (long long)n, w, h);
  if (!vb_cuda::aligned(out_dev, 4 * vb_cuda::size_of(dtype)) || !vb_cuda::aligned(image_dev, 4 * vb_cuda::size_of(dtype)))
    return vb_fail(err, VB_EARG, "patches on the device: images that are not aligned to four values");
  const unsigned n_fours = (unsigned)(n * (h / 4) * (w / 4) * FOURS), blocks = (n_fours + THREADS - 1) / THREADS;
  const bool known = vb_cuda::by_dtype(dtype, [&](auto *type) {
    using T = std::remove_pointer_t<decltype(type)>;
    vb_cuda::queue_kernel(patches<T>, blocks, THREADS, 0, cuda_stream, (T *)out_dev, (const T *)image_dev, n_fours, h, w);
  });
  if (!known)
    return vb_fail(err, VB_EARG, "patches on the device: dtype %d is none", (int)dtype);
  return vb_cuda::launched("patches", err);
}
