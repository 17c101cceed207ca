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

Tensor AttentionLayer::operator()(Context &c, const char *site, const Tensor &q, const Tensor &k, const Tensor &v) const
{
  return out_proj(join_heads(
      c.attention(site, split_heads(q_proj(q), heads), split_heads(k_proj(k), heads), split_heads(v_proj(v), heads))));
}

void TwoWayBlock::load(const Loader &w, bool is_first)
{
  self_attn.load(w.in("self_attn"), dim, dim, dim, n_heads);
  cross_attn_token_to_image.load(w.in("cross_attn_token_to_image"), dim, dim, cross_dim, n_heads);
  cross_attn_image_to_token.load(w.in("cross_attn_image_to_token"), dim, dim, cross_dim, n_heads);
  norm1.load(w.in("norm1"), dim);
  norm2.load(w.in("norm2"), dim);
  norm3.load(w.in("norm3"), dim);
  norm4.load(w.in("norm4"), dim);
  mlp.load(w.in("mlp"), dim, mlp_dim, dim, 2);
  first = is_first;
}

void TwoWayBlock::operator()(Context &c, Tensor &queries, Tensor &keys, const Tensor &query_pe, const Tensor &key_pe) const
{
  // tokens among themselves
  if (first) {
    queries = self_attn(c, "decoder.self", queries, queries, queries);
  } else {
    Tensor q = queries + query_pe;
    queries = queries + self_attn(c, "decoder.self", q, q, queries);
  }
  queries = norm1(queries);

  // tokens look at the image
  Tensor k = (keys + key_pe).to(norm1.op); // linear layers alone read it
  queries = norm2(queries, cross_attn_token_to_image(c, "decoder.token_to_image", queries + query_pe, k, keys));
  queries = norm3(queries, mlp(queries));

  // the image looks at the tokens
  keys = norm4(keys, cross_attn_image_to_token(c, "decoder.image_to_token", k, queries + query_pe, queries));
}

void TwoWayTransformer::load(const Loader &w)
{
  for (size_t i = 0; i < layers.size(); i++)
    layers[i].load(w.in("layers").in((int64_t)i), i == 0);
  final_attn_token_to_image.load(w.in("final_attn_token_to_image"), dim, dim, cross_dim, n_heads);
  norm_final_attn.load(w.in("norm_final_attn"), dim);
}

std::pair<Tensor, Tensor> TwoWayTransformer::operator()(Context &c, const Tensor &image, const Tensor &image_pe, const Tensor &tokens) const
{
  Tensor queries = tokens, keys = image;
  for (const TwoWayBlock &layer : layers)
    layer(c, queries, keys, tokens, image_pe);
  queries = queries + final_attn_token_to_image(c, "decoder.token_to_image", queries + tokens, keys + image_pe, keys);
  return {norm_final_attn(queries), keys};
}

} // namespace vb
