// Calls of our own CUDA kernels: linear layers.
#include "kernels.hpp"

#ifdef VB_HAVE_KERNELS_CUDA
#include "kernels_call.hpp"

#include "product_cuda.h"
#endif

namespace vb::kernels {

#ifdef VB_HAVE_KERNELS_CUDA

namespace {

bool whole(const Tensor &t) { return t.is_contiguous() && (uintptr_t)t.data_ptr() % 16 == 0; }

vb_cuda_product product_of(const Tensor &x, const Tensor &weight, const Tensor &bias)
{
  vb_cuda_product p = {};
  p.rows = x.numel() / x.size(-1);
  p.in = (int)x.size(-1);
  p.out = (int)weight.size(0);
  p.x_dev = x.data_ptr();
  p.weight_dev = weight.data_ptr();
  p.bias_dev = bias.data_ptr();
  return p;
}

Tensor empty_output(const Tensor &x, const Tensor &weight)
{
  std::vector<int64_t> sizes(x.sizes().begin(), x.sizes().end());
  sizes.back() = weight.size(0);
  return at::empty(sizes, x.options());
}

Tensor run(const vb_cuda_product &p, const Tensor &y, const Tensor &x)
{
  vb_err err;
  check(vb_cuda_product_of(y.data_ptr(), dtype_of(x), &p, stream_of(x), &err), err);
  return y;
}

} // namespace

bool takes_product(const Tensor &x, const Tensor &weight, const Tensor &bias)
{
  const auto alike = [&x](const Tensor &t) { return t.defined() && t.scalar_type() == x.scalar_type(); };
  return runs_here(x) && x.element_size() == 2 && alike(weight) && alike(bias) && x.numel() > 0 && whole(x) && whole(weight) && whole(bias) &&
         vb_cuda_product_takes(x.numel() / x.size(-1), (int)x.size(-1), (int)weight.size(0));
}

bool product_pays(const Tensor &x, const Tensor &weight, const Tensor &bias, bool with_more)
{
  // Libtorch divides what leaves the last round empty; and long sums it does as fast.
  const double share = takes_product(x, weight, bias) ? vb_cuda_product_share(x.numel() / x.size(-1), (int)weight.size(0)) : 0;
  return with_more ? share > 0.8 : share > 0.9 && x.size(-1) <= 576;
}

Tensor product(const Tensor &x, const Tensor &weight, const Tensor &bias, bool gelu)
{
  vb_cuda_product p = product_of(x, weight, bias);
  p.gelu = gelu;
  return run(p, empty_output(x, weight), x);
}

Tensor product_turned(const Turn &turn, const Tensor &x, const Tensor &weight, const Tensor &bias)
{
  vb_cuda_product p = product_of(x, weight, bias);
  p.turn = {(const float *)turn.table.data_ptr(), 2 * (int)turn.table.size(1), (int)turn.columns, (int)turn.table.size(0), (int)turn.memory, (int)turn.memories,
            (int)turn.sequence};
  return run(p, empty_output(x, weight), x);
}

Summed product_onto(const Tensor &residual, const Tensor &x, const Tensor &weight, const Tensor &bias)
{
  vb_cuda_product p = product_of(x, weight, bias);
  p.residual_dev = residual.data_ptr();
  if (residual.sizes().slice(0, (size_t)residual.dim() - 1) != x.sizes().slice(0, (size_t)x.dim() - 1)) {
    p.map_h = (int)residual.size(1);
    p.map_w = (int)residual.size(2);
    p.window = (int)x.size(1);
  }
  const Tensor sums = at::empty({residual.numel() / p.out, vb_cuda_product_parts(p.rows, p.out), 2}, residual.options().dtype(at::kFloat));
  p.sums_dev = sums.data_ptr<float>();
  return {run(p, at::empty_like(residual), x), sums};
}

bool folds_norms(at::Device device, ScalarType dtype)
{
  return usable(device) && (dtype == at::kHalf || dtype == at::kBFloat16) && vb_cuda_product_takes(1024, 64, 96);
}

bool norm_pays(const Summed &x, int64_t window, const Tensor &weight, const Tensor &bias)
{
  return x.sums.defined() && x.sums.size(1) <= VB_CUDA_PRODUCT_PARTS && product_pays(x.out, weight, bias, true) &&
         (!window || vb_cuda_product_takes_windows((int)x.out.size(1), (int)x.out.size(2), (int)window));
}

Tensor product_of_norm(const Summed &x, double eps, int64_t window, const Tensor &weight, const Tensor &bias, bool gelu)
{
  vb_cuda_product p = product_of(x.out, weight, bias);
  Tensor y = empty_output(x.out, weight);
  p.norm = {x.sums.data_ptr<float>(), (int)x.sums.size(1), (float)eps};
  p.gelu = gelu;
  if (window) {
    p.map_h = (int)x.out.size(1);
    p.map_w = (int)x.out.size(2);
    p.window = (int)window;
    y = y.view({-1, window, window, p.out});
  }
  return run(p, y, x.out);
}

#else

bool takes_product(const Tensor &, const Tensor &, const Tensor &) { return false; }
bool product_pays(const Tensor &, const Tensor &, const Tensor &, bool) { return false; }
Tensor product(const Tensor &, const Tensor &, const Tensor &, bool) { fail(VB_ECUDA, "a linear layer: this build has no kernels of its own"); }
Tensor product_turned(const Turn &, const Tensor &, const Tensor &, const Tensor &) { fail(VB_ECUDA, "a linear layer: this build has no kernels of its own"); }
Summed product_onto(const Tensor &, const Tensor &, const Tensor &, const Tensor &) { fail(VB_ECUDA, "a linear layer: this build has no kernels of its own"); }
bool folds_norms(at::Device, ScalarType) { return false; }
bool norm_pays(const Summed &, int64_t, const Tensor &, const Tensor &) { return false; }
Tensor product_of_norm(const Summed &, double, int64_t, const Tensor &, const Tensor &, bool) { fail(VB_ECUDA, "a linear layer: this build has no kernels of its own"); }

#endif

Folded folded(const Tensor &norm_weight, const Tensor &norm_bias, const Tensor &weight, const Tensor &bias)
{
  const Tensor scaled = weight * norm_weight;
  return {scaled - scaled.mean(1, true), bias + at::mv(weight, norm_bias)};
}

} // namespace vb::kernels
