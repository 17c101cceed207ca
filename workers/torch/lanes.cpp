// Streams and events.
#include "lanes.hpp"

#ifdef VB_HAVE_CUDA
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <map>
#endif

namespace vb {

#ifdef VB_HAVE_CUDA

struct Lane::Stream {
  c10::cuda::CUDAStream stream;
};
struct Lane::Scope::Guard {
  c10::cuda::CUDAStreamGuard guard;
  explicit Guard(c10::cuda::CUDAStream stream) : guard(stream) {}
};
// Not ATen's: its header takes cuBLAS's, cuSPARSE's and cuSOLVER's along, which a machine with a wheel alone may lack.
struct Moment::Event {
  cudaEvent_t event = nullptr; // made on the device of its first mark; without a time: cheaper to wait for
  ~Event()
  {
    if (event)
      (void)cudaEventDestroy(event);
  }
};

Lane::Lane(at::Device device, Kind kind)
{
  static std::map<std::pair<c10::DeviceIndex, Kind>, c10::cuda::CUDAStream> streams; // the allocator keeps memory by stream
  if (device.is_cuda())
    stream_ = std::make_unique<Stream>(
        Stream{streams.try_emplace({device.index(), kind}, c10::cuda::getStreamFromPool(kind != encode, device.index())).first->second});
}

void Lane::finish() const
{
  if (stream_)
    stream_->stream.synchronize();
}

Lane::Scope::Scope(const Lane &lane)
{
  if (lane.stream_)
    guard_ = std::make_unique<Guard>(lane.stream_->stream);
}

Moment::Moment(at::Device device) : event_(device.is_cuda() ? std::make_unique<Event>() : nullptr) {}

void Moment::mark()
{
  if (!event_)
    return;
  const c10::cuda::CUDAStream stream = c10::cuda::getCurrentCUDAStream();
  const c10::cuda::CUDAGuard here(stream.device_index());
  if (!event_->event)
    C10_CUDA_CHECK(cudaEventCreateWithFlags(&event_->event, cudaEventDisableTiming));
  C10_CUDA_CHECK(cudaEventRecord(event_->event, stream));
}

void Moment::hold() const
{
  if (event_ && event_->event)
    C10_CUDA_CHECK(cudaStreamWaitEvent(c10::cuda::getCurrentCUDAStream(), event_->event, 0));
}

void Moment::wait() const
{
  if (event_ && event_->event)
    C10_CUDA_CHECK(cudaEventSynchronize(event_->event));
}

#else

struct Lane::Stream {};
struct Lane::Scope::Guard {};
struct Moment::Event {};

Lane::Lane(at::Device, Kind) {}
void Lane::finish() const {}
Lane::Scope::Scope(const Lane &) {}
Moment::Moment(at::Device) {}
void Moment::mark() {}
void Moment::hold() const {}
void Moment::wait() const {}

#endif

Lane::~Lane() = default;
Lane::Scope::~Scope() = default;
Moment::~Moment() = default;
Moment::Moment(Moment &&) noexcept = default;

} // namespace vb
