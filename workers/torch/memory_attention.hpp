// The current frame's features conditioned on the memory bank.
// Source: EdgeTAM@9cc44bf sam2/modeling/memory_attention.py, sam2/modeling/sam/transformer.py:283-435
#ifndef VB_TORCH_MEMORY_ATTENTION_HPP
#define VB_TORCH_MEMORY_ATTENTION_HPP

#include "transformer.hpp"

namespace vb {

// Rotary tables of one image size.
struct RotaryTables {
  Tensor query; // [hw, 128] complex
  Tensor key;   // of a memory's positions: the same grid, or the perceiver's 16 x 16
};

// The memory as one sequence: n_spatial memories of equal length, then object pointers.
struct MemoryTokens {
  Tensor memory; // [B, m, 64] in the dtype of ops: linear layers and attention alone read them
  Tensor keys;   // likewise: memory with its place in space and time
  int64_t n_spatial = 0, n_pointer_tokens = 0;
};

// What a pointer's place in time adds to its keys: the sine of its age over the greatest one, projected.
// Source: sam2@2b90b9f sam2/modeling/sam2_base.py:624-640
struct PointerEncoding {
  std::optional<Linear> proj; // none: pointers carry no age, nothing is added
  Tensor operator()(const Tensor &age) const; // [n], the greatest is 1 -> [n, 64] float32
};

struct MemoryAttentionLayer {
  AttentionLayer self_attn, cross_attn_image;
  std::optional<Linear> self_qkv; // on a GPU: the three projections of self_attn in one product
  Linear linear1, linear2;
  LayerNorm norm1, norm2, norm3;

  void load(const Loader &w);
  // x [B, hw, 256] float32 + more -> the sum after self-attention, and norm2 of it
  kernels::Normed attend_to_itself(Context &c, const Tensor &x, const Tensor &more, const RotaryTables &rope) const;
  // y [B, hw, 256], or [1, hw, 256] where it is the same for all objects. Its sum becomes that after cross-attention, the
  // result is what is still to be added.
  Tensor attend_to_memory(Context &c, kernels::Normed &y, const MemoryTokens &m, const RotaryTables &rope) const;

private:
  Tensor self_attention(Context &c, const Tensor &normed, const RotaryTables &rope) const;
};

struct MemoryAttention {
  std::vector<MemoryAttentionLayer> layers;
  LayerNorm norm;

  void load(const Loader &w, int n_layers);
  // The first layer up to the memory: of any number of frames, x [n, hw, 256] float32, x_pos [1, hw, 256], a tenth of the positions.
  kernels::Normed begin(Context &c, const Tensor &x, const Tensor &x_pos, const RotaryTables &rope) const;
  // The rest, of what begin made of one frame: [B, hw, 256]
  Tensor operator()(Context &c, const kernels::Normed &begun, const MemoryTokens &m, const RotaryTables &rope) const;
};

} // namespace vb
#endif
