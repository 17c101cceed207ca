// Choice, call and record of attention kernels.
#include "attention.hpp"

#include <c10/util/Exception.h>

#include <cstring>

#ifdef VB_HAVE_CUDA
#include <ATen/native/transformers/cuda/sdp_utils.h>
#endif

namespace vb {

namespace {

using at::SDPBackend;

void put(char *to, size_t cap, const std::string &s) { snprintf(to, cap, "%s", s.c_str()); }

const char *backend_name(SDPBackend b)
{
  switch (b) {
  case SDPBackend::flash_attention: return "flash";
  case SDPBackend::efficient_attention: return "efficient";
  case SDPBackend::cudnn_attention: return "cudnn";
  default: return "math";
  }
}

const char *op_name(SDPBackend b, bool cuda)
{
  switch (b) {
  case SDPBackend::flash_attention:
    return cuda ? "aten::_scaled_dot_product_flash_attention" : "aten::_scaled_dot_product_flash_attention_for_cpu";
  case SDPBackend::efficient_attention: return "aten::_scaled_dot_product_efficient_attention";
  case SDPBackend::cudnn_attention: return "aten::_scaled_dot_product_cudnn_attention";
  default: return "aten::_scaled_dot_product_attention_math";
  }
}

#ifdef VB_HAVE_CUDA
// libtorch tells why a kernel cannot run only as warnings.
class CollectWarnings : public c10::WarningHandler {
public:
  CollectWarnings() : before_(c10::WarningUtils::get_warning_handler()) { c10::WarningUtils::set_warning_handler(this); }
  ~CollectWarnings() override { c10::WarningUtils::set_warning_handler(before_); }
  void process(const c10::Warning &w) override
  {
    if (!text_.empty())
      return; // the first names the cause; those after it belong to other kernels
    text_ = w.msg();
    const size_t at = text_.find(" (Triggered");
    if (at != std::string::npos)
      text_.resize(at);
  }
  const std::string &text() const { return text_; }

private:
  c10::WarningHandler *before_;
  std::string text_;
};

sdp::sdp_params params_of(const Tensor &q, const Tensor &k, const Tensor &v)
{
  return sdp::sdp_params{q, k, v, std::nullopt, 0.0, false
#if VB_TORCH_AT_LEAST(2, 5)
                         ,
                         false
#endif
  };
}

bool can_run(SDPBackend b, const Tensor &q, const Tensor &k, const Tensor &v, std::string *reason)
{
  CollectWarnings said;
  const sdp::sdp_params p = params_of(q, k, v);
  bool can = false;
  if (b == SDPBackend::flash_attention)
    can = sdp::can_use_flash_attention(p, true);
#if VB_TORCH_AT_LEAST(2, 5)
  else if (b == SDPBackend::cudnn_attention)
    can = sdp::can_use_cudnn_attention(p, true);
#endif
  if (!can && reason)
    *reason = said.text().empty() ? "this build of libtorch has no such kernel for the device" : said.text();
  return can;
}
#else
// On a CPU the choice itself is the test: the only rules are of dtype, layout and head size.
bool can_run(SDPBackend b, const Tensor &q, const Tensor &k, const Tensor &v, std::string *reason)
{
  const bool can = b == SDPBackend::flash_attention && (SDPBackend)at::_fused_sdp_choice(q, k, v) == b;
  if (!can && reason) {
    *reason = b == SDPBackend::cudnn_attention                        ? "cuDNN needs a CUDA device"
              : q.scalar_type() == at::kHalf && !VB_TORCH_AT_LEAST(2, 4) ? "libtorch before 2.4 has no float16 flash attention for CPUs"
                                                                      : "libtorch's CPU flash attention refused the dtype or layout";
  }
  return can;
}
#endif

Tensor run(SDPBackend b, const Tensor &q, const Tensor &k, const Tensor &v)
{
  switch (b) {
  case SDPBackend::flash_attention:
    return q.is_cuda() ? std::get<0>(at::_scaled_dot_product_flash_attention(q, k, v))
                       : std::get<0>(at::_scaled_dot_product_flash_attention_for_cpu(q, k, v));
  case SDPBackend::efficient_attention: return std::get<0>(at::_scaled_dot_product_efficient_attention(q, k, v, {}, false));
#if VB_TORCH_AT_LEAST(2, 5)
  case SDPBackend::cudnn_attention: return std::get<0>(at::_scaled_dot_product_cudnn_attention(q, k, v, {}, false));
#endif
  default: return std::get<0>(at::_scaled_dot_product_attention_math(q, k, v));
  }
}

} // namespace

void Attention::configure(const Precision &precision, vb_require_flash require)
{
  precision_ = precision;
  require_ = precision.autocast() ? require : VB_FLASH_ANY; // a half-dtype demand: float32 has no flash kernels
  sites_.clear();
}

Attention::Site &Attention::site(const char *name)
{
  for (Site &s : sites_)
    if (strcmp(s.record.site, name) == 0)
      return s;
  sites_.emplace_back();
  put(sites_.back().record.site, sizeof(sites_.back().record.site), name);
  return sites_.back();
}

void Attention::choose(Site &s, const Tensor &q, const Tensor &k, const Tensor &v)
{
  s.backend = (SDPBackend)at::_fused_sdp_choice(q, k, v);
  std::string reason;
  const bool flash = s.backend == SDPBackend::flash_attention;
  if (!flash && can_run(SDPBackend::flash_attention, q, k, v, &reason))
    reason = std::string("libtorch prefers ") + backend_name(s.backend) + " here";
  if (require_ != VB_FLASH_ANY && !flash && !(require_ == VB_FLASH_REQUIRED && s.backend == SDPBackend::cudnn_attention)) {
    if (can_run(SDPBackend::flash_attention, q, k, v, nullptr)) {
      s.backend = SDPBackend::flash_attention;
      reason.clear();
    } else if (require_ == VB_FLASH_REQUIRED && can_run(SDPBackend::cudnn_attention, q, k, v, nullptr)) {
      s.backend = SDPBackend::cudnn_attention;
    } else {
      fail(VB_EARG, "--require-flash: attention site '%s' (%s, head size %lld) cannot: %s", s.record.site, c10::toString(q.scalar_type()),
           (long long)q.size(3), reason.c_str());
    }
  }
  vb_attention_site &r = s.record;
  put(r.dtype, sizeof(r.dtype), q.scalar_type() == at::kHalf ? "float16" : q.scalar_type() == at::kBFloat16 ? "bfloat16" : "float32");
  put(r.backend, sizeof(r.backend), backend_name(s.backend));
  put(r.op, sizeof(r.op), op_name(s.backend, q.is_cuda()));
  put(r.reason, sizeof(r.reason), reason);
}

Tensor Attention::operator()(const char *name, const Tensor &q_in, const Tensor &k_in, const Tensor &v_in)
{
  // autocast casts the arguments of scaled_dot_product_attention down; the backends' ops it does not know
  const ScalarType op = precision_.op();
  const Tensor q = q_in.to(op), k = k_in.to(op), v = v_in.to(op);
  Site &s = site(name);
  const std::vector<int64_t> shape = {q.size(0), q.size(1), q.size(2), k.size(2), q.size(3)};
  if (s.shape != shape) {
    choose(s, q, k, v);
    s.shape = shape;
    vb_attention_site &r = s.record;
    if (shape[0] * shape[1] * shape[2] * shape[3] >= (int64_t)r.batch * r.heads * r.q_len * r.k_len) {
      r.batch = (int)shape[0];
      r.heads = (int)shape[1];
      r.q_len = (int)shape[2];
      r.k_len = (int)shape[3];
      r.head_dim = (int)shape[4];
    }
  }
  s.record.calls++;
  return run(s.backend, q, k, v);
}

size_t Attention::records(vb_attention_site *out, size_t cap) const
{
  for (size_t i = 0; i < sites_.size() && i < cap; i++)
    out[i] = sites_[i].record;
  return sites_.size();
}

Tensor split_heads(const Tensor &x, int64_t heads)
{
  return x.view({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
}

Tensor join_heads(const Tensor &x) { return x.transpose(1, 2).reshape({x.size(0), x.size(2), x.size(1) * x.size(3)}); }

} // namespace vb
