// Spatial perceiver.
#include "perceiver.hpp"

#include "position.hpp"

#include <cmath>

namespace vb {

namespace {

constexpr int64_t n_global = Perceiver::n_latents;

// Tokens of a map by rows to tokens by rows of windows: [B, hh, C]
Tensor in_windows(const Tensor &tokens, int64_t map_side)
{
  const int64_t n = Perceiver::n_windows, side = map_side / n;
  return tokens.view({tokens.size(0), n, side, n, side, tokens.size(2)}).transpose(2, 3).reshape({tokens.size(0), -1, tokens.size(2)});
}

} // namespace

void PerceiverFeedForward::load(const Loader &w)
{
  norm.load(w.in(0), Perceiver::dim);
  in.load(w.in(1), Perceiver::dim, 4 * Perceiver::dim, false);
  out.load(w.in(3), 4 * Perceiver::dim, Perceiver::dim, false);
}

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
  self_qkv.weight = w.to_op(at::cat({self.in("to_q").host("weight", {dim, dim}), self.in("to_kv").host("weight", {2 * dim, dim})}));
  self_out.load(self.in("to_out"), dim, dim, false);
  self_ff.load(w.in("self_ff"));
}

Tensor PerceiverLayer::operator()(Context &c, Tensor &latents, const Tensor &more, const Tensor &x, const Tensor &place) const
{
  const int64_t b = latents.size(0), n = latents.size(1), dim = latents.size(2), n_local = n - n_global;
  const auto global = [](const Tensor &t) { return t.slice(1, 0, n_global); };
  const auto local = [](const Tensor &t) { return t.slice(1, n_global); };
  // a = a + b, and its norm
  const auto add = [](const LayerNorm &norm, Tensor &a, const Tensor &b) {
    kernels::Normed y = norm.narrow(a, b);
    a = y.sum;
    return y.out;
  };

  const Tensor q = to_q(add(norm_latents, latents, more)), kv = to_kv(norm_x.narrow(x)), placed = kv + place;
  const std::vector<Tensor> kv_global = placed.chunk(2, -1), kv_local = kv.view({b * n_local, -1, 2 * dim}).chunk(2, -1);
  Tensor seen = c.attention("perceiver.global", split_heads(global(q), 1), split_heads(kv_global[0], 1), split_heads(kv_global[1], 1));
  Tensor seen_local = c.attention("perceiver.window", split_heads(local(q).reshape({b * n_local, 1, dim}), 1), split_heads(kv_local[0], 1), split_heads(kv_local[1], 1));
  const Tensor out = to_out(at::cat({join_heads(seen), join_heads(seen_local).view({b, n_local, dim})}, 1));
  const Tensor fed = ff.out(ff.in(add(ff.norm, latents, out), Act::gelu));

  const std::vector<Tensor> qkv = self_qkv(add(norm_self, latents, fed)).chunk(3, -1);
  seen = c.attention("perceiver.global_self", split_heads(global(qkv[0]), 1), split_heads(global(qkv[1]), 1), split_heads(global(qkv[2]), 1));
  const Tensor self = self_out(at::cat({join_heads(seen), local(qkv[2])}, 1));
  return self_ff.out(self_ff.in(add(self_ff.norm, latents, self), Act::gelu));
}

void Perceiver::load(const Loader &w, const Tensor &pos)
{
  latents = at::cat({w.param("latents", {n_latents, dim}), w.param("latents_2d", {n_windows * n_windows, dim})});
  for (size_t i = 0; i < layers.size(); i++)
    layers[i].load(w.in("layers").in((int64_t)i));
  norm.load(w.in("norm"), dim);
  const Tensor p = in_windows(pos, (int64_t)std::lround(std::sqrt((double)pos.size(1)))).to(w.precision().op());
  place = at::cat({p, p}, 2);
}

Tensor Perceiver::operator()(Context &c, const Tensor &memory) const
{
  const Tensor x = in_windows(to_tokens(memory), memory.size(2));
  Tensor y = latents.unsqueeze(0).expand({memory.size(0), -1, -1}).contiguous(), more;
  for (const PerceiverLayer &layer : layers)
    more = layer(c, y, more, x, place);
  return norm(y, more);
}

Tensor Perceiver::output_pos(at::Device device)
{
  Tensor grid = sine_grid(dim, n_windows, n_windows, device);
  return at::cat({at::zeros({n_latents, dim}, grid.options()), grid}).unsqueeze(0);
}

} // namespace vb
