// Checkpoint keys to tensors.
#include "weights.hpp"

#include <cstring>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace vb {

namespace {

ScalarType scalar_type(vb_storage_type t)
{
  switch (t) {
  case VB_ST_FLOAT32: return at::kFloat;
  case VB_ST_FLOAT16: return at::kHalf;
  case VB_ST_BFLOAT16: return at::kBFloat16;
  case VB_ST_FLOAT64: return at::kDouble;
  case VB_ST_INT64: return at::kLong;
  case VB_ST_INT32: return at::kInt;
  case VB_ST_UINT8: return at::kByte;
  case VB_ST_BOOL: return at::kBool;
  }
  return at::kFloat;
}

bool ends_with(const std::string &s, const std::string &end)
{
  return s.size() >= end.size() && s.compare(s.size() - end.size(), end.size(), end) == 0;
}

} // namespace

Weights::Weights(const vb_model_config &config) : source_(config.checkpoint ? config.checkpoint : "")
{
  if (source_.empty())
    fail(VB_EARG, "model '%s': no checkpoint given; name a file or 'seed:N'", config.model);
  for (size_t i = 0; i < config.n_fills; i++)
    fills_[config.fills[i].key] = config.fills[i].value;
  vb_err err;
  check(vb_seed_parse(&seeded_, &seed_, source_.c_str(), &err), err);
  if (seeded_)
    return;
  vb_checkpoint *c = nullptr;
  check(vb_checkpoint_open(&c, source_.c_str(), &err), err);
  file_.reset(c);
}

Tensor Weights::take(const std::string &key, IntArrayRef shape)
{
  taken_[key] = shape.vec();
  const auto fill = fills_.find(key);
  if (fill != fills_.end())
    return at::full(shape, fill->second, at::kFloat);
  if (seeded_) {
    Tensor out = at::empty(shape, at::kFloat);
    vb_err err;
    check(vb_seed_weights(out.data_ptr<float>(), key.c_str(), shape.data(), (int)shape.size(), seed_, &err), err);
    return out;
  }
  const vb_tensor *t = vb_checkpoint_find(file_.get(), key.c_str());
  if (!t || IntArrayRef(t->shape, (size_t)t->ndim) != shape)
    return at::zeros(shape, at::kFloat);
  // The mapping is read-only; this copy is the only access.
  Tensor in_file =
      at::from_blob(const_cast<void *>(t->data), shape, IntArrayRef(t->stride, shape.size()), at::TensorOptions(scalar_type(t->type)));
  return at::empty(shape, at::kFloat).copy_(in_file);
}

int64_t Weights::finish(const char *model)
{
  for (const auto &fill : fills_)
    if (!taken_.count(fill.first))
      fail(VB_EARG, "--weight '%s': model '%s' has no such key ('savbench inspect' lists a checkpoint's)", fill.first.c_str(), model);
  if (file_) {
    std::vector<vb_tensor_spec> specs;
    for (const auto &entry : taken_) {
      vb_tensor_spec s = {};
      s.key = entry.first.c_str();
      s.ndim = (int)entry.second.size();
      std::copy(entry.second.begin(), entry.second.end(), s.shape);
      s.integer = ends_with(entry.first, ".num_batches_tracked");
      specs.push_back(s);
    }
    vb_err err;
    check(vb_checkpoint_check(file_.get(), specs.data(), specs.size(), model, &err), err);
  }
  // What the weights were made from would lie in memory beside them, as mapped pages and as free chunks of the heap.
  if (file_)
    vb_checkpoint_forget_pages(file_.get());
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  taken_.clear();
  const int64_t bytes = bytes_;
  bytes_ = 0;
  return bytes;
}

Loader Loader::in(const std::string &name) const
{
  Loader inner = *this;
  inner.prefix_ = prefix_.empty() ? name : prefix_ + "." + name;
  return inner;
}

Tensor Loader::host(const std::string &name, IntArrayRef shape) const
{
  return weights_->take(prefix_.empty() ? name : prefix_ + "." + name, shape);
}

Tensor Loader::held(const Tensor &t) const
{
  weights_->count(t);
  return t;
}

Tensor Loader::param(const std::string &name, IntArrayRef shape) const { return held(host(name, shape).to(precision_->device)); }

Tensor Loader::to_op(const Tensor &host) const { return held(host.to(precision_->device, precision_->op())); }

} // namespace vb
