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

  Tensor sum() const { return b.defined() ? a + b : a; }
};

struct HieraBlock {
  LayerNorm norm1, norm2;
  Linear qkv, attn_proj;      // attn.qkv, attn.proj
  Mlp mlp;
  std::optional<Linear> proj; // of the shortcut, where the width changes
  int64_t heads = 1, window = 0; // 0: the whole map is one window
  bool pool = false;             // queries and shortcut are max-pooled 2x2

  void load(const Loader &w, int64_t in, int64_t out);
  // [B, h, w, in] -> [B, h, w, out], or half of each side; x becomes its sum
  HieraMap operator()(Context &c, HieraMap &x) const;

private:
  Tensor attend(Context &c, const Tensor &windows) const; // [n, s, s, in] -> [n, s, s, out], before attn.proj
  // map + attn.proj(y), of the map's windows or the map, and its norm2
  kernels::Normed add_attended(const Tensor &map, const Tensor &y) const;
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
