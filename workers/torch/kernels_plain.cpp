// The twins of our CUDA kernels, in ATen ops.
#include "kernels.hpp"

#include "mask.h"

namespace vb::kernels {

void Preprocess::plain(const Tensor &image, const Tensor &rgb) const
{
  const Tensor host = rgb.to(at::kCPU).contiguous();
  Tensor bytes = at::empty({rgb.size(0), size_, size_, 3}, at::kByte);
  for (int64_t i = 0; i < rgb.size(0); i++)
    vb_resize_rgb(resizer_.get(), bytes.data_ptr<uint8_t>() + i * size_ * size_ * 3, host.data_ptr<uint8_t>() + i * h_ * w_ * 3);
  const Tensor of_channel = at::arange(3, at::TensorOptions(at::kLong).device(image.device())) * 256;
  image.copy_(table_.take(bytes.to(image.device()).to(at::kLong) + of_channel));
}

Tensor Depthwise::plain(const Tensor &x, const Tensor &residual) const
{
  const Tensor y =
      at::conv2d(x, given_weight_.to(x.scalar_type()), given_bias_.to(x.scalar_type()), stride_, kernel_ / 2, 1, given_weight_.size(0));
  return residual.defined() ? y + residual : y;
}

Tensor PixelMlp::plain(const Tensor &x) const
{
  const Tensor rows = x.permute({0, 2, 3, 1});
  return (at::linear(at::gelu(at::linear(rows, in_, in_bias_)), out_, out_bias_) + rows).permute({0, 3, 1, 2});
}

Tensor SqueezeExcite::plain(const Tensor &x) const
{
  const auto as = [&x](const Tensor &t) { return t.to(x.scalar_type()); };
  const Tensor hidden = at::relu(at::conv2d(x.mean({2, 3}, true), as(down_), as(down_bias_)));
  return x * at::conv2d(hidden, as(up_), as(up_bias_)).sigmoid();
}

namespace plain {

namespace {

// bits [n, h, w] bool to words, least significant first
void pack(const Tensor &words, const Tensor &bits)
{
  const int64_t n = bits.size(0), h = bits.size(1), w = bits.size(2), stride = words.size(2);
  if (bits.is_cpu() && words.is_contiguous() && stride == (int64_t)vb_mask_stride((int)w)) {
    const Tensor bytes = bits.contiguous();
    for (int64_t i = 0; i < n; i++) {
      vb_mask m = {(int)h, (int)w, (size_t)stride, (uint64_t *)words.data_ptr<int64_t>() + i * h * stride};
      vb_mask_from_bytes(&m, (const uint8_t *)bytes.data_ptr<bool>() + i * h * w, (size_t)w);
    }
    return;
  }
  const Tensor padded = at::constant_pad_nd(bits, {0, stride * 64 - w}).view({n, h, stride, 64}).to(at::kLong);
  words.copy_(at::bitwise_left_shift(padded, at::arange(64, padded.options())).sum(3)); // distinct bits: the sum is their union
}

} // namespace

void mask_bits(const Tensor &words, const Tensor &nonfinite, const Tensor &low, int64_t w, bool no_overlap)
{
  const int64_t n = low.size(0), h = words.size(1);
  Tensor logits = low;
  if (low.size(1) != h || low.size(2) != w)
    logits = at::upsample_bilinear2d(low.unsqueeze(1), {h, w}, false).squeeze(1);
  Tensor bits = logits > 0;
  if (no_overlap)
    bits = bits & (logits.argmax(0).unsqueeze(0) == at::arange(n, at::TensorOptions(at::kLong).device(low.device())).view({n, 1, 1}));
  pack(words, bits);
  nonfinite.copy_(at::isfinite(low).logical_not().sum(at::IntArrayRef{1, 2}));
}

void rotate(const Tensor &out, const Tensor &x, const Tensor &table)
{
  const auto pairs = [](const Tensor &t) { return at::view_as_complex(t.unflatten(-1, {t.size(-1) / 2, 2})); };
  if (out.scalar_type() == at::kFloat) {
    Tensor to = pairs(out);
    at::mul_out(to, pairs(x), table);
  } else {
    out.copy_(at::view_as_real(pairs(x.to(at::kFloat)) * table).flatten(-2));
  }
}

Normed add_norm(const Tensor &a, const Tensor &b, const Tensor &weight, const Tensor &bias, double eps, ScalarType out_dtype, bool keep_sum)
{
  const Tensor sum = b.defined() ? a + b : a;
  return {keep_sum ? sum : Tensor(), at::layer_norm(sum.to(at::kFloat), weight.sizes(), weight, bias, eps).to(out_dtype)};
}

Normed norm_into_windows(const Tensor &a, const Tensor &b, int64_t side, const Tensor &weight, const Tensor &bias, double eps, ScalarType out_dtype)
{
  const int64_t n = a.size(0), h = a.size(1), w = a.size(2), c = a.size(3), down = (h + side - 1) / side, across = (w + side - 1) / side;
  auto [sum, whole] = add_norm(a, b, weight, bias, eps, out_dtype);
  if (down * side != h || across * side != w)
    whole = at::constant_pad_nd(whole, {0, 0, 0, across * side - w, 0, down * side - h});
  return {sum, whole.view({n, down, side, across, side, c}).transpose(2, 3).reshape({-1, side, side, c})};
}

Normed add_windows_norm(const Tensor &map, const Tensor &windows, const Tensor &weight, const Tensor &bias, double eps, ScalarType out_dtype)
{
  const int64_t b = map.size(0), h = map.size(1), w = map.size(2), c = map.size(3), side = windows.size(1);
  const int64_t down = (h + side - 1) / side, across = (w + side - 1) / side;
  const Tensor placed = windows.view({b, down, across, side, side, c}).transpose(2, 3); // [B, down, side, across, side, C]
  if (down * side == h && across * side == w) { // the sum reads them where they lie
    const Tensor sum = (map.view(placed.sizes()) + placed).view(map.sizes());
    return {sum, add_norm(sum, {}, weight, bias, eps, out_dtype).out};
  }
  return add_norm(map, placed.reshape({b, down * side, across * side, c}).slice(1, 0, h).slice(2, 0, w), weight, bias, eps, out_dtype);
}

Tensor norm_gelu(const Tensor &x, const Tensor &added, const Tensor &weight, const Tensor &bias, double eps, ScalarType out_dtype)
{
  Tensor rows = (added.defined() ? x + added : x).permute({0, 2, 3, 1}).to(at::kFloat);
  if (weight.defined())
    rows = at::layer_norm(rows, weight.sizes(), weight, bias, eps);
  return at::gelu(rows).to(out_dtype).permute({0, 3, 1, 2});
}

Recalled recall(const Stored &s, int64_t objects, ScalarType out_dtype)
{
  const int64_t m = s.memories.size(1), width = s.memories.size(2), per_pointer = s.pointers.size(1) / width;
  // In float32 whatever the bank's dtype: what upstream's concatenation with float32 pointers promotes to, and where it has
  // no rule (float16 autocast over a bfloat16 bank on a CPU) the deviation that session.cpp records.
  const Tensor spatial = s.memories.index_select(0, s.rows).view({objects, (int64_t)s.ages.size() * m, width}).to(at::kFloat);
  const Tensor memory = at::cat({spatial, s.pointers.index_select(0, s.pointer_rows).view({objects, -1, width})}, 1);
  std::vector<Tensor> places;
  for (int age : s.ages)
    places.push_back(s.places[age].unsqueeze(0));
  Tensor place = at::cat(places, 1).expand({objects, -1, -1});
  const int64_t n_pointer_tokens = memory.size(1) - place.size(1);
  const Tensor pointer_place = s.pointer_places.defined() ? s.pointer_places.unsqueeze(1).expand({-1, per_pointer, -1}).reshape({objects, n_pointer_tokens, width})
                                                          : at::zeros({objects, n_pointer_tokens, width}, memory.options());
  return {memory.to(out_dtype), (memory + at::cat({place, pointer_place}, 1)).to(out_dtype)};
}

Tensor gelu_(const Tensor &x)
{
  Tensor in_place = x;
  return at::gelu_(in_place);
}

Tensor patches(const Tensor &image)
{
  const Tensor x = at::constant_pad_nd(image.permute({0, 2, 3, 1}), {0, 0, 4, 0, 4, 0});
  return x.unfold(1, 8, 4).unfold(2, 8, 4).permute({0, 1, 2, 4, 5, 3}).flatten(3);
}

Tensor max_pool(const Tensor &x)
{
  return at::max_pool2d(x.permute({0, 3, 1, 2}), {2, 2}, {2, 2}).permute({0, 2, 3, 1}).contiguous();
}

Tensor merge_parts(const Tensor &parts, const Tensor &lse)
{
  const Tensor greatest = lse.amax(0, true);
  const Tensor weight = (lse - greatest.masked_fill(greatest.isneginf(), 0.0)).exp(), total = weight.sum(0).unsqueeze(-1);
  // a part without keys holds nothing to be weighted, NaN perhaps
  const Tensor sum = (parts.to(at::kFloat) * weight.unsqueeze(-1)).masked_fill(lse.isneginf().unsqueeze(-1), 0.0).sum(0);
  return (sum / total.masked_fill(total == 0, 1.0)).to(parts.scalar_type());
}

} // namespace plain
} // namespace vb::kernels
