// What an image trunk is to the rest of the network. Two exist: RepViT (EdgeTAM) and Hiera (SAM 2, SAM 2.1).
#ifndef VB_TORCH_TRUNK_HPP
#define VB_TORCH_TRUNK_HPP

#include "context.hpp"
#include "weights.hpp"

#include <array>

namespace vb {

struct Trunk {
  virtual ~Trunk() = default;
  virtual std::array<int64_t, 4> channels() const = 0; // of its outputs, from fine to coarse
  // w: image_encoder.trunk
  virtual void load(const Loader &w, int64_t image_size) = 0;
  // What it computes otherwise than upstream under a precision; "" where nothing.
  virtual const char *deviations(const Precision &) const { return ""; }
  // image [B, 3, S, S] -> [B, C, s, s] at S/4, S/8, S/16, S/32, channels-last in memory
  virtual std::array<Tensor, 4> operator()(Context &c, const Tensor &image) const = 0;
};

} // namespace vb
#endif
