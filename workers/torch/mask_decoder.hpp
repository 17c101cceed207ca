// Image features and prompt embeddings to four masks with IoU predictions, an object score, and the one choice.
// Source: EdgeTAM@9cc44bf sam2/modeling/sam/mask_decoder.py
#ifndef VB_TORCH_MASK_DECODER_HPP
#define VB_TORCH_MASK_DECODER_HPP

#include "fpn.hpp"
#include "transformer.hpp"

namespace vb {

struct Decoded {
  Tensor masks;               // [B, 4, S/4, S/4] dtype of ops; in cells [B, 4, S/16, S/16, 2, 2, 2, 2] (kernels_decoder.hpp)
  bool in_cells = false;
  Tensor ious;                // [B, 4] after the sigmoid
  Tensor tokens;              // [B, 4, 256] mask tokens, dtype of ops
  Tensor object_score_logits; // [B, 1]
};

struct MaskDecoder {
  static constexpr int64_t n_masks = 4;
  static constexpr double stability_delta = 0.05, stability_thresh = 0.98; // upstream's build_sam.py:112-116

  Tensor output_tokens; // obj_score_token, iou_token, mask_tokens: [6, 256]
  TwoWayTransformer transformer;
  ConvTranspose2d upscale0, upscale3; // output_upscaling.0, .3
  LayerNorm2d upscale1;               // output_upscaling.1
  std::array<Mlp, n_masks> output_hypernetworks_mlps;
  Mlp iou_prediction_head, pred_obj_score_head;
  JoinedMlps heads; // object score, IoUs, hypernetworks: in the order of the tokens that they read
  Linear cells0, cells3; // on a CUDA device, in place of upscale0 and 3: a pixel's channels to those of its 2 x 2

  void load(const Loader &w);
  Tensor tokens(const Tensor &sparse) const; // sparse [B, n, 256] -> what the transformer starts from, [B, 6 + n, 256]
  // level [B, 256, h, w], dense_pe [1, hw, 256], tokens [B or 1, 6 + n, 256], dense broadcastable to level
  Decoded operator()(Context &c, const Tensor &level, const Tensor &dense_pe, const Tensor &tokens, const Tensor &dense, const Features &f) const;
  Tensor stability(const Decoded &d) const; // [B] float32, of mask token 0
  // Index of the mask token shown: the best of 1..3 by IoU, or (multimask false) token 0 where it is stable. [B] int64
  Tensor choose(const Decoded &d, bool multimask) const;

private:
  Tensor upscaled(const Tensor &keys, int64_t h, int64_t w, const Features &f) const; // [B, hw, 256] -> [B, 16hw, 32]
  Tensor upscaled_in_cells(const Tensor &keys, const Features &f) const;
};

} // namespace vb
#endif
