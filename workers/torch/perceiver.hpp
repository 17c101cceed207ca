// EdgeTAM's 2D spatial perceiver: a memory map to 256 global and 16 x 16 windowed latents.
//
// Both kinds of latents pass the same layers with the same weights and differ only in what they attend to, so they go
// through everything else together. The map's tokens lie in the order of the windows: to attention their order is nothing.
// A windowed latent is alone in its self-attention, whose result is then its value.
// Source: EdgeTAM@9cc44bf sam2/modeling/perceiver.py
#ifndef VB_TORCH_PERCEIVER_HPP
#define VB_TORCH_PERCEIVER_HPP

#include "context.hpp"
#include "layers.hpp"

#include <array>

namespace vb {

struct PerceiverFeedForward {
  LayerNorm norm; // .0
  Linear in, out; // .1, .3, without biases
  void load(const Loader &w);
};

struct PerceiverLayer {
  LayerNorm norm_latents, norm_x, norm_self; // attn.norm_latents, attn.norm_x, self_attn.norm
  Linear to_q, to_kv, to_out;                // attn
  Linear self_qkv, self_out;                 // self_attn.to_q and .to_kv, self_attn.to_out
  PerceiverFeedForward ff, self_ff;

  void load(const Loader &w);
  // latents [B, 512, 64] += more (none at first), then attend to x [B, m, 64]; place [1, m, 128] is added to the keys and
  // values of the global ones. What is to be added to latents next is returned.
  Tensor operator()(Context &c, Tensor &latents, const Tensor &more, const Tensor &x, const Tensor &place) const;
};

struct Perceiver {
  static constexpr int64_t n_latents = 256, n_windows = 16, dim = 64;

  Tensor latents; // [512, 64]: latents, latents_2d
  std::array<PerceiverLayer, 2> layers;
  LayerNorm norm;
  Tensor place; // [1, m, 128], in the order of windows: the map's positions, for keys and for values

  void load(const Loader &w, const Tensor &pos); // pos [1, hh, 64] float32, of the map
  // memory [B, 64, h, h] -> [B, 512, 64]: global latents first
  Tensor operator()(Context &c, const Tensor &memory) const;
  // The output's position encoding, [1, 512, 64] float32: zeros for the global latents.
  static Tensor output_pos(at::Device device);
};

} // namespace vb
#endif
