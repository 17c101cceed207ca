// Mask logits to what the pipeline stores: holes filled, video-size masks as bits, scores on the host.
#ifndef VB_TORCH_POSTPROCESS_HPP
#define VB_TORCH_POSTPROCESS_HPP

#include "base.hpp"

namespace vb {

// Small background components of [B, 1, h, w] float32 become foreground (holes.h); 0: the tensor itself.
// filled grows by the pixels changed.
Tensor fill_holes(const Tensor &low_logits, int max_area, int64_t &filled);

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
