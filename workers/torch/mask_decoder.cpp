// Mask decoder.
#include "mask_decoder.hpp"

namespace vb {

namespace {
constexpr int64_t dim = 256;
}

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
}

Decoded MaskDecoder::operator()(Context &c, const Tensor &level, const Tensor &dense_pe, const Tensor &sparse, const Tensor &dense,
                                const Features &f) const
{
  const int64_t b = level.size(0), h = level.size(2), w = level.size(3);
  Tensor tokens = at::cat({output_tokens.unsqueeze(0).expand({b, -1, -1}), sparse}, 1);
  Tensor src = level + dense;
  c.probe.trace("decoder_src_in", src);
  c.probe.trace("decoder_tokens_in", tokens);
  auto [hs, keys] = transformer(c, to_tokens(src), dense_pe, tokens);
  c.probe.trace("decoder_hs", hs);
  c.probe.trace("decoder_keys", keys);

  Decoded out;
  out.tokens = hs.slice(1, 2, 2 + n_masks);

  Tensor up = upscale1.gelu(upscale0(to_map(keys, h, w)), f.s1);
  up = kernels::norm_gelu(upscale3(up), f.s0, {}, {}, 0, upscale1.op); // [B, 32, 4h, 4w]
  std::vector<Tensor> hyper;
  for (int64_t i = 0; i < n_masks; i++)
    hyper.push_back(output_hypernetworks_mlps[(size_t)i](out.tokens.select(1, i)));
  // [B, 16hw, 32] x [B, 32, 4], the pixels as they lie in memory
  Tensor masks = at::matmul(at::stack(hyper, 1), to_tokens(up).transpose(1, 2));
  out.masks = masks.view({b, n_masks, 4 * h, 4 * w});
  c.probe.trace("masks4", out.masks);
  c.probe.trace("mask_tokens_out", out.tokens);

  out.ious = iou_prediction_head(hs.select(1, 1)).sigmoid();
  out.object_score_logits = pred_obj_score_head(hs.select(1, 0));

  Tensor single = out.masks.select(1, 0).flatten(1);
  Tensor inner = (single > stability_delta).sum(1).to(at::kFloat), outer = (single > -stability_delta).sum(1).to(at::kFloat);
  out.stability = at::where(outer > 0, inner / outer, at::ones_like(outer));
  return out;
}

Tensor MaskDecoder::choose(const Decoded &d, bool multimask) const
{
  Tensor best = d.ious.slice(1, 1).argmax(1) + 1;
  return multimask ? best : at::where(d.stability >= stability_thresh, at::zeros_like(best), best);
}

} // namespace vb
