// Calls of our own CUDA kernels: norms, GELU, pooling, merged attention, depthwise convolution.
#include "kernels.hpp"

#ifdef VB_HAVE_KERNELS_CUDA
#include "kernels_call.hpp"

#include "depthwise_cuda.h"
#include "excite_cuda.h"
#include "gelu_cuda.h"
#include "mlp_cuda.h"
#include "norm_cuda.h"
#include "pool_cuda.h"
#endif

namespace vb::kernels {

#ifdef VB_HAVE_KERNELS_CUDA

namespace {

bool are_parameters(const Tensor &weight, const Tensor &bias)
{
  return !weight.defined() || (weight.scalar_type() == at::kFloat && bias.scalar_type() == at::kFloat && are_rows(weight) && are_rows(bias));
}

// What every norm starts from: a + b and the parameters; b_rows is b's own.
vb_cuda_norm norm_of(const Tensor &out, const Tensor &sum, const Tensor &a, const Tensor &b, const Tensor &weight, const Tensor &bias, double eps)
{
  vb_cuda_norm norm = {};
  norm.a = rows_of(a);
  norm.b = rows_of(b);
  norm.b_rows = b.defined() ? b.numel() / a.size(-1) : 0;
  norm.sum = rows_of(sum);
  if (b.defined() && !sum.defined())
    norm.sum.dtype = at::promote_types(a.scalar_type(), b.scalar_type()) == at::kFloat ? VB_FLOAT32 : dtype_of(a);
  norm.out = rows_of(out);
  norm.weight_dev = weight.defined() ? weight.data_ptr<float>() : nullptr;
  norm.bias_dev = weight.defined() ? bias.data_ptr<float>() : nullptr;
  norm.eps = (float)eps;
  return norm;
}

void run(const vb_cuda_norm &norm, const Tensor &a)
{
  vb_err err;
  check(vb_cuda_norm_rows(&norm, a.numel() / a.size(-1), (int)a.size(-1), stream_of(a), &err), err);
}

bool norm_takes(const Tensor &a, const Tensor &weight, const Tensor &bias)
{
  return are_rows(a) && a.numel() > 0 && vb_cuda_norm_takes(a.size(-1)) && are_parameters(weight, bias);
}

Tensor empty_sum(const Tensor &a, const Tensor &b)
{
  return at::empty(a.sizes(), a.options().dtype(at::promote_types(a.scalar_type(), b.scalar_type())));
}

} // namespace

#endif

Normed add_norm(const Tensor &a, const Tensor &b, const Tensor &weight, const Tensor &bias, double eps, ScalarType out_dtype, bool keep_sum)
{
#ifdef VB_HAVE_KERNELS_CUDA
  if (norm_takes(a, weight, bias) && (!b.defined() || (are_rows(b) && repeats_to(b, a)))) {
    Normed to;
    to.out = at::empty(a.sizes(), a.options().dtype(out_dtype));
    if (keep_sum)
      to.sum = b.defined() ? empty_sum(a, b) : a;
    run(norm_of(to.out, b.defined() ? to.sum : Tensor(), a, b, weight, bias, eps), a);
    return to;
  }
#endif
  return plain::add_norm(a, b, weight, bias, eps, out_dtype, keep_sum);
}

Normed norm_into_windows(const Tensor &a, const Tensor &b, int64_t side, const Tensor &weight, const Tensor &bias, double eps, ScalarType out_dtype)
{
#ifdef VB_HAVE_KERNELS_CUDA
  if (norm_takes(a, weight, bias) && (!b.defined() || (are_rows(b) && repeats_to(b, a)))) {
    const int64_t h = a.size(1), w = a.size(2), windows = (h + side - 1) / side * ((w + side - 1) / side);
    const Normed to = {b.defined() ? empty_sum(a, b) : a, at::empty({a.size(0) * windows, side, side, a.size(3)}, a.options().dtype(out_dtype))};
    vb_cuda_norm norm = norm_of(to.out, b.defined() ? to.sum : Tensor(), a, b, weight, bias, eps);
    norm.map_h = (int)h;
    norm.map_w = (int)w;
    norm.out_window = (int)side;
    run(norm, a);
    return to;
  }
#endif
  return plain::norm_into_windows(a, b, side, weight, bias, eps, out_dtype);
}

Normed add_windows_norm(const Tensor &map, const Tensor &windows, const Tensor &weight, const Tensor &bias, double eps, ScalarType out_dtype)
{
#ifdef VB_HAVE_KERNELS_CUDA
  if (norm_takes(map, weight, bias) && are_rows(windows)) {
    Normed to = {empty_sum(map, windows), at::empty(map.sizes(), map.options().dtype(out_dtype))};
    vb_cuda_norm norm = norm_of(to.out, to.sum, map, windows, weight, bias, eps);
    norm.map_h = (int)map.size(1);
    norm.map_w = (int)map.size(2);
    norm.b_window = (int)windows.size(1);
    run(norm, map);
    return to;
  }
#endif
  return plain::add_windows_norm(map, windows, weight, bias, eps, out_dtype);
}

Tensor norm_gelu(const Tensor &x, const Tensor &added, const Tensor &weight, const Tensor &bias, double eps, ScalarType out_dtype)
{
#ifdef VB_HAVE_KERNELS_CUDA
  const Tensor a = x.permute({0, 2, 3, 1}), b = added.defined() ? added.permute({0, 2, 3, 1}) : added;
  if (norm_takes(a, weight, bias) && (!b.defined() || (are_rows(b) && repeats_to(b, a)))) {
    Tensor out = at::empty(a.sizes(), a.options().dtype(out_dtype));
    vb_cuda_norm norm = norm_of(out, {}, a, b, weight, bias, eps);
    norm.gelu = true;
    run(norm, a);
    return out.permute({0, 3, 1, 2});
  }
#endif
  return plain::norm_gelu(x, added, weight, bias, eps, out_dtype);
}

Tensor gelu_(const Tensor &x)
{
#ifdef VB_HAVE_KERNELS_CUDA
  const bool half = x.scalar_type() == at::kHalf || x.scalar_type() == at::kBFloat16;
  if (half && runs_here(x) && x.is_non_overlapping_and_dense() && (uintptr_t)x.data_ptr() % 16 == 0 && x.numel() > 0) {
    vb_err err;
    check(vb_cuda_gelu(x.data_ptr(), dtype_of(x), x.numel(), stream_of(x), &err), err);
    return x;
  }
#endif
  return plain::gelu_(x);
}

Tensor max_pool(const Tensor &x)
{
#ifdef VB_HAVE_KERNELS_CUDA
  const int64_t wide = 16 / x.element_size(), pixel = x.stride(2); // values that the kernel takes at once
  const bool even = x.stride(3) == 1 && x.stride(1) == x.size(2) * pixel && x.stride(0) == x.size(1) * x.stride(1) && pixel >= x.size(3);
  const bool whole = x.size(3) % wide == 0 && pixel % wide == 0 && (uintptr_t)x.data_ptr() % 16 == 0;
  if (runs_here(x) && even && whole && x.numel() > 0 && x.size(1) > 1 && x.size(2) > 1) {
    Tensor out = at::empty({x.size(0), x.size(1) / 2, x.size(2) / 2, x.size(3)}, x.options());
    const vb_cuda_pool_shape shape = {x.size(0), (int)x.size(1), (int)x.size(2), (int)x.size(3), pixel};
    vb_err err;
    check(vb_cuda_max_pool(out.data_ptr(), x.data_ptr(), dtype_of(x), &shape, stream_of(x), &err), err);
    return out;
  }
#endif
  return plain::max_pool(x);
}

Depthwise::Depthwise(const Tensor &weight, const Tensor &bias, int64_t stride)
    : kernel_(weight.size(2)), stride_(stride), given_weight_(weight), given_bias_(bias), weight_(weight.to(at::kFloat).flatten(1).t().contiguous()),
      bias_(bias.to(at::kFloat).contiguous())
{
}

Tensor Depthwise::operator()(const Tensor &x, const Tensor &residual) const
{
#ifdef VB_HAVE_KERNELS_CUDA
  const auto last = at::MemoryFormat::ChannelsLast;
  const vb_cuda_depthwise_shape shape = {(int)x.size(0), (int)x.size(2), (int)x.size(3), (int)x.size(1), (int)kernel_, (int)stride_};
  if (runs_here(x) && x.is_contiguous(last) && aligned(x) && vb_cuda_depthwise_takes(&shape)) {
    Tensor out = at::empty({x.size(0), x.size(1), (x.size(2) - 1) / stride_ + 1, (x.size(3) - 1) / stride_ + 1}, x.options(), last);
    if (!residual.defined() || (residual.sizes() == out.sizes() && residual.scalar_type() == x.scalar_type() && residual.is_contiguous(last) && aligned(residual))) {
      vb_err err;
      check(vb_cuda_depthwise(out.data_ptr(), x.data_ptr(), residual.defined() ? residual.data_ptr() : nullptr, weight_.data_ptr<float>(),
                              bias_.data_ptr<float>(), dtype_of(x), &shape, stream_of(x), &err),
            err);
      return out;
    }
  }
#endif
  return plain(x, residual);
}

bool PixelMlp::takes(int64_t channels, ScalarType dtype)
{
#ifdef VB_HAVE_KERNELS_CUDA
  return dtype != at::kFloat && vb_cuda_mlp_takes((int)channels);
#else
  (void)channels, (void)dtype;
  return false;
#endif
}

PixelMlp::PixelMlp(const Tensor &in, const Tensor &in_bias, const Tensor &out, const Tensor &out_bias)
    : in_(in.contiguous()), in_bias_(in_bias), out_(out.contiguous()), out_bias_(out_bias)
{
}

Tensor PixelMlp::operator()(const Tensor &x) const
{
#ifdef VB_HAVE_KERNELS_CUDA
  const Tensor rows = x.permute({0, 2, 3, 1});
  if (are_rows(rows) && rows.scalar_type() == in_.scalar_type() && takes(rows.size(3), rows.scalar_type())) {
    const Tensor out = at::empty_like(rows);
    const vb_cuda_mlp_weights weights = {in_.data_ptr(), in_bias_.data_ptr(), out_.data_ptr(), out_bias_.data_ptr(), (int)rows.size(3)};
    vb_err err;
    check(vb_cuda_mlp(out.data_ptr(), rows.data_ptr(), dtype_of(rows), rows.numel() / rows.size(3), &weights, stream_of(rows), &err), err);
    return out.permute({0, 3, 1, 2});
  }
#endif
  return plain(x);
}

SqueezeExcite::SqueezeExcite(const Tensor &down, const Tensor &down_bias, const Tensor &up, const Tensor &up_bias)
    : down_(down.contiguous()), down_bias_(down_bias), up_(up.contiguous()), up_bias_(up_bias)
{
}

Tensor SqueezeExcite::operator()(const Tensor &x) const
{
#ifdef VB_HAVE_KERNELS_CUDA
  const auto last = at::MemoryFormat::ChannelsLast;
  const vb_cuda_excite_shape shape = {(int)x.size(0), (int)(x.size(2) * x.size(3)), (int)x.size(1), (int)down_.size(0)};
  if (runs_here(x) && x.is_contiguous(last) && aligned(x) && vb_cuda_excite_takes(&shape) && down_.scalar_type() == x.scalar_type() &&
      up_.scalar_type() == x.scalar_type() && are_rows(down_) && are_rows(up_)) {
    Tensor out = at::empty(x.sizes(), x.options(), last);
    const int64_t bytes = (int64_t)vb_cuda_excite_workspace(&shape);
    const Tensor workspace = at::empty({bytes}, x.options().dtype(at::kByte));
    vb_err err;
    check(vb_cuda_excite(out.data_ptr(), x.data_ptr(), dtype_of(x), &shape, down_.data_ptr(), down_bias_.data_ptr(), up_.data_ptr(), up_bias_.data_ptr(),
                         workspace.data_ptr(), (size_t)bytes, stream_of(x), &err),
          err);
    return out;
  }
#endif
  return plain(x);
}

} // namespace vb::kernels
