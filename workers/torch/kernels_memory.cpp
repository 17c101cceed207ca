// Calls of our own CUDA kernels: memories, how they are made of masks and how they are recalled.
#include "kernels.hpp"

#ifdef VB_HAVE_KERNELS_CUDA
#include "kernels_call.hpp"

#include "mask_map_cuda.h"
#include "recall_cuda.h"

#include <algorithm>
#endif

namespace vb::kernels {

MaskMap::MaskMap(const Tensor &weight, const Tensor &bias, const Tensor &norm_weight, const Tensor &norm_bias, double eps)
    : eps_(eps), given_weight_(weight), bias_in_op_(bias), norm_weight_(norm_weight), norm_bias_(norm_bias),
      weight_(weight.to(at::kFloat).permute({2, 3, 1, 0}).flatten(0, 1).contiguous()), bias_(bias.to(at::kFloat).contiguous())
{
}

Tensor MaskMap::plain(const Tensor &x) const
{
  const Tensor y = at::conv2d(x.to(given_weight_.scalar_type()), given_weight_, bias_in_op_, 2, 1);
  return plain::norm_gelu(y, {}, norm_weight_, norm_bias_, eps_, y.scalar_type()).contiguous(at::MemoryFormat::ChannelsLast);
}

Tensor MaskMap::plain_from_logits(const Tensor &low, int64_t side, bool binary) const
{
  const Tensor high = at::upsample_bilinear2d(low, {side, side}, false);
  return plain((binary ? (high > 0).to(at::kFloat) : high.sigmoid()) * 20.0 - 10.0); // sam2_base.py:700-710
}

#ifdef VB_HAVE_KERNELS_CUDA

namespace {

vb_cuda_down down_of(const Tensor &weight, const Tensor &bias, const Tensor &norm_weight, const Tensor &norm_bias, double eps)
{
  return {weight.data_ptr<float>(), bias.data_ptr<float>(), norm_weight.data_ptr<float>(), norm_bias.data_ptr<float>(), (float)eps, (int)weight.size(1), (int)weight.size(2)};
}

Tensor half_as_large(const Tensor &like, int64_t n, int64_t channels, int64_t h, int64_t w, ScalarType dtype)
{
  return at::empty({n, channels, h / 2, w / 2}, like.options().dtype(dtype), at::MemoryFormat::ChannelsLast);
}

} // namespace

#endif

Tensor MaskMap::operator()(const Tensor &x) const
{
#ifdef VB_HAVE_KERNELS_CUDA
  if (runs_here(x) && x.scalar_type() == given_weight_.scalar_type() && x.is_contiguous(at::MemoryFormat::ChannelsLast) && aligned(x) && x.size(2) % 2 == 0 &&
      x.size(3) % 2 == 0 && x.size(1) > 1 && vb_cuda_mask_map_takes((int)x.size(1), (int)weight_.size(2))) {
    Tensor out = half_as_large(x, x.size(0), weight_.size(2), x.size(2), x.size(3), x.scalar_type());
    const vb_cuda_down down = down_of(weight_, bias_, norm_weight_, norm_bias_, eps_);
    vb_err err;
    check(vb_cuda_mask_map_next(out.data_ptr(), x.data_ptr(), dtype_of(x), &down, (int)x.size(0), (int)x.size(2), (int)x.size(3), stream_of(x), &err), err);
    return out;
  }
#endif
  return plain(x);
}

Tensor MaskMap::from_logits(const Tensor &low, int64_t side, bool binary) const
{
#ifdef VB_HAVE_KERNELS_CUDA
  if (runs_here(low) && low.scalar_type() == at::kFloat && low.is_contiguous() && low.size(1) == 1 && side % 2 == 0 && vb_cuda_mask_map_takes(1, (int)weight_.size(2))) {
    Tensor out = half_as_large(low, low.size(0), weight_.size(2), side, side, given_weight_.scalar_type());
    const vb_cuda_down down = down_of(weight_, bias_, norm_weight_, norm_bias_, eps_);
    vb_err err;
    check(vb_cuda_mask_map_first(out.data_ptr(), low.data_ptr<float>(), dtype_of(out), &down, (int)low.size(0), (int)low.size(2), (int)low.size(3), (int)side, binary,
                                 stream_of(low), &err),
          err);
    return out;
  }
#endif
  return plain_from_logits(low, side, binary);
}

Recalled recall(const Stored &s, int64_t objects, ScalarType out_dtype)
{
#ifdef VB_HAVE_KERNELS_CUDA
  const Tensor *given[] = {&s.memories, &s.places, &s.pointers};
  if (std::all_of(std::begin(given), std::end(given), [](const Tensor *t) { return runs_here(*t) && t->is_contiguous() && aligned(*t); }) &&
      s.ages.size() <= VB_RECALL_MEMORIES && (!s.pointer_places.defined() || s.pointer_places.is_contiguous())) {
    const int64_t width = s.memories.size(2);
    vb_cuda_recall r = {};
    r.objects = (int)objects;
    r.memories = (int)s.ages.size();
    r.pointers = (int)(s.pointer_rows.numel() / objects);
    r.tokens = (int)s.memories.size(1);
    r.width = (int)width;
    r.pointer_tokens = (int)(s.pointers.size(1) / width);
    std::copy(s.ages.begin(), s.ages.end(), r.place);
    r.stored = dtype_of(s.memories);
    r.out = out_dtype == at::kFloat ? VB_FLOAT32 : out_dtype == at::kHalf ? VB_FLOAT16 : VB_BFLOAT16;
    r.bank_dev = s.memories.data_ptr();
    r.rows_dev = s.rows.data_ptr<int64_t>();
    r.places_dev = s.places.data_ptr<float>();
    r.pointers_dev = s.pointers.data_ptr<float>();
    r.pointer_rows_dev = s.pointer_rows.data_ptr<int64_t>();
    r.pointer_places_dev = s.pointer_places.defined() ? s.pointer_places.data_ptr<float>() : nullptr;
    Recalled out;
    out.memory = at::empty({objects, r.memories * r.tokens + r.pointers * r.pointer_tokens, width}, s.memories.options().dtype(out_dtype));
    out.keys = at::empty_like(out.memory);
    vb_err err;
    check(vb_cuda_recall_tokens(out.memory.data_ptr(), out.keys.data_ptr(), &r, stream_of(s.memories), &err), err);
    return out;
  }
#endif
  return plain::recall(s, objects, out_dtype);
}

} // namespace vb::kernels
