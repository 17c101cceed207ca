// A dtype of the benchmark as libtorch understands it: autocast, TF32, the dtype of cast-down ops.
//
// float16 and bfloat16 are torch.autocast(device_type, dtype): libtorch's own dispatch decides per op (its lists
// per device type are in ATen/autocast_mode.h), so ATen calls inside an AutocastScope mean what upstream's Python
// means. Weights of the ops that autocast casts down are cast once, when they are loaded.
#ifndef VB_TORCH_PRECISION_HPP
#define VB_TORCH_PRECISION_HPP

#include "base.hpp"

namespace vb {

struct Precision {
  vb_dtype dtype = VB_FLOAT32;
  at::Device device = at::kCPU;

  bool autocast() const { return dtype == VB_FLOAT16 || dtype == VB_BFLOAT16; }
  // dtype of convolutions, linear layers, matrix products and attention
  ScalarType op() const { return dtype == VB_FLOAT16 ? at::kHalf : dtype == VB_BFLOAT16 ? at::kBFloat16 : at::kFloat; }
};

// Refuses what the device cannot do (VB_EARG) and sets the process-wide TF32 switches.
void apply_precision(const Precision &p);

// The time during which ops follow a precision: inference mode and autocast; the previous state comes back.
class PrecisionScope {
public:
  explicit PrecisionScope(const Precision &p);
  ~PrecisionScope();
  PrecisionScope(const PrecisionScope &) = delete;
  PrecisionScope &operator=(const PrecisionScope &) = delete;

private:
  c10::InferenceMode inference_;
  at::DeviceType type_;
  bool enabled_before_, cache_before_;
  ScalarType dtype_before_;
};

// The dtype that memories are stored in; as_computed is what the precision gave the perceiver's output.
ScalarType bank_dtype(vb_bank bank, ScalarType as_computed);

} // namespace vb
#endif
