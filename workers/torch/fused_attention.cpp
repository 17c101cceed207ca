// Tiled attention on a CPU.
#include "fused_attention.hpp"

#include <ATen/native/CPUBlas.h>

#include <cmath>
#include <cstring>
#include <limits>

// bfloat16 tiles times bfloat16 tiles into float32: public since libtorch 2.6
#ifdef CPUBLAS_BRGEMM_BF16BF16F32
#define VB_HAVE_BF16_TILES 1
#endif

namespace vb::fused_attention {

namespace {

constexpr int64_t key_tile = 512, most_queries = 256, fewest_queries = 32;
constexpr int64_t width = 16; // floats in a vector

typedef float Lanes __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint32_t Bits __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint16_t Halves __attribute__((vector_size(32), aligned(2), may_alias));

#define VB_INLINE __attribute__((always_inline)) static inline

// x <= 0 to e^x: x = n ln 2 + r, a polynomial in r (Cephes expf), and n into the exponent's bits.
VB_INLINE void exponential(Lanes &x)
{
  const Lanes least = Lanes{} - 87.0f; // below it e^x would be denormal
  const float magic = 12582912.0f;     // 1.5 * 2^23: adding it rounds to an integer, in the lowest bits
  x = x < least ? least : x;
  const Lanes t = x * 1.44269504088896341f + magic;
  const Lanes n = t - magic;
  const Lanes r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Lanes p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const Bits exponent = ((Bits)t + 127u) << 23;
  x = p * (Lanes)exponent;
}

VB_INLINE void round_to_bfloat16(uint16_t *to, const Lanes &x)
{
  const Bits u = (Bits)x, rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16; // to nearest, ties to even
  *(Halves *)to = __builtin_convertvector(rounded, Halves);
}

// One tile's part of a softmax. Per row: the maximum and sum so far, and the weighted values so far.
struct Tile {
  float *scores;    // [rows, key_tile]; becomes the probabilities, not yet over their sum
  uint16_t *halved; // the same in bfloat16, or NULL
  float *most, *sum; // [rows]
  float *values;    // [rows, e]: faded by what the maximum grew
  int64_t rows, columns, e;
  float scale;
};

VB_INLINE void soften_rows(const Tile &t)
{
  const int64_t padded = (t.columns + width - 1) / width * width;
  for (int64_t i = 0; i < t.rows; i++) {
    float *s = t.scores + i * key_tile;
    for (int64_t j = t.columns; j < padded; j++)
      s[j] = -std::numeric_limits<float>::infinity();
    Lanes high = *(Lanes *)s;
    for (int64_t j = width; j < padded; j += width) {
      const Lanes x = *(Lanes *)(s + j);
      high = x > high ? x : high;
    }
    float most = t.most[i];
    for (int64_t l = 0; l < width; l++)
      most = high[l] * t.scale > most ? high[l] * t.scale : most;

    Lanes total = {};
    for (int64_t j = 0; j < padded; j += width) {
      Lanes x = *(Lanes *)(s + j) * t.scale - most;
      exponential(x);
      total += x;
      if (t.halved)
        round_to_bfloat16(t.halved + i * key_tile + j, x);
      else
        *(Lanes *)(s + j) = x;
    }
    const float fade = std::exp(t.most[i] - most);
    float sum = t.sum[i] * fade;
    for (int64_t l = 0; l < width; l++)
      sum += total[l];
    t.most[i] = most;
    t.sum[i] = sum;
    if (fade != 1.0f)
      for (int64_t j = 0; j < t.e; j++)
        t.values[i * t.e + j] *= fade;
  }
}

// The same text for each instruction set; a vector that the CPU lacks becomes several of those that it has.
#if defined(__x86_64__)
__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma"))) void soften_avx512(const Tile &t) { soften_rows(t); }
__attribute__((target("avx2,fma"))) void soften_avx2(const Tile &t) { soften_rows(t); }
#endif
void soften_any(const Tile &t) { soften_rows(t); }

using Soften = void (*)(const Tile &);

Soften soften_for_this_cpu()
{
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq"))
    return soften_avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return soften_avx2;
#endif
  return soften_any;
}

bool has_bf16_tiles()
{
#ifdef VB_HAVE_BF16_TILES
  return at::native::cpublas::could_pack(at::kBFloat16);
#else
  return false;
#endif
}

// Keys and values as the matrix units want them: rows of a product's right side in pairs.
struct Packed {
  Tensor keys;   // [BH, tiles, d / 2, key_tile] of pairs, held as float32
  Tensor values; // [BH, m / 2, e, 2] bfloat16
};

Packed pack(const Tensor &k, const Tensor &v) // [BH, m, d], [BH, m, e] bfloat16
{
  const int64_t n = k.size(0), m = k.size(1), d = k.size(2), e = v.size(2), tiles = (m + key_tile - 1) / key_tile;
  Packed out;
  const Tensor pairs = k.view(at::kFloat); // two neighbours of a row are one element
  out.keys = at::empty({n, tiles, d / 2, key_tile}, pairs.options());
  at::parallel_for(0, n * tiles, 1, [&](int64_t begin, int64_t end) {
    c10::InferenceMode inference; // a pool's threads do not inherit it
    for (int64_t i = begin; i < end; i++) {
      const int64_t from = i % tiles * key_tile, columns = std::min(key_tile, m - from);
      out.keys[i / tiles][i % tiles].slice(1, 0, columns).copy_(pairs[i / tiles].slice(0, from, from + columns).t());
    }
  });
  out.values = v.view({n, m / 2, 2, e}).transpose(2, 3).contiguous();
  return out;
}

} // namespace

bool usable(ScalarType dtype, const Tensor &q, const Tensor &k, const Tensor &v)
{
  if (!q.is_cpu())
    return false;
  if (dtype == at::kFloat)
    return true;
  static const bool bf16 = has_bf16_tiles();
  return bf16 && dtype == at::kBFloat16 && k.size(2) % 2 == 0 && k.size(3) % 2 == 0 && v.size(2) == k.size(2);
}

Tensor run(const Tensor &q_in, const Tensor &k_in, const Tensor &v_in)
{
  static const Soften soften = soften_for_this_cpu();
  const int64_t n = q_in.size(2), m = k_in.size(2), d = q_in.size(3), e = v_in.size(3), sequences = q_in.size(0) * q_in.size(1);
  const Tensor q = q_in.reshape({sequences, n, d}).contiguous(), k = k_in.reshape({sequences, m, d}).contiguous(),
               v = v_in.reshape({sequences, m, e}).contiguous();
  const bool half = q.scalar_type() == at::kBFloat16;
  const Packed packed = half ? pack(k, v) : Packed{};
  Tensor out = at::empty({sequences, n, e}, q.options());

  int64_t rows_each = most_queries; // smaller tiles where there would be too few for the threads
  while (rows_each > fewest_queries && sequences * ((n + rows_each - 1) / rows_each) < 2 * at::get_num_threads())
    rows_each /= 2;
  const int64_t parts = (n + rows_each - 1) / rows_each;
  at::parallel_for(0, sequences * parts, 1, [&](int64_t begin, int64_t end) {
    c10::InferenceMode inference;
    const auto f32 = at::TensorOptions(at::kFloat);
    Tensor scores = at::empty({rows_each, key_tile}, f32), values = at::empty({rows_each, e}, f32);
    std::vector<float> most((size_t)rows_each), sum((size_t)rows_each);
    std::vector<uint16_t> halved(half ? (size_t)(rows_each * key_tile) : 0);
    for (int64_t i = begin; i < end; i++) {
      const int64_t s = i / parts, from = i % parts * rows_each, rows = std::min(rows_each, n - from);
      std::fill(most.begin(), most.end(), -std::numeric_limits<float>::infinity());
      std::fill(sum.begin(), sum.end(), 0.0f);
      values.zero_();
      Tile t = {scores.data_ptr<float>(), half ? halved.data() : nullptr, most.data(), sum.data(), values.data_ptr<float>(), rows, 0, e,
                1.0f / std::sqrt((float)d)};
      for (int64_t at = 0; at < m; at += key_tile) {
        t.columns = std::min(key_tile, m - at);
        if (!half) {
          Tensor tile = scores.slice(0, 0, rows).slice(1, 0, t.columns), sums = values.slice(0, 0, rows);
          at::mm_out(tile, q[s].slice(0, from, from + rows), k[s].slice(0, at, at + t.columns).t());
          soften(t);
          at::addmm_out(sums, sums, tile, v[s].slice(0, at, at + t.columns));
          continue;
        }
#ifdef VB_HAVE_BF16_TILES
        using at::BFloat16;
        const BFloat16 *keys = (const BFloat16 *)packed.keys.data_ptr() + ((s * packed.keys.size(1) + at / key_tile) * d) * key_tile;
        at::native::cpublas::brgemm(rows, t.columns, d, d, key_tile, key_tile, false, q.data_ptr<BFloat16>() + (s * n + from) * d, keys, t.scores);
        soften(t);
        at::native::cpublas::brgemm(rows, e, t.columns, key_tile, e, e, true, (const BFloat16 *)t.halved,
                                    packed.values.data_ptr<BFloat16>() + (s * m + at) * e, t.values);
#endif
      }
      Tensor total = at::from_blob(sum.data(), {rows, 1}, f32);
      out[s].slice(0, from, from + rows).copy_(values.slice(0, 0, rows).div_(total));
    }
#ifdef VB_HAVE_BF16_TILES
    if (half)
      at::native::cpublas::brgemm_release();
#endif
  });
  return out.view({q_in.size(0), q_in.size(1), n, e});
}

} // namespace vb::fused_attention
