// Our own CUDA kernels for the mask decoder, and their twins; see kernels.hpp.
#ifndef VB_TORCH_KERNELS_DECODER_HPP
#define VB_TORCH_KERNELS_DECODER_HPP

#include "kernels.hpp"

namespace vb::kernels {

// Tokens between attention layers, in the forms in which they are read.
struct Tokens {
  Tensor whole;  // float32: what residual sums go on with
  Tensor narrow; // rounded to the dtype of ops: values, and the MLP's input
  Tensor posed;  // with their position, then rounded: queries and keys. Undefined without one
};

// layer_norm(a + b) and its forms.
//   a            [B, n, C]
//   b, pe        of a's sizes or their last ones; undefined: nothing is added, no posed form
//   weight, bias [C] float32; undefined: no norm
Tokens tokens(const Tensor &a, const Tensor &b, const Tensor &pe, const Tensor &weight, const Tensor &bias, double eps, ScalarType op);

// Per object the mask with the greatest IoU among tokens 1 and up.
struct Picked {
  Tensor low;    // [B, 1, h, w] float32; absent where the score is not above 0
  Tensor iou;    // [B]
  Tensor vector; // [B, C]
};

//   masks [B, n, h, w], or in cells of 4 x 4 pixels (in_cells): [B, n, h / 4, w / 4, 2, 2, 2, 2], where the two pairs are of
//         rows and columns, coarse and fine
//   ious [B, n], scores [B, 1], vectors [B, n, C]
Picked pick(const Tensor &masks, bool in_cells, const Tensor &ious, const Tensor &scores, const Tensor &vectors, double absent);
// The same by index, best [B] int64; in ATen ops.
Picked pick_these(const Tensor &best, const Tensor &masks, bool in_cells, const Tensor &ious, const Tensor &scores, const Tensor &vectors, double absent);

// Maps in cells to rows of pixels: [B, n, h / 4, w / 4, 2, 2, 2, 2] -> [B, n, h, w]
Tensor from_cells(const Tensor &masks);

namespace plain {
Tokens tokens(const Tensor &a, const Tensor &b, const Tensor &pe, const Tensor &weight, const Tensor &bias, double eps, ScalarType op);
Picked pick(const Tensor &masks, bool in_cells, const Tensor &ious, const Tensor &scores, const Tensor &vectors, double absent);
} // namespace plain

} // namespace vb::kernels
#endif
