// EdgeTAM's 2D spatial perceiver: a memory map to 256 global and 16 x 16 windowed latents.
// Source: EdgeTAM@9cc44bf sam2/modeling/perceiver.py
#ifndef VB_TORCH_PERCEIVER_HPP
#define VB_TORCH_PERCEIVER_HPP

#include "context.hpp"
#include "layers.hpp"

#include <array>

namespace vb {

struct PerceiverFeedForward {
  LayerNorm norm;    // .0
  Linear in, out;    // .1, .3, without biases
  void load(const Loader &w);
  Tensor operator()(const Tensor &x) const; // x + ff(x)
};

struct PerceiverLayer {
  LayerNorm norm_latents, norm_x, norm_self; // attn.norm_latents, attn.norm_x, self_attn.norm
  Linear to_q, to_kv, to_out;                // attn
  Linear self_q, self_kv, self_out;          // self_attn
  PerceiverFeedForward ff, self_ff;

  void load(const Loader &w);
  // latents [B, n, 64] attend to x [B, m, 64]; pos [1, m, 64] is added to keys and values after projection, or none
  Tensor operator()(Context &c, bool windowed, const Tensor &latents, const Tensor &x, const Tensor &pos) const;
};

struct Perceiver {
  static constexpr int64_t n_latents = 256, n_windows = 16, dim = 64;

  Tensor latents, latents_2d; // [256, 64]
  std::array<PerceiverLayer, 2> layers;
  LayerNorm norm;

  void load(const Loader &w);
  // memory [B, 64, h, h], pos [1, hh, 64] -> [B, 512, 64]: global latents first
  Tensor operator()(Context &c, const Tensor &memory, const Tensor &pos) const;
  // The output's position encoding, [1, 512, 64] float32: zeros for the global latents.
  static Tensor output_pos(at::Device device);
};

} // namespace vb
#endif
