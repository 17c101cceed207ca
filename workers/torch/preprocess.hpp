// Decoded frames to network inputs: Pillow's bicubic resize to a square, then the normalisation table.
// Source: EdgeTAM@9cc44bf sam2/utils/misc.py:90-107
#ifndef VB_TORCH_PREPROCESS_HPP
#define VB_TORCH_PREPROCESS_HPP

#include "kernels.hpp"
#include "precision.hpp"

namespace vb {

class Preprocess {
public:
  Preprocess(int h, int w, int64_t image_size, int64_t batch, const Precision &precision); // video pixels
  int64_t width() const { return w_; }

  void begin(Tensor &image) const; // [batch, 3, S, S], channels last; allocated where there is none
  // Frame i of the batch, rgb [h, w, 3]; where vb_model_ops.frame_alloc gave the memory it is read by the device, later.
  void put(int64_t i, const uint8_t *rgb);
  void run(const Tensor &image, int64_t n); // the first n of them

private:
  struct FreeResizer {
    void operator()(vb_resizer *r) const { vb_resizer_free(r); }
  };
  int64_t h_, w_, size_, batch_;
  Precision precision_;
  std::optional<kernels::Preprocess> on_device_; // where our kernels run
  Tensor rgb_, copies_;                          // [batch, h, w, 3] bytes, there: copies, or on unified memory one frame where it was decoded

  std::unique_ptr<vb_resizer, FreeResizer> resizer_; // elsewhere
  Tensor bytes_;                                     // [batch, S, S, 3] on the host
  Tensor table_;                                     // [3, 256] float32 on the host
};

} // namespace vb
#endif
