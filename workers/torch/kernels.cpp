// Calls of our own CUDA kernels.
#include "kernels.hpp"

#include "mask.h"

#ifdef VB_HAVE_KERNELS_CUDA
#include "depthwise_cuda.h"
#include "holes_cuda.h"
#include "masks_cuda.h"
#include "merge_cuda.h"
#include "norm_cuda.h"
#include "preprocess_cuda.h"
#include "rotary_cuda.h"

#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <array>
#include <atomic>
#endif

namespace vb::kernels {

#ifdef VB_HAVE_KERNELS_CUDA

namespace {

vb_dtype dtype_of(const Tensor &t)
{
  switch (t.scalar_type()) {
  case at::kFloat: return VB_FLOAT32;
  case at::kHalf: return VB_FLOAT16;
  case at::kBFloat16: return VB_BFLOAT16;
  default: return VB_DTYPE_COUNT; // the kernels refuse it
  }
}

void *stream_of(const Tensor &t) { return c10::cuda::getCurrentCUDAStream(t.device().index()).stream(); }

bool runs_here(const Tensor &t) { return t.is_cuda() && usable(t.device()) && dtype_of(t) != VB_DTYPE_COUNT; }

bool aligned(const Tensor &t) { return (uintptr_t)t.data_ptr() % (4 * t.element_size()) == 0; }

// Rows for the norm kernel: contiguous, of a dtype and place that it takes
bool are_rows(const Tensor &t) { return runs_here(t) && t.is_contiguous() && aligned(t); }

vb_cuda_rows rows_of(const Tensor &t) { return t.defined() ? vb_cuda_rows{t.data_ptr(), dtype_of(t)} : vb_cuda_rows{nullptr, VB_FLOAT32}; }

bool are_parameters(const Tensor &weight, const Tensor &bias)
{
  return !weight.defined() || (weight.scalar_type() == at::kFloat && bias.scalar_type() == at::kFloat && are_rows(weight) && are_rows(bias));
}

// Whether b, or its rows repeated, is of a's sizes.
bool repeats_to(const Tensor &b, const Tensor &a)
{
  int64_t first = 0;
  while (first + 1 < b.dim() && b.size(first) == 1)
    first++;
  const int64_t n = b.dim() - first;
  return n >= 1 && n <= a.dim() && b.sizes().slice((size_t)first) == a.sizes().slice((size_t)(a.dim() - n));
}

// out and sum: of a's sizes, or undefined
void norm_rows(const Tensor &out, const Tensor &sum, const Tensor &a, const Tensor &b, const Tensor &weight, const Tensor &bias, double eps, bool gelu)
{
  const int64_t channels = a.size(-1);
  vb_cuda_norm norm = {};
  norm.a = rows_of(a);
  norm.b = rows_of(b);
  norm.b_rows = b.defined() ? b.numel() / channels : 0;
  norm.sum = rows_of(sum);
  if (b.defined() && !sum.defined())
    norm.sum.dtype = at::promote_types(a.scalar_type(), b.scalar_type()) == at::kFloat ? VB_FLOAT32 : dtype_of(a);
  norm.out = rows_of(out);
  norm.weight_dev = weight.defined() ? weight.data_ptr<float>() : nullptr;
  norm.bias_dev = weight.defined() ? bias.data_ptr<float>() : nullptr;
  norm.eps = (float)eps;
  norm.gelu = gelu;
  vb_err err;
  check(vb_cuda_norm_rows(&norm, a.numel() / channels, (int)channels, stream_of(a), &err), err);
}

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

bool usable(at::Device device)
{
  // Asked once per device: the answer cannot change. All kernels of a build are of the same architectures.
  static std::array<std::atomic<signed char>, 64> known = {}; // 0: not asked yet
  if (!device.is_cuda() || (size_t)device.index() >= known.size())
    return false;
  std::atomic<signed char> &answer = known[(size_t)device.index()];
  if (!answer) {
    const c10::cuda::CUDAGuard on(device);
    answer = vb_cuda_holes_check(nullptr) == VB_OK ? 1 : -1;
  }
  return answer > 0;
}

#else

bool usable(at::Device) { return false; }

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

Normed add_norm(const Tensor &a, const Tensor &b, const Tensor &weight, const Tensor &bias, double eps, ScalarType out_dtype, bool keep_sum)
{
#ifdef VB_HAVE_KERNELS_CUDA
  if (are_rows(a) && (!b.defined() || (are_rows(b) && repeats_to(b, a))) && are_parameters(weight, bias) && vb_cuda_norm_takes(a.size(-1)) && a.numel() > 0) {
    Normed to;
    to.out = at::empty(a.sizes(), a.options().dtype(out_dtype));
    if (keep_sum)
      to.sum = b.defined() ? at::empty(a.sizes(), a.options().dtype(at::promote_types(a.scalar_type(), b.scalar_type()))) : a;
    norm_rows(to.out, b.defined() ? to.sum : Tensor(), a, b, weight, bias, eps, false);
    return to;
  }
#endif
  return plain::add_norm(a, b, weight, bias, eps, out_dtype, keep_sum);
}

Tensor norm_gelu(const Tensor &x, const Tensor &added, const Tensor &weight, const Tensor &bias, double eps, ScalarType out_dtype)
{
#ifdef VB_HAVE_KERNELS_CUDA
  const Tensor a = x.permute({0, 2, 3, 1}), b = added.defined() ? added.permute({0, 2, 3, 1}) : added;
  if (are_rows(a) && (!b.defined() || (are_rows(b) && repeats_to(b, a))) && are_parameters(weight, bias) && vb_cuda_norm_takes(a.size(-1)) && a.numel() > 0) {
    Tensor out = at::empty(a.sizes(), a.options().dtype(out_dtype));
    norm_rows(out, {}, a, b, weight, bias, eps, true);
    return out.permute({0, 3, 1, 2});
  }
#endif
  return plain::norm_gelu(x, added, weight, bias, eps, out_dtype);
}

Tensor merge_parts(const Tensor &parts, const Tensor &lse)
{
#ifdef VB_HAVE_KERNELS_CUDA
  if (are_rows(parts) && parts.size(-1) % 4 == 0 && lse.is_contiguous() && lse.scalar_type() == at::kFloat && lse.numel() > 0) {
    Tensor out = at::empty(parts.sizes().slice(1), parts.options());
    vb_err err;
    check(vb_cuda_merge_parts(out.data_ptr(), parts.data_ptr(), lse.data_ptr<float>(), dtype_of(parts), (int)parts.size(0),
                              lse.numel() / parts.size(0), (int)parts.size(-1), stream_of(parts), &err),
          err);
    return out;
  }
#endif
  return plain::merge_parts(parts, lse);
}

Depthwise::Depthwise(const Tensor &weight, const Tensor &bias, int64_t stride)
    : kernel_(weight.size(2)), stride_(stride), given_weight_(weight), given_bias_(bias), weight_(weight.to(at::kFloat).flatten(1).t().contiguous()),
      bias_(bias.to(at::kFloat).contiguous())
{
}

Tensor Depthwise::operator()(const Tensor &x, const Tensor &residual) const
{
#ifdef VB_HAVE_KERNELS_CUDA
  const auto last = at::MemoryFormat::ChannelsLast;
  const vb_cuda_depthwise_shape shape = {(int)x.size(0), (int)x.size(2), (int)x.size(3), (int)x.size(1), (int)kernel_, (int)stride_};
  if (runs_here(x) && x.is_contiguous(last) && aligned(x) && vb_cuda_depthwise_takes(&shape)) {
    Tensor out = at::empty({x.size(0), x.size(1), (x.size(2) - 1) / stride_ + 1, (x.size(3) - 1) / stride_ + 1}, x.options(), last);
    if (!residual.defined() || (residual.sizes() == out.sizes() && residual.scalar_type() == x.scalar_type() && residual.is_contiguous(last) && aligned(residual))) {
      vb_err err;
      check(vb_cuda_depthwise(out.data_ptr(), x.data_ptr(), residual.defined() ? residual.data_ptr() : nullptr, weight_.data_ptr<float>(),
                              bias_.data_ptr<float>(), dtype_of(x), &shape, stream_of(x), &err),
            err);
      return out;
    }
  }
#endif
  return plain(x, residual);
}

} // namespace vb::kernels
