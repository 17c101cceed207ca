// One object's memories: the conditioning frame, the last six frames and the last sixteen object pointers, in
// slots that are allocated once. Frame t lies in slot t modulo the number of slots, so nothing grows with the video.
// Source: EdgeTAM@9cc44bf sam2/modeling/sam2_base.py:534-665
#ifndef VB_TORCH_MEMORY_BANK_HPP
#define VB_TORCH_MEMORY_BANK_HPP

#include "memory_attention.hpp"

#include <array>

namespace vb {

// What a pointer's place in time adds to its keys: the sine of its age over the greatest one, projected.
// Source: sam2@2b90b9f sam2/modeling/sam2_base.py:624-640
struct PointerEncoding {
  std::optional<Linear> proj; // none: pointers carry no age
  // ages in frames, of at most n_max pointers in this video -> [n, 64]
  Tensor operator()(const std::vector<int> &ages, int n_max, at::Device device) const;
};

class MemoryBank {
public:
  static constexpr int n_recent = 6;    // num_maskmem less the conditioning frame
  static constexpr int n_pointers = 16; // max_obj_ptrs_in_encoder

  // bank: the dtype that spatial memories are stored in. Forgets everything.
  void reset(vb_bank bank);
  // memory [1, m, 64], pointer [1, 256] float32; copied
  void condition(int frame_idx, const Tensor &memory, const Tensor &pointer);
  void add(int frame_idx, const Tensor &memory, const Tensor &pointer);
  bool conditioned() const { return condition_frame_ >= 0; }
  // As stored, [1, m, 64]
  Tensor conditioning_memory() const { return memories_.slice(0, 0, 1); }
  Tensor memory_of(int frame_idx) const; // the last one added

  // What frame_idx attends to. pos_by_age [7, m, 64]: row d - 1 for the frame d before, row 6 for the conditioning frame.
  MemoryTokens recall(int frame_idx, int n_frames, const Tensor &pos_by_age, const PointerEncoding &encoding) const;

private:
  void allocate(const Tensor &memory, const Tensor &pointer);

  vb_bank bank_ = VB_BANK_BFLOAT16;
  Tensor memories_; // [1 + n_recent, m, 64]: slot 0 is the conditioning frame's
  Tensor pointers_; // [n_pointers, 256]: slot 0 likewise
  int condition_frame_ = -1;
  std::array<int, n_recent> memory_frame_{};
  std::array<int, n_pointers - 1> pointer_frame_{};
};

} // namespace vb
#endif
