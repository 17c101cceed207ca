// What a forward function needs beside weights and input: precision, attention, and the probe it reports to.
#ifndef VB_TORCH_CONTEXT_HPP
#define VB_TORCH_CONTEXT_HPP

#include "attention.hpp"

namespace vb {

// Hands tensors out to the clip's vb_probe, as float32 on the host.
class Probe {
public:
  const vb_probe *to = nullptr; // NULL: off, as in every timed trial
  int frame_idx = 0, object = -1;

  void result(const char *name, const Tensor &t) const // a golden's dataset
  {
    if (to)
      emit(name, t);
  }
  void trace(const char *name, const Tensor &t) const // an inner tensor
  {
    if (to && to->trace)
      emit(name, t);
  }

private:
  void emit(const char *name, const Tensor &t) const;
};

struct Context {
  Precision precision;
  Attention attention;
  Probe probe;
  bool holes_on_device = false; // by our CUDA kernel
  bool graphs = true; // CUDA: stages are captured and replayed
};

} // namespace vb
#endif
