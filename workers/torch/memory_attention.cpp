// Memory attention.
#include "memory_attention.hpp"

#include "kernels.hpp"
#include "position.hpp"

namespace vb {

namespace {

constexpr int64_t dim = 256, mem_dim = 64, ff_dim = 2048;

// The layer's output [B, m, columns or more], turned
Tensor turned(const Linear &layer, const Tensor &x, const kernels::Turn &turn)
{
  if (kernels::product_pays(x, layer.weight, layer.bias, true))
    return kernels::product_turned(turn, x, layer.weight, layer.bias);
  const Tensor y = layer(x);
  const Tensor memories = y.narrow(1, 0, turn.memories * turn.memory).unflatten(1, {turn.memories, turn.memory});
  const Tensor grid = memories.slice(2, turn.memory - turn.table.size(0)).narrow(3, 0, turn.columns).unflatten(3, {-1, dim}).transpose(2, 3);
  kernels::rotate(grid, grid, turn.table); // [B, memories, heads, tokens, 256]; y itself, which is of no other use
  return y;
}

// Of queries, which lie on a grid all
kernels::Turn turn_queries(const Tensor &table, int64_t columns) { return {table, columns, 1, table.size(0), table.size(0)}; }

// Of the bank's keys: in each spatial memory the last tokens (as many as the table has) lie on a grid and turn, global latents
// before them and object pointers behind do not.
kernels::Turn turn_keys(const Tensor &table, const MemoryTokens &m)
{
  const int64_t tokens = m.keys.size(1);
  return {table, dim, m.n_spatial, (tokens - m.n_pointer_tokens) / m.n_spatial, tokens};
}

} // namespace

void MemoryAttentionLayer::load(const Loader &w)
{
  self_attn.load(w.in("self_attn"), dim, dim, dim, 1);
  if (w.precision().device.is_cuda()) {
    AttentionLayer &a = self_attn;
    self_qkv = Linear{at::cat({a.q_proj.weight, a.k_proj.weight, a.v_proj.weight}), at::cat({a.q_proj.bias, a.k_proj.bias, a.v_proj.bias}), {}};
    a.q_proj = a.k_proj = a.v_proj = {};
  }
  cross_attn_image.load(w.in("cross_attn_image"), dim, mem_dim, dim, 1);
  linear1.load(w.in("linear1"), dim, ff_dim);
  linear2.load(w.in("linear2"), ff_dim, dim);
  norm1.load(w.in("norm1"), dim);
  norm2.load(w.in("norm2"), dim);
  norm3.load(w.in("norm3"), dim);
}

Tensor MemoryAttentionLayer::self_attention(Context &c, const Tensor &t, const RotaryTables &rope) const
{
  Tensor q, k, v;
  if (self_qkv) {
    const Tensor all = split_heads(turned(*self_qkv, t, turn_queries(rope.query, 2 * dim)), 3); // [B, 3, hw, 256]
    q = all.narrow(1, 0, 1);
    k = all.narrow(1, 1, 1);
    v = all.narrow(1, 2, 1);
  } else {
    q = split_heads(turned(self_attn.q_proj, t, turn_queries(rope.query, dim)), 1);
    k = split_heads(turned(self_attn.k_proj, t, turn_queries(rope.query, dim)), 1);
    v = split_heads(self_attn.v_proj(t), 1);
  }
  return self_attn.out_proj(join_heads(c.attention("memory.self", q, k, v)));
}

kernels::Normed MemoryAttentionLayer::attend_to_itself(Context &c, const Tensor &x, const Tensor &more, const RotaryTables &rope) const
{
  const kernels::Normed y = norm1.narrow(x, more);
  return norm2.narrow(y.sum, self_attention(c, y.out, rope));
}

Tensor MemoryAttentionLayer::attend_to_memory(Context &c, kernels::Normed &y, const MemoryTokens &m, const RotaryTables &rope) const
{
  Tensor q = split_heads(turned(cross_attn_image.q_proj, y.out, turn_queries(rope.query, dim)), 1);
  if (q.size(0) != m.memory.size(0)) // from here on objects differ
    q = q.expand({m.memory.size(0), -1, -1, -1}).contiguous();
  Tensor k = split_heads(turned(cross_attn_image.k_proj, m.keys, turn_keys(rope.key, m)), 1);
  // Values have no position, so their projection may as well follow the product with the probabilities.
  Tensor v = split_heads(m.memory, 1);
  Tensor seen = c.attention.takes_narrow_values(q, k, v)
                    ? cross_attn_image.v_proj(join_heads(c.attention.narrow("memory.cross", q, k, v)))
                    : join_heads(c.attention("memory.cross", q, k, split_heads(cross_attn_image.v_proj(m.memory), 1)));
  y = norm3.narrow(cross_attn_image.out_proj(seen), y.sum);
  return linear2(linear1(y.out, Act::relu));
}

void MemoryAttention::load(const Loader &w, int n_layers)
{
  layers.resize((size_t)n_layers);
  for (int i = 0; i < n_layers; i++)
    layers[(size_t)i].load(w.in("layers").in(i));
  norm.load(w.in("norm"), dim);
}

kernels::Normed MemoryAttention::begin(Context &c, const Tensor &x, const Tensor &x_pos, const RotaryTables &rope) const
{
  return layers[0].attend_to_itself(c, x, x_pos, rope);
}

Tensor MemoryAttention::operator()(Context &c, const kernels::Normed &begun, const MemoryTokens &m, const RotaryTables &rope) const
{
  kernels::Normed y = begun;
  Tensor more = layers[0].attend_to_memory(c, y, m, rope);
  for (size_t i = 1; i < layers.size(); i++) {
    y = layers[i].attend_to_itself(c, y.sum, more, rope);
    more = layers[i].attend_to_memory(c, y, m, rope);
  }
  return norm(y.sum, more);
}

Tensor PointerEncoding::operator()(const Tensor &age) const
{
  return (*proj)(sine_line(age, dim)).to(at::kFloat);
}

} // namespace vb
