// Products of joined weights.
#include "joined.hpp"

#include "fused_product.hpp"

#include <algorithm>

namespace vb {

void Joined::join(const std::vector<Linear *> &parts)
{
  std::vector<Tensor> weights, biases;
  for (const Linear *part : parts) {
    parts_.push_back(part);
    sizes_.push_back(part->weight.size(0));
    weights.push_back(part->weight);
    biases.push_back(part->bias);
  }
  if (!weights[0].is_cuda())
    return;
  weight_ = at::cat(weights);
  bias_ = at::cat(biases);
  int64_t row = 0;
  for (Linear *part : parts) {
    const int64_t n = part->weight.size(0);
    part->weight = weight_.narrow(0, row, n);
    part->bias = bias_.narrow(0, row, n);
    row += n;
  }
}

std::vector<Tensor> Joined::operator()(const Tensor &x) const
{
  if (weight_.defined())
    return at::linear(x, weight_, bias_).split_with_sizes(sizes_, -1);
  std::vector<Tensor> out;
  for (const Linear *part : parts_)
    out.push_back((*part)(x));
  return out;
}

void JoinedMlps::join(const std::vector<Mlp *> &parts)
{
  parts_.assign(parts.begin(), parts.end());
  if (!parts[0]->layers[0].weight.is_cuda())
    return;
  const int64_t n = (int64_t)parts.size();
  for (size_t l = 0; l < parts[0]->layers.size(); l++) {
    const Tensor &first = parts[0]->layers[l].weight;
    int64_t out = 0;
    for (const Mlp *part : parts)
      out = std::max(out, part->layers[l].weight.size(0));
    Layer layer = {at::zeros({n, out, first.size(1)}, first.options()), at::zeros({n, out}, first.options())};
    for (int64_t i = 0; i < n; i++) {
      Linear &of = parts[(size_t)i]->layers[l];
      const Tensor weight = layer.weight[i].narrow(0, 0, of.weight.size(0)), bias = layer.bias[i].narrow(0, 0, of.weight.size(0));
      weight.copy_(of.weight);
      bias.copy_(of.bias);
      of.weight = weight;
      of.bias = bias;
    }
    layers_.push_back(layer);
  }
}

std::vector<Tensor> JoinedMlps::operator()(const Tensor &x) const
{
  std::vector<Tensor> out;
  if (layers_.empty()) {
    for (size_t i = 0; i < parts_.size(); i++)
      out.push_back((*parts_[i])(x.select(1, (int64_t)i)));
    return out;
  }
  Tensor y = x.to(layers_[0].weight.scalar_type()).transpose(0, 1); // [n, B, in]
  for (size_t l = 0; l < layers_.size(); l++)
    y = fused_product::linear(y, layers_[l].weight, layers_[l].bias, l + 1 < layers_.size() ? parts_[0]->act : Act::none, {});
  for (size_t i = 0; i < parts_.size(); i++)
    out.push_back(y.select(0, (int64_t)i).narrow(1, 0, parts_[i]->layers.back().weight.size(0)));
  return out;
}

} // namespace vb
