// Stage times.
#include "stage_clock.hpp"

#include <chrono>

#ifdef VB_HAVE_CUDA
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace vb {

namespace {

double now_ms()
{
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

#ifdef VB_HAVE_CUDA
void record(void *event) { C10_CUDA_CHECK(cudaEventRecord((cudaEvent_t)event, c10::cuda::getCurrentCUDAStream())); }

void *create()
{
  cudaEvent_t e = nullptr;
  C10_CUDA_CHECK(cudaEventCreate(&e));
  return e;
}

void destroy(void *event) { (void)cudaEventDestroy((cudaEvent_t)event); }

double between(void *a, void *b)
{
  float ms = 0;
  C10_CUDA_CHECK(cudaEventElapsedTime(&ms, (cudaEvent_t)a, (cudaEvent_t)b));
  return ms;
}
#else
// A build without CUDA refuses CUDA devices before any clock exists.
void record(void *) {}
void *create() { return nullptr; }
void destroy(void *) {}
double between(void *, void *) { return 0; }
#endif

} // namespace

void synchronize(at::Device device)
{
#ifdef VB_HAVE_CUDA
  if (device.is_cuda())
    c10::cuda::getCurrentCUDAStream(device.index()).synchronize();
#else
  (void)device;
#endif
}

void synchronize_all(at::Device device)
{
#ifdef VB_HAVE_CUDA
  if (device.is_cuda())
    c10::cuda::device_synchronize();
#else
  (void)device;
#endif
}

StageClock::StageClock(at::Device device) : cuda_(device.is_cuda()) {}

StageClock::~StageClock()
{
  clear();
  for (void *e : idle_)
    destroy(e);
}

void *StageClock::event()
{
  if (idle_.empty())
    idle_.push_back(create());
  void *e = idle_.back();
  idle_.pop_back();
  return e;
}

void StageClock::start()
{
  if (!cuda_) {
    last_ = now_ms();
    return;
  }
  marks_.push_back({-1, event()});
  record(marks_.back().event);
}

void StageClock::mark(vb_stage stage)
{
  if (!cuda_) {
    const double t = now_ms();
    sums_[stage] += last_ms_ = t - last_;
    last_ = t;
    return;
  }
  marks_.push_back({stage, event()});
  record(marks_.back().event);
}

double StageClock::collect(double ms[VB_STAGE_COUNT])
{
  for (size_t i = 1; i < marks_.size(); i++)
    if (marks_[i].stage >= 0)
      sums_[(size_t)marks_[i].stage] += last_ms_ = between(marks_[i - 1].event, marks_[i].event);
  for (int s = VB_STAGE_PREPROCESS; s <= VB_STAGE_POSTPROCESS; s++)
    ms[s] = sums_[(size_t)s];
  clear();
  return last_ms_;
}

void StageClock::clear()
{
  for (const Mark &m : marks_)
    idle_.push_back(m.event);
  marks_.clear();
  sums_.fill(0);
}

} // namespace vb
