// The record of attention: what stands in one row belongs together, and a replay adds what its capture took out.
#include "torch/attention.hpp"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>

extern "C" {
#include <cmocka.h>
}

namespace {

using vb::Attention;

constexpr int64_t large = 4200; // large x large scores: past what is computed exactly in float32 on a CPU

void attend(Attention &a, const char *site, int64_t n)
{
  const at::Tensor x = at::zeros({1, 1, n, 8});
  a(site, x, x, x);
}

Attention::Records rows_of(const Attention &a)
{
  Attention::Records rows(a.records(nullptr, 0));
  a.records(rows.data(), rows.size());
  return rows;
}

void a_row_is_of_one_backend(void **)
{
  Attention a;
  a.configure({}, VB_FLASH_ANY);
  for (int64_t n : {(int64_t)4, (int64_t)6, large, (int64_t)5})
    attend(a, "memory.cross", n);
  const Attention::Records rows = rows_of(a);
  assert_int_equal(rows.size(), 2);
  assert_string_equal(rows[0].backend, "math");
  assert_non_null(strstr(rows[0].reason, "exact"));
  assert_int_equal(rows[0].k_len, 6);
  assert_int_equal(rows[0].calls, 3);
  assert_string_equal(rows[1].backend, "flash");
  assert_non_null(strstr(rows[1].op, "flash"));
  assert_string_equal(rows[1].reason, "");
  assert_int_equal(rows[1].k_len, large);
  assert_int_equal(rows[1].calls, 1);
}

// As Graphs does: each capture takes its own calls out, and a later trial replays them in any order.
void replays_add_their_own_calls(void **)
{
  Attention a;
  a.configure({}, VB_FLASH_ANY);
  attend(a, "memory.cross", 6);
  const Attention::Records full = a.take();
  attend(a, "memory.cross", 4);
  const Attention::Records first = a.take();
  attend(a, "decoder.self", 3);
  const Attention::Records decoder = a.take();
  assert_true(full.size() == 1 && first.size() == 1 && decoder.size() == 1);
  assert_string_equal(decoder[0].site, "decoder.self");

  a.configure({}, VB_FLASH_ANY);
  assert_int_equal(a.records(nullptr, 0), 0);
  for (const Attention::Records *replayed : {&first, &decoder, &full, &decoder, &full, &decoder, &first})
    a.add(*replayed);
  const Attention::Records rows = rows_of(a);
  assert_int_equal(rows.size(), 2);
  assert_string_equal(rows[0].site, "memory.cross");
  assert_string_equal(rows[0].backend, "math");
  assert_int_equal(rows[0].k_len, 6);
  assert_int_equal(rows[0].calls, 4);
  assert_string_equal(rows[1].site, "decoder.self");
  assert_int_equal(rows[1].calls, 3);
}

} // namespace

int main()
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_row_is_of_one_backend), cmocka_unit_test(replays_add_their_own_calls)};
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
