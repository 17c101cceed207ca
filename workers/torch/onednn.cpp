// oneDNN's fused ops by name.
#include "onednn.hpp"

#include <c10/util/Exception.h>

namespace vb::onednn {

namespace {

using c10::IValue;

const char *name_of(Act act) { return act == Act::relu ? "relu" : act == Act::gelu ? "gelu" : "none"; }

IValue optional(const Tensor &t) { return t.defined() ? IValue(t) : IValue(); }

// Boxed calls: string arguments have another C++ type from one libtorch version to the next.
Tensor call(const char *name, const char *overload, std::vector<IValue> arguments)
{
  const auto op = c10::Dispatcher::singleton().findSchemaOrThrow(name, overload);
  op.callBoxed(arguments);
  return arguments.at(0).toTensor();
}

IValue no_scalars() { return IValue(c10::List<std::optional<at::Scalar>>()); }
IValue algorithm(Act act) { return act == Act::gelu ? IValue("none") : IValue(); } // gelu's "none": by erf
IValue pair(int64_t v) { return IValue(std::vector<int64_t>{v, v}); }

bool try_all(ScalarType dtype)
{
  if (!at::globalContext().hasMKLDNN() || !c10::Dispatcher::singleton().findSchema({"mkldnn::_convolution_pointwise", "binary"}) ||
      !c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""}))
    return false;
  try {
    const auto options = at::TensorOptions(dtype);
    Tensor x = at::ones({1, 16, 8, 8}, options).contiguous(at::MemoryFormat::ChannelsLast), bias = at::ones({16}, options);
    Tensor w = at::ones({16, 16, 1, 1}, options).contiguous(at::MemoryFormat::ChannelsLast);
    Tensor y = conv(x, pack_conv(w, 1, 0, 1, x.sizes()), bias, 1, 0, 1, Act::gelu, {});
    y = conv(y, pack_conv(w, 1, 0, 1, x.sizes()), bias, 1, 0, 1, Act::none, x);
    Tensor rows = x.permute({0, 2, 3, 1}).flatten(1, 2);
    y = linear(rows, pack_linear(w.view({16, 16}), 64), bias, Act::relu);
    return y.scalar_type() == dtype;
  } catch (const c10::Error &) {
    return false; // no kernel for the dtype on this CPU: the general ops are used
  }
}

} // namespace

bool usable(ScalarType dtype)
{
  static const bool f32 = try_all(at::kFloat), bf16 = try_all(at::kBFloat16), f16 = try_all(at::kHalf);
  return dtype == at::kFloat ? f32 : dtype == at::kBFloat16 ? bf16 : dtype == at::kHalf && f16;
}

Tensor pack_conv(const Tensor &weight, int64_t stride, int64_t padding, int64_t groups, IntArrayRef input_size)
{
  const int64_t one = 1;
  return at::mkldnn_reorder_conv2d_weight(weight.to_mkldnn(), IntArrayRef(&padding, 1), IntArrayRef(&stride, 1), IntArrayRef(&one, 1), groups,
                                          input_size);
}

Tensor conv(const Tensor &x, const Tensor &packed, const Tensor &bias, int64_t stride, int64_t padding, int64_t groups, Act act,
            const Tensor &residual)
{
  if (!residual.defined())
    return call("mkldnn::_convolution_pointwise", "",
                {x, packed, optional(bias), pair(padding), pair(stride), pair(1), groups, name_of(act), no_scalars(), algorithm(act)});
  return call("mkldnn::_convolution_pointwise", "binary",
              {x, residual, packed, optional(bias), pair(padding), pair(stride), pair(1), groups, "add", IValue(),
               act == Act::none ? IValue() : IValue(name_of(act)), no_scalars(), algorithm(act)});
}

Tensor pack_linear(const Tensor &weight, int64_t rows)
{
  // older libtorch has it for tensors of oneDNN's own layout alone
  const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_reorder_linear_weight", "");
  const bool dense = op.hasKernelForDispatchKey(c10::DispatchKey::CPU);
  return call("mkldnn::_reorder_linear_weight", "", {dense ? weight.contiguous() : weight.contiguous().to_mkldnn(), rows});
}

Tensor linear(const Tensor &x, const Tensor &packed, const Tensor &bias, Act act)
{
  return call("mkldnn::_linear_pointwise", "", {x, packed, optional(bias), name_of(act), no_scalars(), algorithm(act)});
}

} // namespace vb::onednn
