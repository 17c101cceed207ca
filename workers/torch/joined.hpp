// Linear layers that meet: their weights in one piece, so that one product does for all of them. On a CUDA device, where a
// small product takes as long as its launch; on a CPU each goes its own way, whose results are upstream's to the bit.
#ifndef VB_TORCH_JOINED_HPP
#define VB_TORCH_JOINED_HPP

#include "layers.hpp"

namespace vb {

// Linear layers of one input.
class Joined {
public:
  // Loaded layers with biases. On a CUDA device their weights become views of the whole. They stay where they are.
  void join(const std::vector<Linear *> &parts);
  std::vector<Tensor> operator()(const Tensor &x) const; // [..., in] -> [..., out] of each part

private:
  std::vector<const Linear *> parts_;
  std::vector<int64_t> sizes_;
  Tensor weight_, bias_; // undefined: not joined
};

// MLPs of as many layers, each with an input of its own; the last layers may differ in size.
class JoinedMlps {
public:
  void join(const std::vector<Mlp *> &parts);
  std::vector<Tensor> operator()(const Tensor &x) const; // [B, n, in]: a token for each -> [B, out] of each part

private:
  struct Layer {
    Tensor weight, bias; // [n, out, in], [n, out]: filled up with zeros to the greatest out
  };
  std::vector<const Mlp *> parts_;
  std::vector<Layer> layers_; // empty: not joined
};

} // namespace vb
#endif
