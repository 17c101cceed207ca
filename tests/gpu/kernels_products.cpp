// Linear layers of our own with what follows them.
#include "kernels_cases.hpp"

#include <cmath>

namespace {

namespace kernels = vb::kernels;

double rounding(at::ScalarType dtype) { return dtype == at::kHalf ? 1e-3 : 8e-3; }

struct Layer {
  Tensor weight, bias;
  explicit Layer(const kernels::Folded &f, at::ScalarType dtype) : weight(f.weight.to(dtype)), bias(f.bias.to(dtype)) {}
  Layer(int64_t in, int64_t out, at::ScalarType dtype) : weight((on_gpu({out, in}, at::kFloat) / std::sqrt((double)in)).to(dtype)), bias(on_gpu({out}, dtype)) {}
  Tensor in_float(const Tensor &x) const { return at::linear(x.to(at::kFloat), weight.to(at::kFloat), bias.to(at::kFloat)).to(x.scalar_type()); }
};

struct Hiera { // a block's map and channels, and the windows of its side
  int64_t side, channels, window;
};

// A layer norm in the product behind it: the sums that the product ahead of it makes, and what is made of them. Rows have a mean, as a trunk's do;
// sums in one part to four, rows that end within a tile, maps and windows of all sides that Hiera has.
// Only on 9.0 they are; there they must be.
bool is_taken(Report &r, const std::string &name, const Tensor &x, const Layer &layer)
{
  const bool taken = kernels::takes_product(x, layer.weight, layer.bias);
  r.compare(name + " is taken on 9.0", at::full({1}, taken == is_hopper() ? 1.0 : 0.0), at::ones({1}), 0);
  return taken;
}

void check_norms(Report &r)
{
  const struct {
    int64_t maps, side, channels, window, out;
  } shapes[] = {{1, 64, 576, 16, 1728}, {2, 64, 576, 0, 2304}, {1, 128, 288, 4, 864}, {1, 33, 144, 0, 576}, {1, 64, 448, 0, 1792}, {3, 32, 384, 8, 1152}, {1, 17, 96, 0, 288}};
  for (at::ScalarType dtype : {at::kHalf, at::kBFloat16})
    for (const auto &s : shapes) {
      const Layer before(64, s.channels, dtype);
      const Tensor map = on_gpu({s.maps, s.side, s.side, s.channels}, dtype) + 0.5, x = on_gpu({s.maps, s.side, s.side, 64}, dtype);
      const Tensor weight = on_gpu({s.out, s.channels}, at::kFloat) / std::sqrt((double)s.channels), bias = on_gpu({s.out}, at::kFloat),
                   scale = 1 + 0.3 * on_gpu({s.channels}, at::kFloat), shift = on_gpu({s.channels}, at::kFloat);
      const Layer layer(kernels::folded(scale, shift, weight, bias), dtype);
      if (!is_taken(r, "norm and linear " + shape_of(map), x, before))
        continue;
      const kernels::Summed sum = kernels::product_onto(map, x, before.weight, before.bias);
      const Tensor rows = sum.out.to(at::kFloat).flatten(0, 2), all = sum.sums.sum(1);
      r.compare("sums of " + shape_of(sum.out), all.select(1, 0) / s.channels, rows.mean(1), 1e-3);
      r.compare("sums of squares of " + shape_of(sum.out), all.select(1, 1) / s.channels, rows.square().mean(1), 1e-3);
      Tensor normed = at::layer_norm(sum.out.to(at::kFloat), {s.channels}, scale, shift, 1e-6);
      if (s.window)
        normed = kernels::plain::norm_into_windows(sum.out, {}, s.window, scale, shift, 1e-6, at::kFloat).out;
      const Tensor want = at::linear(normed, weight, bias);
      const std::string name = "norm and linear " + shape_of(sum.out) + " to " + std::to_string(s.out) + ", windows of " + std::to_string(s.window);
      r.compare(name, kernels::product_of_norm(sum, 1e-6, s.window, layer.weight, layer.bias, false), want.to(dtype), rounding(dtype));
      r.compare("gelu of " + name, kernels::product_of_norm(sum, 1e-6, s.window, layer.weight, layer.bias, true), at::gelu(want).to(dtype), rounding(dtype));
    }
}

} // namespace

void check_products(Report &r)
{
  // rows and channels that fill no tile and no slice, every width of tiles, rings that go round
  const struct {
    int64_t rows, in, out;
  } shapes[] = {{1, 64, 96}, {130, 80, 112}, {257, 144, 128}, {1000, 1040, 144}, {4900, 384, 1152}, {65536, 112, 448}, {4096, 576, 2304}, {4097, 2304, 576}, {1024, 1152, 3456}};
  for (at::ScalarType dtype : {at::kHalf, at::kBFloat16})
    for (const auto &s : shapes) {
      const Layer layer(s.in, s.out, dtype);
      const Tensor x = on_gpu({1, s.rows, s.in}, dtype), y = layer.in_float(x);
      const std::string name = "linear " + shape_of(x) + " to " + std::to_string(s.out);
      if (!is_taken(r, name, x, layer))
        continue;
      r.compare(name, kernels::product(x, layer.weight, layer.bias, false), y, rounding(dtype));
      r.compare("gelu of " + name, kernels::product(x, layer.weight, layer.bias, true), at::gelu(y.to(at::kFloat)).to(dtype), rounding(dtype));
      const Tensor residual = on_gpu({1, s.rows, s.out}, dtype);
      r.compare("sum with " + name, kernels::product_onto(residual, x, layer.weight, layer.bias).out, residual + y, rounding(dtype));
    }
  check_norms(r);
  for (at::ScalarType dtype : {at::kHalf, at::kBFloat16})
    for (const Hiera &s : {Hiera{64, 384, 14}, Hiera{32, 768, 7}, Hiera{256, 96, 8}, Hiera{9, 144, 4}}) {
      const int64_t across = (s.side + s.window - 1) / s.window;
      const Layer layer(s.channels, s.channels, dtype);
      const Tensor map = on_gpu({2, s.side, s.side, s.channels}, dtype), windows = on_gpu({2 * across * across, s.window, s.window, s.channels}, dtype);
      if (!is_taken(r, "sum of map and windows' linear " + shape_of(map), windows, layer))
        continue;
      const Tensor one = at::ones({s.channels}, map.options().dtype(at::kFloat)), none = at::zeros_like(one);
      r.compare("sum of map and windows' linear " + shape_of(map), kernels::product_onto(map, windows, layer.weight, layer.bias).out,
                kernels::plain::add_windows_norm(map, layer.in_float(windows), one, none, 1e-6, dtype).sum, rounding(dtype));
    }
  // queries; a bank's keys with latents ahead of each grid and pointers behind all; three layers joined, of which two turn
  const struct {
    int64_t b, memories, memory, tokens, others, out, columns;
  } turns[] = {{1, 1, 4096, 4096, 0, 256, 256}, {1, 1, 4096, 4096, 0, 768, 512}, {2, 1, 1024, 1024, 0, 768, 512}, {1, 7, 4096, 4096, 64, 256, 256}, {3, 7, 512, 256, 44, 256, 256}, {1, 2, 9, 4, 3, 256, 256}};
  for (at::ScalarType dtype : {at::kHalf, at::kBFloat16})
    for (const auto &s : turns) {
      const int64_t in = s.memories > 1 ? 64 : 256, sequence = s.memories * s.memory + s.others;
      const Layer layer(in, s.out, dtype);
      const Tensor x = on_gpu({s.b, sequence, in}, dtype), table = at::polar(at::ones({s.tokens, 128}, x.options().dtype(at::kFloat)), on_gpu({s.tokens, 128}, at::kFloat));
      const std::string name = "linear, turned " + shape_of(x) + " to " + std::to_string(s.out);
      if (!is_taken(r, name, x, layer))
        continue;
      const auto turn_last = [&](const Tensor &y) {
        for (int64_t b = 0; b < s.b; b++)
          for (int64_t m = 0; m < s.memories; m++)
            for (int64_t c = 0; c < s.columns; c += 256) {
              const Tensor grid = y[b].narrow(0, (m + 1) * s.memory - s.tokens, s.tokens).narrow(1, c, 256);
              kernels::plain::rotate(grid, grid, table);
            }
      };
      const Tensor want = layer.in_float(x);
      turn_last(want);
      const kernels::Turn turn = {table, s.columns, s.memories, s.memory, sequence};
      r.compare(name, kernels::product_turned(turn, x, layer.weight, layer.bias), want, rounding(dtype));
      if (s.b == 1) {
        const Tensor y = at::linear(x, layer.weight, layer.bias);
        const Tensor grid = y.narrow(1, 0, s.memories * s.memory).unflatten(1, {s.memories, s.memory}).slice(2, s.memory - s.tokens).narrow(3, 0, 256);
        r.time(name, [&] { kernels::product_turned(turn, x, layer.weight, layer.bias); },
               [&] { at::linear(x, layer.weight, layer.bias); kernels::rotate(grid, grid, table); });
      }
    }
  // Hiera's layers of all sizes as they are called: joined projections, the layer after attention, the MLP
  for (const Hiera &s : {Hiera{256, 144, 8}, Hiera{128, 288, 4}, Hiera{64, 576, 16}, Hiera{32, 1152, 8}, Hiera{256, 112, 8}, Hiera{128, 224, 4}, Hiera{64, 448, 14},
                         Hiera{32, 896, 7}, Hiera{256, 96, 8}, Hiera{128, 192, 4}, Hiera{64, 384, 14}, Hiera{32, 768, 7}}) {
    const int64_t c = s.channels, across = (s.side + s.window - 1) / s.window;
    const Layer qkv(c, 3 * c, at::kBFloat16), proj(c, c, at::kBFloat16), in(c, 4 * c, at::kBFloat16), out(4 * c, c, at::kBFloat16);
    const Tensor windows = on_gpu({across * across, s.window, s.window, c}, at::kBFloat16), map = on_gpu({1, s.side, s.side, c}, at::kBFloat16),
                 hidden = on_gpu({1, s.side, s.side, 4 * c}, at::kBFloat16), one = at::ones({c}, map.options().dtype(at::kFloat)), none = at::zeros_like(one);
    const auto linear = [](const Tensor &x, const Layer &l) { return at::linear(x, l.weight, l.bias); };
    const auto ours = [](const Tensor &x, const Layer &l, bool gelu = false) { return kernels::product(x, l.weight, l.bias, gelu); };
    if (!kernels::takes_product(windows, qkv.weight, qkv.bias))
      continue;
    const auto time = [&](const char *what, const Tensor &x, const Layer &l, bool with_more, const std::function<void()> &with, const std::function<void()> &without) {
      r.time(what + shape_of(x) + (kernels::product_pays(x, l.weight, l.bias, with_more) ? "" : ", not used"), with, without);
    };
    time("projections ", windows, qkv, false, [&] { ours(windows, qkv); }, [&] { linear(windows, qkv); });
    time("projection ", windows, proj, false, [&] { ours(windows, proj); }, [&] { linear(windows, proj); });
    time("projection, sum and norm ", windows, proj, true,
         [&] { kernels::add_norm(kernels::product_onto(map, windows, proj.weight, proj.bias).out, {}, one, none, 1e-6, at::kBFloat16); },
         [&] { kernels::add_windows_norm(map, linear(windows, proj), one, none, 1e-6, at::kBFloat16); });
    time("layer and gelu ", map, in, true, [&] { ours(map, in, true); }, [&] { kernels::gelu_(linear(map, in)); });
    const kernels::Summed sum = kernels::product_onto(map, map, proj.weight, proj.bias);
    if (kernels::norm_pays(sum, 0, in.weight, in.bias))
      time("norm, layer and gelu ", map, in, true, [&] { kernels::product_of_norm(sum, 1e-6, 0, in.weight, in.bias, true); },
           [&] { ours(kernels::add_norm(map, {}, one, none, 1e-6, at::kBFloat16).out, in, true); });
    if (kernels::norm_pays(sum, s.window, qkv.weight, qkv.bias))
      time("norm and projections of windows ", map, qkv, true, [&] { kernels::product_of_norm(sum, 1e-6, s.window, qkv.weight, qkv.bias, false); },
           [&] { ours(kernels::norm_into_windows(map, {}, s.window, one, none, 1e-6, at::kBFloat16).out, qkv); });
    time("layer back and sum ", hidden, out, true, [&] { kernels::product_onto(map, hidden, out.weight, out.bias); },
         [&] { kernels::add_norm(map, linear(hidden, out), one, none, 1e-6, at::kBFloat16); });
    time("layer back ", hidden, out, false, [&] { ours(hidden, out); }, [&] { linear(hidden, out); });
  }
}
