// The CPU attention kernel against softmax(q k^T / sqrt(d)) v spelled out in float64.
#include "torch/fused_attention.hpp"

#include <ATen/Parallel.h>

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

extern "C" {
#include <cmocka.h>
}

namespace {

using vb::Tensor;

struct Shape {
  int64_t b, heads, n, m, d, e;
};

// less than a tile, several with a rest, rows that do not divide, other widths
const Shape shapes[] = {{1, 1, 7, 4, 16, 8}, {1, 1, 300, 1100, 256, 64}, {2, 3, 65, 514, 32, 16}, {1, 1, 1024, 1536, 256, 64}};

Tensor reference(const Tensor &q, const Tensor &k, const Tensor &v)
{
  const Tensor a = q.to(at::kDouble), b = k.to(at::kDouble), c = v.to(at::kDouble);
  return at::matmul(at::softmax(at::matmul(a, b.transpose(2, 3)) / std::sqrt((double)q.size(3)), -1), c);
}

double worst(const Tensor &got, const Tensor &want) { return ((got.to(at::kDouble) - want).abs().max() / want.std()).item<double>(); }

void near_the_definition(at::ScalarType dtype, double limit, double spread)
{
  at::manual_seed(7);
  for (const Shape &s : shapes) {
    Tensor q = (at::randn({s.b, s.n, s.heads, s.d}) * spread).to(dtype).transpose(1, 2); // as a projection leaves it
    Tensor k = at::randn({s.b, s.heads, s.m, s.d}).to(dtype), v = at::randn({s.b, s.heads, s.m, s.e}).to(dtype);
    if (!vb::fused_attention::usable(dtype, q, k, v)) {
      print_message("%s: not on this CPU or libtorch\n", c10::toString(dtype));
      skip();
    }
    Tensor out = vb::fused_attention::run(q, k, v);
    assert_true(out.scalar_type() == dtype);
    const double error = worst(out, reference(q, k, v));
    if (!(error <= limit))
      fail_msg("%s %lldx%lldx%lldx%lld: off by %g standard deviations", c10::toString(dtype), (long long)s.b, (long long)s.heads,
               (long long)s.n, (long long)s.m, error);
  }
}

void float32_is_near_the_definition(void **) { near_the_definition(at::kFloat, 2e-5, 1.0); }
// scores of some hundreds: without a running maximum they would overflow
void great_scores_do_not_overflow(void **) { near_the_definition(at::kFloat, 2e-3, 100.0); }
void bfloat16_is_near_the_definition(void **) { near_the_definition(at::kBFloat16, 4e-2, 1.0); }

void threads_do_not_matter(void **)
{
  at::manual_seed(9);
  Tensor q = at::randn({1, 1, 700, 64}), k = at::randn({1, 1, 900, 64}), v = at::randn({1, 1, 900, 16});
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  Tensor one = vb::fused_attention::run(q, k, v);
  at::set_num_threads(4);
  Tensor four = vb::fused_attention::run(q, k, v);
  at::set_num_threads(before);
  assert_true(worst(four, one.to(at::kDouble)) < 1e-5);
}

// A fault upstream of attention must reach the count of non-finite logits, not vanish in a maximum.
void nan_is_passed_on(void **)
{
  Tensor q = at::randn({1, 1, 40, 32}), k = at::randn({1, 1, 600, 32}), v = at::randn({1, 1, 600, 16});
  k[0][0][555][3] = NAN;
  assert_true(vb::fused_attention::run(q, k, v).isnan().all().item<bool>());
}

void other_devices_and_dtypes_are_left_alone(void **)
{
  Tensor x = at::zeros({1, 1, 2, 4}), odd = at::zeros({1, 1, 3, 4});
  assert_false(vb::fused_attention::usable(at::kHalf, x, x, x));
  assert_false(vb::fused_attention::usable(at::kBFloat16, x, odd, odd)); // pairs of keys
}

} // namespace

int main()
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(float32_is_near_the_definition), cmocka_unit_test(great_scores_do_not_overflow),
      cmocka_unit_test(bfloat16_is_near_the_definition), cmocka_unit_test(threads_do_not_matter),
      cmocka_unit_test(nan_is_passed_on), cmocka_unit_test(other_devices_and_dtypes_are_left_alone),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
