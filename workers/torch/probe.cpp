// Tensors to the probe.
#include "context.hpp"

namespace vb {

void Probe::emit(const char *name, const Tensor &t) const
{
  Tensor host = t.detach().to(at::kCPU, at::kFloat).contiguous();
  to->tensor(to->ctx, frame_idx, object, name, host.data_ptr<float>(), host.sizes().data(), (int)host.dim());
}

} // namespace vb
