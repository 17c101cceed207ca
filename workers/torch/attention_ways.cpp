// Attention by one way, and the fastest.
#include "attention_ways.hpp"

#include "kernels.hpp"
#include "stage_clock.hpp"

#include <algorithm>
#include <limits>
#include <set>

namespace vb {

namespace {

constexpr int64_t fewest_keys = 512;        // of a part
constexpr int64_t most_scores = 16 << 20; // of a part of queries: 64 MiB of float32

Tensor whole(SdpBackend b, const Tensor &q, const Tensor &k, const Tensor &v)
{
  switch (b) {
  case SdpBackend::windows: return kernels::window_attention(q, k, v);
  case SdpBackend::flash:
    return q.is_cuda() ? std::get<0>(at::_scaled_dot_product_flash_attention(q, k, v))
                       : std::get<0>(at::_scaled_dot_product_flash_attention_for_cpu(q, k, v));
  case SdpBackend::efficient: return std::get<0>(at::_scaled_dot_product_efficient_attention(q, k, v, {}, false));
#if VB_TORCH_AT_LEAST(2, 5)
  case SdpBackend::cudnn: return std::get<0>(at::_scaled_dot_product_cudnn_attention(q, k, v, {}, false));
#endif
  default: return std::get<0>(at::_scaled_dot_product_attention_math(q, k, v));
  }
}

// [B, heads, m, d] -> [parts * B, heads, m / parts, d], part by part; a view for one object and one head.
Tensor cut(const Tensor &x, int64_t parts)
{
  const Tensor y = x.unflatten(2, {parts, x.size(2) / parts}); // [B, heads, parts, m / parts, d]
  return y.permute({2, 0, 1, 3, 4}).flatten(0, 1);
}

Tensor in_parts(SdpBackend b, int64_t parts, const Tensor &q, const Tensor &k, const Tensor &v)
{
  const Tensor qs = q.unsqueeze(0).expand({parts, -1, -1, -1, -1}).flatten(0, 1), ks = cut(k, parts), vs = cut(v, parts);
  Tensor out, lse;
  if (b == SdpBackend::flash) {
    auto r = at::_scaled_dot_product_flash_attention(qs, ks, vs);
    out = std::get<0>(r);
    lse = std::get<1>(r);
  }
#if VB_TORCH_AT_LEAST(2, 5)
  if (b == SdpBackend::cudnn) {
    auto r = at::_scaled_dot_product_cudnn_attention(qs, ks, vs, {}, true);
    out = std::get<0>(r);
    lse = std::get<1>(r);
  }
#endif
  if (!out.defined())
    fail(VB_EARG, "attention in parts: neither flash nor cuDNN");
  std::vector<int64_t> sizes = {parts};
  for (int64_t d = 0; d < 4; d++)
    sizes.push_back(d == 3 ? v.size(3) : q.size(d));
  const Tensor all = out.contiguous().view(sizes);
  sizes.pop_back();
  return kernels::merge_parts(all, lse.contiguous().view(sizes));
}

Tensor by_queries(int64_t parts, const Tensor &q, const Tensor &k, const Tensor &v)
{
  std::vector<Tensor> out;
  for (const Tensor &some : q.chunk(parts, 2))
    out.push_back(whole(SdpBackend::math, some, k, v));
  return at::cat(out, 2);
}

// Into how many parts a backend may cut the work.
std::vector<int> possible_parts(SdpBackend b, const Tensor &q, const Tensor &k)
{
  if (b == SdpBackend::math) {
    const int64_t scores = q.size(0) * q.size(1) * q.size(2) * k.size(2);
    return {(int)std::min(q.size(2), (scores + most_scores - 1) / most_scores)};
  }
  std::vector<int> out = {1};
  if (b == SdpBackend::windows)
    return out;
  for (int parts : {2, 4, 8})
    if ((b == SdpBackend::cross || k.size(2) % parts == 0) && k.size(2) / parts >= fewest_keys && kernels::usable(q.device()))
      out.push_back(parts);
  return out;
}

// The least of a few rounds, after a run that is not counted. On a GPU a round is several runs, so that what the host takes
// to queue one does not count, and the device does nothing else: other lanes are let come to their end.
double time_of(const SdpWay &way, const Tensor &q, const Tensor &k, const Tensor &v)
{
  const int n_rounds = 3, n_runs = q.is_cuda() ? 4 : 1;
  double least = std::numeric_limits<double>::infinity();
  StageClock clock(q.device());
  run_way(way, q, k, v);
  synchronize_all(q.device());
  for (int i = 0; i < n_rounds; i++) {
    double stages[VB_STAGE_COUNT] = {0};
    clock.start();
    for (int run = 0; run < n_runs; run++)
      run_way(way, q, k, v);
    clock.mark(VB_STAGE_ATTEND);
    synchronize(q.device());
    clock.collect(stages);
    least = std::min(least, stages[VB_STAGE_ATTEND] / n_runs);
  }
  return least;
}

} // namespace

Tensor run_way(const SdpWay &way, const Tensor &q, const Tensor &k, const Tensor &v)
{
  if (way.backend == SdpBackend::cross)
    return kernels::cross_attention(q, k, v, way.parts);
  if (way.parts <= 1)
    return whole(way.backend, q, k, v);
  return way.backend == SdpBackend::math ? by_queries(way.parts, q, k, v) : in_parts(way.backend, way.parts, q, k, v);
}

SdpWay fastest_way(const SdpWay &given, const std::vector<SdpBackend> &backends, const Tensor &q, const Tensor &k, const Tensor &v, double *ms)
{
  // libtorch 2.11 keeps what cuDNN has refused as an empty plan, for the life of the process, and crashes when it is asked
  // for it again: by the next model of an engine, say. So it is remembered for as long here.
  static std::set<std::vector<int64_t>> refused;
  SdpWay best = given;
  *ms = std::numeric_limits<double>::infinity();
  std::vector<SdpWay> ways = {given};
  for (SdpBackend b : backends)
    for (int parts : possible_parts(b, q, k))
      if (b != given.backend || parts != given.parts)
        ways.push_back({b, parts});
  for (const SdpWay &way : ways) {
    const std::vector<int64_t> asked = {(int64_t)way.backend, way.parts, (int64_t)q.scalar_type(), q.size(0), q.size(1), q.size(2), k.size(2), q.size(3), v.size(3)};
    double t;
    if (refused.count(asked))
      continue;
    try {
      t = time_of(way, q, k, v);
    } catch (const c10::OutOfMemoryError &) {
      if (&way == &ways[0]) // else a slow way would be taken for want of room: fewer objects in a pass are better
        throw;
      continue;
    } catch (const c10::Error &e) {
      const bool memory = tells_of_device_memory(e.what_without_backtrace());
      if (!memory || way.backend == SdpBackend::cudnn) // whose plan stays empty whatever it was refused for
        refused.insert(asked);
      if (memory && &way == &ways[0])
        throw;
      continue;
    }
    if (&way == &ways[0] || t < (best.backend == given.backend && best.parts == given.parts ? 0.95 : 1.0) * *ms) {
      *ms = t;
      best = way;
    }
  }
  return best;
}

} // namespace vb
