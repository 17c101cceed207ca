// Feature pyramid neck, with the mask decoder's two projections of its fine levels folded in.
// Source: EdgeTAM@9cc44bf sam2/modeling/backbones/image_encoder.py:44-134, sam2/modeling/sam2_base.py:465-478
#ifndef VB_TORCH_FPN_HPP
#define VB_TORCH_FPN_HPP

#include "layers.hpp"

#include <array>

namespace vb {

// What the rest of the model sees of a frame.
struct Features {
  Tensor s0;    // [1, 32, S/4, S/4] dtype of ops
  Tensor s1;    // [1, 64, S/8, S/8]
  Tensor level; // [1, 256, S/16, S/16] float32: the coarser level is added in float32 also under autocast
  kernels::Normed begun; // offline: memory attention up to the memory, [1, (S/16)^2, 256]; undefined where it is still to be done
};

struct Fpn {
  Conv2d s0, s1;            // lateral convolution and conv_s0 / conv_s1: both 1x1, so their product is one 1x1
  Conv2d lateral2, lateral3; // strides 16 and 32

  // neck: image_encoder.neck, decoder: sam_mask_decoder; channels of the trunk from fine to coarse
  void load(const Loader &neck, const Loader &decoder, const std::array<int64_t, 4> &channels);
  Features operator()(const std::array<Tensor, 4> &trunk) const;
};

} // namespace vb
#endif
