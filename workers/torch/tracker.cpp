// Tracking: what happens to one object on one frame, and in which order.
#include "tracker.hpp"

#include <utility>

namespace vb {

namespace {

// The prompt's points in pixels of the S x S image, a box first as two corners: vp:207-217
DecoderPrompt scaled_points(const vb_prompt &p, const vb_clip &clip, int64_t size, at::Device device)
{
  const int64_t n = p.n_points + (p.has_box ? 2 : 0);
  Tensor xy = at::empty({n, 2}, at::kFloat), label = at::empty({n}, at::kInt);
  float *at = xy.data_ptr<float>();
  int32_t *kind = label.data_ptr<int32_t>();
  const float w = (float)clip.w, h = (float)clip.h, s = (float)size;
  const auto put = [&](float x, float y, int k) {
    *at++ = x / w * s;
    *at++ = y / h * s;
    *kind++ = k;
  };
  if (p.has_box) {
    put(p.box[0], p.box[1], 2);
    put(p.box[2], p.box[3], 3);
  }
  for (int i = 0; i < p.n_points; i++)
    put(p.xy[i][0], p.xy[i][1], p.label[i]);
  DecoderPrompt out;
  out.points = xy.unsqueeze(0).to(device);
  out.labels = label.unsqueeze(0).to(device);
  return out;
}

// A mask prompt at network size, 0 or 1: [1, 1, S, S]. vp:321-328
Tensor scaled_mask(const vb_mask &m, int64_t size, at::Device device)
{
  Tensor mask = at::empty({1, 1, m.h, m.w}, at::kFloat);
  float *to = mask.data_ptr<float>();
  for (int y = 0; y < m.h; y++)
    for (int x = 0; x < m.w; x++)
      *to++ = vb_mask_get(&m, y, x) ? 1.0f : 0.0f;
  mask = mask.to(device);
  if (m.h == size && m.w == size)
    return mask;
  return (at::_upsample_bilinear2d_aa(mask, {size, size}, false) >= 0.5).to(at::kFloat);
}

} // namespace

Tracker::Tracker(const Network &network, Context &context, const vb_clip &clip, vb_bank bank)
    : network_(network), context_(context), clip_(clip), preprocess_(clip.h, clip.w, network.image_size, context.precision.device),
      clock_(context.precision.device), objects_((size_t)clip.n_objects), fill_holes_(context.precision.device, clip.fill_hole_area, clip.sprinkle_area, context.holes_on_device)
{
  for (Object &o : objects_)
    o.bank.reset(bank);
}

const Features &Tracker::encode(const vb_frame &frame)
{
  if (features_frame_ == frame.frame_idx)
    return features_;
  const int object = context_.probe.object;
  context_.probe.object = -1;
  Tensor image = preprocess_(frame.rgb);
  clock_.mark(VB_STAGE_PREPROCESS);
  features_ = network_.encode(context_, image);
  features_frame_ = frame.frame_idx;
  clock_.mark(VB_STAGE_ENCODE);
  context_.probe.object = object;
  return features_;
}

void Tracker::report(const Output &output, const Tensor &pointer, const Tensor &memory)
{
  context_.probe.result("object_score_logits", output.score);
  context_.probe.result("obj_ptr", pointer);
  context_.probe.result("maskmem_features", network_.memory_as_upstream(memory));
}

void Tracker::condition_on_points(Object &o, const vb_prompt &prompt)
{
  DecoderPrompt p = scaled_points(prompt, clip_, network_.image_size, context_.precision.device);
  // several masks are proposed for one click, one for a box or for several clicks
  const bool multimask = p.points.size(1) <= 1;
  if (o.prompted.low_logits.defined()) // clicks that correct the mask shown for those before: sam2 vp:249-262
    p.mask = o.prompted.low_logits.clamp(-32.0, 32.0);
  Tensor level = network_.without_memory(features_.level);
  context_.probe.trace("pix_feat_with_mem", level);
  SamHeads heads = network_.decode(context_, level, features_, p, multimask);
  clock_.mark(VB_STAGE_MASK_DECODE);
  // A prompted frame's memory is made from its stored logits, holes filled: EdgeTAM vp:541-553
  o.prompted.low_logits = fill_holes_(heads.low_logits);
  o.prompted.iou = heads.iou;
  o.prompted.score = heads.object_score_logits;
  clock_.mark(VB_STAGE_POSTPROCESS);
  Tensor memory = network_.memorize(context_, features_, network_.upsample(o.prompted.low_logits), o.prompted.score, true);
  o.bank.condition(features_frame_, memory, heads.obj_ptr);
  clock_.mark(VB_STAGE_MEMORIZE);
  report(o.prompted, heads.obj_ptr, o.bank.conditioning_memory());
}

void Tracker::condition_on_mask(Object &o, const vb_prompt &prompt)
{
  // The mask is the output; the decoder runs for the object pointer alone. sam2_base.py:416-463
  Tensor mask = scaled_mask(prompt.mask, network_.image_size, context_.precision.device);
  Tensor high = mask * 20.0 - 10.0;
  const int64_t low_side = network_.image_size / 4;
  DecoderPrompt p;
  p.mask = network_.mask_downsample(mask).to(at::kFloat);
  SamHeads heads = network_.decode(context_, features_.level, features_, p, false);
  Tensor present = (mask > 0).any().to(at::kFloat).view({1, 1});
  Tensor pointer = present * heads.obj_ptr + (1 - present) * network_.no_obj_ptr;
  context_.probe.result("chosen", at::full({1}, -1, at::kFloat));
  clock_.mark(VB_STAGE_MASK_DECODE);
  o.prompted.low_logits = fill_holes_(at::_upsample_bilinear2d_aa(high, {low_side, low_side}, false));
  o.prompted.iou = at::ones({1}, high.options());
  o.prompted.score = present * 20.0 - 10.0;
  clock_.mark(VB_STAGE_POSTPROCESS);
  Tensor memory = network_.memorize(context_, features_, network_.upsample(o.prompted.low_logits), o.prompted.score, true);
  o.bank.condition(features_frame_, memory, pointer);
  clock_.mark(VB_STAGE_MEMORIZE);
  report(o.prompted, pointer, o.bank.conditioning_memory());
}

void Tracker::prompt(int object, const vb_frame &frame, vb_mask *shown)
{
  if (object < 0 || object >= clip_.n_objects)
    fail(VB_EARG, "prompt of object %d: the clip has %d objects", object, clip_.n_objects);
  const vb_track_object &t = clip_.objects[object];
  if (frame.frame_idx != t.prompt_frame)
    fail(VB_EARG, "prompt of object %d on frame %d: its prompt_frame is %d", object, frame.frame_idx, t.prompt_frame);
  Object &o = objects_[(size_t)object];
  const bool refines = o.prompted.low_logits.defined() && !t.prompt->has_mask;
  if (o.bank.conditioned() && !refines)
    fail(VB_EARG, "prompt of object %d: it has been prompted before; until its frame's step, more clicks may follow", object);
  clock_.start();
  context_.probe.frame_idx = frame.frame_idx;
  context_.probe.object = object;
  encode(frame);
  if (t.prompt->has_mask)
    condition_on_mask(o, *t.prompt);
  else
    condition_on_points(o, *t.prompt);
  if (shown) {
    const PendingMask mask(video_logits(o.prompted.low_logits, clip_.h, clip_.w), o.prompted.low_logits, o.prompted.iou, o.prompted.score);
    synchronize(context_.precision.device);
    vb_object_out out = {};
    out.mask = shown;
    mask.write(&out);
  }
}

Tracker::Output Tracker::track(Object &o, int frame_idx)
{
  MemoryTokens memory = o.bank.recall(frame_idx, clip_.n_frames, network_.memory_pos_by_age, network_.pointer_encoding);
  Tensor level = network_.attend(context_, features_.level, memory);
  clock_.mark(VB_STAGE_ATTEND);
  SamHeads heads = network_.decode(context_, level, features_, {}, true);
  clock_.mark(VB_STAGE_MASK_DECODE);
  // A tracked frame's memory is made from the logits as they came, before holes are filled: vp:785
  Tensor made = network_.memorize(context_, features_, network_.upsample(heads.low_logits), heads.object_score_logits, false);
  o.bank.add(frame_idx, made, heads.obj_ptr);
  clock_.mark(VB_STAGE_MEMORIZE);
  const Output out = {fill_holes_(heads.low_logits), heads.iou, heads.object_score_logits};
  report(out, heads.obj_ptr, o.bank.memory_of(frame_idx));
  return out;
}

void Tracker::step(const vb_frame &frame, vb_step *out)
{
  const int t = frame.frame_idx;
  if (t <= last_step_ || t >= clip_.n_frames)
    fail(VB_EARG, "step to frame %d: frames come in ascending order, after %d and below %d", t, last_step_, clip_.n_frames);
  last_step_ = t;
  clock_.start();
  context_.probe.frame_idx = t;
  std::vector<std::pair<int, PendingMask>> pending;
  for (int i = 0; i < clip_.n_objects; i++) {
    const vb_track_object &info = clip_.objects[i];
    Object &o = objects_[(size_t)i];
    out->objects[i].active = false;
    if (t < info.start_frame)
      continue;
    if (!o.bank.conditioned())
      fail(VB_EARG, "step to frame %d: object %d has not been prompted (its prompt is on frame %d)", t, i, info.prompt_frame);
    context_.probe.object = i;
    Output shown;
    if (t == info.prompt_frame) {
      shown = std::exchange(o.prompted, {});
    } else {
      encode(frame);
      shown = track(o, t);
    }
    Tensor logits = video_logits(shown.low_logits, clip_.h, clip_.w);
    pending.emplace_back(i, PendingMask(logits, shown.low_logits, shown.iou, shown.score));
    clock_.mark(VB_STAGE_POSTPROCESS);
    context_.probe.result("low_logits", shown.low_logits[0][0]);
    context_.probe.result("video_logits", logits[0][0]);
  }
  fill_holes_.send_count();
  synchronize(context_.precision.device);
  for (const auto &p : pending)
    p.second.write(&out->objects[p.first]);
  clock_.collect(out->stage_ms);
  out->holes_filled = fill_holes_.filled();
  out->sprinkles_removed = fill_holes_.removed();
}

} // namespace vb
