// Memory bank.
#include "memory_bank.hpp"

#include "position.hpp"

namespace vb {

namespace {
constexpr int64_t dim = 256, mem_dim = 64;
}

Tensor PointerEncoding::operator()(const std::vector<int> &ages, int n_max, at::Device device) const
{
  const int64_t n = (int64_t)ages.size();
  if (!proj)
    return at::zeros({n, mem_dim}, at::TensorOptions(at::kFloat).device(device));
  Tensor at_age = at::empty({n}, at::kFloat);
  for (int64_t i = 0; i < n; i++)
    at_age.data_ptr<float>()[i] = (float)ages[(size_t)i] / (float)(n_max - 1);
  return (*proj)(sine_line(at_age.to(device), dim));
}

void MemoryBank::reset(vb_bank bank)
{
  bank_ = bank;
  condition_frame_ = -1;
  memory_frame_.fill(-1);
  pointer_frame_.fill(-1);
  memories_ = pointers_ = Tensor();
}

void MemoryBank::allocate(const Tensor &memory, const Tensor &pointer)
{
  if (memories_.defined())
    return;
  memories_ = at::zeros({1 + n_recent, memory.size(1), mem_dim}, memory.options().dtype(bank_dtype(bank_, memory.scalar_type())));
  pointers_ = at::zeros({n_pointers, pointer.size(1)}, pointer.options().dtype(at::kFloat));
}

void MemoryBank::condition(int frame_idx, const Tensor &memory, const Tensor &pointer)
{
  allocate(memory, pointer);
  memories_[0].copy_(memory[0]);
  pointers_[0].copy_(pointer[0]);
  condition_frame_ = frame_idx;
}

void MemoryBank::add(int frame_idx, const Tensor &memory, const Tensor &pointer)
{
  allocate(memory, pointer);
  const int slot = frame_idx % n_recent, pointer_slot = frame_idx % (n_pointers - 1);
  memories_[1 + slot].copy_(memory[0]);
  memory_frame_[(size_t)slot] = frame_idx;
  pointers_[1 + pointer_slot].copy_(pointer[0]);
  pointer_frame_[(size_t)pointer_slot] = frame_idx;
}

Tensor MemoryBank::memory_of(int frame_idx) const { return memories_.slice(0, 1 + frame_idx % n_recent, 2 + frame_idx % n_recent); }

MemoryTokens MemoryBank::recall(int frame_idx, int n_frames, const Tensor &pos_by_age, const PointerEncoding &encoding) const
{
  MemoryTokens out;
  std::vector<Tensor> memory, pos;
  // the conditioning frame, also a future one, then from the oldest to the last
  memory.push_back(memories_[0]);
  pos.push_back(pos_by_age[n_recent]);
  for (int age = n_recent; age >= 1; age--) {
    const int frame = frame_idx - age;
    if (frame < 0 || memory_frame_[(size_t)(frame % n_recent)] != frame)
      continue;
    memory.push_back(memories_[1 + frame % n_recent]);
    pos.push_back(pos_by_age[age - 1]);
  }
  out.n_spatial = (int64_t)memory.size();

  // Pointers only of the past; how many depends on the video's length (upstream :588).
  const int64_t per_pointer = pointers_.size(1) / mem_dim;
  const int n_max = std::min(n_frames, n_pointers);
  std::vector<int> ages;
  const auto push = [&](const Tensor &pointer, int age) {
    memory.push_back(pointer.view({per_pointer, mem_dim}));
    ages.push_back(age);
  };
  if (condition_frame_ <= frame_idx)
    push(pointers_[0], frame_idx - condition_frame_);
  for (int age = 1; age < n_max && age <= frame_idx; age++) {
    const int frame = frame_idx - age, slot = frame % (n_pointers - 1);
    if (pointer_frame_[(size_t)slot] == frame)
      push(pointers_[1 + slot], age);
  }
  out.n_pointer_tokens = per_pointer * (int64_t)ages.size();
  if (!ages.empty())
    pos.push_back(encoding(ages, n_max, pos_by_age.device()).to(pos_by_age.scalar_type()).repeat_interleave(per_pointer, 0));

  // In float32 whatever the bank's dtype: what upstream's concatenation with float32 pointers promotes to, and
  // where it has no rule (float16 autocast over a bfloat16 bank on a CPU) the deviation that session.cpp records.
  for (Tensor &m : memory)
    m = m.to(at::kFloat);
  out.memory = at::cat(memory).unsqueeze(0);
  out.pos = at::cat(pos).unsqueeze(0);
  return out;
}

} // namespace vb
