// Preprocessing.
#include "preprocess.hpp"

namespace vb {

Preprocess::Preprocess(int h, int w, int64_t image_size, int64_t batch, const Precision &precision)
    : h_(h), w_(w), size_(image_size), batch_(batch), precision_(precision)
{
  const auto bytes = at::TensorOptions(at::kByte);
  if (kernels::usable(precision.device)) {
    on_device_.emplace(h, w, image_size, batch, precision.device);
    return;
  }
  vb_err err;
  vb_resizer *r = nullptr;
  check(vb_resizer_create(&r, h, w, (int)image_size, (int)image_size, &err), err);
  resizer_.reset(r);
  bytes_ = at::empty({batch, image_size, image_size, 3}, bytes);
  table_ = at::empty({3, 256}, at::kFloat);
  vb_normalize_table((float(*)[256])table_.data_ptr<float>());
}

// Our kernel writes what the first convolution's autocast would make of float32.
void Preprocess::begin(Tensor &image) const
{
  if (!image.defined())
    image = at::zeros({batch_, size_, size_, 3}, at::TensorOptions(on_device_ ? precision_.op() : at::kFloat).device(precision_.device)).permute({0, 3, 1, 2});
}

void Preprocess::put(int64_t i, const uint8_t *rgb)
{
  if (!on_device_) {
    vb_resize_rgb(resizer_.get(), bytes_[i].data_ptr<uint8_t>(), rgb);
    return;
  }
  // Without the pinned memory's allocator knowing of it: the caller keeps the frame until the copy is over.
  const Tensor frame = at::from_blob(const_cast<uint8_t *>(rgb), {h_, w_, 3}, at::TensorOptions(at::kByte));
  const at::Device device = precision_.device;
  if (batch_ == 1 && frame.is_pinned() && kernels::shares_memory(device)) {
    rgb_ = at::for_blob(const_cast<uint8_t *>(rgb), {1, h_, w_, 3}).options(at::TensorOptions(at::kByte).device(device)).target_device(device).make_tensor();
    return;
  }
  if (!copies_.defined())
    copies_ = at::empty({batch_, h_, w_, 3}, at::TensorOptions(at::kByte).device(device));
  rgb_ = copies_;
  rgb_[i].copy_(frame, frame.is_pinned());
}

void Preprocess::run(const Tensor &image, int64_t n)
{
  if (on_device_) {
    (*on_device_)(image.narrow(0, 0, n).permute({0, 2, 3, 1}), rgb_.narrow(0, 0, n));
    return;
  }
  Tensor host = image.is_cpu() ? image : at::empty({batch_, size_, size_, 3}, at::kFloat).permute({0, 3, 1, 2});
  const uint8_t *in = bytes_.data_ptr<uint8_t>();
  const float *table = table_.data_ptr<float>();
  float *to = host.data_ptr<float>();
  for (int64_t i = 0, count = n * size_ * size_ * 3; i < count; i += 3) {
    to[i] = table[in[i]];
    to[i + 1] = table[256 + in[i + 1]];
    to[i + 2] = table[512 + in[i + 2]];
  }
  if (!image.is_cpu())
    image.copy_(host);
}

} // namespace vb
