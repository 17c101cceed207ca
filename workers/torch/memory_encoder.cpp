// Memory encoder.
#include "memory_encoder.hpp"

namespace vb {

namespace {
constexpr int64_t dim = 256, mem_dim = 64;
constexpr double mem_scale = 20.0, mem_bias = -10.0; // configs/edgetam.yaml sigmoid_{scale,bias}_for_mem_enc
}

void CxBlock::load(const Loader &w)
{
  dwconv.load(w.in("dwconv"), dim, dim, 7, 1, 3, dim);
  if (kernels::usable(w.precision().device))
    depthwise.emplace(dwconv.weight, dwconv.bias, 1);
  norm.load(w.in("norm"), dim);
  pwconv1.load(w.in("pwconv1"), dim, 4 * dim);
  pwconv2.load(w.in("pwconv2"), 4 * dim, dim);
  gamma = w.param("gamma", {dim});
}

Tensor CxBlock::operator()(const Tensor &x) const
{
  Tensor y = norm.rows(depthwise ? (*depthwise)(x.to(norm.op).contiguous(at::MemoryFormat::ChannelsLast)) : dwconv(x));
  y = gamma * pwconv2(pwconv1(y, Act::gelu));
  return x + y.permute({0, 3, 1, 2});
}

void MemoryEncoder::load(const Loader &w)
{
  const Loader mask = w.in("mask_downsampler").in("encoder");
  int64_t channels = 1;
  for (size_t i = 0; i < mask_convs.size(); i++, channels *= 4) {
    mask_convs[i].load(mask.in(3 * (int64_t)i), channels, 4 * channels, 3, 2, 1);
    mask_norms[i].load(mask.in(3 * (int64_t)i + 1), 4 * channels);
  }
  if (kernels::usable(w.precision().device)) {
    mask_maps.emplace();
    for (size_t i = 0; i < mask_maps->size(); i++)
      (*mask_maps)[i] = kernels::MaskMap(mask_convs[i].weight, mask_convs[i].bias, mask_norms[i].weight, mask_norms[i].bias, mask_norms[i].eps);
  }
  mask_out.load(mask.in(12), dim, dim, 1);
  pix_feat_proj.load(w.in("pix_feat_proj"), dim, dim, 1);
  for (size_t i = 0; i < fuser.size(); i++)
    fuser[i].load(w.in("fuser").in("layers").in((int64_t)i));
  out_proj.load(w.in("out_proj"), dim, mem_dim, 1);
}

Tensor MemoryEncoder::operator()(const Tensor &level, const Tensor &low_logits, bool binary) const
{
  const int64_t side = 16 * level.size(2);
  Tensor m;
  size_t done = 0;
  if (mask_maps) {
    m = (*mask_maps)[done++].from_logits(low_logits, side, binary);
    while (done < mask_maps->size())
      m = (*mask_maps)[done++](m);
  } else {
    const Tensor high = at::upsample_bilinear2d(low_logits, {side, side}, false);
    m = (binary ? (high > 0).to(at::kFloat) : high.sigmoid()) * mem_scale + mem_bias;
  }
  for (; done < mask_convs.size(); done++)
    m = mask_norms[done].gelu(mask_convs[done](m));
  Tensor x = pix_feat_proj(level) + mask_out(m);
  for (const CxBlock &block : fuser)
    x = block(x);
  return out_proj(x);
}

} // namespace vb
