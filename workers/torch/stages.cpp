// Stages of a frame.
#include "stages.hpp"

#include "kernels.hpp"

#include "mask.h"
#include "memory_estimate.h"

#include <cstring>

namespace vb {

namespace {

enum Stage { attend_stage, decode_stage, memorize_stage, show_stage, bits_stage };

void to_host(Tensor &slot, const Tensor &t)
{
  if (t.is_cpu()) {
    slot = t;
    return;
  }
  if (!slot.defined() || slot.sizes() != t.sizes())
    slot = at::empty(t.sizes(), t.options().device(at::kCPU).pinned_memory(true));
  slot.copy_(t, true);
}

} // namespace

Stages::Stages(const Network &network, Context &context)
    : encoder(network, context), network_(network), context_(context), graphs_(context), graphs_aside_(context),
      lane_aside_(context.precision.device, Lane::show), before_aside_(context.precision.device), after_aside_(context.precision.device)
{
}

void Stages::forget_graphs()
{
  graphs_.clear();
  graphs_aside_.clear();
}

void Stages::aside(const std::function<void()> &body)
{
  if (!apart_)
    return body();
  before_aside_.mark();
  Lane::Scope on(lane_aside_);
  before_aside_.hold();
  body();
  after_aside_.mark();
}

void Stages::join() const
{
  if (apart_)
    after_aside_.hold();
}

StageClock &Stages::clock_aside(StageClock &clock, Exchange &with) const
{
  if (!apart_)
    return clock;
  with.clock.start();
  return with.clock;
}

void Stages::begin(const vb_clip &clip, vb_bank stored)
{
  const at::Device device = context_.precision.device;
  max_batch_ = clip.probe ? 1 : clip.max_batch > 0 ? clip.max_batch : vb_default_batch(device.is_cuda()); // a probe sees objects one by one
  bank.reset(clip.n_objects, stored);
  encoder.begin(clip);
  const bool apart = device.is_cuda() && clip.ahead > 1;
  if (apart != apart_)
    forget_graphs(); // the features' first self-attention is done by the encoder or by a stage
  apart_ = apart;
  if (!fill_ || hole_area_ != clip.fill_hole_area || sprinkle_area_ != clip.sprinkle_area) {
    forget_graphs();
    fill_.emplace(device, hole_area_ = clip.fill_hole_area, sprinkle_area_ = clip.sprinkle_area, context_.holes_on_device);
  }
  if (non_overlap_ != clip.non_overlap)
    forget_graphs();
  non_overlap_ = clip.non_overlap;
  allocate(clip.n_objects, clip.h, clip.w);
  hide_all();
}

void Stages::allocate(int64_t n, int64_t h, int64_t w)
{
  const auto options = at::TensorOptions(at::kLong).device(context_.precision.device);
  const int64_t stride = (int64_t)vb_mask_stride((int)w), low_side = network_.image_size / 4;
  if (n_objects_ == n && words_.size(1) == h && words_.size(2) == stride)
    return;
  forget_graphs();
  batches_.clear();
  n_objects_ = 0; // until all is there
  low_ = at::empty({n, low_side, low_side}, options.dtype(at::kFloat));
  words_ = at::zeros({n, h, stride}, options);
  facts_ = at::zeros({2, n}, options);
  n_objects_ = n;
}

void Stages::take(int frame_idx, StageClock &clock)
{
  encoder.take(frame_idx, features_); // waits in its lane for the encoder, which has a clock of its own
  clock.start();
}

// To the device: [n] rows of the bank that the frame's memories go to, [n] of its pointers, [n] objects, then the rows
// that are read: [n, memories], [n, pointers], and in the last [n, pointers] / 2 words the pointers' ages over the greatest.
Tensor Stages::upload(Batch &batch, const std::vector<int> &objects, const std::vector<Recall> &recalls, int frame_idx, Exchange &with)
{
  const int64_t n = (int64_t)objects.size(), most = n * (3 + 1 + MemoryBank::n_recent + 2 * MemoryBank::n_pointers);
  const auto options = at::TensorOptions(at::kLong);
  if (!batch.indices.defined())
    batch.indices = at::zeros({most}, options.device(context_.precision.device));
  if (with.indices.size() == with.n_indices)
    with.indices.emplace_back();
  Tensor &host = with.indices[with.n_indices++];
  if (!host.defined() || host.numel() < most)
    host = at::zeros({most}, options.pinned_memory(batch.indices.is_cuda()));
  int64_t *to = host.data_ptr<int64_t>();
  for (int object : objects)
    *to++ = bank.memory_row(object, frame_idx);
  for (int object : objects)
    *to++ = bank.pointer_row(object, frame_idx);
  for (int object : objects)
    *to++ = object;
  for (const Recall &r : recalls)
    to = std::copy(r.memories.begin(), r.memories.end(), to);
  for (const Recall &r : recalls)
    to = std::copy(r.pointers.begin(), r.pointers.end(), to);
  float *age = (float *)to;
  for (const Recall &r : recalls)
    for (int a : r.pointer_ages)
      *age++ = (float)a / (float)(r.most_pointers - 1);
  batch.indices.copy_(host.narrow(0, 0, most), true);
  return batch.indices;
}

MemoryTokens Stages::recalled(const Tensor &indices, int64_t n, const Recall &like) const
{
  const int64_t k = (int64_t)like.memories.size(), p = (int64_t)like.pointers.size();
  const Tensor rows = indices.narrow(0, 3 * n, n * k), pointer_rows = indices.narrow(0, 3 * n + n * k, n * p);
  const Tensor ages = indices.slice(0, 3 * n + n * k + n * p).view(at::kFloat).narrow(0, 0, n * p);
  const int64_t width = bank.memories().size(2), per_pointer = bank.pointers().size(1) / width;
  kernels::Stored stored = {bank.memories(), bank.pointers(), rows, pointer_rows, {MemoryBank::n_recent}, network_.memory_pos_by_age, {}};
  for (int age : like.memory_ages)
    stored.ages.push_back(age - 1);
  if (network_.pointer_encoding.proj)
    stored.pointer_places = network_.pointer_encoding(ages);
  const kernels::Recalled tokens = kernels::recall(stored, n, context_.precision.op());
  return {tokens.memory, tokens.keys, k, p * per_pointer};
}

void Stages::track(const std::vector<int> &objects, const std::vector<Recall> &recalls, int frame_idx, StageClock &clock, Exchange &with)
{
  const int64_t n = (int64_t)objects.size();
  join(); // the rows and logits of the frame before were read there
  if (bank_generation_ != bank.generation()) {
    forget_graphs();
    bank_generation_ = bank.generation();
  }
  Batch &b = batches_[n];
  const Tensor indices = upload(b, objects, recalls, frame_idx, with);

  Graphs::Key key = {attend_stage, n};
  for (int x : recalls[0].shape())
    key.push_back(x);
  graphs_.run(key, [&] { keep(b.level, network_.attend(context_, features_, recalled(indices, n, recalls[0]))); });
  clock.mark(VB_STAGE_ATTEND);

  graphs_.run({decode_stage, n}, [&] {
    const SamHeads heads = network_.decode(context_, b.level, features_, {}, true);
    keep(b.low, heads.low_logits);
    keep(b.iou, heads.iou);
    keep(b.score, heads.object_score_logits);
    keep(b.pointer, heads.obj_ptr);
  });
  clock.mark(VB_STAGE_MASK_DECODE);

  const auto show_all = [&] {
    const Tensor rows = indices.narrow(0, 2 * n, n), facts = at::cat({b.iou.view({n, 1}).to(at::kFloat), b.score.view({n, 1}).to(at::kFloat)}, 1);
    low_.index_copy_(0, rows, (*fill_)(b.low).squeeze(1));
    facts_[1].index_copy_(0, rows, facts.view(at::kLong).view({n}));
  };
  aside([&] {
    StageClock &shows = clock_aside(clock, with);
    if (fill_->waits())
      show_all();
    else
      graphs_aside_.run({show_stage, n}, show_all);
    shows.mark(VB_STAGE_POSTPROCESS);
  });
}

void Stages::memorize(const std::vector<int> &objects, int frame_idx, StageClock &clock)
{
  const int64_t n = (int64_t)objects.size();
  const Batch &b = batches_.at(n);

  // A tracked frame's memory is made from the logits as they came, before holes are filled: vp:785
  graphs_.run({memorize_stage, n}, [&] {
    const Tensor memory = network_.memorize(context_, features_, b.low, b.score, false);
    bank.memories().index_copy_(0, b.indices.narrow(0, 0, n), memory.to(bank.memories().scalar_type()));
    bank.pointers().index_copy_(0, b.indices.narrow(0, n, n), b.pointer.to(at::kFloat));
  });
  for (int object : objects)
    bank.added(object, frame_idx);
  clock.mark(VB_STAGE_MEMORIZE);
}

void Stages::show(int object, const Shown &what)
{
  aside([&] {
    low_[object].copy_(what.low_logits[0][0]);
    const Tensor facts = at::cat({what.iou.flatten().to(at::kFloat), what.score.flatten().to(at::kFloat)});
    facts_[1].narrow(0, object, 1).copy_(facts.view(at::kLong));
  });
  join(); // the caller may give it up
}

void Stages::hide_all()
{
  aside([&] { low_.fill_(-1024.0); });
}

Shown Stages::shown(int object) const
{
  const Tensor facts = facts_[1].narrow(0, object, 1).view(at::kFloat);
  return {low_.narrow(0, object, 1).unsqueeze(1), facts.narrow(0, 0, 1), facts.narrow(0, 1, 1).view({1, 1})};
}

void Stages::send(const std::vector<int> &objects, bool counts, StageClock &clock, Exchange &to, Moment &sent)
{
  const int64_t w = encoder.width();
  aside([&] {
    StageClock &shows = clock_aside(clock, to);
    if (non_overlap_ || kernels::usable(context_.precision.device))
      graphs_aside_.run({bits_stage, w}, [&] { kernels::mask_bits(words_, facts_[0], low_, w, non_overlap_); });
    else // one map of floats at video size at a time
      for (int i : objects)
        kernels::mask_bits(words_.narrow(0, i, 1), facts_[0].narrow(0, i, 1), low_.narrow(0, i, 1), w, false);
    to_host(to.words, words_);
    to_host(to.facts, facts_);
    if (counts)
      fill_->send(to.changed);
    shows.mark(VB_STAGE_POSTPROCESS);
    sent.mark();
  });
  to.n_indices = 0;
}

void Stages::write(int object, const Exchange &from, vb_object_out *out) const
{
  const int64_t *facts = from.facts.data_ptr<int64_t>();
  float iou_score[2];
  memcpy(iou_score, &facts[n_objects_ + object], sizeof iou_score);
  out->active = true;
  out->nonfinite = facts[object];
  out->predicted_iou = iou_score[0];
  out->object_score = iou_score[1];
  const int64_t n = from.words.size(1) * from.words.size(2);
  memcpy(out->mask->bits, from.words.data_ptr<int64_t>() + object * n, (size_t)n * sizeof(uint64_t));
}

} // namespace vb
