// Calls of our own CUDA kernels: attention.
#include "kernels.hpp"

#ifdef VB_HAVE_KERNELS_CUDA
#include "kernels_call.hpp"

#include "cross_cuda.h"
#include "merge_cuda.h"
#include "window_cuda.h"
#endif

namespace vb::kernels {

Tensor merge_parts(const Tensor &parts, const Tensor &lse)
{
#ifdef VB_HAVE_KERNELS_CUDA
  if (are_rows(parts) && parts.size(0) <= VB_CUDA_MERGE_PARTS && parts.size(-1) % 4 == 0 && lse.is_contiguous() && lse.scalar_type() == at::kFloat && lse.numel() > 0) {
    Tensor out = at::empty(parts.sizes().slice(1), parts.options());
    vb_err err;
    check(vb_cuda_merge_parts(out.data_ptr(), parts.data_ptr(), lse.data_ptr<float>(), dtype_of(parts), (int)parts.size(0),
                              lse.numel() / parts.size(0), (int)parts.size(-1), stream_of(parts), &err),
          err);
    return out;
  }
#endif
  return plain::merge_parts(parts, lse);
}

#ifdef VB_HAVE_KERNELS_CUDA

namespace {

vb_cuda_heads heads_of(const Tensor &t) { return {t.data_ptr(), t.stride(0), t.stride(1), t.stride(2)}; }

vb_cuda_tokens_of tokens_of(const Tensor &t) { return {t.data_ptr(), t.stride(0), t.stride(2)}; }

bool are_heads(const Tensor &t)
{
  return t.dim() == 4 && t.stride(3) == 1 && t.stride(0) % 8 == 0 && t.stride(1) % 8 == 0 && t.stride(2) % 8 == 0 && (uintptr_t)t.data_ptr() % 16 == 0;
}

bool alike(const Tensor &q, const Tensor &k, const Tensor &v)
{
  return runs_here(q) && q.element_size() == 2 && k.scalar_type() == q.scalar_type() && v.scalar_type() == q.scalar_type() && q.numel() > 0 && q.size(3) == k.size(3) &&
         are_heads(q) && are_heads(k) && are_heads(v);
}

} // namespace

bool takes_windows(const Tensor &q, const Tensor &k, const Tensor &v)
{
  return alike(q, k, v) && k.sizes() == v.sizes() && vb_cuda_window_takes((int)q.size(2), (int)k.size(2), (int)q.size(3));
}

Tensor window_attention(const Tensor &q, const Tensor &k, const Tensor &v)
{
  Tensor out = at::empty({q.size(0), q.size(2), q.size(1), q.size(3)}, q.options());
  const vb_cuda_window window = {(int)q.size(0), (int)q.size(1), (int)q.size(2), (int)k.size(2), (int)q.size(3), heads_of(q), heads_of(k), heads_of(v)};
  vb_err err;
  check(vb_cuda_window_attention(out.data_ptr(), dtype_of(q), &window, stream_of(q), &err), err);
  return out.transpose(1, 2);
}

bool takes_cross(const Tensor &q, const Tensor &k, const Tensor &v, int64_t parts)
{
  return alike(q, k, v) && q.size(1) == 1 && q.size(3) == 256 && v.size(3) == 64 && k.size(1) == 1 && v.size(1) == 1 && k.size(0) == q.size(0) && v.size(0) == q.size(0) &&
         v.size(2) == k.size(2) && vb_cuda_cross_takes((int)q.size(0), (int)q.size(2), (int)k.size(2), (int)parts);
}

Tensor cross_attention(const Tensor &q, const Tensor &k, const Tensor &v, int64_t parts)
{
  Tensor out = at::empty({parts, q.size(0), 1, q.size(2), v.size(3)}, q.options()), lse = at::empty({parts, q.size(0), 1, q.size(2)}, q.options().dtype(at::kFloat));
  const vb_cuda_cross cross = {(int)q.size(0), (int)q.size(2), (int)k.size(2), (int)parts, tokens_of(q), tokens_of(k), tokens_of(v)};
  vb_err err;
  check(vb_cuda_cross_attention(out.data_ptr(), lse.data_ptr<float>(), dtype_of(q), &cross, stream_of(q), &err), err);
  return parts > 1 ? merge_parts(out, lse) : out[0];
}

#else

bool takes_windows(const Tensor &, const Tensor &, const Tensor &) { return false; }
Tensor window_attention(const Tensor &, const Tensor &, const Tensor &) { fail(VB_ECUDA, "attention in windows: this build has no kernels of its own"); }
bool takes_cross(const Tensor &, const Tensor &, const Tensor &, int64_t) { return false; }
Tensor cross_attention(const Tensor &, const Tensor &, const Tensor &, int64_t) { fail(VB_ECUDA, "attention to the memory bank: this build has no kernels of its own"); }

#endif

} // namespace vb::kernels
