// Frames to features, ahead of their tracking: preprocessing and image encoder on a lane of their own, a batch of frames
// at a time, into two slots that are filled by turns. What tracks takes a frame's features out of them.
#ifndef VB_TORCH_ENCODER_HPP
#define VB_TORCH_ENCODER_HPP

#include "graphs.hpp"
#include "lanes.hpp"
#include "network.hpp"
#include "preprocess.hpp"
#include "stage_clock.hpp"

namespace vb {

class Encoder {
public:
  Encoder(const Network &network, Context &context); // borrowed

  void begin(const vb_clip &clip);
  int64_t width() const { return preprocess_->width(); } // of the video

  // The next frames, at most clip.ahead of them; the features of those before the last call are given up. Their pixels are
  // read until their features have been taken and the lane that took them has caught up.
  void encode(const vb_frame *frames, int n);
  bool holds(int frame_idx) const;
  // The frame's features into tensors that stay where they are, in the current lane.
  void take(int frame_idx, Features &to);
  // The stage times of all frames that were encoded since begin into the clip's; waits for the lane.
  void finish();

private:
  struct Slot {
    std::vector<int> frames; // by number
    Features features;       // of all of them, a batch
    StageClock clock;
    Moment filled, taken;
    explicit Slot(at::Device device) : clock(device), filled(device), taken(device) {}
  };

  void add_times(Slot &slot);

  const Network &network_;
  Context &context_;
  Graphs graphs_;
  Lane lane_;
  std::optional<Preprocess> preprocess_;
  int64_t batch_ = 1;
  Tensor image_; // [batch, 3, S, S]
  std::array<Slot, 2> slots_;
  int next_ = 0; // the slot to fill
  vb_frame_times *times_ = nullptr;
};

// On a device a slot is filled, so that its address stays; elsewhere replaced.
void keep(Tensor &slot, const Tensor &value);

} // namespace vb
#endif
