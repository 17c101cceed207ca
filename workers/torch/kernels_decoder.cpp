// Calls of the mask decoder's kernels, and their twins in ATen ops.
#include "kernels_decoder.hpp"

#ifdef VB_HAVE_KERNELS_CUDA
#include "kernels_call.hpp"

#include "pick_cuda.h"
#include "tokens_cuda.h"
#endif

namespace vb::kernels {

#ifdef VB_HAVE_KERNELS_CUDA

namespace {

bool goes_with(const Tensor &t, const Tensor &a) { return !t.defined() || (are_rows(t) && repeats_to(t, a)); }

bool is_parameter(const Tensor &t) { return !t.defined() || (are_rows(t) && t.scalar_type() == at::kFloat); }

} // namespace

#endif

Tokens tokens(const Tensor &a, const Tensor &b, const Tensor &pe, const Tensor &weight, const Tensor &bias, double eps, ScalarType op)
{
#ifdef VB_HAVE_KERNELS_CUDA
  const bool exact_sum = !b.defined() || a.scalar_type() == at::kFloat || b.scalar_type() == at::kFloat; // none that is rounded
  if (a.numel() > 0 && a.size(-1) == VB_CUDA_TOKEN_CHANNELS && are_rows(a) && goes_with(b, a) && goes_with(pe, a) && is_parameter(weight) && is_parameter(bias) && exact_sum) {
    const int64_t channels = a.size(-1);
    Tokens to;
    to.whole = at::empty(a.sizes(), a.options().dtype(at::kFloat));
    to.narrow = op == at::kFloat ? to.whole : at::empty(a.sizes(), a.options().dtype(op));
    if (pe.defined())
      to.posed = at::empty(a.sizes(), a.options().dtype(op));
    vb_cuda_tokens t = {};
    t.a = rows_of(a);
    t.b = rows_of(b);
    t.pe = rows_of(pe);
    t.b_rows = b.defined() ? b.numel() / channels : 0;
    t.pe_rows = pe.defined() ? pe.numel() / channels : 0;
    t.whole_dev = to.whole.data_ptr<float>();
    t.narrow = rows_of(op == at::kFloat ? Tensor() : to.narrow);
    t.posed = rows_of(to.posed);
    t.weight_dev = weight.defined() ? weight.data_ptr<float>() : nullptr;
    t.bias_dev = weight.defined() ? bias.data_ptr<float>() : nullptr;
    t.eps = (float)eps;
    vb_err err;
    check(vb_cuda_token_rows(&t, a.numel() / channels, stream_of(a), &err), err);
    return to;
  }
#endif
  return plain::tokens(a, b, pe, weight, bias, eps, op);
}

Picked pick(const Tensor &masks, bool in_cells, const Tensor &ious, const Tensor &scores, const Tensor &vectors, double absent)
{
#ifdef VB_HAVE_KERNELS_CUDA
  const ScalarType dtype = masks.scalar_type();
  if (runs_here(masks) && masks.is_contiguous() && ious.scalar_type() == dtype && scores.scalar_type() == dtype && runs_here(vectors) &&
      vectors.stride(2) == 1 && vectors.stride(1) == vectors.size(2)) {
    const int64_t n = masks.size(0), cell = in_cells ? 4 : 1, h = masks.size(2) * cell, w = masks.size(3) * cell, width = vectors.size(2);
    const Tensor of = ious.contiguous(); // as they are, mostly
    Picked to = {at::empty({n, 1, h, w}, masks.options().dtype(at::kFloat)), at::empty({n}, of.options()), at::empty({n, width}, vectors.options())};
    vb_cuda_pick p = {};
    p.dtype = dtype_of(masks);
    p.n = (int)n;
    p.tokens = (int)masks.size(1);
    p.h = (int)h;
    p.w = (int)w;
    p.masks_dev = masks.data_ptr();
    p.in_cells = in_cells;
    p.ious_dev = of.data_ptr();
    p.scores_dev = scores.data_ptr();
    p.score_stride = scores.stride(0);
    p.vectors_dev = vectors.data_ptr();
    p.vectors_dtype = dtype_of(vectors);
    p.width = (int)width;
    p.stride = vectors.stride(0);
    p.absent = (float)absent;
    p.low_dev = to.low.data_ptr<float>();
    p.iou_dev = to.iou.data_ptr();
    p.vector_dev = to.vector.data_ptr();
    vb_err err;
    check(vb_cuda_pick_mask(&p, stream_of(masks), &err), err);
    return to;
  }
#endif
  return plain::pick(masks, in_cells, ious, scores, vectors, absent);
}

Picked pick_these(const Tensor &best, const Tensor &masks, bool in_cells, const Tensor &ious, const Tensor &scores, const Tensor &vectors, double absent)
{
  const int64_t b = masks.size(0);
  const Tensor object = at::arange(b, best.options());
  const auto of = [&](const Tensor &x) { return x.index({object, best}); }; // [B, n, ...] -> [B, ...]
  const Tensor low = of(in_cells ? from_cells(masks) : masks).unsqueeze(1).to(at::kFloat);
  return {at::where((scores > 0).view({b, 1, 1, 1}), low, at::full({}, absent, low.options())), of(ious), of(vectors)};
}

Tensor from_cells(const Tensor &masks)
{
  const int64_t b = masks.size(0), n = masks.size(1), h = masks.size(2), w = masks.size(3);
  return masks.permute({0, 1, 2, 4, 6, 3, 5, 7}).reshape({b, n, 4 * h, 4 * w});
}

namespace plain {

Tokens tokens(const Tensor &a, const Tensor &b, const Tensor &pe, const Tensor &weight, const Tensor &bias, double eps, ScalarType op)
{
  Tokens to;
  to.whole = (b.defined() ? a + b : a).to(at::kFloat);
  if (weight.defined())
    to.whole = at::layer_norm(to.whole, weight.sizes(), weight, bias, eps);
  to.narrow = to.whole.to(op);
  if (pe.defined())
    to.posed = (to.whole + pe).to(op);
  return to;
}

Picked pick(const Tensor &masks, bool in_cells, const Tensor &ious, const Tensor &scores, const Tensor &vectors, double absent)
{
  return pick_these(ious.slice(1, 1).argmax(1) + 1, masks, in_cells, ious, scores, vectors, absent);
}

} // namespace plain
} // namespace vb::kernels
