// Mask decoder.
#include "mask_decoder.hpp"

namespace vb {

namespace {

constexpr int64_t dim = 256;

// Transposed convolution, 2x2 with stride 2: each pixel becomes 2 x 2 of its own, a product.
Linear in_cells(const ConvTranspose2d &conv)
{
  Linear out;
  out.weight = conv.weight.permute({2, 3, 1, 0}).flatten(0, 2).contiguous(); // [2 * 2 * out, in]
  out.bias = conv.bias.repeat({4});
  return out;
}

// Rows of channels as a map, whose order of pixels is of no meaning: [B, m, 4, C] -> [B, C, m, 4]
Tensor as_map(const Tensor &rows, int64_t channels)
{
  return rows.view({rows.size(0), rows.numel() / rows.size(0) / 4 / channels, 4, channels}).permute({0, 3, 1, 2});
}

} // namespace

void MaskDecoder::load(const Loader &w)
{
  output_tokens = at::cat({w.in("obj_score_token").param("weight", {1, dim}), w.in("iou_token").param("weight", {1, dim}),
                           w.in("mask_tokens").param("weight", {n_masks, dim})});
  transformer.load(w.in("transformer"));
  const Loader upscaling = w.in("output_upscaling");
  upscale0.load(upscaling.in(0), dim, dim / 4);
  upscale1.load(upscaling.in(1), dim / 4);
  upscale3.load(upscaling.in(3), dim / 4, dim / 8);
  for (size_t i = 0; i < output_hypernetworks_mlps.size(); i++)
    output_hypernetworks_mlps[i].load(w.in("output_hypernetworks_mlps").in((int64_t)i), dim, dim, dim / 8, 3);
  iou_prediction_head.load(w.in("iou_prediction_head"), dim, dim, n_masks, 3);
  pred_obj_score_head.load(w.in("pred_obj_score_head"), dim, dim, 1, 3);
  std::vector<Mlp *> by_token = {&pred_obj_score_head, &iou_prediction_head};
  for (Mlp &mlp : output_hypernetworks_mlps)
    by_token.push_back(&mlp);
  heads.join(by_token);
  if (w.precision().device.is_cuda()) {
    cells0 = in_cells(upscale0);
    cells3 = in_cells(upscale3);
    upscale0 = upscale3 = {};
  }
}

Tensor MaskDecoder::tokens(const Tensor &sparse) const
{
  return at::cat({output_tokens.unsqueeze(0).expand({sparse.size(0), -1, -1}), sparse}, 1);
}

Tensor MaskDecoder::upscaled(const Tensor &keys, int64_t h, int64_t w, const Features &f) const
{
  const Tensor up = upscale1.gelu(upscale0(to_map(keys, h, w)), f.s1);
  return to_tokens(kernels::norm_gelu(upscale3(up), f.s0, {}, {}, 0, upscale1.op)); // the pixels as they lie in memory
}

// In between nothing looks at a pixel's neighbours. So its descendants may lie beside each other, and the maps of the
// encoder are brought into that order rather than the objects' maps into rows.
Tensor MaskDecoder::upscaled_in_cells(const Tensor &keys, const Features &f) const
{
  const auto rows = [](const Tensor &map) { return map.permute({0, 2, 3, 1}); };
  const Tensor s1 = rows(f.s1).unflatten(2, {-1, 2}).unflatten(1, {-1, 2}).transpose(2, 3).contiguous(); // [1, h, w, 2, 2, 64]
  const Tensor s0 = rows(f.s0).unflatten(2, {-1, 2, 2}).unflatten(1, {-1, 2, 2}).permute({0, 1, 4, 2, 5, 3, 6, 7}).contiguous(); // [1, h, w, 2, 2, 2, 2, 32]
  const Tensor up = upscale1.gelu(as_map(cells0(keys), dim / 4), as_map(s1, dim / 4));
  return to_tokens(kernels::norm_gelu(as_map(cells3(rows(up)), dim / 8), as_map(s0, dim / 8), {}, {}, 0, upscale1.op));
}

Decoded MaskDecoder::operator()(Context &c, const Tensor &level, const Tensor &dense_pe, const Tensor &tokens, const Tensor &dense, const Features &f) const
{
  const int64_t b = level.size(0), h = level.size(2), w = level.size(3);
  const kernels::Tokens src = kernels::tokens(to_tokens(level), to_tokens(dense), dense_pe, {}, {}, 0, upscale1.op);
  c.probe.trace("decoder_src_in", to_map(src.whole, h, w));
  c.probe.trace("decoder_tokens_in", tokens);
  const auto [hs, keys] = transformer(c, src, dense_pe, tokens);
  c.probe.trace("decoder_hs", hs.whole);
  c.probe.trace("decoder_keys", keys.whole);

  Decoded out;
  out.tokens = hs.narrow.slice(1, 2, 2 + n_masks);
  out.in_cells = cells0.weight.defined();
  const std::vector<Tensor> of_token = heads(hs.narrow.slice(1, 0, 2 + n_masks));
  out.object_score_logits = of_token[0];
  out.ious = of_token[1].sigmoid();
  const Tensor up = out.in_cells ? upscaled_in_cells(keys.narrow, f) : upscaled(keys.narrow, h, w, f);
  // [B, 4, 32] x [B, 32, 16hw]
  const std::vector<Tensor> hyper(of_token.begin() + 2, of_token.end());
  const Tensor masks = at::matmul(at::stack(hyper, 1), up.transpose(1, 2));
  out.masks = out.in_cells ? masks.view({b, n_masks, h, w, 2, 2, 2, 2}) : masks.view({b, n_masks, 4 * h, 4 * w});
  if (c.probe.to)
    c.probe.trace("masks4", out.in_cells ? kernels::from_cells(out.masks) : out.masks);
  c.probe.trace("mask_tokens_out", hs.whole.slice(1, 2, 2 + n_masks));
  return out;
}

Tensor MaskDecoder::stability(const Decoded &d) const
{
  const Tensor single = d.masks.select(1, 0).flatten(1);
  const Tensor inner = (single > stability_delta).sum(1).to(at::kFloat), outer = (single > -stability_delta).sum(1).to(at::kFloat);
  return at::where(outer > 0, inner / outer, at::ones_like(outer));
}

Tensor MaskDecoder::choose(const Decoded &d, bool multimask) const
{
  const Tensor best = d.ious.slice(1, 1).argmax(1) + 1;
  return multimask ? best : at::where(stability(d) >= stability_thresh, at::zeros_like(best), best);
}

} // namespace vb
