// Comparison and timing of kernels.
#include "kernels_cases.hpp"

#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include <cstdio>

const std::vector<Group> groups = {
    {"preprocess", check_preprocess},
    {"patches", check_patches},
    {"stem", check_stem},
    {"mask bits", check_mask_bits},
    {"rotary", check_rotate},
    {"layer norm", check_norm},
    {"layer norm and windows", check_windows},
    {"layer norm and gelu", check_norm_gelu},
    {"gelu in place", check_gelu},
    {"max pool", check_pool},
    {"merge", check_merge},
    {"depthwise", check_depthwise},
    {"squeeze and excitation", check_excite},
    {"mask maps", check_mask_map},
    {"recall", check_recall},
    {"MLP", check_mlp},
    {"attention in windows", check_window_attention},
    {"attention to the memory bank", check_cross_attention},
    {"decoder tokens", check_tokens},
    {"choice of a mask", check_pick},
    {"linear layers", check_products},
    {"products by cuBLASLt", check_fused_product},
};

std::string shape_of(const Tensor &t)
{
  std::string s = std::string(c10::toString(t.scalar_type())) + " [";
  for (int64_t i = 0; i < t.dim(); i++)
    s += (i ? ", " : "") + std::to_string(t.size(i));
  return s + "]";
}

bool is_hopper()
{
  int major = 0, minor = 1;
  return cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0) == cudaSuccess &&
         cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0) == cudaSuccess && major == 9 && minor == 0;
}

Tensor on_gpu(at::IntArrayRef sizes, at::ScalarType dtype) { return at::randn(sizes, at::TensorOptions(at::kCUDA)).to(dtype); }

void Report::judge(const std::string &what, bool good, double difference, const Tensor &of, const std::string &said)
{
  double &greatest = greatest_[c10::toString(of.scalar_type())];
  compared++;
  failed += !good;
  greatest = std::max(greatest, difference);
  if (!good || verbose)
    printf("%s %s: %s\n", good ? "ok  " : "FAIL", what.c_str(), said.c_str());
}

void Report::compare(const std::string &what, const Tensor &got, const Tensor &want, double limit)
{
  if (got.sizes() != want.sizes() || got.scalar_type() != want.scalar_type()) {
    judge(what, false, 0, want, shape_of(got) + ", expected " + shape_of(want));
    return;
  }
  const Tensor a = got.to(at::kDouble), b = want.to(at::kDouble);
  const bool exact = !at::isFloatingType(got.scalar_type()), same_nan = at::equal(a.isnan(), b.isnan());
  const Tensor differs = exact ? got != want : (a != b) & b.isnan().logical_not();
  const int64_t n_differing = differs.sum().item<int64_t>();
  const Tensor off = at::where(differs, (a - b).abs(), at::zeros_like(a)); // 0 where both are Inf
  const double scale = std::max(1.0, at::where(b.isfinite(), b, at::zeros_like(b)).abs().max().item<double>());
  const double greatest = exact ? (double)n_differing : off.max().item<double>() / scale;
  char said[160];
  snprintf(said, sizeof said, "%lld of %lld differ, by %.2g at most (may be %.2g)%s", (long long)n_differing, (long long)got.numel(), greatest, limit,
           same_nan ? "" : ", NaN at other places");
  judge(what, same_nan && greatest <= limit, greatest, want, said);
}

void Report::end_group(const char *name)
{
  printf("%s: %d comparisons, %d failed; greatest difference", name, compared - compared_before_, failed - failed_before_);
  for (const auto &[dtype, difference] : greatest_)
    printf(" %s %.2g", dtype.c_str(), difference);
  printf("\n");
  for (const std::string &line : times_)
    printf("  %s\n", line.c_str());
  fflush(stdout);
  compared_before_ = compared;
  failed_before_ = failed;
  greatest_.clear();
  times_.clear();
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
  char said[120];
  if (twin) {
    const double twin_us = time_us(twin);
    snprintf(said, sizeof said, ": %.1f us, ATen %.1f us, %.1f times", us, twin_us, twin_us / us);
  } else {
    snprintf(said, sizeof said, ": %.1f us", us);
  }
  times_.push_back(what + said);
}
