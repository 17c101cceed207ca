// Lanes: queues of device work that run beside each other, and moments at which one waits for another or the host for
// one. CUDA streams and events; on a CPU work is done when it has been called, and nothing ever waits.
#ifndef VB_TORCH_LANES_HPP
#define VB_TORCH_LANES_HPP

#include "base.hpp"

#include <memory>

namespace vb {

class Lane {
public:
  // A device has one lane of each kind. Kernels of encode go last where several lanes have some.
  enum Kind { track, show, encode };
  Lane(at::Device device, Kind kind);
  ~Lane();
  Lane(const Lane &) = delete;
  Lane &operator=(const Lane &) = delete;

  void finish() const; // the host waits until the lane is empty

  // While it lives, what this thread calls goes to the lane. (The default stream cannot be captured.)
  class Scope {
  public:
    explicit Scope(const Lane &lane);
    ~Scope();

  private:
    struct Guard;
    std::unique_ptr<Guard> guard_;
  };

private:
  struct Stream;
  std::unique_ptr<Stream> stream_; // CUDA
};

// A place in a lane's queue.
class Moment {
public:
  explicit Moment(at::Device device);
  ~Moment();
  Moment(Moment &&) noexcept;

  void mark();       // after what the current lane holds so far
  void hold() const; // what the current lane gets from now on comes after it; nothing where it was never marked
  void wait() const; // the host waits for it

private:
  struct Event;
  std::unique_ptr<Event> event_; // CUDA
};

} // namespace vb
#endif
