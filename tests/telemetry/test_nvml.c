/* NVML by dlopen, against a library of pretended GPUs (fake_nvml.c): found by PCI id, units, reasons, what is not told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "nvml.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static vb_nvml *open_fake(void)
{
    vb_nvml *n = NULL;
    vb_err err = {0};

    setenv("SAVBENCH_NVML", FAKE_NVML, 1);
    if (vb_nvml_open(&n, &err))
        fail_msg("%s", err.msg);
    return n;
}

static void devices_are_found_by_pci_id(void **state)
{
    vb_nvml *n = open_fake();
    vb_nvml_facts f;

    (void)state;
    assert_int_equal(vb_nvml_find(n, "0000:65:00.0"), 1);
    assert_int_equal(vb_nvml_find(n, "00000000:65:00.0"), 1);
    assert_int_equal(vb_nvml_find(n, "0000:17:00.0"), 0);
    assert_int_equal(vb_nvml_find(n, "0001:65:00.0"), -1);
    assert_int_equal(vb_nvml_find(n, "nonsense"), -1);
    vb_nvml_describe(&f, n, 1);
    assert_string_equal(f.name, "NVIDIA Pretended 1");
    assert_string_equal(f.uuid, "GPU-0000-1");
    assert_string_equal(f.pci, "0000:65:00.0");
    assert_string_equal(f.driver, "570.1");
    assert_string_equal(f.capability, "9.0");
    assert_int_equal(f.memory_bytes, 1000);
    assert_true(f.limit_w == 500 && f.default_limit_w == 700);
    vb_nvml_close(n);
}

static void samples_are_in_our_units(void **state)
{
    vb_nvml *n = open_fake();
    vb_nvml_sample s;

    (void)state;
    setenv("FAKE_NVML_REASONS", "0x64", 1); /* thermal twice, power cap */
    vb_nvml_read(&s, n, 1, true);
    unsetenv("FAKE_NVML_REASONS");
    assert_true(s.power_w == 300 && s.gpu_clock_mhz == 1980 && s.memory_clock_mhz == 2619);
    assert_true(s.gpu_load == 0.95 && s.temperature_c == 61 && s.used_bytes == 750);
    assert_int_equal(s.throttle, VB_THROTTLE_THERMAL | VB_THROTTLE_POWER_CAP);
    assert_true(s.energy_j > 0);
    vb_nvml_read(&s, n, 1, false);
    assert_true(isnan(s.energy_j) && s.power_w == 300);
    vb_nvml_close(n);
}

static void what_is_not_supported_is_not_told(void **state)
{
    vb_nvml *n = open_fake();
    vb_nvml_sample s;
    vb_nvml_facts f;

    (void)state;
    setenv("FAKE_NVML_BARE", "1", 1);
    vb_nvml_read(&s, n, 1, true);
    vb_nvml_describe(&f, n, 1);
    unsetenv("FAKE_NVML_BARE");
    assert_true(isnan(s.power_w) && isnan(s.energy_j) && isnan(s.gpu_clock_mhz) && isnan(s.memory_clock_mhz));
    assert_true(isnan(s.gpu_load) && isnan(s.temperature_c) && isnan(s.used_bytes));
    assert_int_equal(s.throttle, -1);
    assert_int_equal(f.memory_bytes, -1);
    assert_true(isnan(f.limit_w));
    vb_nvml_close(n);
}

static void no_library_is_an_error_that_names_it(void **state)
{
    vb_nvml *n;
    vb_err err = {0};

    (void)state;
    setenv("SAVBENCH_NVML", "/nonexistent/libnvidia-ml.so.1", 1);
    assert_int_equal(vb_nvml_open(&n, &err), VB_EIO);
    assert_null(n);
    assert_non_null(strstr(err.msg, "/nonexistent/libnvidia-ml.so.1"));
}

static void reasons_have_words(void **state)
{
    char text[64];

    (void)state;
    vb_throttle_text(text, sizeof text, VB_THROTTLE_POWER_CAP | VB_THROTTLE_HARDWARE);
    assert_string_equal(text, "hardware slowdown, power cap");
    vb_throttle_text(text, sizeof text, -1);
    assert_string_equal(text, "");
    vb_throttle_text(text, sizeof text, 15);
    assert_string_equal(text, "thermal, hardware slowdown, over-current, power cap"); /* all of them fit the record's column */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_are_found_by_pci_id),
        cmocka_unit_test(samples_are_in_our_units),
        cmocka_unit_test(what_is_not_supported_is_not_told),
        cmocka_unit_test(no_library_is_an_error_that_names_it),
        cmocka_unit_test(reasons_have_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
