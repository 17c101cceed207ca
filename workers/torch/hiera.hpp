// Hiera, the image trunk of SAM 2 and SAM 2.1: a hierarchy of transformer blocks, most of them attending within
// windows, a few over the whole map, with queries pooled where a stage begins.
// Source: sam2@2b90b9f sam2/modeling/backbones/hieradet.py, backbones/utils.py
#ifndef VB_TORCH_HIERA_HPP
#define VB_TORCH_HIERA_HPP

#include "layers.hpp"
#include "trunk.hpp"

namespace vb {

// One size of it. Width and heads double from stage to stage.
struct HieraSpec {
  int64_t embed_dim, num_heads;          // of the first stage
  std::array<int, 4> stages;             // blocks
  std::array<int, 3> global_att_blocks;  // those that attend over the whole map
  int64_t window_pos_embed_bkg;          // side of the position embedding before it is enlarged
  std::array<int64_t, 4> window_spec;    // side of a window, by stage
};

// A map [B, h, w, C] as two addends, of which the next norm makes the sum on its way.
struct HieraMap {
  Tensor a, b; // b undefined: a is the map
  Tensor sums; // of a's rows (kernels::Summed), for a block whose norm is in its product; a is the map, then

  Tensor sum() const { return b.defined() ? a + b : a; }
};

struct HieraBlock {
  LayerNorm norm1, norm2;
  Linear qkv, attn_proj;      // attn.qkv, attn.proj
  Linear mlp_in, mlp_out;     // mlp.layers.0, .1
  std::optional<Linear> proj; // of the shortcut, where the width changes
  int64_t heads = 1, window = 0; // 0: the whole map is one window
  bool pool = false;             // queries and shortcut are max-pooled 2x2
  bool folded = false;           // norm1's weights are in qkv's (kernels::folded); norm2's are in mlp_in's wherever kernels fold
  bool before_folded = false;    // the next block is: it takes the sums of the result

  void load(const Loader &w, int64_t in, int64_t out, int64_t map_side);
  // [B, h, w, in] -> [B, h, w, out], or half of each side; x becomes its sum
  HieraMap operator()(Context &c, HieraMap &x) const;

private:
  Tensor project(HieraMap &x, Tensor &shortcut) const;       // qkv of the norm, in windows [n, s, s, 3 * out]; the shortcut, where the width changes
  Tensor attend(Context &c, const Tensor &projected) const;  // [n, s, s, out], or half of each side, before attn.proj
  HieraMap finish(const Tensor &map, const Tensor &y) const; // map + attn.proj(y), of the map's windows or the map, and the MLP
};

struct Hiera : Trunk {
  explicit Hiera(const HieraSpec &spec) : spec(spec) {}

  HieraSpec spec;
  Conv2d patch_embed; // patch_embed.proj
  std::optional<Linear> of_patches; // the same on kernels::patches
  Tensor pos;         // [1, S/4, S/4, C] float32: pos_embed enlarged and pos_embed_window tiled
  std::vector<HieraBlock> blocks;

  std::array<int64_t, 4> channels() const override;
  void load(const Loader &w, int64_t image_size) override;
  std::array<Tensor, 4> operator()(Context &c, const Tensor &image) const override;

private:
  Tensor embed(const Tensor &image) const; // [B, 3, S, S] -> [B, S/4, S/4, C]
};

} // namespace vb
#endif
