// Spatial perceiver.
#include "perceiver.hpp"

#include "position.hpp"

namespace vb {

void PerceiverFeedForward::load(const Loader &w)
{
  norm.load(w.in(0), Perceiver::dim);
  in.load(w.in(1), Perceiver::dim, 4 * Perceiver::dim, false);
  out.load(w.in(3), 4 * Perceiver::dim, Perceiver::dim, false);
}

Tensor PerceiverFeedForward::operator()(const Tensor &x) const { return out(in(norm.narrow(x), Act::gelu)) + x; }

void PerceiverLayer::load(const Loader &w)
{
  const int64_t dim = Perceiver::dim;
  const Loader attn = w.in("attn"), self = w.in("self_attn");
  norm_x.load(attn.in("norm_x"), dim);
  norm_latents.load(attn.in("norm_latents"), dim);
  to_q.load(attn.in("to_q"), dim, dim, false);
  to_kv.load(attn.in("to_kv"), dim, 2 * dim, false);
  to_out.load(attn.in("to_out"), dim, dim, false);
  ff.load(w.in("ff"));
  norm_self.load(self.in("norm"), dim);
  self_q.load(self.in("to_q"), dim, dim, false);
  self_kv.load(self.in("to_kv"), dim, 2 * dim, false);
  self_out.load(self.in("to_out"), dim, dim, false);
  self_ff.load(w.in("self_ff"));
}

Tensor PerceiverLayer::operator()(Context &c, bool windowed, const Tensor &latents, const Tensor &x, const Tensor &pos) const
{
  Tensor q = to_q(norm_latents.narrow(latents));
  std::vector<Tensor> kv = to_kv(norm_x.narrow(x)).chunk(2, -1);
  if (pos.defined()) {
    const Tensor p = pos.to(kv[0].scalar_type());
    kv[0] = kv[0] + p;
    kv[1] = kv[1] + p;
  }
  Tensor y = c.attention(windowed ? "perceiver.window" : "perceiver.global", split_heads(q, 1), split_heads(kv[0], 1), split_heads(kv[1], 1));
  y = ff(to_out(join_heads(y)) + latents);

  Tensor self = norm_self.narrow(y);
  q = self_q(self);
  kv = self_kv(self).chunk(2, -1);
  self = c.attention(windowed ? "perceiver.window_self" : "perceiver.global_self", split_heads(q, 1), split_heads(kv[0], 1), split_heads(kv[1], 1));
  return self_ff(self_out(join_heads(self)) + y);
}

void Perceiver::load(const Loader &w)
{
  latents = w.param("latents", {n_latents, dim});
  latents_2d = w.param("latents_2d", {n_windows * n_windows, dim});
  for (size_t i = 0; i < layers.size(); i++)
    layers[i].load(w.in("layers").in((int64_t)i));
  norm.load(w.in("norm"), dim);
}

Tensor Perceiver::operator()(Context &c, const Tensor &memory, const Tensor &pos) const
{
  const int64_t b = memory.size(0), side = memory.size(2) / n_windows; // tokens along a window
  Tensor x = to_tokens(memory);
  Tensor global = latents.unsqueeze(0).expand({b, -1, -1});
  for (const PerceiverLayer &layer : layers)
    global = layer(c, false, global, x, pos);

  // one latent per window: [B * 256, 1, 64] attending to [B * 256, side * side, 64]
  Tensor local = latents_2d.unsqueeze(0).expand({b, -1, -1}).reshape({-1, 1, dim});
  Tensor windows = x.view({b, n_windows, side, n_windows, side, dim}).transpose(2, 3).reshape({-1, side * side, dim});
  for (const PerceiverLayer &layer : layers)
    local = layer(c, true, local, windows, {});
  return norm(at::cat({global, local.view({b, -1, dim})}, 1));
}

Tensor Perceiver::output_pos(at::Device device)
{
  Tensor grid = sine_grid(dim, n_windows, n_windows, device);
  return at::cat({at::zeros({n_latents, dim}, grid.options()), grid}).unsqueeze(0);
}

} // namespace vb
