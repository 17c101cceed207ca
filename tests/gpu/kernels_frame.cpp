// Kernels at both ends of a frame: preprocessing and mask bits; and the rotary encoding.
#include "kernels_cases.hpp"

#include "torch/position.hpp"

#include <cmath>

namespace {

using vb::kernels::Preprocess;

const at::Device gpu(at::kCUDA, 0);

Tensor words_for(int64_t n, int64_t h, int64_t w, int64_t more = 0)
{
  return at::full({n, h, (w + 63) / 64 + more}, -1, at::TensorOptions(at::kLong).device(gpu)); // every bit must be written
}

// Logits as a network makes them: smooth, many near 0
Tensor smooth_logits(int64_t n, int64_t h, int64_t w)
{
  return at::upsample_bilinear2d(on_gpu({n, 1, h / 8 + 1, w / 8 + 1}, at::kFloat), {h, w}, false).squeeze(1) * 4.0;
}

void compare_masks(Report &r, const std::string &what, const Tensor &low, int64_t h, int64_t w, bool no_overlap, int64_t more = 0)
{
  const Tensor words = words_for(low.size(0), h, w, more), want = words_for(low.size(0), h, w, more);
  const auto counts = at::TensorOptions(at::kLong).device(gpu);
  const Tensor bad = at::full({low.size(0)}, -1, counts), want_bad = at::full({low.size(0)}, -1, counts);
  vb::kernels::mask_bits(words, bad, low, w, no_overlap);
  vb::kernels::plain::mask_bits(want, want_bad, low, w, no_overlap);
  const std::string name = what + " " + shape_of(low) + " to " + std::to_string(w) + "x" + std::to_string(h) + (no_overlap ? ", no overlap" : "");
  r.compare("mask bits " + name, words, want, 0);
  r.compare("not finite " + name, bad, want_bad, 0);
}

} // namespace

void check_preprocess(Report &r)
{
  // common videos, an upright one that shrinks vertically first, tiny and odd ones, equal sides
  const struct {
    int64_t n, h, w, size;
  } shapes[] = {{1, 480, 848, 512}, {1, 480, 848, 1024}, {2, 720, 1280, 1024}, {1, 1080, 1920, 1024}, {1, 1920, 1080, 1024}, {3, 1280, 720, 512}, {1, 2160, 3840, 1024},
                {1, 1, 1, 256},     {1, 7, 3000, 256},   {2, 333, 77, 256},    {1, 512, 512, 512},    {1, 1024, 640, 1024},  {1, 640, 1024, 1024}};
  for (const auto &s : shapes) {
    const Preprocess preprocess((int)s.h, (int)s.w, s.size, s.n, gpu);
    const Tensor noise = at::randint(256, {s.n, s.h, s.w, 3}, at::TensorOptions(at::kLong)).to(at::kByte).to(gpu);
    for (at::ScalarType dtype : {at::kFloat, at::kHalf, at::kBFloat16}) {
      const Tensor got = at::full({s.n, s.size, s.size, 3}, NAN, at::TensorOptions(dtype).device(gpu)), want = at::empty_like(got);
      preprocess(got, noise);
      preprocess.plain(want, noise);
      r.compare("preprocess " + std::to_string(s.w) + "x" + std::to_string(s.h) + " to " + shape_of(got), got, want, 0);
      if (s.h == 1080 || s.h == 480)
        r.time("preprocess " + std::to_string(s.w) + "x" + std::to_string(s.h) + " to " + shape_of(got), [&] { preprocess(got, noise); }, {});
    }
  }
}

void check_patches(Report &r)
{
  for (const auto &[n, h, w] : std::initializer_list<std::tuple<int64_t, int64_t, int64_t>>{{1, 1024, 1024}, {8, 512, 512}, {1, 4, 4}, {3, 12, 40}, {2, 256, 128}})
    for (at::ScalarType dtype : {at::kFloat, at::kHalf, at::kBFloat16}) {
      const Tensor image = on_gpu({n, h, w, 3}, dtype).permute({0, 3, 1, 2});
      r.compare("patches " + shape_of(image), vb::kernels::patches(image), vb::kernels::plain::patches(image), 0);
      if (h >= 512)
        r.time("patches " + shape_of(image), [&, &x = image] { vb::kernels::patches(x); }, [&, &x = image] { vb::kernels::plain::patches(x); });
    }
}

void check_stem(Report &r)
{
  for (at::ScalarType dtype : {at::kFloat, at::kHalf, at::kBFloat16}) {
    const Tensor weight = on_gpu({24, 3, 3, 3}, dtype) * 0.3, bias = on_gpu({24}, dtype);
    const vb::kernels::Stem stem(weight, bias);
    for (const auto &[n, h, w] : std::initializer_list<std::tuple<int64_t, int64_t, int64_t>>{{1, 1024, 1024}, {8, 512, 512}, {1, 2, 2}, {3, 34, 70}, {2, 64, 30}}) {
      const Tensor image = on_gpu({n, h, w, 3}, dtype).permute({0, 3, 1, 2});
      r.compare("stem " + shape_of(image), stem(image), stem.plain(image), dtype == at::kFloat ? 1e-5 : dtype == at::kHalf ? 1e-3 : 8e-3);
      if (h >= 512)
        r.time("stem " + shape_of(image), [&, &x = image] { stem(x); }, [&, &x = image] { stem.plain(x); });
    }
  }
}

void check_mask_bits(Report &r)
{
  for (const auto &[h, w] : std::initializer_list<std::pair<int64_t, int64_t>>{{720, 1280}, {480, 848}, {1080, 1920}, {101, 67}, {1, 1}, {128, 128}, {256, 256}, {65, 31}})
    for (int64_t side : {128, 256})
      for (bool no_overlap : {false, true}) {
        compare_masks(r, "smooth", smooth_logits(3, side, side), h, w, no_overlap);
        compare_masks(r, "noise", on_gpu({1, side, side}, at::kFloat), h, w, no_overlap, 1);
        compare_masks(r, "equal", at::ones({2, side, side}, gpu), h, w, no_overlap);
      }
  Tensor broken = smooth_logits(4, 256, 256);
  broken[0][3].fill_(NAN);
  broken[1][100].slice(0, 5, 9).fill_(INFINITY);
  broken[3].fill_(-INFINITY);
  for (bool no_overlap : {false, true}) {
    compare_masks(r, "not finite", broken, 720, 1280, no_overlap);
    compare_masks(r, "not finite", broken, 256, 256, no_overlap);
  }
  Tensor odd = smooth_logits(3, 53, 61); // maps that do not begin at a multiple of four
  odd[2][52][60] = NAN;
  odd[1][0].fill_(INFINITY);
  compare_masks(r, "odd", odd, 97, 130, false);
  for (int64_t n : {1, 16})
    for (bool no_overlap : {false, true}) {
      const Tensor low = smooth_logits(n, 256, 256), words = words_for(n, 720, 1280), bad = at::zeros({n}, at::TensorOptions(at::kLong).device(gpu));
      r.time("mask bits " + shape_of(low) + " to 1280x720" + (no_overlap ? ", no overlap" : ""),
             [&] { vb::kernels::mask_bits(words, bad, low, 1280, no_overlap); }, [&] { vb::kernels::plain::mask_bits(words, bad, low, 1280, no_overlap); });
    }
}

void check_rotate(Report &r)
{
  const Tensor table = vb::rotary_table(256, 64, 64, gpu), latents = vb::rotary_table(256, 16, 16, gpu);
  for (at::ScalarType dtype : {at::kFloat, at::kHalf, at::kBFloat16}) {
    const double limit = dtype == at::kFloat ? 1e-6 : dtype == at::kHalf ? 1e-3 : 8e-3; // an ulp of the dtype: float32 rounded otherwise
    // as projections leave queries: alone, several objects, and as a part of one product
    const Tensor queries[] = {on_gpu({1, 1, 4096, 256}, dtype), on_gpu({4, 4096, 1, 256}, dtype).transpose(1, 2), on_gpu({2, 4096, 768}, dtype).slice(2, 256, 512)};
    for (const Tensor &x : queries) {
      const Tensor out = at::empty(x.sizes(), x.options()), want = at::empty_like(out);
      vb::kernels::rotate(out, x, table);
      vb::kernels::plain::rotate(want, x, table);
      r.compare("rotary " + shape_of(x), out, want, limit);
    }
    // a bank in place: only the last tokens of each memory turn, the pointers behind the memories stay
    for (const auto &[m, turning] : std::initializer_list<std::pair<int64_t, Tensor>>{{512, latents}, {4096, table}}) {
      const int64_t g = turning.size(0);
      const Tensor keys = on_gpu({2, 1, 7 * m + 64, 256}, dtype), ours = keys.clone(), want = keys.clone();
      const auto grid = [m = m, g](const Tensor &k) { return k.slice(2, 0, 7 * m).unflatten(2, {7, m}).slice(3, m - g); };
      vb::kernels::rotate(grid(ours), grid(ours), turning);
      vb::kernels::plain::rotate(grid(want), grid(want), turning);
      r.compare("rotary of a bank " + shape_of(keys), ours, want, limit);
      r.time("rotary of a bank " + shape_of(keys), [&, &t = turning] { vb::kernels::rotate(grid(ours), grid(ours), t); },
             [&, &t = turning] { vb::kernels::plain::rotate(grid(want), grid(want), t); });
    }
    const Tensor x = queries[0], out = at::empty_like(x);
    r.time("rotary " + shape_of(x), [&] { vb::kernels::rotate(out, x, table); }, [&] { vb::kernels::plain::rotate(out, x, table); });
  }
}
