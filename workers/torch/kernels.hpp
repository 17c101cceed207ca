// Our own CUDA kernels (workers/cuda) as functions on tensors: each does in one pass what several ATen ops do.
//
// Every function has a twin in `plain`, spelled in ATen ops, with the same result but for the order of sums; it is what
// runs where a tensor is not on a CUDA device, the build has no kernels for the device, or a shape is none of theirs. Attention and
// linear layers, which libtorch has itself, are asked first (takes_, pays).
// tests/gpu/test_kernels_cuda.cpp holds the two equal. Nothing here waits for the device; outputs that are returned come
// from ATen's allocator, so that all of it can be captured in a CUDA graph.
#ifndef VB_TORCH_KERNELS_HPP
#define VB_TORCH_KERNELS_HPP

#include "base.hpp"

#include "resize.h"

#include <memory>

namespace vb::kernels {

// Whether our kernels run on that device and are wanted.
bool usable(at::Device device);

// Of the whole process, before a network is loaded: false leaves everything to the twins.
void want(bool ours);

// Whether kernels reach the host's pinned memory as they do their own, because it is one memory (Jetson).
bool shares_memory(at::Device device);

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

// Of every 4th pixel of images [B, 3, h, w], channels last, the 8x8 pixels from 4 above and left of it, 0 beyond the image:
// [B, h / 4, w / 4, 192]
Tensor patches(const Tensor &image);

// RepViT's first convolution, of images: gelu(conv(x)), 3x3 with stride 2, from 3 channels to 24.
class Stem {
public:
  Stem() = default;
  Stem(const Tensor &weight, const Tensor &bias); // [24, 3, 3, 3], [24], of the dtype that maps will have
  // [B, 3, h, w] of even sides, channels last -> [B, 24, h / 2, w / 2], rounded ahead of the bias and at the end
  Tensor operator()(const Tensor &image) const;
  Tensor plain(const Tensor &image) const;

private:
  Tensor given_weight_, given_bias_;
  Tensor weight_, bias_; // [27, 24], [24] float32
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

// Rows of channels: the sum of two tensors in the wider of their dtypes, and its layer norm in out_dtype.
//   a            [..., channels], contiguous
//   b            a's sizes, or only the last ones, for all of a; undefined: nothing is added
//   weight, bias [channels] float32; the norm is computed in float32, as autocast does
struct Normed {
  Tensor sum; // undefined unless kept; a itself where nothing is added
  Tensor out;
};
Normed add_norm(const Tensor &a, const Tensor &b, const Tensor &weight, const Tensor &bias, double eps, ScalarType out_dtype, bool keep_sum = true);

// The same on maps [B, h, w, C], the norm in Hiera's windows of a side, [B * windows, side, side, C] by rows of windows;
// what the last ones lack is 0. The sum, which is kept, stays a map.
Normed norm_into_windows(const Tensor &a, const Tensor &b, int64_t side, const Tensor &weight, const Tensor &bias, double eps, ScalarType out_dtype);
// sum [B, h, w, C] = map + the windows put back in their places, and its norm.
Normed add_windows_norm(const Tensor &map, const Tensor &windows, const Tensor &weight, const Tensor &bias, double eps, ScalarType out_dtype);

// gelu(layer norm over channels of (x + added)) on channels-last maps [B, C, H, W], in out_dtype.
//   added  of x's sizes, or undefined
//   weight, bias: undefined: no norm
Tensor norm_gelu(const Tensor &x, const Tensor &added, const Tensor &weight, const Tensor &bias, double eps, ScalarType out_dtype);

// The exact gelu (by erf), in place; x itself. Of a half dtype within a step of it, or 1e-15.
Tensor gelu_(const Tensor &x);

// Greatest of each 2x2 pixels of maps x [n, h, w, C], whose pixels may lie apart by any stride -> [n, h / 2, w / 2, C],
// contiguous. NaN where any of the four is.
Tensor max_pool(const Tensor &x);

// Attention over parts of the keys: parts [n_parts, ..., d] and lse [n_parts, ...] float32, the natural logarithm of each
// part's sum of exponentials -> [..., d]
Tensor merge_parts(const Tensor &parts, const Tensor &lse);

// Attention of many short sequences, Hiera's windows, in half precision: q [n, heads, l, d], k and v [n, heads, m, d] ->
// [n, heads, l, d], the transposed view of [n, l, heads, d]. Only on what takes_windows says.
bool takes_windows(const Tensor &q, const Tensor &k, const Tensor &v);
Tensor window_attention(const Tensor &q, const Tensor &k, const Tensor &v);

// Attention to the memory bank before its values are projected, in half precision, on compute capability 9.0: q [B, 1, n, 256],
// k [B, 1, m, 256], v [B, 1, m, 64] -> [B, 1, n, 64]; the keys go in parts, which are merged. Only on what takes_cross says.
bool takes_cross(const Tensor &q, const Tensor &k, const Tensor &v, int64_t parts);
Tensor cross_attention(const Tensor &q, const Tensor &k, const Tensor &v, int64_t parts);

// Linear layers in half precision with what follows them, on compute capability 9.0: x [..., in], weight [out, in], bias [out].
//   takes_product     all that the kernel can
//   product_pays      where it is faster than libtorch's product, and with_more than that and the pass that then would follow (measured on
//                     an H100)
//   product           gelu(x weight' + bias), or without
//   product_turned    rotary encoding of it
//   product_onto      residual + (x weight' + bias), of their one dtype, with its sums; residual of x's rows, or maps [B, h, w, out] of
//                     whose windows x [., side, side, in] is
struct Turn {
  Tensor table;                      // [tokens, channels / 2] complex: the last tokens of each memory turn by it
  int64_t columns;                   // of the output that turn, the first ones: whole heads
  int64_t memories, memory, sequence; // of a sequence, tokens of one, tokens of a sequence: others follow the memories
};
struct Summed {
  Tensor out;  // [..., channels]
  Tensor sums; // [rows, parts, 2] float32: of each part of a row its sum and its sum of squares
};
bool takes_product(const Tensor &x, const Tensor &weight, const Tensor &bias);
bool product_pays(const Tensor &x, const Tensor &weight, const Tensor &bias, bool with_more);
Tensor product(const Tensor &x, const Tensor &weight, const Tensor &bias, bool gelu);
Tensor product_turned(const Turn &turn, const Tensor &x, const Tensor &weight, const Tensor &bias);
Summed product_onto(const Tensor &residual, const Tensor &x, const Tensor &weight, const Tensor &bias);

// The same behind a layer norm, which takes no pass of its own where the norm's weight and bias are in the layer's:
//   folds_norms       whether that may come to pass on a device; layers are then loaded folded()
//   folded            of float32 weights; an output's weights add up to 0, so that a row's mean falls out of the product. Behind the norm that is left,
//                     without weight and bias, such a layer is what both were
//   norm_pays         where product_of_norm is faster than that norm and a product
//   product_of_norm   gelu(norm(x) weight' + bias), or without; window > 0: x is maps, and the result of their windows of that side
struct Folded {
  Tensor weight, bias;
};
bool folds_norms(at::Device device, ScalarType dtype);
Folded folded(const Tensor &norm_weight, const Tensor &norm_bias, const Tensor &weight, const Tensor &bias);
bool norm_pays(const Summed &x, int64_t window, const Tensor &weight, const Tensor &bias);
Tensor product_of_norm(const Summed &x, double eps, int64_t window, const Tensor &weight, const Tensor &bias, bool gelu);

// Depthwise convolution of channels-last maps, weights held as the kernel takes them.
class Depthwise {
public:
  Depthwise() = default;
  // weight [C, 1, k, k], bias [C], of any dtype; padding k / 2
  Depthwise(const Tensor &weight, const Tensor &bias, int64_t stride);
  // x [B, C, H, W] -> its convolution, plus residual where that is defined; rounded once, to x's dtype
  Tensor operator()(const Tensor &x, const Tensor &residual = {}) const;
  Tensor plain(const Tensor &x, const Tensor &residual = {}) const; // rounded before the sum, too

private:
  int64_t kernel_ = 0, stride_ = 1;
  Tensor given_weight_, given_bias_;
  Tensor weight_; // [k * k, C] float32
  Tensor bias_;   // [C] float32
};

// x + W2 gelu(W1 x + b1) + b2 of each pixel of channels-last maps.
class PixelMlp {
public:
  static bool takes(int64_t channels, ScalarType dtype); // few channels, half precision
  PixelMlp() = default;
  // Of the dtype that maps have: W1 [2C, C], b1 [2C], W2 [C, 2C], b2 [C]
  PixelMlp(const Tensor &in, const Tensor &in_bias, const Tensor &out, const Tensor &out_bias);
  Tensor operator()(const Tensor &x) const; // [B, C, H, W]
  Tensor plain(const Tensor &x) const;      // rounded ahead of the last sum, too

private:
  Tensor in_, in_bias_, out_, out_bias_;
};

// Squeeze and excitation of channels-last maps: x times a gate per channel, made from the means of all.
class SqueezeExcite {
public:
  SqueezeExcite() = default;
  // down [R, C, 1, 1] and up [C, R, 1, 1] with their biases: weights of the dtype that maps will have
  SqueezeExcite(const Tensor &down, const Tensor &down_bias, const Tensor &up, const Tensor &up_bias);
  Tensor operator()(const Tensor &x) const; // [B, C, H, W]; rounded once
  Tensor plain(const Tensor &x) const;      // rounded after every op

private:
  Tensor down_, down_bias_, up_, up_bias_;
};

// A step of the memory encoder's mask downsampler: gelu(norm(conv(x))), 3x3 with stride 2, of few channels.
class MaskMap {
public:
  MaskMap() = default;
  // weight [out, in, 3, 3] and bias [out], of the dtype that maps have; the norm's in float32
  MaskMap(const Tensor &weight, const Tensor &bias, const Tensor &norm_weight, const Tensor &norm_bias, double eps);
  // x [B, in, h, w] of even sides, channels last -> [B, out, h / 2, w / 2]
  Tensor operator()(const Tensor &x) const;
  // Mask logits [B, 1, h, w] float32, enlarged to side x side: 20 sigmoid(x) - 10, binary: 10 where x > 0 and -10 elsewhere;
  // and the step on them. For the first one.
  Tensor from_logits(const Tensor &low, int64_t side, bool binary) const;
  Tensor plain(const Tensor &x) const; // rounded after the convolution, too
  Tensor plain_from_logits(const Tensor &low, int64_t side, bool binary) const;

private:
  double eps_ = 0;
  Tensor given_weight_, bias_in_op_, norm_weight_, norm_bias_;
  Tensor weight_; // [9, in, out] float32
  Tensor bias_;   // [out] float32
};

// What memory attention reads: of every object its memories, then its pointers, each in tokens as wide as a memory's.
struct Stored {
  Tensor memories, pointers; // [., m, width] of any dtype, [., w] float32, w a multiple of width
  Tensor rows, pointer_rows; // int64 [objects * memories], [objects * pointers]: which
  std::vector<int> ages;     // of an object's memories: rows of places, the same for all objects
  Tensor places;             // [., m, width] float32
  Tensor pointer_places;     // [objects * pointers, width] float32, for all tokens of a pointer; undefined: zeros
};
struct Recalled {
  Tensor memory, keys; // [objects, tokens, width]; keys: the sums with the places, in float32, rounded once
};
Recalled recall(const Stored &stored, int64_t objects, ScalarType out_dtype);

namespace plain {
Recalled recall(const Stored &stored, int64_t objects, ScalarType out_dtype);
Normed add_norm(const Tensor &a, const Tensor &b, const Tensor &weight, const Tensor &bias, double eps, ScalarType out_dtype, bool keep_sum = true);
Normed norm_into_windows(const Tensor &a, const Tensor &b, int64_t side, const Tensor &weight, const Tensor &bias, double eps, ScalarType out_dtype);
Normed add_windows_norm(const Tensor &map, const Tensor &windows, const Tensor &weight, const Tensor &bias, double eps, ScalarType out_dtype);
Tensor norm_gelu(const Tensor &x, const Tensor &added, const Tensor &weight, const Tensor &bias, double eps, ScalarType out_dtype);
Tensor gelu_(const Tensor &x);
Tensor max_pool(const Tensor &x);
Tensor merge_parts(const Tensor &parts, const Tensor &lse);
Tensor patches(const Tensor &image);
void mask_bits(const Tensor &words, const Tensor &nonfinite, const Tensor &low, int64_t w, bool no_overlap);
void rotate(const Tensor &out, const Tensor &x, const Tensor &table);
} // namespace plain

} // namespace vb::kernels
#endif
