// Mask logits to what the pipeline stores: holes filled, video-size masks as bits, scores on the host.
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

  // Pixels changed since the count before: on its way to the host, and there once the device has caught up.
  void send_count();
  int64_t filled() const;
  int64_t removed() const;

private:
  Tensor on_cpu(const Tensor &low_logits);
  Tensor on_device(const Tensor &low_logits);

  int hole_area_, sprinkle_area_;
  Tensor changed_;   // [2] int64: pixels filled and removed; on the device, or on the CPU whose code does it
  Tensor sent_;      // [2] int64, on the host
  Tensor workspace_; // bytes on the device
};

// Logits at video size, bilinear from the size/4 logits: [B, 1, h, w].
Tensor video_logits(const Tensor &low_logits, int h, int w);

// One object's output on the way to the host; two copies, without waiting.
class PendingMask {
public:
  // logits [1, 1, h, w] at video size, low their source, iou and score one element each
  PendingMask(const Tensor &logits, const Tensor &low, const Tensor &iou, const Tensor &score);
  void write(vb_object_out *out) const; // once the device has caught up

private:
  Tensor words_;   // [h, stride] int64: vb_mask's layout
  Tensor numbers_; // [3] float64: IoU, score, non-finite count
};

void synchronize(at::Device device);

} // namespace vb
#endif
