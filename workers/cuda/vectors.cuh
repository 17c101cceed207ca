// Four neighbouring values of a row as float32, whatever they are stored in, and the launch of a kernel template by dtype.
// Values are rounded to the nearest, as ATen's casts are.
#ifndef VB_CUDA_VECTORS_CUH
#define VB_CUDA_VECTORS_CUH

#include "types.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>

namespace vb_cuda {

__device__ inline float to_float(float v) { return v; }
__device__ inline float to_float(__half v) { return __half2float(v); }
__device__ inline float to_float(__nv_bfloat16 v) { return __bfloat162float(v); }

__device__ inline void put(float &to, float v) { to = v; }
__device__ inline void put(__half &to, float v) { to = __float2half_rn(v); }
__device__ inline void put(__nv_bfloat16 &to, float v) { to = __float2bfloat16_rn(v); }

template <class T> struct alignas(4 * sizeof(T)) Four {
  T v[4];
};

template <class T> __device__ float4 load4(const T *p)
{
  const Four<T> raw = *reinterpret_cast<const Four<T> *>(p);
  return {to_float(raw.v[0]), to_float(raw.v[1]), to_float(raw.v[2]), to_float(raw.v[3])};
}

template <class T> __device__ void store4(T *p, float4 v)
{
  Four<T> raw;
  put(raw.v[0], v.x);
  put(raw.v[1], v.y);
  put(raw.v[2], v.z);
  put(raw.v[3], v.w);
  *reinterpret_cast<Four<T> *>(p) = raw;
}

__device__ inline float4 operator+(float4 a, float4 b) { return {a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w}; }
__device__ inline float4 operator*(float4 a, float b) { return {a.x * b, a.y * b, a.z * b, a.w * b}; }
__device__ inline float total(float4 v) { return (v.x + v.y) + (v.z + v.w); }
__device__ inline float squares(float4 v) { return (v.x * v.x + v.y * v.y) + (v.z * v.z + v.w * v.w); }

// The sum over so many neighbouring lanes, a power of two, in each of them
template <class V> __device__ V over_lanes(V v, int lanes)
{
  for (int o = lanes / 2; o > 0; o /= 2)
    v += __shfl_xor_sync(~0u, v, o);
  return v;
}

// 16 bytes of neighbouring values, the most that a thread moves at once.
template <class T> struct alignas(16) Wide {
  static constexpr int N = 16 / sizeof(T);
  T v[N];
};

template <class T> __device__ Wide<T> load_wide(const T *p) { return *reinterpret_cast<const Wide<T> *>(p); }
template <class T> __device__ void store_wide(T *p, const Wide<T> &v) { *reinterpret_cast<Wide<T> *>(p) = v; }

// f(p as a T *) with T of the dtype, within a kernel; what is no half precision lies in float32
template <class F> __device__ void by_dtype(vb_dtype dtype, void *p, F &&f)
{
  if (dtype == VB_FLOAT16)
    f((__half *)p);
  else if (dtype == VB_BFLOAT16)
    f((__nv_bfloat16 *)p);
  else
    f((float *)p);
}

// Exact in float32
__device__ inline float gelu(float x) { return x * 0.5f * (1.0f + erff(x * 0.70710678118654752440f)); }

// launch(T *) with T of the dtype; false: there is no such dtype in memory (tf32 lies in float32)
template <class F> bool by_dtype(vb_dtype dtype, F &&launch)
{
  switch (dtype) {
  case VB_FLOAT32:
  case VB_TF32: launch((float *)nullptr); return true;
  case VB_FLOAT16: launch((__half *)nullptr); return true;
  case VB_BFLOAT16: launch((__nv_bfloat16 *)nullptr); return true;
  default: return false;
  }
}

// On GPUs from 9.0 on a kernel's blocks may come while those of the one before end (programmatic dependent launch): a launch
// takes as long as many of these kernels. So each begins with this, before it reads or writes memory of the device (but for weights, which no
// kernel just ahead writes: product_cuda.cu). None lets
// the next one come earlier, which would take room from kernels of other lanes: EdgeTAM went from 590 to 651 frames a second so, to 625
// with (H100).
__device__ inline void await_kernel_before()
{
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// Of the current device; 0 where it does not tell
inline int attribute(cudaDeviceAttr which)
{
  int device = 0, value = 0;
  return cudaGetDevice(&device) == cudaSuccess && cudaDeviceGetAttribute(&value, which, device) == cudaSuccess ? value : 0;
}

inline int multiprocessors()
{
  static const int n = attribute(cudaDevAttrMultiProcessorCount); // a process has one device
  return n > 0 ? n : 1;
}

inline bool launches_ahead()
{
#ifdef VB_CUDA_AHEAD // all code that such a GPU can load waits
  static const bool can = [] {
    int driver = 0;
    return attribute(cudaDevAttrComputeCapabilityMajor) >= 9 && cudaDriverGetVersion(&driver) == cudaSuccess && driver >= 12030 /* in graphs too */;
  }();
  return can;
#else
  return false;
#endif
}

// Queues a kernel that begins with await_kernel_before(). What fails launched() tells.
template <class... Params, class... Args>
void queue_kernel(void (*kernel)(Params...), dim3 blocks, unsigned threads, size_t shared, void *stream, Args &&...args)
{
#if CUDART_VERSION >= 12030
  cudaLaunchAttribute ahead = {};
  ahead.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  ahead.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = blocks;
  config.blockDim = threads;
  config.dynamicSmemBytes = shared;
  config.stream = (cudaStream_t)stream;
  config.attrs = &ahead;
  config.numAttrs = launches_ahead();
  (void)cudaLaunchKernelEx(&config, kernel, static_cast<Params>(args)...);
#else
  kernel<<<blocks, threads, shared, (cudaStream_t)stream>>>(args...);
#endif
}

inline bool aligned(const void *p, size_t bytes) { return (uintptr_t)p % bytes == 0; }
inline size_t size_of(vb_dtype dtype) { return dtype == VB_FLOAT32 || dtype == VB_TF32 ? 4 : 2; }

// Whether values can be loaded by fours; so can none at all.
inline bool comes_in_fours(const void *dev, vb_dtype dtype)
{
  return !dev || ((dtype == VB_FLOAT32 || dtype == VB_TF32 || dtype == VB_FLOAT16 || dtype == VB_BFLOAT16) && aligned(dev, 4 * size_of(dtype)));
}

inline vb_status launched(const char *what, vb_err *err)
{
  const cudaError_t e = cudaGetLastError();
  return e == cudaSuccess ? VB_OK : vb_fail(err, VB_ECUDA, "%s on the device: %s", what, cudaGetErrorString(e));
}

} // namespace vb_cuda
#endif
