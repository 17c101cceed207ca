// Memory for decoded frames, page-locked for a CUDA device. Locking takes a millisecond a frame, so what one video gives back serves the
// next one of its size.
#ifndef VB_TORCH_FRAME_MEMORY_HPP
#define VB_TORCH_FRAME_MEMORY_HPP

#include "base.hpp"

#include <cstdlib>
#include <new>
#include <vector>

#ifdef VB_HAVE_CUDA
#include <cuda_runtime_api.h>
#endif

namespace vb {

class FrameMemory {
public:
  explicit FrameMemory(at::Device device) : locked_(device.is_cuda()) {}
  FrameMemory(const FrameMemory &) = delete;
  ~FrameMemory() { drop(); }

  void *take(size_t bytes)
  {
    if (bytes != bytes_)
      drop();
    bytes_ = bytes;
    if (spare_.empty())
      return allocate(bytes);
    void *p = spare_.back();
    spare_.pop_back();
    return p;
  }

  void give(void *p, size_t bytes)
  {
    if (bytes != bytes_) {
      release(p);
      return;
    }
    try {
      spare_.push_back(p);
    } catch (const std::bad_alloc &) { // C is the caller
      release(p);
    }
  }

private:
  void *allocate(size_t bytes) const
  {
#ifdef VB_HAVE_CUDA
    void *p = nullptr;
    if (locked_) {
      if (cudaHostAlloc(&p, bytes, cudaHostAllocDefault) == cudaSuccess)
        return p;
      (void)cudaGetLastError(); // or whoever asks next would take it for his own
      return nullptr;
    }
#endif
    return malloc(bytes);
  }

  void release(void *p) const
  {
#ifdef VB_HAVE_CUDA
    if (locked_) {
      (void)cudaFreeHost(p);
      return;
    }
#endif
    free(p);
  }

  void drop()
  {
    for (void *p : spare_)
      release(p);
    spare_.clear();
  }

  bool locked_;
  size_t bytes_ = 0; // of a frame
  std::vector<void *> spare_;
};

} // namespace vb
#endif
