// Calls of our own CUDA kernels: at both ends of a frame, and the rotary encoding.
#include "kernels.hpp"

#ifdef VB_HAVE_KERNELS_CUDA
#include "kernels_call.hpp"

#include "holes_cuda.h"
#include "masks_cuda.h"
#include "patches_cuda.h"
#include "preprocess_cuda.h"
#include "rotary_cuda.h"
#include "stem_cuda.h"

#include <c10/cuda/CUDAGuard.h>
#include <cuda_runtime_api.h>

#include <array>
#include <atomic>
#endif

namespace vb::kernels {

#ifdef VB_HAVE_KERNELS_CUDA

namespace {

// Tokens of x as the kernel takes them: up to two dimensions before the tokens, those of size 1 left out.
struct Sequences {
  vb_cuda_strides strides = {0, 0, 0};
  int outer = 1, inner = 1;
  bool fits = false;

  explicit Sequences(const Tensor &x)
  {
    std::vector<int64_t> dims;
    for (int64_t d = 0; d + 2 < x.dim(); d++)
      if (x.size(d) != 1)
        dims.push_back(d);
    if (x.dim() < 2 || dims.size() > 2 || x.stride(-1) != 1)
      return;
    strides.token = x.stride(-2);
    if (!dims.empty()) {
      inner = (int)x.size(dims.back());
      strides.inner = x.stride(dims.back());
    }
    if (dims.size() == 2) {
      outer = (int)x.size(dims[0]);
      strides.outer = x.stride(dims[0]);
    }
    const bool whole = strides.outer % 4 == 0 && strides.inner % 4 == 0 && strides.token % 4 == 0;
    fits = whole && x.size(-1) % 4 == 0 && aligned(x);
  }
};

} // namespace

namespace {
std::atomic<bool> wanted = true;
}

void want(bool ours) { wanted = ours; }

bool usable(at::Device device)
{
  // Asked once per device: the answer cannot change. All kernels of a build are of the same architectures.
  static std::array<std::atomic<signed char>, 64> known = {}; // 0: not asked yet
  if (!wanted || !device.is_cuda() || (size_t)device.index() >= known.size())
    return false;
  std::atomic<signed char> &answer = known[(size_t)device.index()];
  if (!answer) {
    const c10::cuda::CUDAGuard on(device);
    answer = vb_cuda_holes_check(nullptr) == VB_OK ? 1 : -1;
  }
  return answer > 0;
}

bool shares_memory(at::Device device)
{
  int integrated = 0;
  return device.is_cuda() && cudaDeviceGetAttribute(&integrated, cudaDevAttrIntegrated, device.index()) == cudaSuccess && integrated;
}

#else

void want(bool) {}
bool usable(at::Device) { return false; }
bool shares_memory(at::Device) { return false; }

#endif

Preprocess::Preprocess(int h, int w, int64_t image_size, int64_t max_batch, at::Device device) : h_(h), w_(w), size_(image_size)
{
  vb_err err;
  vb_resizer *r = nullptr;
  check(vb_resizer_create(&r, h, w, (int)image_size, (int)image_size, &err), err);
  resizer_.reset(r);
  Tensor table = at::empty({3, 256}, at::kFloat);
  vb_normalize_table((float(*)[256])table.data_ptr<float>());
  table_ = table.to(device);
  (void)max_batch;
#ifdef VB_HAVE_KERNELS_CUDA
  if (!usable(device))
    return;
  vb_cuda_resize plan;
  vb_cuda_resize_plan(&plan, r, h, w);
  Tensor taps = at::empty({(int64_t)vb_cuda_resize_table_size(&plan)}, at::kInt);
  vb_cuda_resize_tables(taps.data_ptr<int32_t>(), r);
  taps_ = taps.to(device);
  workspace_ = at::empty({(int64_t)vb_cuda_resize_workspace(&plan, (int)max_batch)}, at::TensorOptions(at::kByte).device(device));
#endif
}

void Preprocess::operator()(const Tensor &image, const Tensor &rgb) const
{
#ifdef VB_HAVE_KERNELS_CUDA
  if (taps_.defined() && rgb.is_cuda() && image.is_contiguous() && rgb.is_contiguous()) {
    vb_err err;
    vb_cuda_resize plan;
    vb_cuda_resize_plan(&plan, resizer_.get(), h_, w_);
    plan.tables_dev = taps_.data_ptr<int32_t>();
    check(vb_cuda_preprocess(image.data_ptr(), dtype_of(image), rgb.data_ptr<uint8_t>(), (int)rgb.size(0), &plan, table_.data_ptr<float>(),
                             workspace_.data_ptr(), (size_t)workspace_.numel(), stream_of(rgb), &err),
          err);
    return;
  }
#endif
  plain(image, rgb);
}

Tensor patches(const Tensor &image)
{
#ifdef VB_HAVE_KERNELS_CUDA
  const Tensor x = image.permute({0, 2, 3, 1});
  if (runs_here(x) && x.is_contiguous() && aligned(x)) {
    vb_err err;
    const Tensor out = at::empty({x.size(0), x.size(1) / 4, x.size(2) / 4, VB_PATCH}, x.options());
    check(vb_cuda_patches(out.data_ptr(), x.data_ptr(), dtype_of(x), x.size(0), (int)x.size(1), (int)x.size(2), stream_of(x), &err), err);
    return out;
  }
#endif
  return plain::patches(image);
}

Stem::Stem(const Tensor &weight, const Tensor &bias)
    : given_weight_(weight), given_bias_(bias), weight_(weight.to(at::kFloat).permute({2, 3, 1, 0}).flatten(0, 2).contiguous()), bias_(bias.to(at::kFloat).contiguous())
{
}

Tensor Stem::plain(const Tensor &image) const
{
  const Tensor y = at::conv2d(image.to(given_weight_.scalar_type()), given_weight_, {}, 2, 1).contiguous(at::MemoryFormat::ChannelsLast);
  return norm_gelu(y, given_bias_.view({1, -1, 1, 1}), {}, {}, 0, y.scalar_type());
}

Tensor Stem::operator()(const Tensor &image) const
{
#ifdef VB_HAVE_KERNELS_CUDA
  const Tensor x = image.permute({0, 2, 3, 1});
  if (runs_here(x) && x.is_contiguous() && aligned(x) && x.scalar_type() == given_weight_.scalar_type() && given_weight_.size(0) == VB_STEM_CHANNELS) {
    vb_err err;
    const Tensor out = at::empty({x.size(0), x.size(1) / 2, x.size(2) / 2, VB_STEM_CHANNELS}, x.options());
    check(vb_cuda_stem(out.data_ptr(), x.data_ptr(), dtype_of(x), weight_.data_ptr<float>(), bias_.data_ptr<float>(), (int)x.size(0), (int)x.size(1), (int)x.size(2),
                       stream_of(x), &err),
          err);
    return out.permute({0, 3, 1, 2});
  }
#endif
  return plain(image);
}

void mask_bits(const Tensor &words, const Tensor &nonfinite, const Tensor &low, int64_t w, bool no_overlap)
{
#ifdef VB_HAVE_KERNELS_CUDA
  if (runs_here(low) && low.scalar_type() == at::kFloat && low.is_contiguous() && words.is_contiguous() && nonfinite.is_contiguous()) {
    vb_err err;
    check(vb_cuda_mask_bits((uint64_t *)words.data_ptr<int64_t>(), nonfinite.data_ptr<int64_t>(), low.data_ptr<float>(), (int)low.size(0),
                            (int)low.size(1), (int)low.size(2), (int)words.size(1), (int)w, (size_t)words.size(2), no_overlap, stream_of(low), &err),
          err);
    return;
  }
#endif
  plain::mask_bits(words, nonfinite, low, w, no_overlap);
}

void rotate(const Tensor &out, const Tensor &x, const Tensor &table)
{
#ifdef VB_HAVE_KERNELS_CUDA
  const Sequences to(out), from(x);
  if (runs_here(x) && to.fits && from.fits && out.scalar_type() == x.scalar_type() && table.is_contiguous()) {
    vb_err err;
    check(vb_cuda_rotate(out.data_ptr(), to.strides, x.data_ptr(), from.strides, dtype_of(x), from.outer, from.inner, (int)x.size(-2),
                         (int)x.size(-1), (const float *)table.data_ptr(), stream_of(x), &err),
          err);
    return;
  }
#endif
  plain::rotate(out, x, table);
}

} // namespace vb::kernels
