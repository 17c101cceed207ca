// Matrix products on a CUDA device with bias, activation or a residual sum in their last step, by cuBLASLt itself: ATen
// has no op with both bias and residual, and none with a bias per product of a batch.
//
// In ATen ops where there is no cuBLASLt (a CPU, a build without its headers) or it has no algorithm for the sizes.
#ifndef VB_TORCH_FUSED_PRODUCT_HPP
#define VB_TORCH_FUSED_PRODUCT_HPP

#include "onednn.hpp"

namespace vb::fused_product {

// relu(x weight^T + bias + residual), or without the relu; rounded once.
//   x        [..., in], or in batches [n, rows, in], whose rows may lie apart; of the dtype of all
//   weight   [out, in], or [n, out, in]
//   bias     [out], or [n, out]
//   residual of the output's sizes, contiguous, or undefined
Tensor linear(const Tensor &x, const Tensor &weight, const Tensor &bias, Act act, const Tensor &residual);
Tensor plain(const Tensor &x, const Tensor &weight, const Tensor &bias, Act act, const Tensor &residual); // rounded after each op

} // namespace vb::fused_product
#endif
