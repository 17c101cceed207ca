// Milliseconds per stage of a frame: by the steady clock on a CPU, by CUDA events on a GPU.
// Events are recorded between stages and read when the device has passed them anyway.
#ifndef VB_TORCH_STAGE_CLOCK_HPP
#define VB_TORCH_STAGE_CLOCK_HPP

#include "base.hpp"

#include <array>

namespace vb {

void synchronize(at::Device device);     // waits until the current stream has caught up
void synchronize_all(at::Device device); // until all of the device's have

class StageClock {
public:
  explicit StageClock(at::Device device);
  ~StageClock();
  StageClock(const StageClock &) = delete;
  StageClock &operator=(const StageClock &) = delete;

  void start();              // nothing before this belongs to a stage
  void mark(vb_stage stage); // what ran since the last mark was this stage
  // Adds up the marks since the last call into ms; returns what came last. The device has caught up.
  double collect(double ms[VB_STAGE_COUNT]);
  void clear();

private:
  void *event();

  struct Mark {
    int stage; // -1: start
    void *event;
  };
  const bool cuda_;
  double last_ = 0, last_ms_ = 0;
  std::array<double, VB_STAGE_COUNT> sums_{};
  std::vector<Mark> marks_;      // CUDA: since the last collect
  std::vector<void *> idle_;     // events to be used again
};

} // namespace vb
#endif
