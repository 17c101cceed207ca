// Hiera's windows of a side that cover maps, down and across: where a row of a map lies among the rows of windows, and back.
#ifndef VB_CUDA_WINDOWS_CUH
#define VB_CUDA_WINDOWS_CUH

#include <cuda_runtime_api.h>

#include <stdint.h>

namespace vb_cuda {

struct Windows {
  int side, h, w, down, across;
  __host__ __device__ Windows(int side, int h, int w) : side(side), h(h), w(w), down((h + side - 1) / side), across((w + side - 1) / side) {}
  __host__ __device__ int64_t rows() const { return (int64_t)down * across * side * side; } // of one map

  // Dividing 64 bits takes a hundred instructions, and hardly any row needs them.
  __device__ static int64_t divided(int64_t row, int64_t by) { return row <= UINT32_MAX ? (uint32_t)row / (uint32_t)by : row / by; }

  __device__ int64_t of_map_row(int64_t row) const
  {
    const int64_t map = divided(row, h * w);
    const int at = (int)(row - map * (h * w)), y = at / w, x = at - y * w;
    return map * rows() + ((y / side * across + x / side) * side + y % side) * side + x % side;
  }

  // -1: outside of the map
  __device__ int64_t map_row(int64_t row) const
  {
    const int64_t map = divided(row, rows());
    const int at = (int)(row - map * rows()), window = at / (side * side), inner = at % (side * side);
    const int y = window / across * side + inner / side, x = window % across * side + inner % side;
    return y < h && x < w ? map * (h * w) + y * w + x : -1;
  }
};

} // namespace vb_cuda
#endif
