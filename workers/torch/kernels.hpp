// Our own CUDA kernels (workers/cuda) as functions on tensors: each does in one pass what several ATen ops do.
//
// Every function has a twin in `plain`, spelled in ATen ops, with the same result but for the order of sums; it is what
// runs where a tensor is not on a CUDA device, the build has no kernels for the device, or a shape is none of theirs.
// tests/gpu/test_kernels_cuda.cpp holds the two equal. Nothing here waits for the device; outputs that are returned come
// from ATen's allocator, so that all of it can be captured in a CUDA graph.
#ifndef VB_TORCH_KERNELS_HPP
#define VB_TORCH_KERNELS_HPP

#include "base.hpp"

#include "resize.h"

#include <memory>

namespace vb::kernels {

// Whether our kernels run on that device.
bool usable(at::Device device);

// Decoded frames to network images, resized and normalised on the device.
class Preprocess {
public:
  // Video pixels; at most max_batch frames a call.
  Preprocess(int h, int w, int64_t image_size, int64_t max_batch, at::Device device);
  // rgb [n, h, w, 3] bytes on the device -> image [n, S, S, 3], float32 or a half dtype; both contiguous
  void operator()(const Tensor &image, const Tensor &rgb) const;
  void plain(const Tensor &image, const Tensor &rgb) const; // resized on the host: waits for the frames

private:
  struct FreeResizer {
    void operator()(vb_resizer *r) const { vb_resizer_free(r); }
  };
  int h_, w_;
  int64_t size_;
  std::unique_ptr<vb_resizer, FreeResizer> resizer_;
  Tensor table_;     // [3, 256] float32: bytes as the network sees them
  Tensor taps_;      // int32, of both axes; undefined: no kernel
  Tensor workspace_; // bytes between the passes
};

// Masks at video size as bits, of n objects of one frame.
//   low       [n, h0, w0] float32
//   words     [n, h, stride] int64, written: vb_mask's layout of masks h x w; stride >= vb_mask_stride(w)
//   nonfinite [n] int64, written: NaN and Inf among an object's low logits
//   no_overlap: a pixel belongs to the object with the greatest logit alone
void mask_bits(const Tensor &words, const Tensor &nonfinite, const Tensor &low, int64_t w, bool no_overlap);

// Neighbouring pairs of x [..., n, dim] turned by table [n, dim / 2] complex: out, which may be x or any other view of
// those sizes. In float32, rounded to the dtype that both have.
void rotate(const Tensor &out, const Tensor &x, const Tensor &table);

namespace plain {
void mask_bits(const Tensor &words, const Tensor &nonfinite, const Tensor &low, int64_t w, bool no_overlap);
void rotate(const Tensor &out, const Tensor &x, const Tensor &table);
} // namespace plain

} // namespace vb::kernels
#endif
