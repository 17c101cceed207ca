// Attention on a CPU with values narrower than the keys, which libtorch's flash kernel does not take.
//
// Where values carry no position, they can be projected after the product with the probabilities: the memory
// bank's are 64 wide where queries and keys are 256, which saves three eighths of the arithmetic. The kernel goes
// over tiles of keys with a running maximum and sum, as flash attention does, and its exponential is exact to
// 2 ulp (libtorch's is not: 20). Scores and sums are float32; probabilities are rounded to bfloat16 as libtorch does.
#ifndef VB_TORCH_FUSED_ATTENTION_HPP
#define VB_TORCH_FUSED_ATTENTION_HPP

#include "base.hpp"

namespace vb::fused_attention {

// Whether this libtorch and this CPU have it in that dtype for those shapes: float32 always, bfloat16 with AMX (libtorch 2.6 or later).
bool usable(ScalarType dtype, const Tensor &q, const Tensor &k, const Tensor &v);

// q [B, heads, n, d], k [B, heads, m, d], v [B, heads, m, e], of one dtype -> [B, heads, n, e] in it
Tensor run(const Tensor &q, const Tensor &k, const Tensor &v);

} // namespace vb::fused_attention
#endif
