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

class Stages {
public:
  Stages(const Network &network, Context &context); // borrowed

  void begin(const vb_clip &clip, vb_bank bank);
  int64_t max_batch() const { return max_batch_; }

  MemoryBank bank;
  Encoder encoder;

  // The features of a frame that the encoder holds are those of the present frame from now on.
  void take(int frame_idx, StageClock &clock);
  const Features &features() const { return features_; }
  // Tracks objects of one Recall::shape on the present frame, at most max_batch of them, and shows them.
  void track(const std::vector<int> &objects, const std::vector<Recall> &recalls, int frame_idx, StageClock &clock);
  // The memories of the objects that were tracked last. Nothing of the present frame needs them.
  void memorize(const std::vector<int> &objects, int frame_idx, StageClock &clock);
  Tensor fill(const Tensor &low_logits) { return (*fill_)(low_logits); }
  void show(int object, const Shown &what); // what was made elsewhere: a prompt's mask

  // These objects' masks to the host; after the device has caught up they can be written.
  void send(const std::vector<int> &objects);
  void write(int object, vb_object_out *out) const;
  void send_counts() { fill_->send_count(); } // likewise, of what was filled and removed since the last time
  int64_t holes_filled() const { return fill_->filled(); }
  int64_t sprinkles_removed() const { return fill_->removed(); }

  // For the probe, after track of one object alone
  Shown shown(int object) const;
  Tensor pointer() const { return batches_.at(1).pointer; }

private:
  struct Batch { // of as many objects
    Tensor indices; // int64 on the device: see upload
    Tensor level, low, iou, score, pointer;
  };

  void allocate(int64_t n_objects, int64_t h, int64_t w);
  Tensor upload(Batch &batch, const std::vector<int> &objects, const std::vector<Recall> &recalls, int frame_idx);
  MemoryTokens recalled(const Tensor &indices, int64_t n, const Recall &like) const;

  const Network &network_;
  Context &context_;
  Graphs graphs_;
  std::optional<HoleFiller> fill_;
  int hole_area_ = -1, sprinkle_area_ = -1, bank_generation_ = 0;
  bool non_overlap_ = false;
  int64_t max_batch_ = 1, n_objects_ = 0;

  Features features_;
  std::map<int64_t, Batch> batches_;
  std::vector<Tensor> staging_; // pinned: one per batch of a frame, so that none is written before it has been read
  size_t n_staged_ = 0;

  // of all objects of the clip: on the device, and as they arrive
  Tensor low_;   // [N, S/4, S/4] float32
  Tensor words_, words_host_;   // [N, h, stride] int64
  Tensor facts_, facts_host_;   // [2, N] int64: non-finite logits; IoU and score as two float32
};

} // namespace vb
#endif
