// Decoded frames to network inputs: Pillow's bicubic resize to a square on the host, then the normalisation table.
// Source: EdgeTAM@9cc44bf sam2/utils/misc.py:90-107
#ifndef VB_TORCH_PREPROCESS_HPP
#define VB_TORCH_PREPROCESS_HPP

#include "base.hpp"

#include "resize.h"

#include <memory>

namespace vb {

class Preprocess {
public:
  Preprocess(int h, int w, int64_t image_size, at::Device device); // video pixels
  // rgb [h, w, 3] -> [1, 3, S, S] float32, channels last
  Tensor operator()(const uint8_t *rgb);

private:
  struct FreeResizer {
    void operator()(vb_resizer *r) const { vb_resizer_free(r); }
  };
  std::unique_ptr<vb_resizer, FreeResizer> resizer_;
  Tensor bytes_;  // [S, S, 3] on the host
  Tensor table_;  // [768] by channel and value, on the device
  Tensor offset_; // [3]: where a channel's part begins
  Tensor image_;  // CPU: [S, S, 3] float32, written anew for each frame
};

} // namespace vb
#endif
