// The network's steps.
#include "network.hpp"

#include "position.hpp"
#include "repvit.hpp"

namespace vb {

namespace {
constexpr double no_obj_score = -1024.0; // sam2_base.py:19
}

void Network::load(const Loader &w, const Variant &variant, int64_t size)
{
  image_size = size;
  side = size / 16;

  const Loader encoder = w.in("image_encoder"), decoder = w.in("sam_mask_decoder");
  if (variant.hiera)
    trunk = std::make_unique<Hiera>(*variant.hiera);
  else
    trunk = std::make_unique<RepVit>();
  trunk->load(encoder.in("trunk"), size);
  neck.load(encoder.in("neck"), decoder, trunk->channels());
  sam_prompt_encoder.load(w.in("sam_prompt_encoder"));
  sam_mask_decoder.load(decoder);
  memory_attention.load(w.in("memory_attention"), variant.n_memory_layers);
  memory_encoder.load(w.in("memory_encoder"));
  obj_ptr_proj.load(w.in("obj_ptr_proj"), dim, dim, dim, 3);
  mask_downsample.load(w.in("mask_downsample"), 1, 1, 4, 4);
  no_mem_embed = w.param("no_mem_embed", {1, 1, dim}).view({1, dim, 1, 1});
  w.host("no_mem_pos_enc", {1, 1, dim}); // part of the checkpoint; unused where no_mem_embed is added directly
  no_obj_ptr = w.param("no_obj_ptr", {1, dim});
  if (variant.no_obj_embed_spatial)
    no_obj_embed_spatial = w.param("no_obj_embed_spatial", {1, mem_dim}).view({1, mem_dim, 1, 1});
  if (variant.pointer_ages)
    pointer_encoding.proj.emplace().load(w.in("obj_ptr_tpos_proj"), dim, mem_dim);
  Tensor tpos = w.param("maskmem_tpos_enc", {n_maskmem, 1, 1, mem_dim}).view({n_maskmem, 1, mem_dim});

  const at::Device device = w.precision().device;
  image_pos = sine_grid(dim, side, side, device).unsqueeze(0);
  attended_pos = 0.1 * image_pos; // memory_attention.py:141
  dense_pe = sam_prompt_encoder.dense_pe(side);
  memory_map_pos = sine_grid(mem_dim, side, side, device).unsqueeze(0);
  if (variant.perceiver)
    spatial_perceiver.emplace().load(w.in("spatial_perceiver"), memory_map_pos);
  memory_pos_by_age = (variant.perceiver ? Perceiver::output_pos(device) : memory_map_pos) + tpos;
  rope.query = rotary_table(dim, side, side, device);
  rope.key = variant.perceiver ? rotary_table(dim, Perceiver::n_windows, Perceiver::n_windows, device) : rope.query;
}

Features Network::encode(Context &c, const Tensor &image) const
{
  c.probe.trace("image", image);
  Features f = neck((*trunk)(c, image));
  c.probe.trace("fpn0", f.s0);
  c.probe.trace("fpn1", f.s1);
  c.probe.trace("fpn2", f.level);
  c.probe.trace("pos2", to_map(image_pos, side, side));
  return f;
}

Tensor Network::attend(Context &c, const Tensor &level, const MemoryTokens &memory) const
{
  Tensor out = to_map(memory_attention(c, to_tokens(level), attended_pos, memory, rope), side, side);
  c.probe.trace("pix_feat_with_mem", out);
  return out;
}

Tensor Network::without_memory(const Tensor &level) const { return level + no_mem_embed; }

SamHeads Network::decode(Context &c, const Tensor &level, const Features &f, const DecoderPrompt &prompt, bool multimask) const
{
  const int64_t b = level.size(0);
  const at::Device device = level.device();
  // without points there is one at (0, 0) that is none, beside the padding point: sam2_base.py:316-319
  Tensor points = prompt.points.defined() ? prompt.points : at::zeros({b, 1, 2}, at::TensorOptions(at::kFloat).device(device));
  Tensor labels = prompt.points.defined() ? prompt.labels : at::full({b, 1}, -1, at::TensorOptions(at::kInt).device(device));
  Tensor sparse = sam_prompt_encoder.sparse(points, labels, image_size);
  Tensor dense = prompt.mask.defined() ? sam_prompt_encoder.dense_mask(prompt.mask) : sam_prompt_encoder.dense_none();
  Decoded d = sam_mask_decoder(c, level, dense_pe, sparse, dense, f);
  Tensor chosen = sam_mask_decoder.choose(d, multimask); // [B]

  c.probe.result("ious4", d.ious);
  c.probe.result("stability", d.stability);
  c.probe.result("multimask", at::full({1}, multimask ? 1 : 0, at::kFloat));
  c.probe.result("chosen", chosen);

  const auto pick = [&](const Tensor &x, const Tensor &index) { // x [B, 4, ...] -> [B, ...]
    std::vector<int64_t> shape(x.sizes().begin(), x.sizes().end());
    shape[1] = 1;
    std::vector<int64_t> ones(shape.size(), 1);
    ones[0] = b;
    return x.gather(1, index.view(ones).expand(shape)).squeeze(1);
  };
  SamHeads out;
  Tensor appears = d.object_score_logits > 0; // [B, 1]
  Tensor low = pick(d.masks, chosen).unsqueeze(1).to(at::kFloat);
  out.low_logits = at::where(appears.view({b, 1, 1, 1}), low, at::full({}, no_obj_score, low.options()));
  out.iou = pick(d.ious, chosen);
  out.object_score_logits = d.object_score_logits;

  // Token 0 gives the pointer unless several masks were asked for, also when another token's mask is shown.
  Tensor token = multimask ? pick(d.tokens, chosen) : d.tokens.select(1, 0);
  Tensor present = appears.to(at::kFloat);
  out.obj_ptr = present * obj_ptr_proj(token) + (1 - present) * no_obj_ptr;
  return out;
}

Tensor Network::memorize(Context &c, const Features &f, const Tensor &low_logits, const Tensor &score, bool prompted) const
{
  Tensor map = memory_encoder(f.level, low_logits, prompted);
  if (no_obj_embed_spatial.defined()) // added in place upstream: the sum stays in the map's dtype
    map = (map + (score <= 0).to(at::kFloat).view({-1, 1, 1, 1}) * no_obj_embed_spatial).to(map.scalar_type());
  map = map.contiguous(at::MemoryFormat::ChannelsLast);
  if (!spatial_perceiver) {
    c.probe.trace("maskmem_pos_enc", to_map(memory_map_pos, side, side));
    return to_tokens(map);
  }
  Tensor out = (*spatial_perceiver)(c, map);
  c.probe.trace("perceiver_latents", out);
  if (c.probe.to) {
    const Tensor pos = Perceiver::output_pos(out.device());
    c.probe.trace("perceiver_pos", pos);
    c.probe.trace("maskmem_pos_enc", pos);
  }
  return out;
}

Tensor Network::memory_as_upstream(const Tensor &memory) const { return spatial_perceiver ? memory : to_map(memory, side, side); }

} // namespace vb
