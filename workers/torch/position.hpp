// Position encodings: sine of pixel positions, random Fourier features, rotary tables.
// Tables are made once per size and precision; only points are encoded per prompt.
#ifndef VB_TORCH_POSITION_HPP
#define VB_TORCH_POSITION_HPP

#include "base.hpp"

namespace vb {

// Sine encoding of an h x w grid, y half first, sin and cos interleaved: tokens [h * w, dim], float32.
// Source: EdgeTAM@9cc44bf sam2/modeling/position_encoding.py:78-113
Tensor sine_grid(int64_t dim, int64_t h, int64_t w, at::Device device);

// Sine encoding of numbers x [n], all sines before all cosines: [n, dim].
// Source: sam2@2b90b9f sam2/modeling/sam2_utils.py:64-74
Tensor sine_line(const Tensor &x, int64_t dim);

// Random Fourier features of points in [0, 1]^2: coords [..., 2] (x, y), gaussian [2, f] -> [..., 2 f].
// Under autocast the product is cast down, as upstream's. Source: EdgeTAM@9cc44bf position_encoding.py:131-138
Tensor fourier_features(const Tensor &coords, const Tensor &gaussian);
// Of the centres of an h x w grid's cells: [1, h * w, 2 f].
Tensor fourier_grid(const Tensor &gaussian, int64_t h, int64_t w);

// Rotary factors of an h x w grid: complex [h * w, dim / 2], the x part first.
// Source: EdgeTAM@9cc44bf position_encoding.py:170-185
Tensor rotary_table(int64_t dim, int64_t h, int64_t w, at::Device device);

} // namespace vb
#endif
