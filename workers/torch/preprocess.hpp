// Decoded frames to network inputs: Pillow's bicubic resize to a square, then the normalisation table.
// Source: EdgeTAM@9cc44bf sam2/utils/misc.py:90-107
#ifndef VB_TORCH_PREPROCESS_HPP
#define VB_TORCH_PREPROCESS_HPP

#include "kernels.hpp"

namespace vb {

class Preprocess {
public:
  Preprocess(int h, int w, int64_t image_size, at::Device device); // video pixels
  int64_t width() const { return w_; }
  // rgb [h, w, 3] into image [1, 3, S, S] float32, channels last; allocated where there is none
  void operator()(Tensor &image, const uint8_t *rgb);

private:
  struct FreeResizer {
    void operator()(vb_resizer *r) const { vb_resizer_free(r); }
  };
  int64_t h_, w_, size_;
  at::Device device_;
  std::optional<kernels::Preprocess> on_device_; // where our kernels run
  Tensor rgb_, rgb_on_device_;                   // [1, h, w, 3] bytes; pinned, and there

  std::unique_ptr<vb_resizer, FreeResizer> resizer_; // elsewhere
  Tensor bytes_;                                     // [S, S, 3] on the host
  Tensor table_;                                     // [3, 256] float32 on the host
};

} // namespace vb
#endif
