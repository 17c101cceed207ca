// The edge between C++ exceptions and vb_err.
#include "base.hpp"

#include <c10/util/Exception.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <new>

namespace vb {

void fail(vb_status code, const char *fmt, ...)
{
  char text[sizeof(vb_err::msg)];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof(text), fmt, ap);
  va_end(ap);
  throw Error(code, text);
}

void check(vb_status st, const vb_err &err)
{
  if (st != VB_OK)
    throw Error(st, err.msg);
}

// On a Jetson the driver says NvMap..., and the caching allocator, which asks NVML for the reason, stumbles over having none.
bool tells_of_device_memory(const char *what)
{
  for (const char *sign : {"CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED",
                           "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED", "CUSOLVER_STATUS_ALLOC_FAILED", "NvMapMem", "NVML_SUCCESS == r"})
    if (strstr(what, sign))
      return true;
  return false;
}

vb_status report_exception(vb_err *err) noexcept
{
  try {
    throw;
  } catch (const Error &e) {
    return vb_fail(err, e.code, "%s", e.what());
  } catch (const std::bad_alloc &) {
    return vb_fail(err, VB_ENOMEM, "host memory: smaller images, fewer objects or fewer workers per host need less");
  } catch (const c10::OutOfMemoryError &e) {
    return vb_fail(err, VB_ENOMEM, "CUDA device memory: %.400s", e.what_without_backtrace());
  } catch (const c10::Error &e) {
    const char *what = e.what_without_backtrace();
    if (tells_of_device_memory(what))
      return vb_fail(err, VB_ENOMEM, "CUDA device memory: %.440s", what);
    // CUDAError has a class of its own only where the CUDA headers are; its text begins like this in every version.
    if (strstr(what, "CUDA error") || strstr(what, "CUDNN_STATUS") || strstr(what, "CUBLAS_STATUS"))
      return vb_fail(err, VB_ECUDA, "%.480s", what);
    // The CPU allocator reports exhaustion as a plain error.
    if (strstr(what, "DefaultCPUAllocator"))
      return vb_fail(err, VB_ENOMEM, "host memory: %.440s", what);
    return vb_fail(err, VB_EMODEL, "libtorch: %.480s", what);
  } catch (const std::exception &e) {
    return vb_fail(err, VB_EMODEL, "%s", e.what());
  } catch (...) {
    return vb_fail(err, VB_EMODEL, "unknown exception");
  }
}

} // namespace vb
