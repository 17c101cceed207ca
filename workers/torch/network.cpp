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
  // without points there is one at (0, 0) that is none, beside the padding point: sam2_base.py:316-319
  const Tensor nowhere = at::zeros({1, 1, 2}, at::TensorOptions(at::kFloat).device(device)), none = at::full({1, 1}, -1, nowhere.options().dtype(at::kInt));
  tokens_without_points = sam_mask_decoder.tokens(sam_prompt_encoder.sparse(nowhere, none, size));
  memory_map_pos = sine_grid(mem_dim, side, side, device).unsqueeze(0);
  if (variant.perceiver)
    spatial_perceiver.emplace().load(w.in("spatial_perceiver"), memory_map_pos);
  else // in the dtype of the map that they belong to: memory_encoder.py:179
    memory_map_pos = memory_map_pos.to(w.precision().op()).to(at::kFloat);
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

kernels::Normed Network::begin(Context &c, const Features &f) const { return memory_attention.begin(c, to_tokens(f.level), attended_pos, rope); }

Tensor Network::attend(Context &c, const Features &f, const MemoryTokens &memory) const
{
  Tensor out = to_map(memory_attention(c, f.begun.out.defined() ? f.begun : begin(c, f), memory, rope), side, side);
  c.probe.trace("pix_feat_with_mem", out);
  return out;
}

Tensor Network::without_memory(const Tensor &level) const { return level + no_mem_embed; }

SamHeads Network::decode(Context &c, const Tensor &level, const Features &f, const DecoderPrompt &prompt, bool multimask) const
{
  const Tensor tokens = prompt.points.defined() ? sam_mask_decoder.tokens(sam_prompt_encoder.sparse(prompt.points, prompt.labels, image_size)) : tokens_without_points;
  const Tensor dense = prompt.mask.defined() ? sam_prompt_encoder.dense_mask(prompt.mask) : sam_prompt_encoder.dense_none();
  const Decoded d = sam_mask_decoder(c, level, dense_pe, tokens, dense, f);
  if (c.probe.to) {
    c.probe.result("ious4", d.ious);
    c.probe.result("stability", sam_mask_decoder.stability(d));
    c.probe.result("multimask", at::full({1}, multimask ? 1 : 0, at::kFloat));
    c.probe.result("chosen", sam_mask_decoder.choose(d, multimask));
  }

  const kernels::Picked shown = multimask ? kernels::pick(d.masks, d.in_cells, d.ious, d.object_score_logits, d.tokens, no_obj_score)
                                          : kernels::pick_these(sam_mask_decoder.choose(d, false), d.masks, d.in_cells, d.ious, d.object_score_logits,
                                                                d.tokens, no_obj_score);
  SamHeads out;
  out.low_logits = shown.low;
  out.iou = shown.iou;
  out.object_score_logits = d.object_score_logits;
  // Token 0 gives the pointer unless several masks were asked for, also when another token's mask is shown.
  const Tensor token = multimask ? shown.vector : d.tokens.select(1, 0);
  out.obj_ptr = at::where(d.object_score_logits > 0, obj_ptr_proj(token).to(at::kFloat), no_obj_ptr);
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
