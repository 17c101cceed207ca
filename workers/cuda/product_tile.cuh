// Tiles of a linear layer (product_cuda.cu): where their rows and columns lie, and a thread's part of one, from its sums on.
#ifndef VB_CUDA_PRODUCT_TILE_CUH
#define VB_CUDA_PRODUCT_TILE_CUH

#include "product_cuda.h"

#include "copies.cuh"
#include "fragments.cuh"
#include "gelu_formula.h"
#include "windows.cuh"

#include <type_traits>

namespace vb_product {

using vb_cuda::operator+;
using vb_cuda::operator*;

constexpr int GROUP = 128, THREADS = 3 * GROUP, ROWS = 128, SLICE = 64, CLUSTER = 2, STEP = 16; // of a tile; channels of a slice, of a product
constexpr int X_BYTES = ROWS * SLICE * 2, MOST_SHARED = 227 * 1024, MOST_STAGES = 8, MOST_OUT = 5120;
constexpr int BESIDE = 1024 + MOST_OUT * 2; // swizzled pieces begin at whole kilobytes; the bias

enum Ending { PLAIN, GELU, ONTO, TURN }; // what follows; a residual, factors or the sums of x's rows are in shared memory by then

template <int COLS> constexpr int stage_bytes = X_BYTES + COLS * SLICE * 2;
template <int COLS, Ending END> constexpr int operand_bytes = END == ONTO ? ROWS * COLS * 2 : END == TURN ? ROWS * COLS * 4 : ROWS * VB_CUDA_PRODUCT_PARTS * 8;
template <int COLS, Ending END> constexpr int room_for = (MOST_SHARED - 1024 - BESIDE - operand_bytes<COLS, END>) / stage_bytes<COLS>;
template <int COLS, Ending END> constexpr int stages = room_for<COLS, END> < MOST_STAGES ? room_for<COLS, END> : MOST_STAGES;
template <int COLS, Ending END> constexpr int shared_bytes = stages<COLS, END> * stage_bytes<COLS> + operand_bytes<COLS, END> + BESIDE;

struct Launch {
  vb_cuda_product p;
  void *y;
  int pairs_down, pairs; // of tiles: of a column of tiles, all
  int across;            // windows of a map that x's rows are taken from; 0: they lie as they are
  int side_bits;         // of these, whose side is a power of two
};

struct Tile { // of the pair that a cluster has, below each other
  int row, col;
  __device__ Tile(const Launch &l, int pair, int rank, int cols) : row((pair % l.pairs_down * CLUSTER + rank) * ROWS), col(pair / l.pairs_down * cols) {}
};

// Where a tile's rows begin in x: the coordinates behind the channel's, of windows a pixel and a line in one, one across, one down
struct Begin {
  int pixel, line = 0, across = 0, down = 0;
  __device__ Begin(const Launch &l, int row) : pixel(row)
  {
    if (l.across) {
      const int window = row >> 2 * l.side_bits;
      pixel = 0;
      line = (row >> l.side_bits) & (l.p.window - 1);
      across = window % l.across;
      down = window / l.across;
    }
  }
  // of x as it lies, that so many rows further on is
  __device__ int64_t row(const Launch &l, int further) const
  {
    if (!l.across)
      return pixel + further;
    const int lines = line + (further >> l.side_bits), last = l.p.window - 1;
    return ((int64_t)down * l.p.window + (lines & last)) * l.p.map_w + (across + (lines >> l.side_bits)) * l.p.window + (further & last);
  }
};

// Four neighbouring columns of a lane, of 16: in row 8 * i of those that the warp holds
template <int HALF> __device__ float4 four_of(const float (&c)[HALF], int sixteen, int i)
{
  return {c[8 * sixteen + 2 * i], c[8 * sixteen + 2 * i + 1], c[8 * sixteen + 4 + 2 * i], c[8 * sixteen + 4 + 2 * i + 1]};
}

template <class T> __device__ float4 rounded(float4 v)
{
  const float2 a = vb_cuda::of_pair<T>(vb_cuda::pair<T>(v.x, v.y)), b = vb_cuda::of_pair<T>(vb_cuda::pair<T>(v.z, v.w));
  return {a.x, a.y, b.x, b.y};
}

// Which factors turn a row of x; -1: none
__device__ inline int turn_of(int row, const vb_cuda_product &p)
{
  const int token = row % p.turn.sequence, at = token % p.turn.memory - (p.turn.memory - p.turn.tokens);
  return token < p.turn.memories * p.turn.memory ? at : -1; // negative: a token ahead of the grid
}

// Pairs of numbers of the four lanes that share rows, added up: both at once, not one behind the other
__device__ inline float2 of_four_lanes(float2 v)
{
#pragma unroll
  for (int apart = 1; apart < 4; apart *= 2) {
    v.x += __shfl_xor_sync(~0u, v.x, apart);
    v.y += __shfl_xor_sync(~0u, v.y, apart);
  }
  return v;
}

// A thread's part of a tile: in two rows, 8 apart, four of every 16 columns. What it needs beside the sums it fetches itself.
template <class T, int COLS, Ending END> class Part {
public:
  __device__ Part(const Launch &l, Tile tile, void *operands)
      : l_(l), p_(l.p), tile_(tile), operands_(operands), lane_((int)threadIdx.x % 4), row_((int)threadIdx.x / 32 * 16 + (int)threadIdx.x % 32 / 4)
  {
    for (int i = 0; i < 2; i++) {
      place_[i] = tile.row + row_ + 8 * i < p_.rows ? tile.row + row_ + 8 * i : -1;
      if (END == ONTO && p_.window && place_[i] >= 0)
        place_[i] = vb_cuda::Windows(p_.window, p_.map_h, p_.map_w).map_row(place_[i]);
      turn_[i] = END == TURN && place_[i] >= 0 ? turn_of((int)place_[i], p_) : -1;
    }
  }

  __device__ void fetch_operands() const
  {
    for (int i = 0; NORMED && i < 2; i++)
      if (has_sums(i))
        vb_cuda::copy_8(vb_cuda::shared_address(sums(i)), p_.norm.sums_dev + (Begin(l_, tile_.row).row(l_, row_ + 8 * i) * p_.norm.parts + lane_) * 2);
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const T *const residual = (const T *)p_.residual_dev + (place_[i] < 0 ? 0 : at(i, 0)); // any will do for a row that is none
#pragma unroll
      for (int s = 0; s < SIXTEENS; s++)
        if (END == ONTO)
          vb_cuda::copy_8(vb_cuda::shared_address(operand(i, s)), residual + s * STEP);
        else if (turns(i, s))
          vb_cuda::copy_16(vb_cuda::shared_address(operand(i, s)), p_.turn.table_dev + turn_[i] * p_.turn.channels + col(s) % p_.turn.channels, true);
    }
  }

  __device__ void finish(const float (&c)[COLS / 2], const T *bias) const
  {
    float scale[2] = {1, 1};
    float2 made[2] = {}; // sums of y's rows
    T *const y[] = {(T *)l_.y + at(0, 0), (T *)l_.y + at(1, 0)};

    vb_cuda::wait_for_copies();
    for (int i = 0; NORMED && p_.norm.sums_dev && i < 2; i++)
      scale[i] = normalizer(i);
#pragma unroll
    for (int s = 0; s < SIXTEENS; s++) {
      const float4 add = vb_cuda::load4(bias + col(s));
#pragma unroll
      for (int i = 0; i < 2; i++) {
        float4 v = four_of(c, s, i) * scale[i] + add;
        if constexpr (END == ONTO) {
          v = rounded<T>(rounded<T>(v) + vb_cuda::load4(operand(i, s)->v));
          made[i].x += vb_cuda::total(v);
          made[i].y += vb_cuda::squares(v);
        } else if constexpr (END == GELU) {
          v = rounded<T>(v);
          v = {vb_gelu(v.x), vb_gelu(v.y), vb_gelu(v.z), vb_gelu(v.w)};
        } else if constexpr (END == TURN) {
          v = rounded<T>(v);
          if (turns(i, s)) {
            const float4 f = *operand(i, s);
            v = {v.x * f.x - v.y * f.y, v.x * f.y + v.y * f.x, v.z * f.z - v.w * f.w, v.z * f.w + v.w * f.z};
          }
        }
        if (place_[i] >= 0)
          *reinterpret_cast<uint2 *>(y[i] + s * STEP) = {vb_cuda::pair<T>(v.x, v.y), vb_cuda::pair<T>(v.z, v.w)};
      }
    }
    for (int i = 0; END == ONTO && p_.sums_dev && i < 2; i++) {
      const float2 all = of_four_lanes(made[i]);
      if (place_[i] >= 0 && lane_ == 0)
        ((float2 *)p_.sums_dev)[place_[i] * (p_.out / COLS) + tile_.col / COLS] = all;
    }
  }

private:
  using Operand = std::conditional_t<END == TURN, float4, vb_cuda::Four<T>>; // of four columns: two complex factors, or the residual
  static constexpr int SIXTEENS = COLS / STEP;
  static constexpr bool NORMED = END == PLAIN || END == GELU; // if the launch says so

  __device__ int col(int sixteen) const { return tile_.col + lane_ * 4 + sixteen * STEP; }
  __device__ int64_t at(int i, int sixteen) const { return place_[i] * p_.out + col(sixteen); }
  __device__ Operand *operand(int i, int sixteen) const { return (Operand *)operands_ + (i * SIXTEENS + sixteen) * 2 * GROUP + threadIdx.x; }
  __device__ float2 *sums(int i) const { return (float2 *)operands_ + i * 2 * GROUP + threadIdx.x; }
  __device__ bool has_sums(int i) const { return p_.norm.sums_dev && place_[i] >= 0 && lane_ < p_.norm.parts; } // a lane, a part
  __device__ bool turns(int i, int sixteen) const { return turn_[i] >= 0 && tile_.col + sixteen * STEP < p_.turn.columns; }

  // 1 / the standard deviation of x's row
  __device__ float normalizer(int i) const
  {
    const float2 all = of_four_lanes(has_sums(i) ? *sums(i) : float2{0, 0});
    const float mean = all.x / (float)p_.in, variance = all.y / (float)p_.in - mean * mean;
    return rsqrtf(fmaxf(variance, 0) + p_.norm.eps);
  }

  const Launch &l_;
  const vb_cuda_product &p_;
  const Tile tile_;
  void *const operands_; // in shared memory
  const int lane_, row_; // of the four that share rows; the first one in the tile
  int64_t place_[2];     // of the rows in y; -1: none
  int turn_[2];          // their rows of factors; negative: none
};

} // namespace vb_product
#endif
