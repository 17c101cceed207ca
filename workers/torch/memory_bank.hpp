// The memories of a clip's objects: of each its conditioning frame, its last six frames and its last sixteen object
// pointers, in slots that are allocated once. Frame t lies in slot t modulo the number of slots, so nothing grows with
// the video. Rows of all objects lie in one tensor each, so that a batch of objects is gathered by one index.
// Source: EdgeTAM@9cc44bf sam2/modeling/sam2_base.py:534-665
#ifndef VB_TORCH_MEMORY_BANK_HPP
#define VB_TORCH_MEMORY_BANK_HPP

#include "base.hpp"

#include <array>

namespace vb {

// What an object attends to on a frame, as rows of the bank and ages in frames.
struct Recall {
  std::vector<int64_t> memories; // the conditioning frame's, also a future one, then from the oldest to the last
  std::vector<int> memory_ages;  // of those behind the conditioning frame's
  std::vector<int64_t> pointers; // the conditioning frame's, unless it lies ahead, then from the last to the oldest
  std::vector<int> pointer_ages;
  int most_pointers = 0; // that this video allows for: upstream :588

  // Objects of which this is equal go into one batch.
  std::vector<int> shape() const;
};

class MemoryBank {
public:
  static constexpr int n_recent = 6;    // num_maskmem less the conditioning frame
  static constexpr int n_pointers = 16; // max_obj_ptrs_in_encoder

  // For n objects that have no memory yet; bank: the dtype that memories are stored in. Slots stay for as many objects again.
  void reset(int n_objects, vb_bank bank);
  // memory [1, m, 64], pointer [1, 256] float32; copied. The first call may allocate: see generation.
  void condition(int object, int frame_idx, const Tensor &memory, const Tensor &pointer);
  bool conditioned(int object) const { return objects_[(size_t)object].condition_frame >= 0; }
  Recall recall(int object, int frame_idx, int n_frames) const;

  // Where a tracked frame's memory and pointer go, and the word that they are there.
  int64_t memory_row(int object, int frame_idx) const { return object * memory_slots + 1 + frame_idx % n_recent; }
  int64_t pointer_row(int object, int frame_idx) const { return object * n_pointers + 1 + frame_idx % (n_pointers - 1); }
  void added(int object, int frame_idx);

  // As stored, [1, m, 64]
  Tensor conditioning_memory(int object) const { return memories_.narrow(0, object * memory_slots, 1); }
  Tensor memory_of(int object, int frame_idx) const { return memories_.narrow(0, memory_row(object, frame_idx), 1); }

  const Tensor &memories() const { return memories_; } // [rows, m, 64] in the bank's dtype
  const Tensor &pointers() const { return pointers_; } // [rows, 256] float32
  int generation() const { return generation_; }       // another one: the two have moved

private:
  static constexpr int64_t memory_slots = 1 + n_recent; // slot 0 is the conditioning frame's, among pointers too
  struct Object {
    int condition_frame = -1;
    std::array<int, n_recent> memory_frame;
    std::array<int, n_pointers - 1> pointer_frame;
  };

  vb_bank bank_ = VB_BANK_BFLOAT16;
  Tensor memories_, pointers_;
  std::vector<Object> objects_;
  int generation_ = 0;
};

} // namespace vb
#endif
