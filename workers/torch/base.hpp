// What every file of this folder starts from: ATen, the project's C headers, and the edge to C.
//
// Inside, errors are exceptions: vb::Error carries a vb_status, c10's own exceptions are told apart at the edge.
// guard() is that edge: no exception passes it.
#ifndef VB_TORCH_BASE_HPP
#define VB_TORCH_BASE_HPP

#include "aten.hpp"

#include "model.h"

#include <stdexcept>
#include <string>

namespace vb {

using at::IntArrayRef;
using at::ScalarType;
using at::Tensor;

struct Error : std::runtime_error {
  vb_status code;
  Error(vb_status code, const std::string &what) : std::runtime_error(what), code(code) {}
};

[[noreturn]] void fail(vb_status code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// A vb_status from a C function that filled *err: anything but VB_OK is thrown.
void check(vb_status st, const vb_err &err);

// A c10::Error's text: an allocation failed outside of the caching allocator, which has an exception of its own; the context is none
// the worse.
bool tells_of_device_memory(const char *what);

// The exception being handled, as a status and message.
vb_status report_exception(vb_err *err) noexcept;

template <class F> vb_status guard(vb_err *err, F &&body) noexcept {
  try {
    body();
    return VB_OK;
  } catch (...) {
    return report_exception(err);
  }
}

} // namespace vb
#endif
