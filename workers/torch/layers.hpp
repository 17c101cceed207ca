// Layers that every module is made of: plain structs of weights, called like functions.
//
// Weights of ops that autocast casts down (convolution, linear) are held in the dtype of the precision; what
// autocast leaves alone (normalisation scales, embeddings) in float32. Feature maps are channels-last throughout:
// [B, C, H, W] by shape, [B, H, W, C] in memory, so that a map and its sequence of tokens are one piece of memory.
#ifndef VB_TORCH_LAYERS_HPP
#define VB_TORCH_LAYERS_HPP

#include "kernels.hpp"
#include "onednn.hpp"
#include "weights.hpp"

namespace vb {

Tensor activate(const Tensor &x, Act act); // may overwrite x: what an op has just made

struct Linear {
  mutable Tensor weight; // [out, in]; empty once it is packed
  Tensor bias;   // [out], or none
  mutable Tensor packed; // on a CPU, from the first call on: weight in oneDNN's layout

  void load(const Loader &w, int64_t in, int64_t out, bool has_bias = true);
  Tensor operator()(const Tensor &x, Act act = Act::none) const; // [..., in] -> [..., out]
};

// num_layers linear layers with an activation between them. Source: EdgeTAM@9cc44bf sam2/modeling/sam2_utils.py:112-136
struct Mlp {
  std::vector<Linear> layers;
  Act act = Act::relu;

  void load(const Loader &w, int64_t in, int64_t hidden, int64_t out, int num_layers);
  Tensor operator()(const Tensor &x) const;
};

// In float32, as autocast computes it. The narrow forms are for linear layers alone: rounded to their dtype at once.
struct LayerNorm {
  Tensor weight, bias; // [dim]
  double eps = 1e-5;
  ScalarType op = at::kFloat; // of the precision

  void load(const Loader &w, int64_t dim);
  Tensor operator()(const Tensor &x) const;
  Tensor operator()(const Tensor &a, const Tensor &b) const; // of a + b
  Tensor narrow(const Tensor &x) const;
  // a + b in the wider of their dtypes, and its norm; b may be of a's last sizes alone
  kernels::Normed narrow(const Tensor &a, const Tensor &b) const;
};

// Normalisation over channels at each pixel. Source: EdgeTAM@9cc44bf sam2/modeling/sam2_utils.py:141-153
struct LayerNorm2d {
  Tensor weight, bias; // [dim]
  double eps = 1e-6;

  ScalarType op = at::kFloat; // of the precision

  void load(const Loader &w, int64_t dim);
  // [B, C, H, W], rounded to the precision's dtype for the convolution or linear layer that follows
  Tensor rows(const Tensor &x) const;                                // as rows of channels, [B, H, W, C]
  Tensor gelu(const Tensor &x, const Tensor &added = {}) const;      // gelu(norm(x + added)), a map
};

struct Conv2d {
  mutable Tensor weight; // [out, in / groups, k, k]; empty once it is packed
  Tensor bias;   // [out]
  mutable Tensor packed; // on a CPU, from the first call on: weight in oneDNN's layout
  int64_t stride = 1, padding = 0, groups = 1;

  void load(const Loader &w, int64_t in, int64_t out, int64_t kernel, int64_t stride = 1, int64_t padding = 0, int64_t groups = 1);
  // From tensors on the host, float32: what was folded.
  void set(const Loader &w, const Tensor &weight, const Tensor &bias, int64_t stride, int64_t padding, int64_t groups);
  void keep_float32(const Loader &w, const Tensor &weight, const Tensor &bias); // after set()
  Tensor operator()(const Tensor &x, Act act = Act::none) const;
  Tensor plus(const Tensor &x, const Tensor &residual) const; // residual + conv(x), in the wider of their dtypes
};

// Upscaling by 2 with a 2x2 kernel and stride 2.
struct ConvTranspose2d {
  Tensor weight; // [in, out, 2, 2]
  Tensor bias;   // [out]

  void load(const Loader &w, int64_t in, int64_t out);
  Tensor operator()(const Tensor &x) const;
};

// [B, C, H, W] in channels-last memory as tokens [B, H * W, C], and back: views, no copies.
Tensor to_tokens(const Tensor &x);
Tensor to_map(const Tensor &tokens, int64_t h, int64_t w);

} // namespace vb
#endif
