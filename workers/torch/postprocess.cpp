// Postprocessing.
#include "postprocess.hpp"

#include "holes.h"

#ifdef VB_HAVE_CUDA
#include <c10/cuda/CUDAStream.h>
#endif
#ifdef VB_HAVE_HOLES_CUDA
#include "holes_cuda.h"
#endif

namespace vb {

Tensor video_logits(const Tensor &low_logits, int h, int w)
{
  if (low_logits.size(2) == h && low_logits.size(3) == w)
    return low_logits;
  return at::upsample_bilinear2d(low_logits, {h, w}, false);
}

HoleFiller::HoleFiller(at::Device device, int hole_area, int sprinkle_area, bool on_device)
    : hole_area_(hole_area), sprinkle_area_(sprinkle_area),
      changed_(at::zeros({2}, at::TensorOptions(at::kLong).device(on_device && (hole_area > 0 || sprinkle_area > 0) ? device : at::kCPU))),
      waits_(device.is_cuda() && changed_.is_cpu() && (hole_area > 0 || sprinkle_area > 0))
{
}

Tensor HoleFiller::operator()(const Tensor &low_logits)
{
  if (hole_area_ <= 0 && sprinkle_area_ <= 0)
    return low_logits;
  return changed_.is_cpu() ? on_cpu(low_logits) : on_device(low_logits);
}

Tensor HoleFiller::on_cpu(const Tensor &low_logits)
{
  Tensor host = low_logits.to(at::kCPU).contiguous().clone();
  const int h = (int)host.size(2), w = (int)host.size(3);
  int64_t *changed = changed_.data_ptr<int64_t>();
  for (int64_t b = 0; b < host.size(0); b++) {
    float *logits = host[b].data_ptr<float>();
    vb_err err;
    int64_t filled = 0, removed = 0;
    check(vb_fill_holes(logits, h, w, hole_area_, &filled, &err), err);
    check(vb_remove_sprinkles(logits, h, w, sprinkle_area_, &removed, &err), err);
    changed[0] += filled;
    changed[1] += removed;
  }
  return host.to(low_logits.device());
}

Tensor HoleFiller::on_device(const Tensor &low_logits)
{
#ifdef VB_HAVE_HOLES_CUDA
  Tensor logits = low_logits.clone(at::MemoryFormat::Contiguous);
  const int n = (int)logits.size(0), h = (int)logits.size(2), w = (int)logits.size(3);
  const int64_t bytes = (int64_t)vb_cuda_fill_holes_workspace(n, h, w);
  const Tensor workspace = at::empty({bytes}, logits.options().dtype(at::kByte));
  float *at = logits.data_ptr<float>();
  int64_t *changed = changed_.data_ptr<int64_t>();
  void *stream = c10::cuda::getCurrentCUDAStream(logits.device().index()).stream();
  vb_err err;
  check(vb_cuda_fill_holes(at, n, h, w, hole_area_, changed, workspace.data_ptr(), (size_t)bytes, stream, &err), err);
  check(vb_cuda_remove_sprinkles(at, n, h, w, sprinkle_area_, changed + 1, workspace.data_ptr(), (size_t)bytes, stream, &err), err);
  return logits;
#else
  (void)low_logits;
  fail(VB_ECUDA, "holes and sprinkles on the device: this build has no kernels for them");
#endif
}

void HoleFiller::send(Tensor &to)
{
  if (!to.defined())
    to = at::zeros({2}, at::TensorOptions(at::kLong).pinned_memory(changed_.is_cuda()));
  to.copy_(changed_, true);
  changed_.zero_();
}

} // namespace vb
