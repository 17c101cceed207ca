// Mask logits as they are shown: holes filled, at video size.
#ifndef VB_TORCH_POSTPROCESS_HPP
#define VB_TORCH_POSTPROCESS_HPP

#include "base.hpp"

namespace vb {

// Small components of masks change sides (holes.h): holes are filled, then sprinkles removed, by the device's kernels or
// the CPU code, and their pixels counted.
class HoleFiller {
public:
  // Areas of 0: nothing is changed; on_device: the device has the kernels (vb_backend_hole_filling)
  HoleFiller(at::Device device, int hole_area, int sprinkle_area, bool on_device);

  // low_logits [B, 1, h, w] float32; a new tensor, or itself when nothing is to be changed
  Tensor operator()(const Tensor &low_logits);
  bool waits() const { return waits_; } // for the device: the CPU code works on what lies there

  // Pixels filled and removed since the count before, [2] int64 on the host (pinned for a device; allocated where there is
  // none): there once the device has caught up.
  void send(Tensor &to);

private:
  Tensor on_cpu(const Tensor &low_logits);
  Tensor on_device(const Tensor &low_logits);

  int hole_area_, sprinkle_area_;
  Tensor changed_;   // [2] int64: pixels filled and removed; on the device, or on the CPU whose code does it
  bool waits_;
};

// Logits at video size, bilinear from the size/4 logits: [B, 1, h, w].
Tensor video_logits(const Tensor &low_logits, int h, int w);

} // namespace vb
#endif
