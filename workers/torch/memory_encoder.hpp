// A frame's features and its mask to a spatial memory.
// Source: EdgeTAM@9cc44bf sam2/modeling/memory_encoder.py
#ifndef VB_TORCH_MEMORY_ENCODER_HPP
#define VB_TORCH_MEMORY_ENCODER_HPP

#include "layers.hpp"

#include <array>

namespace vb {

struct CxBlock { // ConvNeXt
  Conv2d dwconv;
  std::optional<kernels::Depthwise> depthwise; // the same by our kernel, where it runs
  LayerNorm2d norm;
  Linear pwconv1, pwconv2;
  Tensor gamma; // [256]

  void load(const Loader &w);
  Tensor operator()(const Tensor &x) const;
};

struct MemoryEncoder {
  std::array<Conv2d, 4> mask_convs;      // mask_downsampler.encoder.0, .3, .6, .9
  std::array<LayerNorm2d, 4> mask_norms; // .1, .4, .7, .10
  Conv2d mask_out;                       // .12
  Conv2d pix_feat_proj, out_proj;
  std::array<CxBlock, 2> fuser;
  std::optional<std::array<kernels::MaskMap, 3>> mask_maps; // the first three of both by our kernels, where they run

  void load(const Loader &w);
  // level [B, 256, h, w], the mask's logits [B, 1, 4h, 4w] -> [B, 64, h, w]; binary: by their signs alone
  Tensor operator()(const Tensor &level, const Tensor &low_logits, bool binary) const;
};

} // namespace vb
#endif
