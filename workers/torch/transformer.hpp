// Attention layers of SAM: projections around the attention kernel, and the two-way transformer between prompt
// tokens and image tokens. Source: EdgeTAM@9cc44bf sam2/modeling/sam/transformer.py:52-280
#ifndef VB_TORCH_TRANSFORMER_HPP
#define VB_TORCH_TRANSFORMER_HPP

#include "context.hpp"
#include "joined.hpp"
#include "kernels_decoder.hpp"

#include <array>

namespace vb {

struct AttentionLayer {
  Linear q_proj, k_proj, v_proj, out_proj;
  int64_t heads = 1;

  // dim: of queries and output; kv_dim: of keys and values; inner: all heads together
  void load(const Loader &w, int64_t dim, int64_t kv_dim, int64_t inner, int64_t heads);
  Tensor of_projected(Context &c, const char *site, const Tensor &q, const Tensor &k, const Tensor &v) const; // [B, n, inner] -> [B, n, dim]
};

struct TwoWayBlock {
  AttentionLayer self_attn, cross_attn_token_to_image, cross_attn_image_to_token;
  LayerNorm norm1, norm2, norm3, norm4;
  Mlp mlp;

  void load(const Loader &w);
};

struct TwoWayTransformer {
  std::array<TwoWayBlock, 2> layers;
  AttentionLayer final_attn_token_to_image;
  LayerNorm norm_final_attn;
  // What reads the same tensor: tokens as they come; the image with its position; tokens after a layer's MLP with their
  // position and without, by which the image looks at them and the next layer begins.
  Joined of_input;
  std::array<Joined, 2> of_image, of_posed, of_tokens;

  void load(const Loader &w);
  // image [B, HW, 256] with its position image_pe [1, HW, 256], tokens [B or 1, n, 256] -> queries [B, n, 256], keys [B, HW, 256]
  std::pair<kernels::Tokens, kernels::Tokens> operator()(Context &c, const kernels::Tokens &image, const Tensor &image_pe, const Tensor &tokens) const;
};

} // namespace vb
#endif
