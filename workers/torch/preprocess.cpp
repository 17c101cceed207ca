// Preprocessing.
#include "preprocess.hpp"

namespace vb {

Preprocess::Preprocess(int h, int w, int64_t image_size, at::Device device)
{
  vb_err err;
  vb_resizer *r = nullptr;
  check(vb_resizer_create(&r, h, w, (int)image_size, (int)image_size, &err), err);
  resizer_.reset(r);
  bytes_ = at::empty({image_size, image_size, 3}, at::TensorOptions(at::kByte).pinned_memory(device.is_cuda()));
  Tensor table = at::empty({3, 256}, at::kFloat);
  vb_normalize_table((float(*)[256])table.data_ptr<float>());
  table_ = table.flatten().to(device);
  offset_ = (at::arange(3, at::kLong) * 256).to(device);
  if (device.is_cpu())
    image_ = at::empty({image_size, image_size, 3}, at::kFloat);
}

Tensor Preprocess::operator()(const uint8_t *rgb)
{
  vb_resize_rgb(resizer_.get(), bytes_.data_ptr<uint8_t>(), rgb);
  Tensor out;
  if (image_.defined()) {
    const uint8_t *in = bytes_.data_ptr<uint8_t>();
    const float *table = table_.data_ptr<float>();
    float *to = image_.data_ptr<float>();
    for (int64_t i = 0, n = image_.numel(); i < n; i += 3) {
      to[i] = table[in[i]];
      to[i + 1] = table[256 + in[i + 1]];
      to[i + 2] = table[512 + in[i + 2]];
    }
    out = image_;
  } else {
    out = table_.take(bytes_.to(table_.device(), true).to(at::kLong) + offset_);
  }
  return out.permute({2, 0, 1}).unsqueeze(0);
}

} // namespace vb
