// The whole network as one struct of modules, with the tables that depend on image size and precision, and its
// four steps: encode an image, attend to memories, decode masks, memorize. Without state: see tracker.hpp.
// Source: EdgeTAM@9cc44bf sam2/modeling/sam2_base.py
#ifndef VB_TORCH_NETWORK_HPP
#define VB_TORCH_NETWORK_HPP

#include "mask_decoder.hpp"
#include "memory_attention.hpp"
#include "memory_encoder.hpp"
#include "perceiver.hpp"
#include "prompt_encoder.hpp"
#include "variants.hpp"

#include <memory>

namespace vb {

// What the mask decoder is asked: points, or a mask, or (tracking) neither.
struct DecoderPrompt {
  Tensor points; // [B, n, 2] in pixels of the S x S image, or none
  Tensor labels; // [B, n] int32
  Tensor mask;   // [B, 1, S/4, S/4], or none
};

struct SamHeads {
  Tensor low_logits;          // [B, 1, S/4, S/4] float32, of the mask shown; -1024 where the object is not
  Tensor iou;                 // [B] its predicted IoU
  Tensor object_score_logits; // [B, 1]
  Tensor obj_ptr;             // [B, 256] float32
};

struct Network {
  static constexpr int n_maskmem = 7;
  static constexpr int64_t dim = 256, mem_dim = 64;

  std::unique_ptr<Trunk> trunk; // image_encoder.trunk
  Fpn neck;                     // image_encoder.neck, with sam_mask_decoder.conv_s0 and conv_s1
  PromptEncoder sam_prompt_encoder;
  MaskDecoder sam_mask_decoder;
  MemoryAttention memory_attention;
  MemoryEncoder memory_encoder;
  std::optional<Perceiver> spatial_perceiver;
  Mlp obj_ptr_proj;
  Conv2d mask_downsample;
  Tensor no_mem_embed; // [1, 256, 1, 1]
  Tensor no_obj_ptr;   // [1, 256]
  Tensor no_obj_embed_spatial;    // [1, 64, 1, 1], or none
  PointerEncoding pointer_encoding; // obj_ptr_tpos_proj

  int64_t image_size = 0, side = 0; // S and S / 16
  Tensor image_pos;                 // [1, hw, 256] sine encoding of the image grid
  Tensor attended_pos;              // a tenth of it, what memory attention adds to its input
  Tensor dense_pe;                  // [1, hw, 256] the decoder's encoding of it
  Tensor tokens_without_points;     // [1, 8, 256] what the decoder's transformer starts from on a frame without a prompt
  Tensor memory_map_pos;            // [1, hw, 64]
  Tensor memory_pos_by_age;         // [7, m, 64]: row d - 1 for the frame d before, row 6 for the conditioning frame
  RotaryTables rope;

  void load(const Loader &w, const Variant &variant, int64_t image_size);

  Features encode(Context &c, const Tensor &image) const; // image [1, 3, S, S] normalised
  // Features::begun of features of any number of frames.
  kernels::Normed begin(Context &c, const Features &f) const;
  // The level with what each object's memories say, [B, 256, h, w] float32
  Tensor attend(Context &c, const Features &f, const MemoryTokens &memory) const;
  Tensor without_memory(const Tensor &level) const;
  SamHeads decode(Context &c, const Tensor &level, const Features &f, const DecoderPrompt &prompt, bool multimask) const;
  // low_logits [B, 1, S/4, S/4], score [B, 1] -> [B, m, 64]. prompted: the mask counts as binary
  Tensor memorize(Context &c, const Features &f, const Tensor &low_logits, const Tensor &score, bool prompted) const;
  // A memory in upstream's shape: latents as they are, positions as a map [B, 64, h, w].
  Tensor memory_as_upstream(const Tensor &memory) const;
};

} // namespace vb
#endif
