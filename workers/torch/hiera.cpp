// Hiera trunk.
#include "hiera.hpp"

#include <algorithm>

namespace vb {

namespace {

constexpr double norm_eps = 1e-6;

// A norm and the linear layer behind it
void load_pair(LayerNorm &norm, const Loader &of_norm, Linear &layer, const Loader &of_layer, int64_t in, int64_t out, bool folds)
{
  norm.load(of_norm, in);
  if (!folds) {
    layer.load(of_layer, in, out);
    return;
  }
  const kernels::Folded both = kernels::folded(norm.weight.cpu(), norm.bias.cpu(), of_layer.host("weight", {out, in}), of_layer.host("bias", {out}));
  layer.weight = of_layer.to_op(both.weight);
  layer.bias = of_layer.to_op(both.bias);
  norm.weight.fill_(1);
  norm.bias.zero_();
}

} // namespace

void HieraBlock::load(const Loader &w, int64_t in, int64_t out, int64_t map_side)
{
  const bool folds = kernels::folds_norms(w.precision().device, w.precision().op());
  const Loader mlp = w.in("mlp").in("layers");
  // A window's rows beyond the map are 0 behind the norm: that is not in any weights.
  folded = folds && in == out && (!window || map_side % window == 0);
  load_pair(norm1, w.in("norm1"), qkv, w.in("attn").in("qkv"), in, 3 * out, folded);
  attn_proj.load(w.in("attn").in("proj"), out, out);
  load_pair(norm2, w.in("norm2"), mlp_in, mlp.in(0), out, 4 * out, folds);
  mlp_out.load(mlp.in(1), 4 * out, out);
  norm1.eps = norm2.eps = norm_eps;
  if (in != out)
    proj.emplace().load(w.in("proj"), in, out);
}

Tensor HieraBlock::project(HieraMap &x, Tensor &shortcut) const
{
  if (kernels::norm_pays({x.a, x.sums}, window, qkv.weight, qkv.bias))
    return kernels::product_of_norm({x.a, x.sums}, norm1.eps, window, qkv.weight, qkv.bias, false);
  Tensor normed;
  if (proj || !window) {
    const kernels::Normed y = norm1.narrow(x.a, x.b);
    x = {y.sum, {}, {}};
    normed = y.out;
  }
  if (proj) { // a changed width takes the shortcut from the normed input
    shortcut = (*proj)(normed);
    if (pool)
      shortcut = kernels::max_pool(shortcut);
  }
  if (window) {
    const kernels::Normed y = kernels::norm_into_windows(x.a, x.b, window, norm1.weight, norm1.bias, norm1.eps, norm1.op);
    x = {y.sum, {}, {}};
    normed = y.out;
  }
  return qkv(normed);
}

Tensor HieraBlock::attend(Context &c, const Tensor &projected) const
{
  const int64_t n = projected.size(0), s = projected.size(1), t = projected.size(2), out = projected.size(3) / 3;
  std::vector<Tensor> parts = projected.view({n, s * t, 3, heads, out / heads}).unbind(2); // [n, st, heads, d] each
  Tensor q = parts[0];
  if (pool)
    q = kernels::max_pool(projected.slice(3, 0, out)).view({n, s * t / 4, heads, out / heads});
  const char *site = pool ? "encoder.pool" : window ? "encoder.window" : "encoder.global";
  const Tensor y = join_heads(c.attention(site, q.transpose(1, 2), parts[1].transpose(1, 2), parts[2].transpose(1, 2)));
  return pool ? y.view({n, s / 2, t / 2, out}) : y.view({n, s, t, out});
}

HieraMap HieraBlock::finish(const Tensor &map, const Tensor &y) const
{
  const auto onto = [](const Tensor &residual, const Tensor &x, const Linear &layer) {
    const bool pays = residual.scalar_type() == x.scalar_type() && residual.is_contiguous() && kernels::product_pays(x, layer.weight, layer.bias, true);
    return pays ? kernels::product_onto(residual, x, layer.weight, layer.bias) : kernels::Summed();
  };
  kernels::Summed sum = onto(map, y, attn_proj);
  Tensor hidden;
  if (kernels::norm_pays(sum, 0, mlp_in.weight, mlp_in.bias)) {
    hidden = kernels::product_of_norm(sum, norm2.eps, 0, mlp_in.weight, mlp_in.bias, true);
  } else {
    const kernels::Normed n = sum.out.defined() ? norm2.narrow(sum.out, {})
                              : window ? kernels::add_windows_norm(map, attn_proj(y), norm2.weight, norm2.bias, norm2.eps, norm2.op)
                                       : norm2.narrow(map, attn_proj(y));
    sum.out = n.sum;
    hidden = mlp_in(n.out, Act::gelu);
  }
  if (before_folded)
    if (const kernels::Summed all = onto(sum.out, hidden, mlp_out); all.out.defined())
      return {all.out, {}, all.sums};
  return {sum.out, mlp_out(hidden), {}};
}

HieraMap HieraBlock::operator()(Context &c, HieraMap &x) const
{
  Tensor shortcut;
  const Tensor y = attend(c, project(x, shortcut));
  return finish(proj ? shortcut : x.a, y);
}

std::array<int64_t, 4> Hiera::channels() const { return {spec.embed_dim, 2 * spec.embed_dim, 4 * spec.embed_dim, 8 * spec.embed_dim}; }

void Hiera::load(const Loader &w, int64_t image_size)
{
  const int64_t side = image_size / 4, dim = spec.embed_dim, tile = spec.window_spec[0];
  patch_embed.load(w.in("patch_embed").in("proj"), 3, dim, 7, 4, 3);
  if (kernels::usable(w.precision().device) && w.precision().op() != at::kFloat) {
    // cuDNN fills the 3 channels up to 8, and adds the bias in a pass of its own; as a product it takes a third of the time
    const Tensor taps = at::constant_pad_nd(patch_embed.weight, {1, 0, 1, 0}); // the 7x7 kernel begins 3 pixels before its pixel
    of_patches = Linear{taps.permute({0, 2, 3, 1}).flatten(1).contiguous(), patch_embed.bias, {}};
  }

  Tensor coarse = w.host("pos_embed", {1, dim, spec.window_pos_embed_bkg, spec.window_pos_embed_bkg});
  Tensor windows = w.host("pos_embed_window", {1, dim, tile, tile});
  Tensor embedding = at::upsample_bicubic2d(coarse, {side, side}, false) + windows.repeat({1, 1, side / tile, side / tile});
  pos = embedding.permute({0, 2, 3, 1}).contiguous().to(w.precision().device);

  int64_t in = dim, heads = spec.num_heads;
  for (int stage = 0; stage < 4; stage++) {
    for (int i = 0; i < spec.stages[(size_t)stage]; i++) {
      const int index = (int)blocks.size();
      const bool changes = stage > 0 && i == 0;
      HieraBlock &block = blocks.emplace_back();
      block.pool = changes;
      block.heads = heads *= changes ? 2 : 1;
      // the first block of a stage pools, so it still sees the windows of the stage before
      const bool global = std::find(spec.global_att_blocks.begin(), spec.global_att_blocks.end(), index) != spec.global_att_blocks.end();
      block.window = global ? 0 : spec.window_spec[(size_t)(changes ? stage - 1 : stage)];
      block.load(w.in("blocks").in(index), in, changes ? 2 * in : in, side >> stage);
      if (index > 0)
        blocks[(size_t)index - 1].before_folded = block.folded;
      in *= changes ? 2 : 1;
    }
  }
}

Tensor Hiera::embed(const Tensor &image) const
{
  return of_patches ? (*of_patches)(kernels::patches(image)) : patch_embed(image).permute({0, 2, 3, 1});
}

std::array<Tensor, 4> Hiera::operator()(Context &c, const Tensor &image) const
{
  std::array<Tensor, 4> out;
  HieraMap x = {embed(image), pos, {}};
  size_t index = 0;
  for (size_t stage = 0; stage < out.size(); stage++) {
    for (int i = 0; i < spec.stages[stage]; i++) {
      HieraMap y = blocks[index++](c, x);
      if (stage > 0 && i == 0) // what the stage before made; its sum is made by now
        out[stage - 1] = x.a.permute({0, 3, 1, 2});
      x = y;
    }
  }
  out.back() = x.sum().permute({0, 3, 1, 2});
  return out;
}

} // namespace vb
