// Kernels inside the network: sums and layer norms, norm and GELU of maps, merged attention, depthwise convolutions.
#include "kernels_cases.hpp"

#include <cuda_runtime_api.h>

#include <cmath>

namespace {

namespace kernels = vb::kernels;

const at::ScalarType dtypes[] = {at::kFloat, at::kHalf, at::kBFloat16};

// Of the greatest value: one step of the dtype there, where float32 sums in another order round to another side.
double rounding(at::ScalarType dtype) { return dtype == at::kFloat ? 1e-5 : dtype == at::kHalf ? 1e-3 : 8e-3; }

Tensor map_on_gpu(int64_t b, int64_t c, int64_t h, int64_t w, at::ScalarType dtype)
{
  return on_gpu({b, h, w, c}, dtype).permute({0, 3, 1, 2});
}

struct Parameters {
  Tensor weight, bias;
  explicit Parameters(int64_t channels) : weight(on_gpu({channels}, at::kFloat)), bias(on_gpu({channels}, at::kFloat)) {}
};

} // namespace

void check_norm(Report &r)
{
  // every width of Hiera and of the attention layers; rows that fill no block; more lanes than rows
  for (int64_t channels : {4, 16, 64, 96, 112, 128, 144, 192, 224, 256, 288, 384, 448, 576, 768, 896, 1152}) {
    const Parameters p(channels);
    for (int64_t rows : {1, 3, 8, 1001})
      for (at::ScalarType x : dtypes)
        for (at::ScalarType out : dtypes) {
          const Tensor a = on_gpu({2, rows, channels}, x) * 3.0 + 1.0; // a mean that does not vanish
          const kernels::Normed got = kernels::add_norm(a, {}, p.weight, p.bias, 1e-6, out), want = kernels::plain::add_norm(a, {}, p.weight, p.bias, 1e-6, out);
          r.compare("norm " + shape_of(a) + " to " + c10::toString(out), got.out, want.out, rounding(out));
        }
  }
  // sums in all pairs of dtypes; b of a's size, and repeated
  const Parameters p(256);
  for (at::ScalarType x : dtypes)
    for (at::ScalarType y : dtypes)
      for (bool repeated : {false, true}) {
        const Tensor a = on_gpu({3, 100, 256}, x), b = repeated ? on_gpu({1, 100, 256}, y) : on_gpu({3, 100, 256}, y);
        const kernels::Normed got = kernels::add_norm(a, b, p.weight, p.bias, 1e-5, at::kHalf), want = kernels::plain::add_norm(a, b, p.weight, p.bias, 1e-5, at::kHalf);
        r.compare("sum " + shape_of(a) + " + " + shape_of(b), got.sum, want.sum, 0);
        r.compare("norm of " + shape_of(a) + " + " + shape_of(b), got.out, want.out, rounding(at::kHalf));
        const Tensor unkept = kernels::add_norm(a, b, p.weight, p.bias, 1e-5, at::kHalf, false).out;
        r.compare("norm of a sum not kept", unkept, got.out, 0);
      }
  // as memory attention and Hiera call it
  const std::pair<int64_t, int64_t> timed[] = {{4096, 256}, {65536, 96}, {65536, 112}, {16384, 192}, {4096, 384}, {1024, 768}, {65536, 144}, {4096, 576}, {1024, 1152}};
  for (const auto &[rows, channels] : timed) {
    const Parameters of(channels);
    const Tensor a = on_gpu({1, rows, channels}, at::kFloat), b = on_gpu({1, rows, channels}, at::kBFloat16);
    r.time("sum and norm " + shape_of(a), [&] { kernels::add_norm(a, b, of.weight, of.bias, 1e-6, at::kBFloat16); },
           [&] { kernels::plain::add_norm(a, b, of.weight, of.bias, 1e-6, at::kBFloat16); });
    r.time("norm " + shape_of(a), [&] { kernels::add_norm(a, {}, of.weight, of.bias, 1e-6, at::kBFloat16); },
           [&] { kernels::plain::add_norm(a, {}, of.weight, of.bias, 1e-6, at::kBFloat16); });
  }
}

void check_windows(Report &r)
{
  // Hiera's windows at 1024 and 512, with and without filling up; maps that are no square
  const struct {
    int64_t b, h, w, c, side;
  } shapes[] = {{1, 256, 256, 96, 8}, {2, 128, 128, 112, 4}, {1, 64, 64, 384, 14}, {1, 32, 32, 768, 7}, {2, 32, 32, 576, 16}, {3, 5, 9, 16, 4}, {1, 3, 3, 8, 7}};
  for (const auto &s : shapes) {
    const Parameters p(s.c);
    for (at::ScalarType x : dtypes) {
      const at::ScalarType half = x == at::kFloat ? at::kHalf : x;
      const std::string name = " in windows of " + std::to_string(s.side);
      const Tensor map = on_gpu({s.b, s.h, s.w, s.c}, x);
      const Tensor windows = kernels::norm_into_windows(map, {}, s.side, p.weight, p.bias, 1e-6, half).out;
      r.compare("norm " + shape_of(map) + name, windows, kernels::plain::norm_into_windows(map, {}, s.side, p.weight, p.bias, 1e-6, half).out, rounding(half));
      // what the block before added: the output of linear layers, or the position embedding, the same for every map
      for (const Tensor &b : {on_gpu({s.b, s.h, s.w, s.c}, half), on_gpu({1, s.h, s.w, s.c}, at::kFloat)}) {
        const kernels::Normed got = kernels::norm_into_windows(map, b, s.side, p.weight, p.bias, 1e-6, half),
                              want = kernels::plain::norm_into_windows(map, b, s.side, p.weight, p.bias, 1e-6, half);
        r.compare("sum " + shape_of(map) + " + " + shape_of(b) + ", then" + name, got.sum, want.sum, 0);
        r.compare("norm of sum " + shape_of(map) + " + " + shape_of(b) + name, got.out, want.out, rounding(half));
      }
      const kernels::Normed got = kernels::add_windows_norm(map, windows, p.weight, p.bias, 1e-6, half),
                            want = kernels::plain::add_windows_norm(map, windows, p.weight, p.bias, 1e-6, half);
      r.compare("sum " + shape_of(map) + name, got.sum, want.sum, 0);
      r.compare("norm of sum " + shape_of(map) + name, got.out, want.out, rounding(half));
    }
    if (s.h < 32)
      continue;
    const Tensor map = on_gpu({1, s.h, s.w, s.c}, at::kFloat), windows = kernels::norm_into_windows(map, {}, s.side, p.weight, p.bias, 1e-6, at::kBFloat16).out;
    const Tensor more = on_gpu({1, s.h, s.w, s.c}, at::kBFloat16);
    r.time("sum and norm into windows " + shape_of(map), [&] { kernels::norm_into_windows(map, more, s.side, p.weight, p.bias, 1e-6, at::kBFloat16); },
           [&] { kernels::plain::norm_into_windows(map, more, s.side, p.weight, p.bias, 1e-6, at::kBFloat16); });
    r.time("windows added, norm " + shape_of(map), [&] { kernels::add_windows_norm(map, windows, p.weight, p.bias, 1e-6, at::kBFloat16); },
           [&] { kernels::plain::add_windows_norm(map, windows, p.weight, p.bias, 1e-6, at::kBFloat16); });
  }
}

void check_norm_gelu(Report &r)
{
  const struct {
    int64_t c, h, w;
  } shapes[] = {{4, 512, 512}, {16, 256, 256}, {64, 128, 128}, {256, 64, 64}, {64, 7, 5}};
  for (const auto &s : shapes) {
    const Parameters p(s.c);
    for (at::ScalarType x : dtypes) {
      const Tensor map = map_on_gpu(2, s.c, s.h, s.w, x), added = map_on_gpu(2, s.c, s.h, s.w, x);
      r.compare("norm, gelu " + shape_of(map), kernels::norm_gelu(map, {}, p.weight, p.bias, 1e-6, x), kernels::plain::norm_gelu(map, {}, p.weight, p.bias, 1e-6, x),
                rounding(x));
      r.compare("sum, norm, gelu " + shape_of(map), kernels::norm_gelu(map, added, p.weight, p.bias, 1e-6, at::kFloat),
                kernels::plain::norm_gelu(map, added, p.weight, p.bias, 1e-6, at::kFloat), rounding(at::kFloat));
      r.compare("sum, gelu " + shape_of(map), kernels::norm_gelu(map, added, {}, {}, 0, x), kernels::plain::norm_gelu(map, added, {}, {}, 0, x), rounding(x));
    }
    const Tensor map = map_on_gpu(1, s.c, s.h, s.w, at::kBFloat16), added = map_on_gpu(1, s.c, s.h, s.w, at::kBFloat16);
    r.time("norm, gelu " + shape_of(map), [&] { kernels::norm_gelu(map, {}, p.weight, p.bias, 1e-6, at::kBFloat16); },
           [&] { kernels::plain::norm_gelu(map, {}, p.weight, p.bias, 1e-6, at::kBFloat16); });
  }
  const Tensor up = map_on_gpu(1, 32, 256, 256, at::kBFloat16), s0 = map_on_gpu(1, 32, 256, 256, at::kBFloat16);
  r.time("sum, gelu " + shape_of(up), [&] { kernels::norm_gelu(up, s0, {}, {}, 0, at::kBFloat16); },
         [&] { kernels::plain::norm_gelu(up, s0, {}, {}, 0, at::kBFloat16); });
}

void check_gelu(Report &r)
{
  for (at::ScalarType dtype : dtypes)
    for (int64_t n : {1, 7, 8, 2049, 4096, 65536, 100003}) {
      Tensor x = on_gpu({n}, dtype) * 3.0;
      if (n == 65536 && dtype != at::kFloat) // every value that there is, NaN and infinities too
        x = at::arange(n, at::TensorOptions(at::kCUDA).dtype(at::kInt)).to(at::kShort).view(dtype);
      const Tensor exact = at::gelu(x.to(at::kDouble)).to(dtype), got = kernels::gelu_(x.clone());
      // in steps of the dtype, where the value is no zero for what follows
      const Tensor near = (got.to(at::kDouble) - exact.to(at::kDouble)).abs() < 1e-15;
      if (dtype == at::kFloat) {
        r.compare("gelu " + shape_of(x), got, exact, rounding(dtype));
      } else {
        const auto bits = [&](const Tensor &t) { return at::where(near | t.isnan(), at::zeros_like(t), t).view(at::kShort).to(at::kFloat) / 65536.0; };
        r.compare("gelu " + shape_of(x), got.masked_fill(exact.isinf(), 0.0), exact.masked_fill(exact.isinf(), 0.0), rounding(dtype));
        r.compare("gelu in steps of 1/65536, " + shape_of(x), bits(got), bits(exact), 1.01 / 65536);
      }
    }
  const std::pair<int64_t, int64_t> timed[] = {{65536, 384}, {65536, 576}, {16384, 1152}, {4096, 1536}, {4096, 2304}, {1024, 3072}, {1024, 4608}, {65536, 96}};
  for (const auto &[rows, channels] : timed) {
    const Tensor x = on_gpu({rows, channels}, at::kBFloat16), y = x.clone(); // falls to 0 and stays, as work the same
    r.time("gelu " + shape_of(x), [&] { kernels::gelu_(y); }, [&] { at::gelu(x); });
  }
}

void check_pool(Report &r)
{
  // queries within rows of queries, keys and values, and maps alone, as Hiera's stages begin; odd sides; every window
  const struct {
    int64_t n, h, w, c, of;
  } shapes[] = {{1024, 8, 8, 192, 3}, {1, 256, 256, 192, 1}, {1024, 4, 4, 384, 3}, {25, 14, 14, 768, 3}, {2, 64, 64, 1152, 1}, {1024, 8, 8, 288, 3}, {3, 5, 7, 8, 2}, {2, 2, 3, 6, 1}, {1, 6, 6, 4, 1}};
  for (const auto &s : shapes)
    for (at::ScalarType dtype : dtypes) {
      const Tensor rows = on_gpu({s.n, s.h, s.w, s.of * s.c}, dtype);
      rows.view({-1})[17] = NAN;
      rows.view({-1})[s.c * s.of].fill_(-INFINITY);
      const Tensor x = rows.slice(3, 0, s.c);
      const std::string name = "max pool of every " + std::to_string(s.of) + ". of " + shape_of(x);
      r.compare(name, kernels::max_pool(x), kernels::plain::max_pool(x), 0);
      if (s.n * s.h > 64 && dtype == at::kBFloat16)
        r.time(name, [&] { kernels::max_pool(x); }, [&] { kernels::plain::max_pool(x); });
    }
}

void check_merge(Report &r)
{
  const int64_t rows = 4096, d = 256;
  for (at::ScalarType dtype : dtypes)
    for (int64_t parts : {1, 2, 5, 8}) {
      const Tensor o = on_gpu({parts, 2, rows, d}, dtype), lse = on_gpu({parts, 2, rows}, at::kFloat) * 30.0;
      r.compare("merge " + shape_of(o), kernels::merge_parts(o, lse), kernels::plain::merge_parts(o, lse), rounding(dtype));
    }
  Tensor o = on_gpu({3, 10, 64}, at::kHalf), lse = on_gpu({3, 10}, at::kFloat);
  o[1].fill_(NAN); // a part without keys
  lse[1].fill_(-INFINITY);
  lse.select(1, 4).fill_(-INFINITY); // a row without
  r.compare("merge without keys", kernels::merge_parts(o, lse), kernels::plain::merge_parts(o, lse), rounding(at::kHalf));
  for (int64_t parts : {2, 4, 8}) {
    const Tensor timed = on_gpu({parts, 1, rows, d}, at::kBFloat16), of = on_gpu({parts, 1, rows}, at::kFloat);
    r.time("merge " + shape_of(timed), [&] { kernels::merge_parts(timed, of); }, [&] { kernels::plain::merge_parts(timed, of); });
  }
}

void check_depthwise(Report &r)
{
  const struct {
    int64_t b, c, h, w, kernel, stride;
  } shapes[] = {{1, 48, 256, 256, 3, 1}, {1, 96, 128, 128, 3, 1}, {1, 192, 64, 64, 3, 1}, {1, 384, 32, 32, 3, 1}, {1, 48, 256, 256, 3, 2}, {1, 96, 128, 128, 3, 2},
                {1, 192, 64, 64, 3, 2},  {1, 256, 64, 64, 7, 1},  {16, 256, 64, 64, 7, 1}, {2, 256, 32, 32, 7, 1}, {3, 4, 5, 3, 3, 1},     {2, 8, 7, 9, 3, 2},
                {1, 12, 1, 1, 7, 1},     {1, 8, 13, 2, 7, 1},     {8, 48, 256, 256, 3, 1}, {8, 96, 128, 128, 3, 1}, {8, 192, 64, 64, 3, 1}, {3, 32, 97, 101, 3, 1}};
  for (const auto &s : shapes)
    for (at::ScalarType dtype : dtypes) {
      const Tensor x = map_on_gpu(s.b, s.c, s.h, s.w, dtype);
      const Tensor weight = (on_gpu({s.c, 1, s.kernel, s.kernel}, at::kFloat) / (double)s.kernel).to(dtype), bias = on_gpu({s.c}, dtype);
      const kernels::Depthwise convolve(weight, bias, s.stride);
      const std::string name = "depthwise " + std::to_string(s.kernel) + "x" + std::to_string(s.kernel) + " stride " + std::to_string(s.stride) + " " + shape_of(x);
      const Tensor exact = x.to(at::kFloat);
      r.compare(name, convolve(x), convolve.plain(exact).to(dtype), rounding(dtype));
      if (s.stride == 1)
        r.compare(name + " + x", convolve(x, x), convolve.plain(exact, exact).to(dtype), rounding(dtype));
      if (s.h >= 32 && dtype != at::kHalf) {
        const Tensor residual = s.stride == 1 ? x : Tensor();
        r.time(name, [&] { convolve(x, residual); }, [&] { convolve.plain(x, residual); });
      }
    }
}

void check_excite(Report &r)
{
  const struct {
    int64_t b, c, reduced, h, w;
  } shapes[] = {{1, 48, 16, 256, 256}, {1, 96, 24, 128, 128}, {1, 192, 48, 64, 64}, {4, 384, 96, 32, 32}, {2, 8, 8, 3, 5}, {1, 1024, 256, 9, 8}, {3, 20, 4, 1, 1}, {16, 48, 16, 64, 64}, {2, 192, 48, 61, 67}};
  for (const auto &s : shapes)
    for (at::ScalarType dtype : dtypes) {
      const Tensor x = map_on_gpu(s.b, s.c, s.h, s.w, dtype) + on_gpu({1, s.c, 1, 1}, dtype); // means that do not vanish
      const Tensor down = on_gpu({s.reduced, s.c, 1, 1}, dtype) / std::sqrt((double)s.c), up = on_gpu({s.c, s.reduced, 1, 1}, dtype) / std::sqrt((double)s.reduced);
      const kernels::SqueezeExcite excite(down, on_gpu({s.reduced}, dtype), up, on_gpu({s.c}, dtype));
      const std::string name = "squeeze and excitation " + shape_of(x);
      r.compare(name, excite(x), excite.plain(x.to(at::kFloat)).to(dtype), rounding(dtype));
      if (s.h >= 32 && dtype != at::kHalf)
        r.time(name, [&] { excite(x); }, [&] { excite.plain(x); });
    }
}

void check_mask_map(Report &r)
{
  // every step, at 1024, at 512 in a batch, and where tiles and pairs of pixels do not come out even
  const struct {
    int64_t b, side;
  } shapes[] = {{1, 1024}, {3, 512}, {2, 56}};
  for (const auto &s : shapes)
    for (at::ScalarType dtype : dtypes) {
      const Tensor low = on_gpu({s.b, 1, s.side / 4, s.side / 4}, at::kFloat) * 4.0;
      Tensor x;
      int64_t in = 1;
      for (int64_t out : {4, 16, 64}) {
        const Parameters norm(out);
        const Tensor weight = on_gpu({out, in, 3, 3}, dtype) / std::sqrt(9.0 * (double)in), bias = on_gpu({out}, dtype);
        const kernels::MaskMap map(weight, bias, norm.weight, norm.bias, 1e-6), exact(weight.to(at::kFloat), bias.to(at::kFloat), norm.weight, norm.bias, 1e-6);
        const std::string name = "mask map " + std::to_string(out) + " " + shape_of(low) + " to " + c10::toString(dtype);
        if (in == 1) {
          // the scaled mask is rounded ahead of the convolution
          for (bool binary : {false, true}) {
            const Tensor high = at::upsample_bilinear2d(low, {s.side, s.side}, false), mask = ((binary ? (high > 0).to(at::kFloat) : high.sigmoid()) * 20.0 - 10.0).to(dtype);
            x = map.from_logits(low, s.side, binary);
            // a pixel within rounding of 0 may fall to either side
            const Tensor want = exact.plain(mask.to(at::kFloat)).to(dtype), close = at::isclose(x.to(at::kFloat), want.to(at::kFloat), rounding(dtype), 10 * rounding(dtype));
            r.compare(name + (binary ? ", signs" : ", sigmoid"), close.to(at::kFloat).mean().view({1}).ge(0.999).to(at::kFloat), at::ones({1}, low.options()), 0);
          }
          r.time(name, [&] { map.from_logits(low, s.side, false); }, [&] { map.plain_from_logits(low, s.side, false); });
        } else {
          r.compare(name, map(x), exact.plain(x.to(at::kFloat)).to(dtype), rounding(dtype));
          r.time(name, [&] { map(x); }, [&] { map.plain(x); });
          x = map(x);
        }
        in = out;
      }
    }
}

void check_recall(Report &r)
{
  const struct {
    int64_t objects, m;
    std::vector<int> ages;
    int64_t pointers;
  } shapes[] = {{1, 4096, {6, 5, 4, 3, 2, 1, 0}, 16}, {16, 512, {6, 5, 4, 3, 2, 1, 0}, 16}, {3, 9, {6}, 0}, {2, 7, {6, 0}, 1}};
  const auto whole = at::TensorOptions(at::kLong).device(at::kCUDA);
  for (const auto &s : shapes)
    for (at::ScalarType stored : dtypes)
      for (at::ScalarType out : dtypes)
        for (bool aged : {false, true}) {
          const int64_t k = (int64_t)s.ages.size();
          kernels::Stored bank = {on_gpu({7 * s.objects, s.m, 64}, stored), on_gpu({16 * s.objects, 256}, at::kFloat), at::randint(7 * s.objects, {s.objects * k}, whole),
                                  at::randint(16 * s.objects, {s.objects * s.pointers}, whole), s.ages, on_gpu({7, s.m, 64}, at::kFloat), {}};
          if (aged)
            bank.pointer_places = on_gpu({s.objects * s.pointers, 64}, at::kFloat);
          const kernels::Recalled got = kernels::recall(bank, s.objects, out), want = kernels::plain::recall(bank, s.objects, out);
          const std::string name = "recall " + shape_of(got.memory) + " of " + c10::toString(stored);
          r.compare(name, got.memory, want.memory, 0);
          r.compare(name + ", keys", got.keys, want.keys, 0);
          if (aged && k == 7 && stored == at::kBFloat16 && out == at::kBFloat16)
            r.time(name, [&] { kernels::recall(bank, s.objects, out); }, [&] { kernels::plain::recall(bank, s.objects, out); });
        }
}

void check_mlp(Report &r)
{
  // RepViT's first two stages, and rows that fill neither a block nor a warp
  const struct {
    int64_t n, side, channels;
  } shapes[] = {{1, 256, 48}, {8, 256, 48}, {1, 128, 96}, {8, 128, 96}, {1, 1, 48}, {3, 5, 96}, {1, 37, 48}};
  for (const auto &s : shapes)
    for (at::ScalarType dtype : {at::kHalf, at::kBFloat16}) {
      const auto some = [&](at::IntArrayRef sizes, double scale) { return on_gpu(sizes, at::kFloat).mul(scale).to(dtype); };
      const Tensor in = some({2 * s.channels, s.channels}, 0.2), in_bias = some({2 * s.channels}, 0.5), out = some({s.channels, 2 * s.channels}, 0.2),
                   out_bias = some({s.channels}, 1), x = on_gpu({s.n, s.side, s.side, s.channels}, dtype).permute({0, 3, 1, 2});
      const kernels::PixelMlp mlp(in, in_bias, out, out_bias);
      const std::string name = "MLP " + shape_of(x);
      r.compare(name + " is taken", at::full({1}, kernels::PixelMlp::takes(s.channels, dtype) ? 1.0 : 0.0), at::ones({1}), 0);
      r.compare(name, mlp(x), mlp.plain(x), rounding(dtype));
      if (s.side >= 128)
        r.time(name, [&] { mlp(x); }, [&] { mlp.plain(x); });
    }
}

void check_window_attention(Report &r)
{
  // Hiera's windows at 1024 and 512, where queries are pooled, and lengths that fill neither a warp nor a chunk; q, k and v
  // as they lie in one product
  const struct {
    int64_t n, heads, queries, keys, d;
  } shapes[] = {{1024, 1, 64, 64, 96}, {1024, 2, 16, 16, 96}, {25, 4, 196, 196, 96}, {25, 8, 49, 49, 96}, {1024, 2, 64, 64, 56}, {25, 8, 196, 196, 56}, {1024, 2, 64, 64, 72},
                {16, 8, 256, 256, 72}, {16, 16, 64, 64, 72}, {1024, 2, 16, 64, 96}, {1024, 4, 4, 16, 72}, {3, 2, 17, 33, 56}, {1, 1, 1, 1, 96}, {5, 3, 250, 256, 72}, {1, 8, 196, 196, 72},
                {1, 4, 256, 256, 96}, {1, 8, 256, 256, 56}};
  for (const auto &s : shapes)
    for (at::ScalarType dtype : {at::kHalf, at::kBFloat16}) {
      const std::vector<Tensor> parts = on_gpu({s.n, s.keys, 3, s.heads, s.d}, dtype).unbind(2);
      const Tensor q = (s.queries == s.keys ? parts[0] : on_gpu({s.n, s.queries, s.heads, s.d}, dtype)).transpose(1, 2), k = parts[1].transpose(1, 2), v = parts[2].transpose(1, 2);
      const std::string name = "windows " + shape_of(q) + ", " + std::to_string(s.keys) + " keys";
      const auto exact = [](const Tensor &a, const Tensor &b, const Tensor &c) {
        return std::get<0>(at::_scaled_dot_product_attention_math(a.to(at::kFloat), b.to(at::kFloat), c.to(at::kFloat)));
      };
      if (!kernels::takes_windows(q, k, v) && s.keys > 224 && s.d == 96 && !is_hopper())
        continue; // GPUs of 8.6, 8.9 and 12.0 lack the shared memory
      r.compare(name + " are taken", at::full({1}, kernels::takes_windows(q, k, v) ? 1.0 : 0.0), at::ones({1}), 0);
      r.compare(name, kernels::window_attention(q, k, v), exact(q, k, v).to(dtype), rounding(dtype));
      const Tensor strange = k.clone();
      strange[0][0][0][0] = NAN; // all of that head's queries see it, no other head's
      const Tensor seen = kernels::window_attention(q, strange, v);
      r.compare(name + ", NaN", seen.isnan().to(at::kFloat), exact(q, strange, v).isnan().to(at::kFloat), 0);
      if (s.n >= 16)
        r.time(name, [&] { kernels::window_attention(q, k, v); }, [&] { at::_scaled_dot_product_flash_attention(q, k, v); });
    }
}

void check_cross_attention(Report &r)
{
  // a full bank of SAM 2 and of EdgeTAM at 1024, several objects, lengths that fill neither a block nor a tile; keys from
  // within longer rows
  const struct {
    int64_t objects, queries, keys, parts;
  } shapes[] = {{1, 4096, 28736, 4}, {1, 4096, 3648, 4}, {16, 4096, 3648, 1}, {3, 1024, 7232, 8}, {2, 100, 130, 1}, {1, 1, 128, 1}, {1, 129, 1025, 3}};
  for (const auto &s : shapes)
    for (at::ScalarType dtype : {at::kHalf, at::kBFloat16}) {
      const Tensor q = on_gpu({s.objects, 1, s.queries, 256}, dtype), k = on_gpu({s.objects, s.keys, 320}, dtype).slice(2, 64).unsqueeze(1),
                   v = on_gpu({s.objects, 1, s.keys, 64}, dtype);
      const std::string name = "bank " + shape_of(q) + ", " + std::to_string(s.keys) + " keys in " + std::to_string(s.parts) + " parts";
      if (!kernels::takes_cross(q, k, v, s.parts)) {
        r.compare(name + " are taken on 9.0", at::full({1}, is_hopper() ? 0.0 : 1.0), at::ones({1}), 0);
        continue;
      }
      Tensor want = at::empty({s.objects, 1, s.queries, 64}, q.options());
      const auto exact = [&](int64_t object, const Tensor &b) {
        const auto one = [&](const Tensor &t) { return t.narrow(0, object, 1).to(at::kFloat); };
        return std::get<0>(at::_scaled_dot_product_attention_math(one(q), one(b), one(v)));
      };
      for (int64_t i = 0; i < s.objects; i++)
        want.narrow(0, i, 1).copy_(exact(i, k));
      r.compare(name, kernels::cross_attention(q, k, v, s.parts), want, rounding(dtype));
      Tensor strange = k.clone();
      strange[0][0][s.keys - 1][0] = NAN; // all of that object's queries see it, no other object's
      const Tensor seen = kernels::cross_attention(q, strange, v, s.parts).isnan().to(at::kFloat);
      r.compare(name + ", NaN", seen.flatten(1).amin(1), at::arange(s.objects, seen.options()).eq(0).to(at::kFloat), 0);
      r.compare(name + ", NaN alone", seen.flatten(1).amax(1), at::arange(s.objects, seen.options()).eq(0).to(at::kFloat), 0);
      if (s.queries == 4096)
        r.time(name, [&] { kernels::cross_attention(q, k, v, s.parts); }, [&] { at::_scaled_dot_product_cudnn_attention(q, k, v, {}, false); });
    }
}
