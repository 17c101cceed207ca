/* What an attempt's end is put down to, by the error's code and words and by a driver's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "outcome.h"

static void errors_have_reasons(void **state)
{
    (void)state;
    assert_string_equal(vb_outcome_of_error("ENOMEM", "CUDA: 2 GiB wanted"), "oom_device");
    assert_string_equal(vb_outcome_of_error("ENOMEM", "rows of 9 frames"), "oom_host");
    assert_string_equal(vb_outcome_of_error("ENOMEM", "memory guard: stub needs 9 MiB of CUDA memory"), "too_large");
    assert_string_equal(vb_outcome_of_error("ECUDA", "CUDA error: out of memory"), "oom_device");
    assert_string_equal(vb_outcome_of_error("ECUDA", "illegal memory access"), "cuda");
    assert_string_equal(vb_outcome_of_error("EFORMAT", "frame 3"), "bad_input");
    assert_string_equal(vb_outcome_of_error("EMODEL", "mask decoder"), "error");
}

static void a_jetsons_driver_is_out_of_memory_in_its_own_words(void **state)
{
    static const char words[] = "NvMapMemAllocInternalTagged: 1075072515 error 12\nNvMapMemHandleAlloc: error 0\n";

    (void)state;
    assert_true(vb_outcome_driver_oom(words));
    assert_false(vb_outcome_driver_oom("NvMapMemHandleAlloc: error 0"));
    assert_false(vb_outcome_driver_oom("error 12"));
    assert_false(vb_outcome_driver_oom(""));
    assert_string_equal(vb_outcome_of_error("ECUDA", words), "oom_device");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(errors_have_reasons),
                                       cmocka_unit_test(a_jetsons_driver_is_out_of_memory_in_its_own_words)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
