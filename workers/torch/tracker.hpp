// A clip's tracking: which object is prompted, tracked and shown on which frame, and with which others.
// Objects share nothing but the image's features: several together give what each alone gives.
// Source: EdgeTAM@9cc44bf sam2/sam2_video_predictor.py; several objects as sam2@2b90b9f (each by itself)
#ifndef VB_TORCH_TRACKER_HPP
#define VB_TORCH_TRACKER_HPP

#include "stages.hpp"

namespace vb {

class Tracker {
public:
  // All borrowed until the tracker dies; bank: see MemoryBank.
  Tracker(const Network &network, Context &context, Stages &stages, const vb_clip &clip, vb_bank bank);

  void ahead(const vb_frame *frames, int n);
  void prompt(int object, const vb_frame &frame, vb_mask *shown);
  void step(const vb_frame &frame, vb_step *out);
  void finish(); // waits for the device; the clip's times are whole

private:
  void take(const vb_frame &frame);
  void track(const std::vector<int> &objects, int frame_idx);
  void memorize();
  void add_times(int clock);
  Shown condition_on_points(int object, const vb_prompt &prompt);
  Shown condition_on_mask(int object, const vb_prompt &prompt);
  void report(const Shown &shown, const Tensor &pointer, const Tensor &memory);

  const Network &network_;
  Context &context_;
  Stages &stages_;
  vb_clip clip_;
  // By turns, of the present frame and of the one before, whose memories are stored while the host works on its masks.
  std::array<StageClock, 2> clocks_;
  std::array<int, 2> timed_{-1, -1}; // their frames
  std::array<bool, 2> stored_later_{}; // their last memories, than their masks were shown
  int turn_ = 0;
  StageClock &clock() { return clocks_[(size_t)turn_]; }
  std::vector<int> to_memorize_; // objects tracked on the present frame last
  Moment shown_;                 // the present frame's masks are on the host
  std::vector<Shown> prompted_; // per object, until its prompt's frame is stepped to; frames before it may be tracked meanwhile
  int features_frame_ = -1;     // whose features the stages hold
  int last_step_ = -1;
};

} // namespace vb
#endif
