// Preprocessing.
#include "preprocess.hpp"

#include <cstring>

namespace vb {

Preprocess::Preprocess(int h, int w, int64_t image_size, at::Device device) : h_(h), w_(w), size_(image_size), device_(device)
{
  const auto bytes = at::TensorOptions(at::kByte);
  if (kernels::usable(device)) {
    on_device_.emplace(h, w, image_size, 1, device);
    rgb_ = at::empty({1, h, w, 3}, bytes.pinned_memory(true));
    rgb_on_device_ = at::empty({1, h, w, 3}, bytes.device(device));
    return;
  }
  vb_err err;
  vb_resizer *r = nullptr;
  check(vb_resizer_create(&r, h, w, (int)image_size, (int)image_size, &err), err);
  resizer_.reset(r);
  bytes_ = at::empty({image_size, image_size, 3}, bytes);
  table_ = at::empty({3, 256}, at::kFloat);
  vb_normalize_table((float(*)[256])table_.data_ptr<float>());
}

void Preprocess::operator()(Tensor &image, const uint8_t *rgb)
{
  if (!image.defined())
    image = at::empty({1, size_, size_, 3}, at::TensorOptions(at::kFloat).device(device_)).permute({0, 3, 1, 2});
  if (on_device_) {
    memcpy(rgb_.data_ptr<uint8_t>(), rgb, (size_t)rgb_.numel());
    rgb_on_device_.copy_(rgb_, true);
    (*on_device_)(image.permute({0, 2, 3, 1}), rgb_on_device_);
    return;
  }
  vb_resize_rgb(resizer_.get(), bytes_.data_ptr<uint8_t>(), rgb);
  Tensor host = image.is_cpu() ? image : at::empty({1, size_, size_, 3}, at::kFloat).permute({0, 3, 1, 2});
  const uint8_t *in = bytes_.data_ptr<uint8_t>();
  const float *table = table_.data_ptr<float>();
  float *to = host.data_ptr<float>();
  for (int64_t i = 0, n = host.numel(); i < n; i += 3) {
    to[i] = table[in[i]];
    to[i + 1] = table[256 + in[i + 1]];
    to[i + 2] = table[512 + in[i + 2]];
  }
  if (!image.is_cpu())
    image.copy_(host);
}

} // namespace vb
