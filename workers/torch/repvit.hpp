// RepViT-M1, EdgeTAM's image trunk, with its structure folded for inference.
//
// Training-time structure is linear: a convolution followed by BatchNorm is one convolution, and the two depthwise
// branches of a token mixer (3x3 and 1x1, beside the identity) are one 3x3. Folding happens before the cast.
// Source: timm 1.0.31 timm/models/repvit.py (repvit_m1, legacy), squeeze_excite.py
#ifndef VB_TORCH_REPVIT_HPP
#define VB_TORCH_REPVIT_HPP

#include "layers.hpp"
#include "trunk.hpp"

namespace vb {

struct SqueezeExcite {
  Conv2d fc1, fc2;
  std::optional<kernels::SqueezeExcite> fused; // the same by our kernels, where they run

  void load(const Loader &w, int64_t dim);
  Tensor operator()(const Tensor &x) const;
};

struct RepVitMlp {
  Conv2d conv1, conv2;
  std::optional<kernels::PixelMlp> fused; // the same by our kernel, where it runs
  void load(const Loader &w, int64_t dim);
  Tensor operator()(const Tensor &x) const; // x + mlp(x)
};

struct RepVitBlock {
  Conv2d token_mixer;
  std::optional<kernels::Depthwise> depthwise; // the same by our kernel, where it runs
  std::optional<SqueezeExcite> se; // every other block
  RepVitMlp channel_mixer;
  ScalarType out_dtype = at::kFloat; // what a block rounds its output to
  void load(const Loader &w, int64_t dim, bool use_se);
  Tensor operator()(const Tensor &x) const;
};

struct RepVitDownsample {
  RepVitBlock pre_block;
  Conv2d spatial_downsample, channel_downsample;
  std::optional<kernels::Depthwise> depthwise; // spatial_downsample by our kernel, where it runs
  RepVitMlp ffn;
  void load(const Loader &w, int64_t in, int64_t out);
  Tensor operator()(const Tensor &x) const;
};

struct RepVitStage {
  std::optional<RepVitDownsample> downsample; // not in the first stage
  std::vector<RepVitBlock> blocks;
  void load(const Loader &w, int64_t in, int64_t out, int depth);
  Tensor operator()(const Tensor &x) const;
};

struct RepVit : Trunk {
  static constexpr std::array<int64_t, 4> widths = {48, 96, 192, 384};
  static constexpr std::array<int, 4> depths = {2, 2, 14, 2};

  Conv2d stem_conv1, stem_conv2;
  std::optional<kernels::Stem> stem; // the first with its activation, where our kernels run
  std::array<RepVitStage, 4> stages;
  std::array<int64_t, 4> channels() const override { return widths; }
  void load(const Loader &w, int64_t image_size) override;
  const char *deviations(const Precision &p) const override;
  std::array<Tensor, 4> operator()(Context &c, const Tensor &image) const override;
};

} // namespace vb
#endif
