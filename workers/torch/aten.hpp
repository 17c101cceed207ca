// libtorch as one precompiled header, and what differs between its versions (2.3 to 2.15).
#ifndef VB_TORCH_ATEN_HPP
#define VB_TORCH_ATEN_HPP

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/version.h>

#include <optional>
#include <string>
#include <vector>

#define VB_TORCH_AT_LEAST(major, minor) \
  (TORCH_VERSION_MAJOR > (major) || (TORCH_VERSION_MAJOR == (major) && TORCH_VERSION_MINOR >= (minor)))

#endif
