// Memory bank.
#include "memory_bank.hpp"

#include "precision.hpp"

namespace vb {

std::vector<int> Recall::shape() const
{
  std::vector<int> out = memory_ages;
  out.push_back(0); // no age
  out.push_back((int)pointers.size());
  return out;
}

void MemoryBank::reset(int n_objects, vb_bank bank)
{
  bank_ = bank;
  objects_.resize((size_t)n_objects);
  for (Object &o : objects_) {
    o.condition_frame = -1;
    o.memory_frame.fill(-1);
    o.pointer_frame.fill(-1);
  }
}

void MemoryBank::condition(int object, int frame_idx, const Tensor &memory, const Tensor &pointer)
{
  const int64_t rows = (int64_t)objects_.size() * memory_slots;
  const ScalarType stored = bank_dtype(bank_, memory.scalar_type());
  if (!memories_.defined() || memories_.size(0) != rows || memories_.scalar_type() != stored) {
    memories_ = at::zeros({rows, memory.size(1), memory.size(2)}, memory.options().dtype(stored));
    pointers_ = at::zeros({(int64_t)objects_.size() * n_pointers, pointer.size(1)}, pointer.options().dtype(at::kFloat));
    generation_++;
  }
  memories_[object * memory_slots].copy_(memory[0]);
  pointers_[object * n_pointers].copy_(pointer[0]);
  objects_[(size_t)object].condition_frame = frame_idx;
}

void MemoryBank::added(int object, int frame_idx)
{
  Object &o = objects_[(size_t)object];
  o.memory_frame[(size_t)(frame_idx % n_recent)] = frame_idx;
  o.pointer_frame[(size_t)(frame_idx % (n_pointers - 1))] = frame_idx;
}

Recall MemoryBank::recall(int object, int frame_idx, int n_frames) const
{
  const Object &o = objects_[(size_t)object];
  Recall out;
  out.memories.push_back(object * memory_slots);
  for (int age = n_recent; age >= 1; age--) {
    const int frame = frame_idx - age;
    if (frame < 0 || o.memory_frame[(size_t)(frame % n_recent)] != frame)
      continue;
    out.memories.push_back(memory_row(object, frame));
    out.memory_ages.push_back(age);
  }
  out.most_pointers = std::min(n_frames, n_pointers);
  if (o.condition_frame <= frame_idx) {
    out.pointers.push_back(object * n_pointers);
    out.pointer_ages.push_back(frame_idx - o.condition_frame);
  }
  for (int age = 1; age < out.most_pointers && age <= frame_idx; age++) {
    const int frame = frame_idx - age;
    if (o.pointer_frame[(size_t)(frame % (n_pointers - 1))] != frame)
      continue;
    out.pointers.push_back(pointer_row(object, frame));
    out.pointer_ages.push_back(age);
  }
  return out;
}

} // namespace vb
