// Attention layers of SAM.
#include "transformer.hpp"

namespace vb {

namespace {
constexpr int64_t dim = 256, cross_dim = 128, n_heads = 8, mlp_dim = 2048;
}

void AttentionLayer::load(const Loader &w, int64_t q_dim, int64_t kv_dim, int64_t inner, int64_t n)
{
  q_proj.load(w.in("q_proj"), q_dim, inner);
  k_proj.load(w.in("k_proj"), kv_dim, inner);
  v_proj.load(w.in("v_proj"), kv_dim, inner);
  out_proj.load(w.in("out_proj"), inner, q_dim);
  heads = n;
}

Tensor AttentionLayer::of_projected(Context &c, const char *site, const Tensor &q, const Tensor &k, const Tensor &v) const
{
  return out_proj(join_heads(c.attention(site, split_heads(q, heads), split_heads(k, heads), split_heads(v, heads))));
}

static kernels::Tokens normed(const LayerNorm &norm, const Tensor &a, const Tensor &b, const Tensor &pe)
{
  return kernels::tokens(a, b, pe, norm.weight, norm.bias, norm.eps, norm.op);
}

void TwoWayBlock::load(const Loader &w)
{
  self_attn.load(w.in("self_attn"), dim, dim, dim, n_heads);
  cross_attn_token_to_image.load(w.in("cross_attn_token_to_image"), dim, dim, cross_dim, n_heads);
  cross_attn_image_to_token.load(w.in("cross_attn_image_to_token"), dim, dim, cross_dim, n_heads);
  norm1.load(w.in("norm1"), dim);
  norm2.load(w.in("norm2"), dim);
  norm3.load(w.in("norm3"), dim);
  norm4.load(w.in("norm4"), dim);
  mlp.load(w.in("mlp"), dim, mlp_dim, dim, 2);
}

void TwoWayTransformer::load(const Loader &w)
{
  for (size_t i = 0; i < layers.size(); i++)
    layers[i].load(w.in("layers").in((int64_t)i));
  final_attn_token_to_image.load(w.in("final_attn_token_to_image"), dim, dim, cross_dim, n_heads);
  norm_final_attn.load(w.in("norm_final_attn"), dim);

  AttentionLayer &begin = layers[0].self_attn;
  of_input.join({&begin.q_proj, &begin.k_proj, &begin.v_proj});
  for (size_t i = 0; i < layers.size(); i++) {
    AttentionLayer &look = layers[i].cross_attn_token_to_image, &back = layers[i].cross_attn_image_to_token;
    of_image[i].join({&look.k_proj, &back.q_proj});
    if (i + 1 < layers.size()) {
      AttentionLayer &next = layers[i + 1].self_attn;
      of_posed[i].join({&back.k_proj, &next.q_proj, &next.k_proj});
      of_tokens[i].join({&back.v_proj, &next.v_proj});
    } else {
      of_posed[i].join({&back.k_proj, &final_attn_token_to_image.q_proj});
      of_tokens[i].join({&back.v_proj});
    }
  }
}

std::pair<kernels::Tokens, kernels::Tokens> TwoWayTransformer::operator()(Context &c, const kernels::Tokens &image, const Tensor &image_pe,
                                                                          const Tensor &tokens) const
{
  const int64_t b = image.whole.size(0);
  kernels::Tokens queries, keys = image;
  std::vector<Tensor> begin = of_input(tokens.size(0) == b ? tokens : tokens.expand({b, -1, -1}).contiguous()); // q, k, v
  for (size_t i = 0; i < layers.size(); i++) {
    const TwoWayBlock &layer = layers[i];
    // tokens among themselves; in the first layer that replaces them and sees no position
    queries = normed(layer.norm1, layer.self_attn.of_projected(c, "decoder.self", begin[0], begin[1], begin[2]), queries.whole, tokens);

    // tokens look at the image
    const AttentionLayer &look = layer.cross_attn_token_to_image, &back = layer.cross_attn_image_to_token;
    const std::vector<Tensor> seen = of_image[i](keys.posed); // keys for the tokens, queries for the way back
    const Tensor found = look.of_projected(c, "decoder.token_to_image", look.q_proj(queries.posed), seen[0], look.v_proj(keys.narrow));
    queries = normed(layer.norm2, queries.whole, found, {});
    queries = normed(layer.norm3, queries.whole, layer.mlp(queries.narrow), tokens);

    // the image looks at the tokens
    const std::vector<Tensor> posed = of_posed[i](queries.posed), values = of_tokens[i](queries.narrow);
    keys = normed(layer.norm4, keys.whole, back.of_projected(c, "decoder.image_to_token", seen[1], posed[0], values[0]), image_pe);
    begin.assign(posed.begin() + 1, posed.end());
    begin.insert(begin.end(), values.begin() + 1, values.end());
  }
  const AttentionLayer &last = final_attn_token_to_image;
  const Tensor found = last.of_projected(c, "decoder.token_to_image", begin[0], last.k_proj(keys.posed), last.v_proj(keys.narrow));
  return {normed(norm_final_attn, queries.whole, found, {}), keys};
}

} // namespace vb
