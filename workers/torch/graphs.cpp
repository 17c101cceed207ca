// Capture and replay.
#include "graphs.hpp"

#ifdef VB_HAVE_CUDA
#include <ATen/cuda/CUDAGraph.h>
#endif

namespace vb {

#ifdef VB_HAVE_CUDA

struct Graphs::Graph {
  at::cuda::CUDAGraph graph;
  Attention::Records attention; // the calls that one replay makes
};

void Graphs::run(const Key &key, const std::function<void()> &body)
{
  if (!context_.graphs || context_.probe.to || !context_.precision.device.is_cuda()) {
    body();
    return;
  }
  const auto known = graphs_.find(key);
  if (known != graphs_.end()) {
    known->second->graph.replay();
    context_.attention.add(known->second->attention);
    return;
  }
  body(); // the frame's result; libraries choose their kernels now and allocate what they keep
  if (!pool_.first && !pool_.second)
    pool_ = at::cuda::graph_pool_handle();
  auto made = std::make_unique<Graph>();
  const Attention::Records before = context_.attention.take();
  // Other threads of this process (scoring, telemetry) may call CUDA meanwhile.
  made->graph.capture_begin(pool_, cudaStreamCaptureModeThreadLocal);
  try {
    body();
  } catch (...) {
    try {
      made->graph.capture_end(); // or the stream would go on capturing
    } catch (const c10::Error &) {
      // the capture was void already
    }
    throw;
  }
  made->graph.capture_end();
  made->attention = context_.attention.take();
  context_.attention.add(before);
  graphs_.emplace(key, std::move(made));
}

#else

struct Graphs::Graph {};

void Graphs::run(const Key &, const std::function<void()> &body) { body(); }

#endif

Graphs::Graphs(Context &context) : context_(context) {}

Graphs::~Graphs() = default;

void Graphs::clear()
{
  graphs_.clear();
  pool_ = {0, 0}; // it went with the last of them
}

} // namespace vb
