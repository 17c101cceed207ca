// Points, boxes and masks to sparse and dense embeddings for the mask decoder.
// Source: EdgeTAM@9cc44bf sam2/modeling/sam/prompt_encoder.py
#ifndef VB_TORCH_PROMPT_ENCODER_HPP
#define VB_TORCH_PROMPT_ENCODER_HPP

#include "layers.hpp"

#include <array>

namespace vb {

struct PromptEncoder {
  Tensor positional_encoding_gaussian_matrix; // [2, 128]
  std::array<Tensor, 4> point_embeddings;     // [1, 256] each: background, foreground, two corners of a box
  Tensor not_a_point_embed, no_mask_embed;    // [1, 256]
  Conv2d mask_conv0, mask_conv3, mask_conv6;  // mask_downscaling.0, .3, .6
  LayerNorm2d mask_norm1, mask_norm4;         // mask_downscaling.1, .4

  void load(const Loader &w);
  // The encoding of the image's own grid, h x h: [1, h * h, 256]. Depends on size and precision alone.
  Tensor dense_pe(int64_t h) const;
  // points [B, n, 2] in pixels of the S x S image (x, y), labels [B, n]; a padding point is added: [B, n + 1, 256]
  Tensor sparse(const Tensor &points, const Tensor &labels, int64_t image_size) const;
  Tensor dense_none() const;                 // without a mask prompt: [1, 256, 1, 1], to broadcast
  Tensor dense_mask(const Tensor &mask) const; // [B, 1, S/4, S/4] -> [B, 256, S/16, S/16]
};

} // namespace vb
#endif
