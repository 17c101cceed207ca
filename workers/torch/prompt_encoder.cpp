// Prompt encoder.
#include "prompt_encoder.hpp"

#include "position.hpp"

namespace vb {

namespace {
constexpr int64_t dim = 256, mask_channels = 16;
}

void PromptEncoder::load(const Loader &w)
{
  positional_encoding_gaussian_matrix = w.in("pe_layer").param("positional_encoding_gaussian_matrix", {2, dim / 2});
  for (size_t i = 0; i < point_embeddings.size(); i++)
    point_embeddings[i] = w.in("point_embeddings").in((int64_t)i).param("weight", {1, dim});
  not_a_point_embed = w.in("not_a_point_embed").param("weight", {1, dim});
  no_mask_embed = w.in("no_mask_embed").param("weight", {1, dim});
  const Loader mask = w.in("mask_downscaling");
  mask_conv0.load(mask.in(0), 1, mask_channels / 4, 2, 2);
  mask_norm1.load(mask.in(1), mask_channels / 4);
  mask_conv3.load(mask.in(3), mask_channels / 4, mask_channels, 2, 2);
  mask_norm4.load(mask.in(4), mask_channels);
  mask_conv6.load(mask.in(6), mask_channels, dim, 1);
}

Tensor PromptEncoder::dense_pe(int64_t h) const { return fourier_grid(positional_encoding_gaussian_matrix, h, h); }

Tensor PromptEncoder::sparse(const Tensor &points, const Tensor &labels, int64_t image_size) const
{
  const int64_t b = points.size(0);
  Tensor xy = at::cat({points + 0.5, at::zeros({b, 1, 2}, points.options())}, 1);
  Tensor kind = at::cat({labels, at::full({b, 1}, -1, labels.options())}, 1).unsqueeze(-1); // [B, n + 1, 1]
  Tensor position = fourier_features(xy / image_size, positional_encoding_gaussian_matrix);
  // An embedding is added in the dtype that autocast gave the position, and only then becomes float32.
  Tensor out = at::where(kind == -1, not_a_point_embed.to(position.scalar_type()), position);
  for (size_t i = 0; i < point_embeddings.size(); i++)
    out = at::where(kind == (int64_t)i, (position + point_embeddings[i]).to(position.scalar_type()), out);
  return out.to(at::kFloat);
}

Tensor PromptEncoder::dense_none() const { return no_mask_embed.view({1, dim, 1, 1}); }

Tensor PromptEncoder::dense_mask(const Tensor &mask) const
{
  return mask_conv6(mask_norm4.gelu(mask_conv3(mask_norm1.gelu(mask_conv0(mask)))));
}

} // namespace vb
