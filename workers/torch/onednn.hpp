// Convolutions and linear layers on a CPU by oneDNN with what follows them fused in (activation, residual sum) and
// weights in its own blocked layout, reordered once. libtorch has these ops for its own compiler; they are called
// through the dispatcher by name, as its C++ headers do not declare them.
//
// Fusing changes no mathematics: the activation sees the sum before it is rounded to the op's dtype.
#ifndef VB_TORCH_ONEDNN_HPP
#define VB_TORCH_ONEDNN_HPP

#include "base.hpp"

namespace vb {

enum class Act { none, relu, gelu };

namespace onednn {

// Whether this libtorch and this CPU run them in that dtype (tried once).
bool usable(ScalarType dtype);

// weight [out, in / groups, k, k] channels-last; input_size [B, C, H, W] that it will mostly see
Tensor pack_conv(const Tensor &weight, int64_t stride, int64_t padding, int64_t groups, IntArrayRef input_size);
// x channels-last, in the dtype of the weights; residual (may be undefined) is added before the activation
Tensor conv(const Tensor &x, const Tensor &packed, const Tensor &bias, int64_t stride, int64_t padding, int64_t groups, Act act,
            const Tensor &residual);

Tensor pack_linear(const Tensor &weight, int64_t rows); // [out, in]; rows: tokens that it will mostly see
Tensor linear(const Tensor &x, const Tensor &packed, const Tensor &bias, Act act); // [..., in] -> [..., out]

} // namespace onednn
} // namespace vb
#endif
