// Linear layers, convolutions, normalisations.
#include "layers.hpp"

namespace vb {

Tensor activate(const Tensor &x, Act act)
{
  switch (act) {
  case Act::relu: return at::relu(x);
  case Act::gelu: return kernels::gelu_(x); // exact (erf), as upstream everywhere
  default: return x;
  }
}

void Linear::load(const Loader &w, int64_t in, int64_t out, bool has_bias)
{
  weight = w.to_op(w.host("weight", {out, in}));
  if (has_bias)
    bias = w.to_op(w.host("bias", {out}));
}

Tensor Linear::operator()(const Tensor &x, Act act) const
{
  // In float32 oneDNN gains by the fused gelu alone; without it MKL's product is upstream's, to the bit.
  if (weight.is_cpu() && onednn::usable(weight.scalar_type()) && (weight.scalar_type() != at::kFloat || act == Act::gelu)) {
    if (!packed.defined()) {
      packed = onednn::pack_linear(weight, x.numel() / x.size(-1));
      weight = weight.new_empty({0}); // not twice in memory; its dtype and device are still asked for
    }
    return onednn::linear(x.to(weight.scalar_type()).contiguous(), packed, bias, act);
  }
  if (act != Act::relu && kernels::product_pays(x, weight, bias, act == Act::gelu))
    return kernels::product(x, weight, bias, act == Act::gelu);
  if (weight.is_cuda() && act == Act::relu && bias.defined()) { // in the product's last step
    const Tensor rows = x.to(weight.scalar_type()).reshape({-1, x.size(-1)});
    std::vector<int64_t> sizes(x.sizes().begin(), x.sizes().end());
    sizes.back() = weight.size(0);
    return at::_addmm_activation(bias, rows, weight.t()).view(sizes);
  }
  return activate(at::linear(x, weight, bias.defined() ? std::optional<Tensor>(bias) : std::nullopt), act);
}

void Mlp::load(const Loader &w, int64_t in, int64_t hidden, int64_t out, int num_layers)
{
  layers.resize((size_t)num_layers);
  for (int i = 0; i < num_layers; i++)
    layers[(size_t)i].load(w.in("layers").in(i), i == 0 ? in : hidden, i == num_layers - 1 ? out : hidden);
}

Tensor Mlp::operator()(const Tensor &x) const
{
  Tensor y = x;
  for (size_t i = 0; i < layers.size(); i++)
    y = layers[i](y, i + 1 < layers.size() ? act : Act::none);
  return y;
}

void LayerNorm::load(const Loader &w, int64_t dim)
{
  weight = w.param("weight", {dim});
  bias = w.param("bias", {dim});
  op = w.precision().op();
}

Tensor LayerNorm::operator()(const Tensor &x) const { return kernels::add_norm(x, {}, weight, bias, eps, at::kFloat, false).out; }

Tensor LayerNorm::operator()(const Tensor &a, const Tensor &b) const
{
  return kernels::add_norm(a, b, weight, bias, eps, at::kFloat, false).out;
}

Tensor LayerNorm::narrow(const Tensor &x) const { return kernels::add_norm(x, {}, weight, bias, eps, op, false).out; }

kernels::Normed LayerNorm::narrow(const Tensor &a, const Tensor &b) const { return kernels::add_norm(a, b, weight, bias, eps, op); }

void LayerNorm2d::load(const Loader &w, int64_t dim)
{
  weight = w.param("weight", {dim});
  bias = w.param("bias", {dim});
  op = w.precision().op();
}

Tensor LayerNorm2d::rows(const Tensor &x) const
{
  return kernels::add_norm(x.permute({0, 2, 3, 1}), {}, weight, bias, eps, op, false).out;
}

Tensor LayerNorm2d::gelu(const Tensor &x, const Tensor &added) const
{
  // the map of a convolution from one channel comes in either layout
  return kernels::norm_gelu(x.contiguous(at::MemoryFormat::ChannelsLast), added, weight, bias, eps, op);
}

void Conv2d::set(const Loader &w, const Tensor &folded, const Tensor &folded_bias, int64_t s, int64_t p, int64_t g)
{
  weight = w.to_op(folded).contiguous(at::MemoryFormat::ChannelsLast);
  bias = w.to_op(folded_bias);
  stride = s;
  padding = p;
  groups = g;
}

void Conv2d::keep_float32(const Loader &w, const Tensor &folded, const Tensor &folded_bias)
{
  weight = w.held(folded.to(w.precision().device)).contiguous(at::MemoryFormat::ChannelsLast);
  bias = w.held(folded_bias.to(w.precision().device));
}

void Conv2d::load(const Loader &w, int64_t in, int64_t out, int64_t kernel, int64_t s, int64_t p, int64_t g)
{
  set(w, w.host("weight", {out, in / g, kernel, kernel}), w.host("bias", {out}), s, p, g);
}

static Tensor run(const Conv2d &c, const Tensor &x_in, Act act, const Tensor &residual)
{
  const Tensor x = x_in.contiguous(at::MemoryFormat::ChannelsLast);
  if (c.weight.is_cpu() && onednn::usable(c.weight.scalar_type())) {
    if (!c.packed.defined()) {
      c.packed = onednn::pack_conv(c.weight, c.stride, c.padding, c.groups, x.sizes());
      c.weight = c.weight.new_empty({0}); // not twice in memory; its dtype and device are still asked for
    }
    const bool fused = !residual.defined() || residual.scalar_type() == c.weight.scalar_type();
    Tensor y = onednn::conv(x.to(c.weight.scalar_type()), c.packed, c.bias, c.stride, c.padding, c.groups, act, fused ? residual : Tensor());
    return fused ? y : residual + y;
  }
  const bool pointwise = c.weight.is_cuda() && c.weight.size(2) == 1 && c.weight.size(3) == 1 && c.stride == 1 && c.groups == 1;
  Tensor y = pointwise ? at::linear(x.permute({0, 2, 3, 1}), c.weight.flatten(1), c.bias).permute({0, 3, 1, 2}) // bias included
                       : at::conv2d(x, c.weight, c.bias, c.stride, c.padding, 1, c.groups);
  return activate(residual.defined() ? y + residual : y, act);
}

Tensor Conv2d::operator()(const Tensor &x, Act act) const { return run(*this, x, act, {}); }

Tensor Conv2d::plus(const Tensor &x, const Tensor &residual) const { return run(*this, x, Act::none, residual); }

void ConvTranspose2d::load(const Loader &w, int64_t in, int64_t out)
{
  weight = w.to_op(w.host("weight", {in, out, 2, 2}));
  bias = w.to_op(w.host("bias", {out}));
}

Tensor ConvTranspose2d::operator()(const Tensor &x) const { return at::conv_transpose2d(x, weight, bias, 2); }

Tensor to_tokens(const Tensor &x) { return x.permute({0, 2, 3, 1}).flatten(1, 2); }

Tensor to_map(const Tensor &tokens, int64_t h, int64_t w)
{
  return tokens.view({tokens.size(0), h, w, tokens.size(2)}).permute({0, 3, 1, 2});
}

} // namespace vb
