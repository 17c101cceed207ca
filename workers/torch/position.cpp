// Position encodings.
#include "position.hpp"

#include <cmath>

namespace vb {

namespace {

// Positions 1..n over n (a hair more) times 2 pi, by frequency: [n, dim]
Tensor sine_axis(int64_t n, int64_t dim)
{
  const auto f32 = at::TensorOptions(at::kFloat);
  Tensor at_pixel = at::arange(1, n + 1, f32);
  at_pixel = at_pixel / (at_pixel[n - 1] + 1e-6) * (2 * M_PI);
  Tensor i = at::arange(dim, f32);
  Tensor period = at::pow(10000, 2 * i.div(2, "floor") / dim);
  Tensor angle = at_pixel.unsqueeze(1) / period;
  using at::indexing::Slice;
  return at::stack({angle.slice(1, 0, dim, 2).sin(), angle.slice(1, 1, dim, 2).cos()}, 2).flatten(1);
}

} // namespace

Tensor sine_grid(int64_t dim, int64_t h, int64_t w, at::Device device)
{
  Tensor y = sine_axis(h, dim / 2).unsqueeze(1).expand({h, w, dim / 2});
  Tensor x = sine_axis(w, dim / 2).unsqueeze(0).expand({h, w, dim / 2});
  return at::cat({y, x}, 2).flatten(0, 1).to(device);
}

Tensor sine_line(const Tensor &x, int64_t dim)
{
  Tensor i = at::arange(dim / 2, x.options());
  Tensor angle = x.unsqueeze(1) / at::pow(10000, 2 * i.div(2, "floor") / (dim / 2));
  return at::cat({angle.sin(), angle.cos()}, 1);
}

Tensor fourier_features(const Tensor &coords, const Tensor &gaussian)
{
  Tensor angle = 2 * M_PI * at::matmul(2 * coords - 1, gaussian);
  return at::cat({angle.sin(), angle.cos()}, -1);
}

Tensor fourier_grid(const Tensor &gaussian, int64_t h, int64_t w)
{
  const auto f32 = gaussian.options();
  Tensor y = ((at::arange(1, h + 1, f32) - 0.5) / h).unsqueeze(1).expand({h, w});
  Tensor x = ((at::arange(1, w + 1, f32) - 0.5) / w).unsqueeze(0).expand({h, w});
  return fourier_features(at::stack({x, y}, -1), gaussian).view({1, h * w, 2 * gaussian.size(1)});
}

Tensor rotary_table(int64_t dim, int64_t h, int64_t w, at::Device device)
{
  const auto f32 = at::TensorOptions(at::kFloat);
  Tensor exponent = at::arange(0, dim, 4, f32) / dim;
  Tensor frequency = 1.0 / at::pow(10000, exponent); // [dim / 4]
  Tensor cell = at::arange(h * w, f32);
  Tensor x = at::outer(at::remainder(cell, w), frequency), y = at::outer(at::floor(cell / w), frequency);
  return at::cat({at::polar(at::ones_like(x), x), at::polar(at::ones_like(y), y)}, -1).to(device);
}

} // namespace vb
