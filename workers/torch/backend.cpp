// What this build and the device are: strings for provenance. See model.h.
#include "base.hpp"

#include "board.h"

#include <cstdio>
#include <cstring>

#ifdef VB_HAVE_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <cuda_runtime_api.h>
#endif
#ifdef VB_HAVE_HOLES_CUDA
#include "holes_cuda.h"
#endif

#include <fstream>

namespace vb {

namespace {

template <size_t n> void put(char (&to)[n], const std::string &s) { snprintf(to, n, "%s", s.c_str()); }

#ifdef VB_HAVE_CUDA
// "sm_80 sm_90": what libtorch's kernels were compiled for, out of its own description of its build
std::string architectures()
{
  std::string out;
  const std::string config = at::show_config();
  for (size_t at = 0; (at = config.find("code=", at)) != std::string::npos;) {
    at += 5;
    const std::string one = config.substr(at, config.find_first_of(";,\n]", at) - at);
    if ((" " + out + " ").find(" " + one + " ") == std::string::npos)
      out += (out.empty() ? "" : " ") + one;
  }
  return out;
}

void describe_cuda(vb_backend_info *out, vb_device device)
{
  int runtime = 0, driver = 0;
  if (cudaRuntimeGetVersion(&runtime) == cudaSuccess)
    snprintf(out->cuda, sizeof(out->cuda), "%d.%d", runtime / 1000, runtime % 1000 / 10);
  if (cudaDriverGetVersion(&driver) == cudaSuccess && driver)
    snprintf(out->driver, sizeof(out->driver), "CUDA %d.%d", driver / 1000, driver % 1000 / 10);
  // the kernel driver's own number, where it tells
  std::ifstream version("/sys/module/nvidia/version");
  std::string number;
  if (std::getline(version, number) && !number.empty())
    put(out->driver, number);
  out->n_devices = c10::cuda::device_count();
  if (device.kind != VB_DEVICE_CUDA || device.index < 0 || device.index >= out->n_devices)
    return;
  cudaDeviceProp p;
  if (cudaGetDeviceProperties(&p, device.index) != cudaSuccess)
    return;
  vb_board_gpu_name(out->device, sizeof(out->device), vb_board_root(), p.name);
  if (cudaDeviceGetPCIBusId(out->pci, sizeof(out->pci), device.index) != cudaSuccess)
    out->pci[0] = '\0';
  snprintf(out->capability, sizeof(out->capability), "%d.%d", p.major, p.minor);
  out->device_memory_bytes = (int64_t)p.totalGlobalMem;
}
#endif

} // namespace
} // namespace vb

extern "C" void vb_backend_describe(vb_backend_info *out, vb_device device)
{
  memset(out, 0, sizeof(*out));
  vb_err ignored;
  (void)vb::guard(&ignored, [&] {
    vb::put(out->torch, TORCH_VERSION);
    if (device.kind == VB_DEVICE_CPU) {
      vb_board_cpu_name(out->device, sizeof(out->device), vb_board_root());
      vb::put(out->capability, at::get_cpu_capability());
    }
#ifdef VB_HAVE_CUDA
    vb::describe_cuda(out, device);
    vb::put(out->arch_list, vb::architectures());
#endif
  });
}

extern "C" int64_t vb_backend_held_bytes(vb_device device)
{
  int64_t bytes = -1;
#ifdef VB_HAVE_CUDA
  vb_err ignored;
  (void)vb::guard(&ignored, [&] {
    namespace alloc = c10::cuda::CUDACachingAllocator;
    if (device.kind == VB_DEVICE_CUDA) // before the first model nothing has started it
      bytes = alloc::get()->initialized() ? alloc::getDeviceStats((c10::DeviceIndex)device.index).reserved_bytes[0].current : 0;
  });
#else
  (void)device;
#endif
  return bytes;
}

extern "C" int64_t vb_backend_free_bytes(vb_device device)
{
  int64_t bytes = -1;
#ifdef VB_HAVE_CUDA
  vb_err ignored;
  (void)vb::guard(&ignored, [&] {
    if (device.kind != VB_DEVICE_CUDA)
      return;
    const c10::cuda::CUDAGuard on((c10::DeviceIndex)device.index);
    size_t free = 0, total = 0;
    const int64_t held = vb_backend_held_bytes(device);
    if (cudaMemGetInfo(&free, &total) == cudaSuccess)
      bytes = (int64_t)free + (held > 0 ? held : 0);
  });
#else
  (void)device;
#endif
  return bytes;
}

extern "C" const char *vb_backend_hole_filling(vb_device device, vb_err *why)
{
  if (device.kind == VB_DEVICE_CPU) {
    vb_fail(why, VB_EARG, "the device is a CPU");
    return "cpu";
  }
#ifdef VB_HAVE_HOLES_CUDA
  vb_status st = VB_ECUDA;
  vb_err thrown;
  const vb_status ran = vb::guard(&thrown, [&] {
    const c10::cuda::CUDAGuard on((c10::DeviceIndex)device.index);
    st = vb_cuda_holes_check(why);
  });
  if (ran)
    vb_fail(why, ran, "%s", thrown.msg);
  return ran || st ? "cpu" : "cuda";
#else
  vb_fail(why, VB_EARG, "this build has no CUDA kernels of its own: build it where nvcc of CUDA's version in torch is found (CUDA_HOME)");
  return "cpu";
#endif
}
