// Encoding ahead.
#include "encoder.hpp"

#include <algorithm>

namespace vb {

void keep(Tensor &slot, const Tensor &value)
{
  if (!value.defined() || value.is_cpu())
    slot = value;
  else if (slot.defined())
    slot.copy_(value);
  else
    slot = value.clone();
}

static void keep(Features &slot, const Features &value)
{
  keep(slot.s0, value.s0);
  keep(slot.s1, value.s1);
  keep(slot.level, value.level);
  keep(slot.begun.sum, value.begun.sum);
  keep(slot.begun.out, value.begun.out);
}

Encoder::Encoder(const Network &network, Context &context)
    : network_(network), context_(context), graphs_(context), lane_(context.precision.device, Lane::encode),
      slots_{Slot(context.precision.device), Slot(context.precision.device)}
{
}

void Encoder::begin(const vb_clip &clip)
{
  const int64_t batch = std::max(clip.ahead, 1);
  if (batch != batch_) {
    graphs_.clear();
    image_ = Tensor();
    for (Slot &s : slots_)
      s.features = {};
  }
  batch_ = batch;
  times_ = clip.times;
  preprocess_.emplace(clip.h, clip.w, network_.image_size, batch, context_.precision);
  for (Slot &s : slots_) {
    s.frames.clear();
    s.clock.clear();
  }
}

void Encoder::encode(const vb_frame *frames, int n)
{
  Lane::Scope on(lane_);
  Slot &s = slots_[(size_t)next_];
  next_ = 1 - next_;
  add_times(s);
  s.frames.clear();
  s.taken.hold(); // what is in the slot may still be read
  s.clock.start();
  preprocess_->begin(image_);
  for (int i = 0; i < n; i++) {
    preprocess_->put(i, frames[i].rgb);
    s.frames.push_back(frames[i].frame_idx);
  }
  preprocess_->run(image_, n);
  s.clock.mark(VB_STAGE_PREPROCESS);
  graphs_.run({next_}, [&] { // what a last batch lacks is what was there before
    Features f = network_.encode(context_, image_);
    if (batch_ > 1) // less to be done frame by frame
      f.begun = network_.begin(context_, f);
    keep(s.features, f);
  });
  s.clock.mark(VB_STAGE_ENCODE);
  s.filled.mark();
}

bool Encoder::holds(int frame_idx) const
{
  return std::any_of(slots_.begin(), slots_.end(), [&](const Slot &s) { return std::find(s.frames.begin(), s.frames.end(), frame_idx) != s.frames.end(); });
}

void Encoder::take(int frame_idx, Features &to)
{
  for (Slot &s : slots_) {
    const auto found = std::find(s.frames.begin(), s.frames.end(), frame_idx);
    if (found == s.frames.end())
      continue;
    const int64_t i = found - s.frames.begin();
    s.filled.hold();
    const auto of = [i](const Tensor &t) { return t.defined() ? t.narrow(0, i, 1) : t; };
    keep(to, {of(s.features.s0), of(s.features.s1), of(s.features.level), {of(s.features.begun.sum), of(s.features.begun.out)}});
    s.taken.mark();
    return;
  }
  fail(VB_EARG, "frame %d has not been encoded", frame_idx);
}

// A batch's time is shared out evenly. Its frames have been taken, hence the events are over.
void Encoder::add_times(Slot &s)
{
  double ms[VB_STAGE_COUNT] = {0};
  if (s.frames.empty() || !times_) {
    s.clock.clear();
    return;
  }
  s.filled.wait();
  s.clock.collect(ms);
  for (int f : s.frames)
    for (vb_stage stage : {VB_STAGE_PREPROCESS, VB_STAGE_ENCODE})
      times_[f].stage_ms[stage] += ms[stage] / (double)s.frames.size();
}

void Encoder::finish()
{
  lane_.finish();
  for (Slot &s : slots_) {
    add_times(s);
    s.frames.clear();
  }
}

} // namespace vb
