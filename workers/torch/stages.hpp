// A frame's work in stages, on tensors that stay where they are from frame to frame and from clip to clip: what Graphs
// can replay. Objects go through a stage in batches; what differs between frames (which rows of the bank are read and
// written) reaches the device as indices.
#ifndef VB_TORCH_STAGES_HPP
#define VB_TORCH_STAGES_HPP

#include "encoder.hpp"
#include "memory_bank.hpp"
#include "postprocess.hpp"

namespace vb {

// What is shown of one object on one frame.
struct Shown {
  Tensor low_logits; // [1, 1, S/4, S/4] float32, holes filled
  Tensor iou, score; // one element each
};

// What a frame sends to the device and gets back, in pinned memory where there is a GPU. It stays until the frame's masks
// have been written; the next frame, whose work may be queued by then, has another.
struct Exchange {
  std::vector<Tensor> indices; // one per batch of objects
  size_t n_indices = 0;        // of them in use
  Tensor words, facts;         // see Stages
  Tensor changed;              // see HoleFiller
  StageClock clock;            // of the lane of what is shown, where that is another
  explicit Exchange(at::Device device) : clock(device) {}
};

class Stages {
public:
  Stages(const Network &network, Context &context); // borrowed

  // Offline, what is shown is made on a lane of its own, so that memories need not wait for it.
  void begin(const vb_clip &clip, vb_bank bank);
  int64_t max_batch() const { return max_batch_; }

  MemoryBank bank;
  Encoder encoder;

  // The features of a frame that the encoder holds are those of the present frame from now on.
  void take(int frame_idx, StageClock &clock);
  const Features &features() const { return features_; }
  // Tracks objects of one Recall::shape on the present frame, at most max_batch of them, and shows them.
  void track(const std::vector<int> &objects, const std::vector<Recall> &recalls, int frame_idx, StageClock &clock, Exchange &with);
  // What this lane gets from now on comes after all that was shown and sent.
  void join() const;
  // The memories of the objects that were tracked last. Nothing of the present frame needs them.
  void memorize(const std::vector<int> &objects, int frame_idx, StageClock &clock);
  Tensor fill(const Tensor &low_logits) { return (*fill_)(low_logits); }
  void show(int object, const Shown &what); // what was made elsewhere: a prompt's mask
  void hide_all();                          // until shown again: an object that is not there wins no pixel

  // These objects' masks to the host, and with counts what was filled and removed since the last time; from `sent` on they
  // can be written.
  void send(const std::vector<int> &objects, bool counts, StageClock &clock, Exchange &to, Moment &sent);
  void write(int object, const Exchange &from, vb_object_out *out) const;
  bool waits() const { return fill_->waits(); } // for the device, within track

  // For the probe, after track of one object alone
  Shown shown(int object) const;
  Tensor pointer() const { return batches_.at(1).pointer; }

private:
  struct Batch { // of as many objects
    Tensor indices; // int64 on the device: see upload
    Tensor level, low, iou, score, pointer;
  };

  void allocate(int64_t n_objects, int64_t h, int64_t w);
  void forget_graphs();
  void aside(const std::function<void()> &body); // on the lane of what is shown, behind what the current one holds
  StageClock &clock_aside(StageClock &clock, Exchange &with) const;
  Tensor upload(Batch &batch, const std::vector<int> &objects, const std::vector<Recall> &recalls, int frame_idx, Exchange &with);
  MemoryTokens recalled(const Tensor &indices, int64_t n, const Recall &like) const;

  const Network &network_;
  Context &context_;
  Graphs graphs_, graphs_aside_; // apart, for each has memory of its own
  Lane lane_aside_;
  Moment before_aside_, after_aside_;
  bool apart_ = false; // something is done aside
  std::optional<HoleFiller> fill_;
  int hole_area_ = -1, sprinkle_area_ = -1, bank_generation_ = 0;
  bool non_overlap_ = false;
  int64_t max_batch_ = 1, n_objects_ = 0;

  Features features_;
  std::map<int64_t, Batch> batches_;

  // of all objects of the clip
  Tensor low_;   // [N, S/4, S/4] float32
  Tensor words_; // [N, h, stride] int64
  Tensor facts_; // [2, N] int64: non-finite logits; IoU and score as two float32
};

} // namespace vb
#endif
