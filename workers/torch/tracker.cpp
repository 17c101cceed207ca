// Tracking: what happens to an object on a frame, and in which order.
#include "tracker.hpp"

#include "timing.h"

#include <algorithm>
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

Tracker::Tracker(const Network &network, Context &context, Stages &stages, const vb_clip &clip, vb_bank bank)
    : network_(network), context_(context), stages_(stages), clip_(clip),
      turns_{Turn(context.precision.device), Turn(context.precision.device), Turn(context.precision.device)}, prompted_((size_t)clip.n_objects)
{
  stages_.begin(clip, bank);
}

void Tracker::ahead(const vb_frame *frames, int n)
{
  if (n < 1 || n > std::max(clip_.ahead, 1))
    fail(VB_EARG, "ahead: %d frames; the clip began with batches of %d", n, clip_.ahead);
  stages_.encoder.encode(frames, n);
}

void Tracker::take(const vb_frame &frame)
{
  if (features_frame_ == frame.frame_idx)
    return;
  const int object = std::exchange(context_.probe.object, -1);
  if (!stages_.encoder.holds(frame.frame_idx))
    ahead(&frame, 1);
  stages_.take(frame.frame_idx, clock());
  features_frame_ = frame.frame_idx;
  context_.probe.object = object;
}

void Tracker::report(const Shown &shown, const Tensor &pointer, const Tensor &memory)
{
  context_.probe.result("object_score_logits", shown.score);
  context_.probe.result("obj_ptr", pointer);
  context_.probe.result("maskmem_features", network_.memory_as_upstream(memory));
}

Shown Tracker::condition_on_points(int object, const vb_prompt &prompt)
{
  DecoderPrompt p = scaled_points(prompt, clip_, network_.image_size, context_.precision.device);
  // several masks are proposed for one click, one for a box or for several clicks
  const bool multimask = p.points.size(1) <= 1;
  const Shown &before = prompted_[(size_t)object];
  if (before.low_logits.defined()) // clicks that correct the mask shown for those before: sam2 vp:249-262
    p.mask = before.low_logits.clamp(-32.0, 32.0);
  const Features &features = stages_.features();
  Tensor level = network_.without_memory(features.level);
  context_.probe.trace("pix_feat_with_mem", level);
  SamHeads heads = network_.decode(context_, level, features, p, multimask);
  clock().mark(VB_STAGE_MASK_DECODE);
  // A prompted frame's memory is made from its stored logits, holes filled: EdgeTAM vp:541-553
  const Shown out = {stages_.fill(heads.low_logits), heads.iou, heads.object_score_logits};
  clock().mark(VB_STAGE_POSTPROCESS);
  Tensor memory = network_.memorize(context_, features, out.low_logits, out.score, true);
  stages_.bank.condition(object, features_frame_, memory, heads.obj_ptr);
  clock().mark(VB_STAGE_MEMORIZE);
  report(out, heads.obj_ptr, stages_.bank.conditioning_memory(object));
  return out;
}

Shown Tracker::condition_on_mask(int object, const vb_prompt &prompt)
{
  // The mask is the output; the decoder runs for the object pointer alone. sam2_base.py:416-463
  Tensor mask = scaled_mask(prompt.mask, network_.image_size, context_.precision.device);
  Tensor high = mask * 20.0 - 10.0;
  const int64_t low_side = network_.image_size / 4;
  DecoderPrompt p;
  p.mask = network_.mask_downsample(mask).to(at::kFloat);
  const Features &features = stages_.features();
  SamHeads heads = network_.decode(context_, features.level, features, p, false);
  Tensor present = (mask > 0).any().to(at::kFloat).view({1, 1});
  Tensor pointer = present * heads.obj_ptr + (1 - present) * network_.no_obj_ptr;
  context_.probe.result("chosen", at::full({1}, -1, at::kFloat));
  clock().mark(VB_STAGE_MASK_DECODE);
  const Shown out = {stages_.fill(at::_upsample_bilinear2d_aa(high, {low_side, low_side}, false)), at::ones({1}, high.options()),
                     present * 20.0 - 10.0};
  clock().mark(VB_STAGE_POSTPROCESS);
  Tensor memory = network_.memorize(context_, features, out.low_logits, out.score, true);
  stages_.bank.condition(object, features_frame_, memory, pointer);
  clock().mark(VB_STAGE_MEMORIZE);
  report(out, pointer, stages_.bank.conditioning_memory(object));
  return out;
}

void Tracker::prompt(int object, const vb_frame &frame, vb_mask *shown)
{
  if (object < 0 || object >= clip_.n_objects)
    fail(VB_EARG, "prompt of object %d: the clip has %d objects", object, clip_.n_objects);
  const vb_track_object &t = clip_.objects[object];
  if (frame.frame_idx != t.prompt_frame)
    fail(VB_EARG, "prompt of object %d on frame %d: its prompt_frame is %d", object, frame.frame_idx, t.prompt_frame);
  Shown &out = prompted_[(size_t)object];
  const bool refines = out.low_logits.defined() && !t.prompt->has_mask;
  if (stages_.bank.conditioned(object) && !refines)
    fail(VB_EARG, "prompt of object %d: it has been prompted before; until its frame's step, more clicks may follow", object);
  context_.probe.frame_idx = frame.frame_idx;
  context_.probe.object = object;
  clock().start();
  stages_.join(); // holes are counted there
  take(frame);
  out = t.prompt->has_mask ? condition_on_mask(object, *t.prompt) : condition_on_points(object, *t.prompt);
  if (!shown)
    return;
  if (clip_.non_overlap) { // only objects that have a mask on this frame take pixels from each other: vp:433-475
    stages_.hide_all();
    for (int i = 0; i < clip_.n_objects; i++)
      if (i != object && prompted_[(size_t)i].low_logits.defined() && clip_.objects[i].prompt_frame == frame.frame_idx)
        stages_.show(i, prompted_[(size_t)i]);
  }
  stages_.show(object, out);
  Turn &turn = turns_[next_];
  stages_.send({object}, false, turn.clock, turn.exchange, turn.shown);
  turn.shown.wait();
  vb_object_out to = {};
  to.mask = shown;
  stages_.write(object, turn.exchange, &to);
}

// Objects whose memories are alike go together, in the order given.
void Tracker::track(const std::vector<int> &objects, int frame_idx)
{
  std::vector<int> rest = objects;
  while (!rest.empty()) {
    std::vector<int> batch, later;
    std::vector<Recall> recalls;
    for (int i : rest) {
      Recall r = stages_.bank.recall(i, frame_idx, clip_.n_frames);
      if ((int64_t)batch.size() < stages_.max_batch() && (batch.empty() || r.shape() == recalls[0].shape())) {
        batch.push_back(i);
        recalls.push_back(std::move(r));
      } else {
        later.push_back(i);
      }
    }
    memorize(); // those of the batch before: their logits make room
    context_.probe.object = batch[0];
    stages_.track(batch, recalls, frame_idx, clock(), turns_[next_].exchange);
    to_memorize_ = batch;
    if (context_.probe.to) { // one object alone
      memorize();
      report(stages_.shown(batch[0]), stages_.pointer(), stages_.bank.memory_of(batch[0], frame_idx));
    }
    rest = std::move(later);
  }
}

void Tracker::memorize()
{
  if (!to_memorize_.empty())
    stages_.memorize(to_memorize_, features_frame_, clock());
  to_memorize_.clear();
}

void Tracker::queue(const vb_frame &frame)
{
  const int t = frame.frame_idx;
  const bool on_device = context_.precision.device.is_cuda();
  const double begin_ms = vb_now_ms();
  Turn &turn = turns_[next_];
  turn.frame = t;
  turn.active.clear();
  turn.clock.start();
  context_.probe.frame_idx = t;
  std::vector<int> tracked;
  for (int i = 0; i < clip_.n_objects; i++) {
    const vb_track_object &info = clip_.objects[i];
    if (t < info.start_frame)
      continue;
    if (!stages_.bank.conditioned(i))
      fail(VB_EARG, "step to frame %d: object %d has not been prompted (its prompt is on frame %d)", t, i, info.prompt_frame);
    turn.active.push_back(i);
    if (t == info.prompt_frame)
      stages_.show(i, std::exchange(prompted_[(size_t)i], {}));
    else
      tracked.push_back(i);
  }
  if (!tracked.empty())
    take(frame);
  track(tracked, t);
  stages_.send(turn.active, true, turn.clock, turn.exchange, turn.shown);
  for (int i : turn.active)
    if (context_.probe.to) {
      context_.probe.object = i;
      const Tensor low = stages_.shown(i).low_logits;
      context_.probe.result("low_logits", low[0][0]);
      context_.probe.result("video_logits", video_logits(low, clip_.h, clip_.w)[0][0]);
    }
  turn.stored_later = on_device && !to_memorize_.empty();
  memorize(); // while the host takes the masks, and before the next frame's attention
  turn.enqueue_ms = on_device ? vb_now_ms() - begin_ms : 0;
  next_ = (next_ + 1) % turns_.size();
  queued_ = t;
}

// Offline, so that the device need not wait for the host between frames; a prompt comes from the host.
bool Tracker::may_queue(int frame_idx) const
{
  return clip_.ahead > 1 && context_.precision.device.is_cuda() && !context_.probe.to && !stages_.waits() && stages_.encoder.holds(frame_idx) &&
         std::none_of(clip_.objects, clip_.objects + clip_.n_objects, [&](const vb_track_object &o) { return o.prompt_frame == frame_idx; });
}

void Tracker::step(const vb_frame &frame, vb_step *out)
{
  const int t = frame.frame_idx;
  if (t <= last_step_ || t >= clip_.n_frames || (queued_ > last_step_ && queued_ != t))
    fail(VB_EARG, "step to frame %d: frames come in ascending order, after %d and below %d, and none that is encoded ahead is left out", t, last_step_,
         clip_.n_frames);
  last_step_ = t;
  if (queued_ != t)
    queue(frame);
  const Turn &turn = turns_[(next_ + turns_.size() - 1) % turns_.size()];
  if (may_queue(t + 1))
    queue({t + 1, nullptr}); // its pixels are in the encoder
  turn.shown.wait();
  for (int i = 0; i < clip_.n_objects; i++)
    out->objects[i].active = false;
  for (int i : turn.active)
    stages_.write(i, turn.exchange, &out->objects[i]);
  const int64_t *changed = turn.exchange.changed.data_ptr<int64_t>();
  out->holes_filled = changed[0];
  out->sprinkles_removed = changed[1];
  out->enqueue_ms = turn.enqueue_ms;
  for (Turn &before : turns_)
    if (before.frame < t) // its memories came ahead of these masks
      add_times(before);
}

void Tracker::add_times(Turn &turn)
{
  const int frame = std::exchange(turn.frame, -1);
  double ms[VB_STAGE_COUNT] = {0}, aside_ms[VB_STAGE_COUNT] = {0};
  if (frame < 0)
    return;
  turn.exchange.clock.collect(aside_ms);
  const double last_ms = turn.clock.collect(ms);
  if (!clip_.times)
    return;
  clip_.times[frame].after_ms = turn.stored_later ? last_ms : 0;
  for (int s = VB_STAGE_PREPROCESS; s <= VB_STAGE_POSTPROCESS; s++)
    clip_.times[frame].stage_ms[s] += ms[s] + aside_ms[s];
}

void Tracker::finish()
{
  stages_.join();
  synchronize(context_.precision.device);
  stages_.encoder.finish();
  for (Turn &turn : turns_)
    add_times(turn);
}

} // namespace vb
