// Comparison and timing of kernels.
#include "kernels_cases.hpp"

#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include <cstdio>

const std::vector<Group> groups = {
    {"preprocess", check_preprocess},
    {"mask bits", check_mask_bits},
    {"rotary", check_rotate},
    {"layer norm", check_norm},
    {"layer norm and gelu", check_norm_gelu},
    {"merge", check_merge},
    {"depthwise", check_depthwise},
};

std::string shape_of(const Tensor &t)
{
  std::string s = std::string(c10::toString(t.scalar_type())) + " [";
  for (int64_t i = 0; i < t.dim(); i++)
    s += (i ? ", " : "") + std::to_string(t.size(i));
  return s + "]";
}

Tensor on_gpu(at::IntArrayRef sizes, at::ScalarType dtype) { return at::randn(sizes, at::TensorOptions(at::kCUDA)).to(dtype); }

void Report::compare(const std::string &what, const Tensor &got, const Tensor &want, double limit)
{
  compared++;
  if (got.sizes() != want.sizes() || got.scalar_type() != want.scalar_type()) {
    failed++;
    printf("FAIL %s: %s, expected %s\n", what.c_str(), shape_of(got).c_str(), shape_of(want).c_str());
    return;
  }
  if (!at::isFloatingType(got.scalar_type())) {
    const int64_t differing = (got != want).sum().item<int64_t>();
    failed += differing != 0;
    printf("%s %s: %lld of %lld differ\n", differing ? "FAIL" : "ok  ", what.c_str(), (long long)differing, (long long)got.numel());
    return;
  }
  const Tensor a = got.to(at::kDouble), b = want.to(at::kDouble);
  const bool same_nan = at::equal(a.isnan(), b.isnan());
  const Tensor off = at::where(a == b, at::zeros_like(a), a - b).nan_to_num(0.0).abs(); // Inf where both have it
  const double scale = std::max(1.0, at::where(b.isfinite(), b, at::zeros_like(b)).abs().max().item<double>());
  const double greatest = off.max().item<double>() / scale;
  const bool good = same_nan && greatest <= limit;
  failed += !good;
  printf("%s %s: greatest difference %.2g (may be %.2g), mean %.2g, %lld of %lld differ%s\n", good ? "ok  " : "FAIL", what.c_str(), greatest, limit,
         off.mean().item<double>() / scale, (long long)(off > 0).sum().item<int64_t>(), (long long)off.numel(), same_nan ? "" : ", NaN elsewhere");
}

namespace {

void need(cudaError_t e)
{
  if (e != cudaSuccess)
    throw std::runtime_error(cudaGetErrorString(e));
}

double time_us(const std::function<void()> &f)
{
  const int calls = 20, replays = 10;
  const cudaStream_t stream = c10::cuda::getCurrentCUDAStream().stream();
  for (int i = 0; i < 3; i++)
    f();
  at::cuda::CUDAGraph graph;
  graph.capture_begin();
  for (int i = 0; i < calls; i++)
    f();
  graph.capture_end();
  graph.replay();
  cudaEvent_t from, to;
  need(cudaEventCreate(&from));
  need(cudaEventCreate(&to));
  need(cudaEventRecord(from, stream));
  for (int i = 0; i < replays; i++)
    graph.replay();
  need(cudaEventRecord(to, stream));
  need(cudaEventSynchronize(to));
  float ms = 0;
  need(cudaEventElapsedTime(&ms, from, to));
  cudaEventDestroy(from);
  cudaEventDestroy(to);
  return ms * 1e3 / (calls * replays);
}

} // namespace

void Report::time(const std::string &what, const std::function<void()> &ours, const std::function<void()> &twin)
{
  if (!timed)
    return;
  const double us = time_us(ours);
  if (!twin) {
    printf("     %s: %.1f us\n", what.c_str(), us);
    return;
  }
  const double twin_us = time_us(twin);
  printf("     %s: %.1f us, ATen %.1f us, %.1f times as fast\n", what.c_str(), us, twin_us, twin_us / us);
}
