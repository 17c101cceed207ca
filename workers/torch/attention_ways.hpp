// Ways to compute one attention: a backend of libtorch's, and into how many parts the work is cut.
//
// Two matrix products and a softmax (math) are faster than a fused kernel in float32 and TF32 on a GPU, where the latter
// has no tensor cores; their scores are kept small by taking some queries at a time.
//
// One object's attention to a full memory bank has too few query tiles to fill a large GPU; parts of the keys fill it,
// each as a batch entry, and their results are merged by the logarithm of each part's sum of exponentials
// (FlashDecoding). Hiera's windows are many short sequences, and values of the bank are narrower than its keys: for both we have
// kernels (kernels::window_attention, cross_attention). Which way is faster depends on device, dtype and shape, so it is measured.
#ifndef VB_TORCH_ATTENTION_WAYS_HPP
#define VB_TORCH_ATTENTION_WAYS_HPP

#include "base.hpp"

namespace vb {

// What F.scaled_dot_product_attention chooses among, the numbers being aten::_fused_sdp_choice's; and our own
// kernels, for windows and for the memory bank.
enum class SdpBackend { math = 0, flash = 1, efficient = 2, cudnn = 3, windows = 100, cross = 101 };

struct SdpWay {
  SdpBackend backend = SdpBackend::math;
  int parts = 1;
};

// q [B, heads, n, d], k [B, heads, m, d], v [B, heads, m, e] -> [B, heads, n, e]. Parts are of the queries for math; of
// the keys for flash and cuDNN, where they divide their number, and for our own kernel, on a CUDA device.
Tensor run_way(const SdpWay &way, const Tensor &q, const Tensor &k, const Tensor &v);

// The fastest of the backends with any number of parts, by CUDA events, and its time; given wins ties within 5 %. What
// throws cannot run, and is not tried again in this process. Waits for the device.
SdpWay fastest_way(const SdpWay &given, const std::vector<SdpBackend> &backends, const Tensor &q, const Tensor &k, const Tensor &v, double *ms);

} // namespace vb
#endif
