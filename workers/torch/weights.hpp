// Weights by official state-dict key, from a checkpoint file or a seed; and the Loader that binds structs to them.
//
// A network is built by asking for every key with its shape. finish() compares all that was asked for with all
// that the file has: a network never runs on part of a checkpoint.
#ifndef VB_TORCH_WEIGHTS_HPP
#define VB_TORCH_WEIGHTS_HPP

#include "precision.hpp"

#include "checkpoint.h"

#include <map>
#include <memory>

namespace vb {

class Weights {
public:
  explicit Weights(const vb_model_config &config);

  // float32 on the host, contiguous; zeros where the file has no such tensor (finish() will tell).
  Tensor take(const std::string &key, IntArrayRef shape);
  void count(const Tensor &held) { bytes_ += (int64_t)held.nbytes(); }
  // After a network has taken all: VB_EFORMAT names missing, misshapen and unexpected keys, VB_EARG a --weight that
  // matches none. Returns the bytes that the network holds, and clears the books for the next one.
  int64_t finish(const char *model);

private:
  struct FreeCheckpoint {
    void operator()(vb_checkpoint *c) const { vb_checkpoint_free(c); }
  };
  std::string source_;
  std::unique_ptr<vb_checkpoint, FreeCheckpoint> file_; // none: seeded
  bool seeded_ = false;
  uint64_t seed_ = 0;
  std::map<std::string, double> fills_;
  std::map<std::string, std::vector<int64_t>> taken_;
  int64_t bytes_ = 0;
};

// A place in the tree of keys, with the precision and device that tensors are wanted in.
class Loader {
public:
  Loader(Weights &weights, const Precision &precision) : weights_(&weights), precision_(&precision) {}
  Loader in(const std::string &name) const;
  Loader in(int64_t index) const { return in(std::to_string(index)); }

  Tensor host(const std::string &name, IntArrayRef shape) const;  // float32, on the host: to be folded first
  Tensor param(const std::string &name, IntArrayRef shape) const; // float32, on the device
  Tensor to_op(const Tensor &host) const;                         // dtype of cast-down ops, on the device
  const Precision &precision() const { return *precision_; }

  Tensor held(const Tensor &t) const;                             // counts it
private:
  Weights *weights_;
  const Precision *precision_;
  std::string prefix_;
};

} // namespace vb
#endif
