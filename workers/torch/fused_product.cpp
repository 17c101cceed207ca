// Products by cuBLASLt.
#include "fused_product.hpp"

#include "kernels.hpp"

#ifdef VB_HAVE_CUBLASLT
#include <c10/cuda/CUDAStream.h>
#include <cublasLt.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <tuple>
#endif

namespace vb::fused_product {

Tensor plain(const Tensor &x, const Tensor &weight, const Tensor &bias, Act act, const Tensor &residual)
{
  Tensor y = weight.dim() == 2 ? at::linear(x, weight, bias) : at::baddbmm(bias.unsqueeze(1), x, weight.transpose(1, 2));
  if (residual.defined())
    y = y + residual;
  return act == Act::relu ? at::relu(y) : y;
}

#ifdef VB_HAVE_CUBLASLT

namespace {

constexpr uint64_t most_workspace = 32 << 20;

void check(cublasStatus_t st, const char *what)
{
  if (st != CUBLAS_STATUS_SUCCESS)
    fail(VB_ECUDA, "cuBLASLt: %s: %s; is the driver as new as torch's CUDA?", what, cublasLtGetStatusString(st));
}

cudaDataType_t type_of(ScalarType t) { return t == at::kHalf ? CUDA_R_16F : t == at::kBFloat16 ? CUDA_R_16BF : CUDA_R_32F; }

// What an algorithm depends on. To cuBLASLt, which counts columns first, the output is [out, rows].
struct Sizes {
  int64_t n, rows, in, out, x_row, x_batch;
  bool batched, relu, residual, tf32;
  ScalarType dtype;
  int device;
  uint32_t alignment; // of all pointers, in bytes

  auto key() const { return std::tie(n, rows, in, out, x_row, x_batch, batched, relu, residual, tf32, dtype, device, alignment); }
  bool operator<(const Sizes &other) const { return key() < other.key(); }
};

struct Plan {
  cublasLtMatmulDesc_t product = nullptr;
  cublasLtMatrixLayout_t weight = nullptr, x = nullptr, y = nullptr; // y: the residual, too
  cublasLtMatmulAlgo_t algorithm = {};
  size_t workspace = 0;
  bool found = false;
};

cublasLtMatrixLayout_t layout(const Sizes &s, int64_t rows, int64_t columns, int64_t column, int64_t batch)
{
  cublasLtMatrixLayout_t out = nullptr;
  check(cublasLtMatrixLayoutCreate(&out, type_of(s.dtype), (uint64_t)rows, (uint64_t)columns, column), "layout");
  if (s.batched) {
    const int32_t n = (int32_t)s.n;
    check(cublasLtMatrixLayoutSetAttribute(out, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &n, sizeof n), "batch");
    check(cublasLtMatrixLayoutSetAttribute(out, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &batch, sizeof batch), "batch");
  }
  return out;
}

template <class T> void set(cublasLtMatmulDesc_t d, cublasLtMatmulDescAttributes_t what, const T &value)
{
  check(cublasLtMatmulDescSetAttribute(d, what, &value, sizeof value), "product");
}

Plan plan_of(cublasLtHandle_t handle, const Sizes &s, const void *bias)
{
  Plan p;
  check(cublasLtMatmulDescCreate(&p.product, s.tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F), "product");
  set(p.product, CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
  set(p.product, CUBLASLT_MATMUL_DESC_EPILOGUE, s.relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS);
  set(p.product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  if (s.batched)
    set(p.product, CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE, s.out);
  p.weight = layout(s, s.in, s.out, s.in, s.out * s.in);
  p.x = layout(s, s.in, s.rows, s.x_row, s.x_batch);
  p.y = layout(s, s.out, s.rows, s.out, s.rows * s.out);

  cublasLtMatmulPreference_t preference = nullptr;
  check(cublasLtMatmulPreferenceCreate(&preference), "preference");
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t what, const auto &value) {
    check(cublasLtMatmulPreferenceSetAttribute(preference, what, &value, sizeof value), "preference");
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, most_workspace);
  for (auto pointer : {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                       CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
    prefer(pointer, s.alignment);
  cublasLtMatmulHeuristicResult_t best = {};
  int n = 0;
  const cublasStatus_t st = cublasLtMatmulAlgoGetHeuristic(handle, p.product, p.weight, p.x, p.y, p.y, preference, 1, &best, &n);
  cublasLtMatmulPreferenceDestroy(preference);
  p.found = st == CUBLAS_STATUS_SUCCESS && n > 0 && best.state == CUBLAS_STATUS_SUCCESS;
  p.algorithm = best.algo;
  p.workspace = best.workspaceSize;
  return p;
}

uint32_t alignment_of(std::initializer_list<const void *> pointers)
{
  uintptr_t all = 256; // more is of no use
  for (const void *p : pointers)
    all |= (uintptr_t)p;
  return (uint32_t)(all & (~all + 1));
}

// false: no algorithm. Plans stay until the process ends, as ATen's do.
bool run(const Tensor &y, const Tensor &x, const Tensor &weight, const Tensor &bias, bool relu, const Tensor &residual)
{
  static std::mutex mutex;
  static std::map<int, cublasLtHandle_t> handles;
  static std::map<Sizes, Plan> plans;
  const bool batched = weight.dim() == 3;
  const int device = x.device().index();
  const void *c = residual.defined() ? residual.data_ptr() : y.data_ptr();
  Sizes s = {};
  s.batched = batched;
  s.n = batched ? x.size(0) : 1;
  s.in = x.size(-1);
  s.out = weight.size(-2);
  s.rows = x.numel() / s.in / s.n;
  s.x_row = batched ? x.stride(1) : s.in;
  s.x_batch = batched ? x.stride(0) : 0;
  s.relu = relu;
  s.residual = residual.defined();
  s.dtype = x.scalar_type();
  s.tf32 = s.dtype == at::kFloat && at::globalContext().allowTF32CuBLAS();
  s.device = device;
  s.alignment = alignment_of({x.data_ptr(), weight.data_ptr(), bias.data_ptr(), c, y.data_ptr()});

  const std::lock_guard<std::mutex> lock(mutex); // a plan's pointer to the bias is the call's
  cublasLtHandle_t &handle = handles[device];
  if (!handle)
    check(cublasLtCreate(&handle), "handle");
  auto known = plans.find(s);
  if (known == plans.end())
    known = plans.emplace(s, plan_of(handle, s, bias.data_ptr())).first;
  const Plan &p = known->second;
  if (!p.found)
    return false;
  set(p.product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, (const void *)bias.data_ptr());
  const Tensor workspace = at::empty({(int64_t)std::max<size_t>(p.workspace, 1)}, x.options().dtype(at::kByte));
  const float alpha = 1, beta = residual.defined() ? 1 : 0;
  check(cublasLtMatmul(handle, p.product, &alpha, weight.data_ptr(), p.weight, x.data_ptr(), p.x, &beta, c, p.y, y.data_ptr(), p.y, &p.algorithm,
                       workspace.data_ptr(), p.workspace, c10::cuda::getCurrentCUDAStream(x.device().index()).stream()),
        "product");
  return true;
}

// Rows that may lie apart, each in one piece
bool fits(const Tensor &x, const Tensor &weight, const Tensor &bias, const Tensor &residual)
{
  if (!x.is_cuda() || x.numel() == 0 || x.scalar_type() != weight.scalar_type() || bias.scalar_type() != weight.scalar_type() || !weight.is_contiguous() ||
      !bias.is_contiguous())
    return false;
  if (residual.defined() && (residual.scalar_type() != x.scalar_type() || !residual.is_contiguous()))
    return false;
  return weight.dim() == 2 ? x.is_contiguous() : x.dim() == 3 && x.stride(2) == 1 && x.stride(1) >= x.size(2);
}

} // namespace

#endif

Tensor linear(const Tensor &x, const Tensor &weight, const Tensor &bias, Act act, const Tensor &residual)
{
#ifdef VB_HAVE_CUBLASLT
  if (act != Act::gelu && kernels::usable(x.device()) && fits(x, weight, bias, residual)) {
    std::vector<int64_t> sizes(x.sizes().begin(), x.sizes().end());
    sizes.back() = weight.size(-2);
    const Tensor y = at::empty(sizes, x.options());
    if ((!residual.defined() || residual.sizes() == y.sizes()) && run(y, x, weight, bias, act == Act::relu, residual))
      return y;
  }
#endif
  return plain(x, weight, bias, act, residual);
}

} // namespace vb::fused_product
