// CUDA graphs of the frame's stages: a stage is run and captured when its shape is first seen, and replayed from then on
// by one launch. On a CPU, and where a probe looks on, every call just runs.
#ifndef VB_TORCH_GRAPHS_HPP
#define VB_TORCH_GRAPHS_HPP

#include "context.hpp"

#include <functional>
#include <map>
#include <memory>

namespace vb {

class Graphs {
public:
  // What the body's work depends on beside the contents of the tensors it reads: stage, sizes, whatever it branches on.
  using Key = std::vector<int64_t>;

  explicit Graphs(Context &context);
  ~Graphs();
  Graphs(const Graphs &) = delete;
  Graphs &operator=(const Graphs &) = delete;

  // Runs body or replays it. body reads and writes tensors that stay where they are until clear(), does the same when
  // done twice in a row, and neither waits for the device nor reads memory that the host may change.
  void run(const Key &key, const std::function<void()> &body);
  // Forgets all; for when a tensor has moved or the precision has changed.
  void clear();

private:
  struct Graph;

  Context &context_;
  std::map<Key, std::unique_ptr<Graph>> graphs_;
  std::pair<unsigned long long, unsigned long long> pool_{0, 0}; // one for all: they run one after another
};

} // namespace vb
#endif
