// Hiera trunk.
#include "hiera.hpp"

#include <algorithm>

namespace vb {

namespace {

constexpr double norm_eps = 1e-6;

} // namespace

void HieraBlock::load(const Loader &w, int64_t in, int64_t out)
{
  norm1.load(w.in("norm1"), in);
  norm2.load(w.in("norm2"), out);
  norm1.eps = norm2.eps = norm_eps;
  qkv.load(w.in("attn").in("qkv"), in, 3 * out);
  attn_proj.load(w.in("attn").in("proj"), out, out);
  mlp.load(w.in("mlp"), out, 4 * out, out, 2);
  mlp.act = Act::gelu;
  if (in != out)
    proj.emplace().load(w.in("proj"), in, out);
}

Tensor HieraBlock::attend(Context &c, const Tensor &windows) const
{
  const int64_t n = windows.size(0), s = windows.size(1), t = windows.size(2);
  Tensor all = qkv(windows); // [n, s, t, 3 * out]
  const int64_t out = all.size(3) / 3;
  std::vector<Tensor> parts = all.view({n, s * t, 3, heads, out / heads}).unbind(2); // [n, st, heads, d] each
  Tensor q = parts[0];
  if (pool)
    q = kernels::max_pool(all.slice(3, 0, out)).view({n, s * t / 4, heads, out / heads});
  const char *site = pool ? "encoder.pool" : window ? "encoder.window" : "encoder.global";
  const Tensor y = join_heads(c.attention(site, q.transpose(1, 2), parts[1].transpose(1, 2), parts[2].transpose(1, 2)));
  return pool ? y.view({n, s / 2, t / 2, out}) : y.view({n, s, t, out});
}

kernels::Normed HieraBlock::add_attended(const Tensor &map, const Tensor &y) const
{
  if (map.scalar_type() == y.scalar_type() && map.is_contiguous() && kernels::product_pays(y, attn_proj.weight, attn_proj.bias, true)) {
    const Tensor sum = kernels::product_onto(map, y, attn_proj.weight, attn_proj.bias);
    return {sum, norm2.narrow(sum)};
  }
  if (window)
    return kernels::add_windows_norm(map, attn_proj(y), norm2.weight, norm2.bias, norm2.eps, norm2.op);
  return norm2.narrow(map, attn_proj(y));
}

HieraMap HieraBlock::operator()(Context &c, HieraMap &x) const
{
  Tensor normed, shortcut;
  if (proj || !window) {
    const kernels::Normed y = norm1.narrow(x.a, x.b);
    x = {y.sum, {}};
    normed = y.out;
  }
  if (proj) { // a changed width takes the shortcut from the normed input
    shortcut = (*proj)(normed);
    if (pool)
      shortcut = kernels::max_pool(shortcut);
  }
  if (window) {
    const kernels::Normed y = kernels::norm_into_windows(x.a, x.b, window, norm1.weight, norm1.bias, norm1.eps, norm1.op);
    x = {y.sum, {}};
    normed = y.out;
  }
  const kernels::Normed y = add_attended(proj ? shortcut : x.a, attend(c, normed));
  return {y.sum, mlp(y.out)};
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
      block.load(w.in("blocks").in(index), in, changes ? 2 * in : in);
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
  HieraMap x = {embed(image), pos};
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
