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
  // A frame whose work is queued, until its masks are written and its times taken. Three go by turns: the present one; the
  // one before, whose memories are stored while the host works on its masks; the next, where it is queued ahead.
  struct Turn {
    StageClock clock;
    Moment shown; // its masks are on the host
    Exchange exchange;
    int frame = -1;
    std::vector<int> active;
    bool stored_later = false; // its last memories, than its masks were shown
    double enqueue_ms = 0;

    explicit Turn(at::Device device) : clock(device), shown(device), exchange(device) {}
  };

  void take(const vb_frame &frame);
  void queue(const vb_frame &frame);
  bool may_queue(int frame_idx) const; // before the masks of the frame before are out
  void track(const std::vector<int> &objects, int frame_idx);
  void memorize();
  void add_times(Turn &turn);
  Shown condition_on_points(int object, const vb_prompt &prompt);
  Shown condition_on_mask(int object, const vb_prompt &prompt);
  void report(const Shown &shown, const Tensor &pointer, const Tensor &memory);

  const Network &network_;
  Context &context_;
  Stages &stages_;
  vb_clip clip_;
  std::array<Turn, 3> turns_;
  size_t next_ = 0;  // the turn of the frame that is queued next
  int queued_ = -1;  // the frame queued last
  StageClock &clock() { return turns_[next_].clock; }
  std::vector<int> to_memorize_; // objects tracked on the frame queued last
  std::vector<Shown> prompted_; // per object, until its prompt's frame is stepped to; frames before it may be tracked meanwhile
  int features_frame_ = -1;     // whose features the stages hold
  int last_step_ = -1;
};

} // namespace vb
#endif
