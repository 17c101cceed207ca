// Choice, call and record of attention kernels.
#include "attention.hpp"

#include "fused_attention.hpp"
#include "kernels.hpp"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace vb {

namespace {

void put(char *to, size_t cap, const std::string &s) { snprintf(to, cap, "%s", s.c_str()); }

const char *dtype_name(ScalarType t) { return t == at::kHalf ? "float16" : t == at::kBFloat16 ? "bfloat16" : "float32"; }

const char *backend_name(SdpBackend b)
{
  switch (b) {
  case SdpBackend::flash: return "flash";
  case SdpBackend::efficient: return "efficient";
  case SdpBackend::cudnn: return "cudnn";
  case SdpBackend::windows:
  case SdpBackend::cross: return "fused";
  default: return "math";
  }
}

const char *op_name(SdpBackend b, bool cuda)
{
  switch (b) {
  case SdpBackend::flash:
    return cuda ? "aten::_scaled_dot_product_flash_attention" : "aten::_scaled_dot_product_flash_attention_for_cpu";
  case SdpBackend::efficient: return "aten::_scaled_dot_product_efficient_attention";
  case SdpBackend::cudnn: return "aten::_scaled_dot_product_cudnn_attention";
  case SdpBackend::windows: return "vb::window_attention";
  case SdpBackend::cross: return "vb::cross_attention";
  default: return "aten::_scaled_dot_product_attention_math";
  }
}

std::string op_of(const SdpWay &way, bool cuda)
{
  return op_name(way.backend, cuda) + (way.parts > 1 ? " in " + std::to_string(way.parts) + (way.backend == SdpBackend::math ? " parts of the queries" : " parts of the keys") : std::string());
}

// libtorch tells why a kernel cannot run only as warnings: a heading per kernel, then its reasons.
class CollectWarnings : public c10::WarningHandler {
public:
  CollectWarnings() : before_(c10::WarningUtils::get_warning_handler()) { c10::WarningUtils::set_warning_handler(this); }
  ~CollectWarnings() override { c10::WarningUtils::set_warning_handler(before_); }
  void process(const c10::Warning &w) override { lines_.push_back(w.msg().substr(0, w.msg().find(" (Triggered"))); }
  std::string reason(const char *heading) const
  {
    for (size_t i = 0; i + 1 < lines_.size(); i++)
      if (lines_[i].rfind(heading, 0) == 0)
        return lines_[i + 1];
    return "libtorch has no such kernel for this device and dtype";
  }

private:
  c10::WarningHandler *before_;
  std::vector<std::string> lines_;
};

// While it lives, libtorch may choose this one backend alone.
class OnlyBackend {
public:
  explicit OnlyBackend(SdpBackend b)
  {
    auto &c = at::globalContext();
    math_ = c.userEnabledMathSDP();
    flash_ = c.userEnabledFlashSDP();
    efficient_ = c.userEnabledMemEfficientSDP();
    c.setSDPUseMath(b == SdpBackend::math);
    c.setSDPUseFlash(b == SdpBackend::flash);
    c.setSDPUseMemEfficient(b == SdpBackend::efficient);
#if VB_TORCH_AT_LEAST(2, 5)
    cudnn_ = c.userEnabledCuDNNSDP();
    c.setSDPUseCuDNN(b == SdpBackend::cudnn);
#endif
  }
  ~OnlyBackend()
  {
    auto &c = at::globalContext();
    c.setSDPUseMath(math_);
    c.setSDPUseFlash(flash_);
    c.setSDPUseMemEfficient(efficient_);
#if VB_TORCH_AT_LEAST(2, 5)
    c.setSDPUseCuDNN(cudnn_);
#endif
  }

private:
  bool math_, flash_, efficient_, cudnn_ = false;
};

bool can_run(SdpBackend b, const Tensor &q, const Tensor &k, const Tensor &v, std::string *reason)
{
  if (b == SdpBackend::cudnn && !VB_TORCH_AT_LEAST(2, 5))
    return false;
  CollectWarnings said;
  OnlyBackend only(b);
  bool can = false;
  try {
    can = (SdpBackend)at::_fused_sdp_choice(q, k, v) == b;
  } catch (const c10::Error &) {
    // "No available kernel": said below
  }
  if (!can && reason)
    *reason = said.reason(b == SdpBackend::cudnn ? "cuDNN attention kernel not used" : "Flash attention kernel not used");
  return can;
}

// On a CPU upstream's Attention classes turn flash attention off (EdgeTAM@9cc44bf sam2/modeling/sam/transformer.py:31-49);
// encoder and perceiver call F.scaled_dot_product_attention as it is. It shows in float32 alone: libtorch's CPU flash
// kernel takes an exponential of 20 ulp. Half dtypes gain more from its speed, and past this many scores so does float32.
constexpr int64_t max_exact_scores = 16 << 20;

bool upstream_is_exact(const char *site) { return strncmp(site, "memory.", 7) == 0 || strncmp(site, "decoder.", 8) == 0; }

// Backends that may be faster than libtorch's choice on a GPU.
std::vector<SdpBackend> rivals(const Tensor &q, const Tensor &k, const Tensor &v, vb_require_flash require)
{
  if (q.scalar_type() == at::kFloat)
    return {SdpBackend::math};
  if (require == VB_FLASH_STRICT)
    return {SdpBackend::flash};
  if (kernels::takes_windows(q, k, v))
    return {SdpBackend::flash, SdpBackend::cudnn, SdpBackend::windows};
  if (kernels::takes_cross(q, k, v, 1))
    return {SdpBackend::cudnn, SdpBackend::cross};
  return {SdpBackend::flash, SdpBackend::cudnn};
}

double scores(const vb_attention_site &r) { return (double)r.batch * r.heads * r.q_len * r.k_len; }

SdpWay narrow_default(const Tensor &q) { return {q.scalar_type() == at::kFloat ? SdpBackend::efficient : SdpBackend::cudnn, 1}; }

} // namespace

void Attention::configure(const Precision &precision, vb_require_flash require)
{
  if (precision.dtype != precision_.dtype)
    measured_.clear();
  precision_ = precision;
  require_ = precision.autocast() ? require : VB_FLASH_ANY; // a half-dtype demand: float32 has no flash kernels
  sites_.clear();
  rows_.clear();
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

SdpWay Attention::measured(const SdpWay &given, const Tensor &q, const Tensor &k, const Tensor &v, double *ms)
{
  const std::vector<int64_t> shape = {q.size(0), q.size(1), q.size(2), k.size(2), q.size(3), v.size(3), (int64_t)require_};
  for (const Measured &m : measured_)
    if (m.shape == shape) {
      *ms = m.ms;
      return m.way;
    }
  const SdpWay way = fastest_way(given, rivals(q, k, v, require_), q, k, v, ms);
  measured_.push_back({shape, way, *ms}); // not where memory did not do
  return way;
}

void Attention::choose(Site &s, const Tensor &q, const Tensor &k, const Tensor &v)
{
  s.way = {(SdpBackend)at::_fused_sdp_choice(q, k, v), 1};
  std::string reason;
  bool exact = false;
  if (s.way.backend == SdpBackend::flash && q.is_cpu() && q.scalar_type() == at::kFloat && upstream_is_exact(s.record.site) &&
      q.size(0) * q.size(1) * q.size(2) * k.size(2) <= max_exact_scores) {
    s.way.backend = SdpBackend::math;
    exact = true;
  }
  const bool flash = s.way.backend == SdpBackend::flash;
  if (!flash && can_run(SdpBackend::flash, q, k, v, &reason))
    reason = exact ? "float32: exact exponentials as upstream, which turns flash off here on a CPU"
                   : std::string("libtorch prefers ") + backend_name(s.way.backend) + " here";
  if (require_ != VB_FLASH_ANY && !flash && !(require_ == VB_FLASH_REQUIRED && s.way.backend == SdpBackend::cudnn)) {
    if (can_run(SdpBackend::flash, q, k, v, nullptr)) {
      s.way.backend = SdpBackend::flash;
      reason.clear();
    } else if (require_ == VB_FLASH_REQUIRED && can_run(SdpBackend::cudnn, q, k, v, nullptr)) {
      s.way.backend = SdpBackend::cudnn;
    } else {
      fail(VB_EARG, "--require-flash: attention site '%s' (%s, head size %lld) cannot: %s", s.record.site, c10::toString(q.scalar_type()),
           (long long)q.size(3), reason.c_str());
    }
  }
  if (q.is_cuda() && measures) {
    double ms;
    const SdpWay before = s.way;
    s.way = measured(before, q, k, v, &ms);
    if (s.way.backend == SdpBackend::flash)
      reason.clear();
    else if (s.way.backend != before.backend || s.way.parts > 1)
      reason = "measured: the fastest here";
  }
  vb_attention_site &r = s.record;
  put(r.dtype, sizeof(r.dtype), dtype_name(q.scalar_type()));
  put(r.backend, sizeof(r.backend), backend_name(s.way.backend));
  put(r.op, sizeof(r.op), op_of(s.way, q.is_cuda()));
  put(r.reason, sizeof(r.reason), reason);
}

Tensor Attention::operator()(const char *name, const Tensor &q_in, const Tensor &k_in, const Tensor &v_in)
{
  // autocast casts the arguments of scaled_dot_product_attention down; the backends' ops it does not know
  const ScalarType op = precision_.op();
  const Tensor q = q_in.to(op), k = k_in.to(op), v = v_in.to(op);
  Site &s = site(name);
  if (note_shape(s, q, k))
    choose(s, q, k, v);
  count(s.record);
  return run_way(s.way, q, k, v);
}

bool Attention::note_shape(Site &s, const Tensor &q, const Tensor &k)
{
  const std::vector<int64_t> shape = {q.size(0), q.size(1), q.size(2), k.size(2), q.size(3)};
  if (s.shape == shape)
    return false;
  s.shape = shape;
  vb_attention_site &r = s.record;
  r.batch = (int)shape[0];
  r.heads = (int)shape[1];
  r.q_len = (int)shape[2];
  r.k_len = (int)shape[3];
  r.head_dim = (int)shape[4];
  r.calls = 1;
  return true;
}

void Attention::count(const vb_attention_site &r)
{
  for (vb_attention_site &row : rows_)
    if (strcmp(row.site, r.site) == 0 && strcmp(row.backend, r.backend) == 0) {
      const int64_t calls = row.calls + r.calls;
      if (scores(r) > scores(row))
        row = r;
      row.calls = calls;
      return;
    }
  rows_.push_back(r);
}

bool Attention::takes_narrow_values(const Tensor &q_in, const Tensor &k_in, const Tensor &v_in)
{
  if (require_ == VB_FLASH_STRICT)
    return false;
  if (q_in.is_cpu())
    return fused_attention::usable(precision_.op(), q_in, k_in, v_in);
  if (!measures)
    return false;
  const ScalarType op = precision_.op();
  const Tensor q = q_in.to(op), k = k_in.to(op), v = v_in.to(op);
  // math and cuDNN take them; flash wants values as wide as the keys
  double narrow_ms, wide_ms;
  measured(narrow_default(q), q, k, v, &narrow_ms);
  measured({(SdpBackend)at::_fused_sdp_choice(q, k, k), 1}, q, k, k, &wide_ms);
  return narrow_ms < wide_ms;
}

Tensor Attention::narrow(const char *name, const Tensor &q_in, const Tensor &k_in, const Tensor &v_in)
{
  const ScalarType op = precision_.op();
  const Tensor q = q_in.to(op), k = k_in.to(op), v = v_in.to(op);
  Site &s = site(name);
  if (note_shape(s, q, k)) {
    vb_attention_site &r = s.record;
    put(r.dtype, sizeof(r.dtype), dtype_name(op));
    put(r.reason, sizeof(r.reason), "values " + std::to_string(v.size(3)) + " wide, projected afterwards: flash wants them as wide as the keys");
    if (q.is_cpu()) {
      put(r.backend, sizeof(r.backend), "fused");
      put(r.op, sizeof(r.op), "vb::fused_attention");
    } else {
      double ms;
      s.way = measured(narrow_default(q), q, k, v, &ms);
      put(r.backend, sizeof(r.backend), backend_name(s.way.backend));
      put(r.op, sizeof(r.op), op_of(s.way, true));
    }
  }
  count(s.record);
  return q.is_cpu() ? fused_attention::run(q, k, v) : run_way(s.way, q, k, v);
}

Attention::Records Attention::take() { return std::exchange(rows_, {}); }

void Attention::add(const Records &records)
{
  for (const vb_attention_site &r : records)
    count(r);
}

size_t Attention::records(vb_attention_site *out, size_t cap) const
{
  std::copy_n(rows_.begin(), std::min(cap, rows_.size()), out);
  return rows_.size();
}

Tensor split_heads(const Tensor &x, int64_t heads)
{
  return x.view({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
}

Tensor join_heads(const Tensor &x) { return x.transpose(1, 2).reshape({x.size(0), x.size(2), x.size(1) * x.size(3)}); }

} // namespace vb
