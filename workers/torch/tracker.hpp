// A video's tracking state: the clip, each object's bank, and the frame's image features, encoded once for all.
// Objects share nothing but the features: several together give what each alone gives.
// Source: EdgeTAM@9cc44bf sam2/sam2_video_predictor.py; several objects as sam2@2b90b9f (each by itself)
#ifndef VB_TORCH_TRACKER_HPP
#define VB_TORCH_TRACKER_HPP

#include "memory_bank.hpp"
#include "network.hpp"
#include "postprocess.hpp"
#include "preprocess.hpp"
#include "stage_clock.hpp"

namespace vb {

class Tracker {
public:
  // All borrowed until the tracker dies; bank: see MemoryBank.
  Tracker(const Network &network, Context &context, const vb_clip &clip, vb_bank bank);

  void prompt(int object, const vb_frame &frame, vb_mask *shown);
  void step(const vb_frame &frame, vb_step *out);

private:
  struct Output { // of one object on one frame
    Tensor low_logits; // [1, 1, S/4, S/4] float32, holes filled
    Tensor iou, score; // [1], [1, 1]
  };
  struct Object {
    MemoryBank bank;
    Output prompted; // kept until the prompted frame's step; frames before it may be tracked meanwhile
  };

  const Features &encode(const vb_frame &frame);
  Output track(Object &object, int frame_idx);
  void condition_on_points(Object &object, const vb_prompt &prompt);
  void condition_on_mask(Object &object, const vb_prompt &prompt);
  void report(const Output &output, const Tensor &pointer, const Tensor &memory);

  const Network &network_;
  Context &context_;
  vb_clip clip_;
  Preprocess preprocess_;
  StageClock clock_;
  std::vector<Object> objects_;
  Features features_;
  int features_frame_ = -1; // whose features they are
  int last_step_ = -1;
  HoleFiller fill_holes_;
};

} // namespace vb
#endif
