// Autocast and TF32, for every libtorch since 2.3.
#include "precision.hpp"

namespace vb {

namespace {

// The setters by device type came with 2.4; before, each device type had its own.
#if VB_TORCH_AT_LEAST(2, 4)
bool autocast_enabled(at::DeviceType t) { return at::autocast::is_autocast_enabled(t); }
void set_autocast(at::DeviceType t, bool on) { at::autocast::set_autocast_enabled(t, on); }
ScalarType autocast_dtype(at::DeviceType t) { return at::autocast::get_autocast_dtype(t); }
void set_autocast_dtype(at::DeviceType t, ScalarType d) { at::autocast::set_autocast_dtype(t, d); }
#else
bool autocast_enabled(at::DeviceType t) { return t == at::kCPU ? at::autocast::is_cpu_enabled() : at::autocast::is_enabled(); }
void set_autocast(at::DeviceType t, bool on) { t == at::kCPU ? at::autocast::set_cpu_enabled(on) : at::autocast::set_enabled(on); }
ScalarType autocast_dtype(at::DeviceType t)
{
  return t == at::kCPU ? at::autocast::get_autocast_cpu_dtype() : at::autocast::get_autocast_gpu_dtype();
}
void set_autocast_dtype(at::DeviceType t, ScalarType d)
{
  t == at::kCPU ? at::autocast::set_autocast_cpu_dtype(d) : at::autocast::set_autocast_gpu_dtype(d);
}
#endif

} // namespace

void apply_precision(const Precision &p)
{
  if (p.dtype == VB_TF32 && !p.device.is_cuda())
    fail(VB_EARG, "dtype 'tf32' needs a CUDA device of compute capability 8.0 or later; on a CPU take float32");
  const bool tf32 = p.dtype == VB_TF32;
  at::globalContext().setAllowTF32CuBLAS(tf32);
  at::globalContext().setAllowTF32CuDNN(tf32);
}

PrecisionScope::PrecisionScope(const Precision &p)
    : type_(p.device.type()), enabled_before_(autocast_enabled(type_)), cache_before_(at::autocast::is_autocast_cache_enabled()),
      dtype_before_(autocast_dtype(type_))
{
  set_autocast(type_, p.autocast());
  if (p.autocast())
    set_autocast_dtype(type_, p.op());
  // The cache is for weights that take gradients; there are none, and it would hold on to them.
  at::autocast::set_autocast_cache_enabled(false);
}

PrecisionScope::~PrecisionScope()
{
  set_autocast(type_, enabled_before_);
  set_autocast_dtype(type_, dtype_before_);
  at::autocast::set_autocast_cache_enabled(cache_before_);
}

ScalarType bank_dtype(vb_bank bank, ScalarType as_computed)
{
  switch (bank) {
  case VB_BANK_BFLOAT16: return at::kBFloat16;
  case VB_BANK_FLOAT32: return at::kFloat;
  case VB_BANK_FLOAT16: return at::kHalf;
  default: return as_computed;
  }
}

} // namespace vb
