// What stands in for our CUDA kernels, and what the kernels are held to on a GPU, against the definitions spelled out.
#include "cuda/gelu_formula.h"
#include "torch/fused_product.hpp"
#include "torch/kernels_decoder.hpp"

#include "mask.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

extern "C" {
#include <cmocka.h>
}

namespace {

using vb::Tensor;
namespace kernels = vb::kernels;

void assert_near(const Tensor &got, const Tensor &want, double limit)
{
  assert_true(got.sizes() == want.sizes());
  const double off = (got.to(at::kDouble) - want.to(at::kDouble)).abs().max().item<double>();
  if (!(off <= limit))
    fail_msg("off by %g", off);
}

bool bit(const Tensor &words, int64_t object, int64_t y, int64_t x)
{
  return (uint64_t)words[object][y][x / 64].item<int64_t>() >> (x % 64) & 1;
}

void mask_bits_are_signs_at_video_size(void **)
{
  at::manual_seed(1);
  const Tensor low = at::randn({3, 9, 7}), words = at::full({3, 20, 2}, -1, at::kLong), nonfinite = at::full({3}, -1, at::kLong);
  const Tensor logits = at::upsample_bilinear2d(low.unsqueeze(1), {20, 70}, false).squeeze(1);
  kernels::mask_bits(words, nonfinite, low, 70, false);
  for (int64_t i = 0; i < 3; i++)
    for (int64_t y = 0; y < 20; y++)
      for (int64_t x = 0; x < 128; x++)
        assert_int_equal(bit(words, i, y, x), x < 70 && logits[i][y][x].item<float>() > 0);
  assert_int_equal(nonfinite.sum().item<int64_t>(), 0);
}

void a_pixel_belongs_to_one_object(void **)
{
  Tensor low = at::tensor({2.0f, 1.0f, -1.0f, 3.0f, 2.0f, 4.0f, -2.0f, 3.0f}).view({2, 1, 4}); // object 0: 2 1 -1 3, object 1: 2 4 -2 3
  const Tensor words = at::zeros({2, 1, 1}, at::kLong), nonfinite = at::zeros({2}, at::kLong);
  kernels::mask_bits(words, nonfinite, low, 4, true);
  assert_int_equal(words[0][0][0].item<int64_t>(), 1 | 8); // of equals the first
  assert_int_equal(words[1][0][0].item<int64_t>(), 2);     // the greatest is below 0: nobody's
  low[1][0][1] = NAN; // the greatest, but no foreground
  low[1][0][2] = INFINITY;
  kernels::mask_bits(words, nonfinite, low, 4, true);
  assert_int_equal(words[0][0][0].item<int64_t>(), 1 | 8);
  assert_int_equal(words[1][0][0].item<int64_t>(), 4);
  assert_int_equal(nonfinite[0].item<int64_t>(), 0);
  assert_int_equal(nonfinite[1].item<int64_t>(), 2);
}

void parts_of_attention_make_the_whole(void **)
{
  at::manual_seed(2);
  const Tensor q = at::randn({2, 5, 8}) * 3.0, k = at::randn({2, 12, 8}), v = at::randn({2, 12, 8});
  const Tensor scores = at::matmul(q, k.transpose(1, 2));
  std::vector<Tensor> outs, logs;
  for (int64_t from = 0; from < 12; from += 4) {
    const Tensor part = scores.slice(2, from, from + 4);
    outs.push_back(at::matmul(at::softmax(part, 2), v.slice(1, from, from + 4)));
    logs.push_back(at::logsumexp(part, {2}));
  }
  outs.push_back(at::full_like(outs[0], NAN)); // no keys at all
  logs.push_back(at::full_like(logs[0], -INFINITY));
  assert_near(kernels::merge_parts(at::stack(outs), at::stack(logs)), at::matmul(at::softmax(scores, 2), v), 1e-5);
}

void a_norms_weights_go_into_the_layer_behind_it(void **)
{
  at::manual_seed(7);
  const Tensor x = at::randn({5, 24}) * 3.0 + 10.0, scale = at::randn({24}), shift = at::randn({24}), weight = at::randn({8, 24}), bias = at::randn({8});
  const kernels::Folded layer = kernels::folded(scale, shift, weight, bias);
  const Tensor want = at::linear(at::layer_norm(x, {24}, scale, shift, 1e-6), weight, bias);
  assert_near(at::linear(at::layer_norm(x, {24}, {}, {}, 1e-6), layer.weight, layer.bias), want, 1e-5);
  // and without the mean taken away, divided by the deviation alone
  assert_near(at::linear(x / at::sqrt(x.var(1, false, true) + 1e-6), layer.weight, layer.bias), want, 1e-4);
}

void windows_go_back_to_their_places(void **)
{
  at::manual_seed(3);
  const int64_t h = 5, w = 7, c = 8, side = 4;
  const Tensor map = at::randn({2, h, w, c}), weight = at::ones({c}), bias = at::ones({c});
  const Tensor normed = kernels::add_norm(map, {}, weight, bias, 1e-6, at::kFloat).out;
  const Tensor windows = kernels::norm_into_windows(map, {}, side, weight, bias, 1e-6, at::kFloat).out;
  assert_int_equal(windows.size(0), 2 * 2 * 2);
  assert_near(windows[4 + 3][0][2], normed[1][4][6], 0);     // second map, last window
  assert_near(windows[4 + 3][1], at::zeros({side, c}), 0); // below the map
  const Tensor once = at::randn({1, h, w, c}); // for both maps
  const kernels::Normed of_sum = kernels::norm_into_windows(map, once, side, weight, bias, 1e-6, at::kFloat);
  assert_near(of_sum.sum, map + once, 0);
  assert_near(of_sum.out[4 + 3][0][2], kernels::add_norm(map + once, {}, weight, bias, 1e-6, at::kFloat).out[1][4][6], 0);
  const kernels::Normed back = kernels::add_windows_norm(at::zeros_like(map), windows, weight, bias, 1e-6, at::kFloat);
  assert_near(back.sum, normed, 0);
  assert_near(back.out, kernels::add_norm(normed, {}, weight, bias, 1e-6, at::kFloat).out, 1e-6);
}

// Hiera's first convolution as a product
void patches_are_what_a_convolution_sees(void **)
{
  at::manual_seed(10);
  const Tensor image = at::randn({2, 12, 20, 3}).permute({0, 3, 1, 2}), weight = at::randn({5, 3, 7, 7});
  const Tensor got = kernels::patches(image), taps = at::constant_pad_nd(weight, {1, 0, 1, 0}).permute({0, 2, 3, 1}).flatten(1);
  assert_true(got.sizes() == at::IntArrayRef({2, 3, 5, 192}));
  assert_near(at::linear(got, taps).permute({0, 3, 1, 2}), at::conv2d(image, weight, {}, 4, 3), 1e-4);
}

void pooling_takes_the_greatest_of_four(void **)
{
  at::manual_seed(8);
  const Tensor rows = at::randn({2, 5, 6, 24}).to(at::kBFloat16);
  rows[1][3][4][2] = NAN;
  const Tensor x = rows.slice(3, 0, 8), got = kernels::max_pool(x); // queries beside keys and values; the last line is no pair
  assert_true(got.is_contiguous() && got.size(1) == 2 && got.size(2) == 3);
  for (int64_t i = 0; i < got.numel(); i++) {
    const int64_t c = i % 8, across = i / 8 % 3, down = i / 24 % 2, n = i / 48;
    const Tensor four = x[n].slice(0, 2 * down, 2 * down + 2).slice(1, 2 * across, 2 * across + 2).select(2, c);
    const float value = got.view({-1})[i].item<float>();
    assert_true(n == 1 && down == 1 && across == 2 && c == 2 ? std::isnan(value) : value == four.max().item<float>());
  }
}

// What the GPU computes, here with exp2f, for every value that a half dtype has.
void gelu_without_erf_is_the_exact_one(void **)
{
  for (at::ScalarType dtype : {at::kHalf, at::kBFloat16}) {
    const Tensor x = at::arange(65536, at::kInt).to(at::kShort).view(dtype), want = at::gelu(x.to(at::kDouble)).to(dtype), wide = x.to(at::kFloat);
    Tensor got = at::empty({65536});
    for (int64_t i = 0; i < 65536; i++)
      got.data_ptr<float>()[i] = vb_gelu(wide.data_ptr<float>()[i]);
    got = got.to(dtype);
    const Tensor nan = want.isnan(), other = (got != want) & nan.logical_not();
    assert_true(at::equal(got.isnan(), nan));
    // steps between neighbours: the sign is the same in all but zeros, and below 1e-15 nothing is asked
    const Tensor steps = (got.view(at::kShort).to(at::kInt) - want.view(at::kShort).to(at::kInt)).abs();
    const Tensor far = other & (steps > 1) & ((got.to(at::kDouble) - want.to(at::kDouble)).abs() > 1e-15);
    printf("%s: %lld of 65536 differ, %lld by more than a step\n", c10::toString(dtype), (long long)other.sum().item<int64_t>(), (long long)far.sum().item<int64_t>());
    assert_int_equal(far.sum().item<int64_t>(), 0);
    assert_true(other.sum().item<int64_t>() < 200);
  }
  const Tensor x = at::randn({3, 5}), want = 0.5 * x * (1 + at::erf(x / std::sqrt(2.0)));
  assert_true(kernels::gelu_(x).data_ptr() == x.data_ptr());
  assert_near(x, want, 1e-6);
}

void norms_have_mean_and_spread(void **)
{
  at::manual_seed(4);
  const Tensor a = at::randn({2, 6, 16}) * 5.0 + 3.0, b = at::randn({1, 6, 16}).to(at::kHalf), ones = at::ones({16}), zeros = at::zeros({16});
  const kernels::Normed got = kernels::add_norm(a, b, ones, zeros, 0, at::kFloat);
  assert_near(got.sum, a + b.to(at::kFloat), 0);
  assert_near(got.out.mean(2), at::zeros({2, 6}), 1e-5);
  assert_near(got.out.pow(2).mean(2), at::ones({2, 6}), 1e-5);
  assert_false(kernels::add_norm(a, b, ones, zeros, 0, at::kHalf, false).sum.defined());
  const Tensor map = a.view({2, 3, 2, 16}).permute({0, 3, 1, 2}); // channels last
  const Tensor normed = kernels::add_norm(a, {}, ones, zeros, 1e-6, at::kFloat).out;
  assert_near(kernels::norm_gelu(map, {}, ones, zeros, 1e-6, at::kFloat).permute({0, 2, 3, 1}).flatten(1, 2),
              0.5 * normed * (1 + at::erf(normed / std::sqrt(2.0))), 1e-5);
}

void rotation_in_place_keeps_the_rest(void **)
{
  at::manual_seed(5);
  for (at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const Tensor x = at::randn({2, 1, 7, 4}).to(dtype), before = x.clone(), angle = at::randn({3, 2});
    const Tensor end = x.slice(2, 4);
    kernels::rotate(end, end, at::polar(at::ones_like(angle), angle));
    assert_near(x.slice(2, 0, 4), before.slice(2, 0, 4), 0);
    const Tensor a = before.slice(2, 4).to(at::kFloat), even = a.slice(3, 0, 4, 2), odd = a.slice(3, 1, 4, 2);
    const Tensor want = at::stack({even * angle.cos() - odd * angle.sin(), even * angle.sin() + odd * angle.cos()}, 4).flatten(3);
    assert_near(end, want, dtype == at::kFloat ? 1e-6 : 2e-2);
  }
}

void frames_become_images_by_the_table(void **)
{
  const int h = 6, w = 9;
  const int64_t size = 4;
  const Tensor rgb = at::randint(256, {2, h, w, 3}, at::kLong).to(at::kByte);
  const kernels::Preprocess preprocess(h, w, size, 2, at::kCPU);
  Tensor image = at::empty({2, size, size, 3}), bytes = at::empty({size, size, 3}, at::kByte);
  preprocess(image, rgb);
  float table[3][256];
  vb_normalize_table(table);
  vb_resizer *r = nullptr;
  vb_err err;
  assert_int_equal(vb_resizer_create(&r, h, w, (int)size, (int)size, &err), VB_OK);
  vb_resize_rgb(r, bytes.data_ptr<uint8_t>(), rgb.data_ptr<uint8_t>() + h * w * 3);
  for (int64_t i = 0; i < size * size * 3; i++)
    assert_true(image[1].data_ptr<float>()[i] == table[i % 3][bytes.data_ptr<uint8_t>()[i]]);
  vb_resizer_free(r);
}

void depthwise_adds_the_residual(void **)
{
  at::manual_seed(6);
  const Tensor x = at::randn({2, 5, 6, 8}).permute({0, 3, 1, 2}), weight = at::randn({8, 1, 3, 3}), bias = at::randn({8});
  const Tensor y = at::conv2d(x, weight, bias, 1, 1, 1, 8);
  assert_near(kernels::Depthwise(weight, bias, 1)(x, x), y + x, 1e-5);
  assert_near(kernels::Depthwise(weight, bias, 2)(x), y.slice(2, 0, 5, 2).slice(3, 0, 6, 2), 1e-5);
}

void a_gate_is_made_of_all_channels(void **)
{
  at::manual_seed(7);
  const Tensor x = at::randn({2, 3, 4, 8}).permute({0, 3, 1, 2}), down = at::randn({4, 8, 1, 1}), up = at::randn({8, 4, 1, 1}), a = at::randn({4}), b = at::randn({8});
  const Tensor hidden = (at::matmul(x.mean(at::IntArrayRef{2, 3}), down.flatten(1).t()) + a).clamp_min(0);
  const Tensor gate = 1 / (1 + (-(at::matmul(hidden, up.flatten(1).t()) + b)).exp());
  assert_near(kernels::SqueezeExcite(down, a, up, b)(x), x * gate.view({2, 8, 1, 1}), 1e-5);
}

void memories_come_with_their_places(void **)
{
  at::manual_seed(9);
  const Tensor rows = at::tensor({2, 0, 3, 1}, at::kLong), pointer_rows = at::tensor({1, 0}, at::kLong);
  kernels::Stored s = {at::randn({4, 3, 4}).to(at::kBFloat16), at::randn({2, 8}), rows, pointer_rows, {2, 0}, at::randn({3, 3, 4}), {}};
  for (bool aged : {false, true}) {
    if (aged)
      s.pointer_places = at::randn({2, 4});
    const kernels::Recalled got = kernels::recall(s, 2, at::kFloat);
    assert_true(got.memory.sizes() == at::IntArrayRef({2, 2 * 3 + 2, 4}));
    for (int64_t object = 0; object < 2; object++)
      for (int64_t token = 0; token < 8; token++) {
        const int64_t m = token / 3;
        const Tensor v = token < 6 ? s.memories[rows[2 * object + m].item<int64_t>()][token % 3].to(at::kFloat) : s.pointers[1 - object].slice(0, 4 * (token - 6), 4 * (token - 5));
        const Tensor place = token < 6 ? s.places[s.ages[(size_t)m]][token % 3] : aged ? s.pointer_places[object] : at::zeros({4});
        assert_near(got.memory[object][token], v, 0);
        assert_near(got.keys[object][token], v + place, 0);
      }
  }
}

void a_mask_becomes_a_map(void **)
{
  at::manual_seed(8);
  const Tensor low = at::randn({2, 1, 3, 3}) * 3, weight = at::randn({4, 1, 3, 3}), bias = at::randn({4}), scale = at::randn({4}), shift = at::randn({4});
  const kernels::MaskMap map(weight, bias, scale, shift, 1e-6);
  const Tensor high = at::upsample_bilinear2d(low, {12, 12}, false);
  for (bool binary : {false, true}) {
    const Tensor mask = at::constant_pad_nd(binary ? high.sign().masked_fill(high == 0, -1) * 10 : 20 / (1 + (-high).exp()) - 10, {1, 0, 1, 0});
    const Tensor got = map.from_logits(low, 12, binary);
    assert_true(got.sizes() == at::IntArrayRef({2, 4, 6, 6}));
    for (int64_t y = 0; y < 6; y++)
      for (int64_t x = 0; x < 6; x++) {
        const Tensor seen = mask.slice(2, 2 * y, 2 * y + 3).slice(3, 2 * x, 2 * x + 3); // [2, 1, 3, 3]
        const Tensor v = (seen * weight.view({1, 4, 3, 3})).sum(at::IntArrayRef{2, 3}) + bias, off = v - v.mean(1, true);
        const Tensor n = off / (off.pow(2).mean(1, true) + 1e-6).sqrt() * scale + shift;
        assert_near(got.slice(2, y, y + 1).slice(3, x, x + 1).flatten(1), n * 0.5 * (1 + at::erf(n / std::sqrt(2.0))), 1e-4);
      }
  }
}

void tokens_are_read_in_three_forms(void **)
{
  at::manual_seed(8);
  const Tensor a = at::randn({2, 3, 256}), b = at::randn({1, 1, 256}), pe = at::randn({1, 3, 256}), ones = at::ones({256}), zeros = at::zeros({256});
  const kernels::Tokens sum = kernels::tokens(a, b, pe, {}, {}, 0, at::kBFloat16), normed = kernels::tokens(a, b, {}, ones, zeros, 0, at::kFloat);
  assert_near(sum.whole, a + b, 0);
  assert_near(sum.narrow, (a + b).to(at::kBFloat16), 0);
  assert_near(sum.posed, (a + b + pe).to(at::kBFloat16), 0); // rounded after the position is added
  assert_near(normed.whole.mean(2), at::zeros({2, 3}), 1e-5);
  assert_near(normed.whole.pow(2).mean(2), at::ones({2, 3}), 1e-5);
  assert_false(normed.posed.defined());
}

void the_best_mask_but_the_first_is_picked(void **)
{
  at::manual_seed(9);
  const Tensor cells = at::randn({2, 4, 3, 2, 2, 2, 2, 2}), vectors = at::randn({2, 4, 5}), scores = at::tensor({1.0f, -1.0f}).view({2, 1});
  const Tensor ious = at::tensor({0.9f, 0.1f, 0.8f, 0.8f, 0.9f, 0.1f, 0.2f, 0.3f}).view({2, 4});
  const kernels::Picked got = kernels::pick(cells, true, ious, scores, vectors, -1024);
  for (int64_t y = 0; y < 12; y++)
    for (int64_t x = 0; x < 8; x++) {
      assert_near(got.low[0][0][y][x], cells[0][2][y / 4][x / 4][y / 2 % 2][x / 2 % 2][y % 2][x % 2], 0);
      assert_near(got.low[1][0][y][x], at::full({}, -1024.0), 0);
    }
  assert_near(got.iou, at::tensor({0.8f, 0.3f}), 0);
  assert_near(got.vector, at::stack({vectors[0][2], vectors[1][3]}), 0);
  const kernels::Picked rows = kernels::pick(kernels::from_cells(cells), false, ious, scores, vectors, -1024);
  assert_near(rows.low, got.low, 0);
}

void products_end_with_what_follows_them(void **)
{
  at::manual_seed(10);
  const Tensor x = at::randn({3, 4, 5}), weight = at::randn({6, 5}), bias = at::randn({6}), residual = at::randn({3, 4, 6});
  assert_near(vb::fused_product::linear(x, weight, bias, vb::Act::none, residual), at::matmul(x, weight.t()) + bias + residual, 1e-5);
  const Tensor weights = at::randn({3, 6, 5}), biases = at::randn({3, 6});
  const Tensor got = vb::fused_product::linear(x, weights, biases, vb::Act::relu, {});
  for (int64_t i = 0; i < 3; i++)
    assert_near(got[i], (at::matmul(x[i], weights[i].t()) + biases[i]).clamp_min(0), 1e-5);
}

} // namespace

int main()
{
  const CMUnitTest tests[] = {
      cmocka_unit_test(mask_bits_are_signs_at_video_size), cmocka_unit_test(a_pixel_belongs_to_one_object),
      cmocka_unit_test(parts_of_attention_make_the_whole), cmocka_unit_test(windows_go_back_to_their_places),
      cmocka_unit_test(patches_are_what_a_convolution_sees),
      cmocka_unit_test(pooling_takes_the_greatest_of_four), cmocka_unit_test(gelu_without_erf_is_the_exact_one),
      cmocka_unit_test(norms_have_mean_and_spread),        cmocka_unit_test(a_norms_weights_go_into_the_layer_behind_it),
      cmocka_unit_test(rotation_in_place_keeps_the_rest),
      cmocka_unit_test(frames_become_images_by_the_table), cmocka_unit_test(depthwise_adds_the_residual),
      cmocka_unit_test(a_gate_is_made_of_all_channels),    cmocka_unit_test(a_mask_becomes_a_map),
      cmocka_unit_test(memories_come_with_their_places),
      cmocka_unit_test(tokens_are_read_in_three_forms),
      cmocka_unit_test(the_best_mask_but_the_first_is_picked), cmocka_unit_test(products_end_with_what_follows_them),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
