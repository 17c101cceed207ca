// RepViT trunk.
#include "repvit.hpp"

#include "fused_product.hpp"

namespace vb {

namespace {

struct Folded {
  Tensor weight, bias; // on the host, float32
};

// conv 'c' without bias, then BatchNorm 'bn' with its running statistics.
// Source: timm/models/repvit.py ConvNorm.fuse
Folded fold_conv_norm(const Loader &w, int64_t in, int64_t out, int64_t kernel, int64_t groups)
{
  const double eps = 1e-5;
  Tensor c = w.in("c").host("weight", {out, in / groups, kernel, kernel});
  const Loader bn = w.in("bn");
  Tensor gamma = bn.host("weight", {out}), beta = bn.host("bias", {out});
  Tensor mean = bn.host("running_mean", {out}), var = bn.host("running_var", {out});
  bn.host("num_batches_tracked", {}); // part of the checkpoint, without a use in inference
  Tensor scale = gamma.to(at::kDouble) / (var.to(at::kDouble) + eps).sqrt();
  return {(c.to(at::kDouble) * scale.view({out, 1, 1, 1})).to(at::kFloat), (beta.to(at::kDouble) - mean * scale).to(at::kFloat)};
}

void load_conv_norm(Conv2d &conv, const Loader &w, int64_t in, int64_t out, int64_t kernel, int64_t stride = 1, int64_t padding = 0, int64_t groups = 1)
{
  Folded f = fold_conv_norm(w, in, out, kernel, groups);
  conv.set(w, f.weight, f.bias, stride, padding, groups);
}

} // namespace

void SqueezeExcite::load(const Loader &w, int64_t dim)
{
  // a quarter of the channels, to the nearest multiple of 8: timm/layers/helpers.py make_divisible
  const int64_t reduced = std::max<int64_t>(8, (dim / 4 + 4) / 8 * 8);
  fc1.load(w.in("fc1"), dim, reduced, 1);
  fc2.load(w.in("fc2"), reduced, dim, 1);
  if (kernels::usable(w.precision().device))
    fused.emplace(fc1.weight, fc1.bias, fc2.weight, fc2.bias);
}

Tensor SqueezeExcite::operator()(const Tensor &x) const
{
  return fused ? (*fused)(x) : x * fc2(fc1(x.mean({2, 3}, true), Act::relu)).sigmoid();
}

void RepVitMlp::load(const Loader &w, int64_t dim)
{
  load_conv_norm(conv1, w.in("conv1"), dim, 2 * dim, 1);
  load_conv_norm(conv2, w.in("conv2"), 2 * dim, dim, 1);
  if (kernels::usable(w.precision().device) && kernels::PixelMlp::takes(dim, w.precision().op()))
    fused.emplace(conv1.weight.flatten(1), conv1.bias, conv2.weight.flatten(1), conv2.bias);
}

Tensor RepVitMlp::operator()(const Tensor &x) const
{
  if (fused)
    return (*fused)(x);
  const Tensor hidden = conv1(x, Act::gelu);
  if (!x.is_cuda())
    return conv2.plus(hidden, x);
  const auto rows = [](const Tensor &map) { return map.permute({0, 2, 3, 1}); };
  return fused_product::linear(rows(hidden), conv2.weight.flatten(1), conv2.bias, Act::none, rows(x)).permute({0, 3, 1, 2});
}

void RepVitBlock::load(const Loader &w, int64_t dim, bool use_se)
{
  // conv(x) + conv1(x) + x: two depthwise kernels that add up. The identity stays apart: as a 1 in the kernel's
  // middle it would cost half dtypes the digits of the weight there.
  const Loader mixer = w.in("token_mixer");
  Folded wide = fold_conv_norm(mixer.in("conv"), dim, dim, 3, dim);
  Folded point = fold_conv_norm(mixer.in("conv1"), dim, dim, 1, dim);
  wide.weight.slice(2, 1, 2).slice(3, 1, 2).add_(point.weight);
  token_mixer.set(w, wide.weight, wide.bias + point.bias, 1, 1, dim);
  out_dtype = w.precision().op();
  if (w.precision().device.is_cpu()) // no slower there; see deviations
    token_mixer.keep_float32(w, wide.weight, wide.bias + point.bias);
  if (kernels::usable(w.precision().device))
    depthwise.emplace(wide.weight.to(w.precision().device), (wide.bias + point.bias).to(w.precision().device), 1);
  if (use_se)
    se.emplace().load(w.in("se"), dim);
  channel_mixer.load(w.in("channel_mixer"), dim);
}

Tensor RepVitBlock::operator()(const Tensor &x) const
{
  Tensor y = depthwise ? (*depthwise)(x, x) : token_mixer.plus(x, x);
  if (se)
    y = (*se)(y);
  return channel_mixer(y).to(out_dtype);
}

void RepVitDownsample::load(const Loader &w, int64_t in, int64_t out)
{
  pre_block.load(w.in("pre_block"), in, false);
  const Folded f = fold_conv_norm(w.in("spatial_downsample"), in, in, 3, in);
  spatial_downsample.set(w, f.weight, f.bias, 2, 1, in);
  if (kernels::usable(w.precision().device))
    depthwise.emplace(f.weight.to(w.precision().device), f.bias.to(w.precision().device), 2);
  load_conv_norm(channel_downsample, w.in("channel_downsample"), in, out, 1);
  ffn.load(w.in("ffn"), out);
}

Tensor RepVitDownsample::operator()(const Tensor &x) const
{
  const Tensor y = pre_block(x);
  return ffn(channel_downsample(depthwise ? (*depthwise)(y) : spatial_downsample(y)));
}

void RepVitStage::load(const Loader &w, int64_t in, int64_t out, int depth)
{
  if (in != out)
    downsample.emplace().load(w.in("downsample"), in, out);
  blocks.resize((size_t)depth);
  for (int i = 0; i < depth; i++)
    blocks[(size_t)i].load(w.in("blocks").in(i), out, i % 2 == 0);
}

Tensor RepVitStage::operator()(const Tensor &x) const
{
  Tensor y = downsample ? (*downsample)(x) : x;
  for (const RepVitBlock &block : blocks)
    y = block(y);
  return y;
}

void RepVit::load(const Loader &trunk, int64_t)
{
  const Loader w = trunk.in("body");
  load_conv_norm(stem_conv1, w.in("stem").in("conv1"), 3, widths[0] / 2, 3, 2, 1);
  if (kernels::usable(w.precision().device) && w.precision().op() != at::kFloat)
    stem.emplace(stem_conv1.weight, stem_conv1.bias);
  load_conv_norm(stem_conv2, w.in("stem").in("conv2"), widths[0] / 2, widths[0], 3, 2, 1);
  for (size_t i = 0; i < stages.size(); i++)
    stages[i].load(w.in("stages_" + std::to_string(i)), widths[i ? i - 1 : 0], widths[i], depths[i]);
}

const char *RepVit::deviations(const Precision &p) const
{
  // Between blocks everything is rounded as upstream rounds it; within a block its single kernels round more often.
  return p.autocast() ? "trunk: within a block sums and depthwise convolutions in float32, activations fused before rounding" : "";
}

std::array<Tensor, 4> RepVit::operator()(Context &, const Tensor &image) const
{
  std::array<Tensor, 4> out;
  Tensor x = stem_conv2(stem ? (*stem)(image) : stem_conv1(image, Act::gelu));
  for (size_t i = 0; i < stages.size(); i++)
    out[i] = x = stages[i](x);
  return out;
}

} // namespace vb
