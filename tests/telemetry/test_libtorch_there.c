/* Which libtorch is loaded: `doctor` names one that the engine was not compiled against. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "libtorch_there.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static void the_wheel_tells_its_version(void **state)
{
    char version[64], folder[512], small[8];
    void *lib;

    (void)state;
    if (dlopen("libtorch_cpu.so", RTLD_LAZY | RTLD_NOLOAD))
        skip(); /* a build with torch: it is loaded already */
    assert_false(vb_libtorch_there(version, sizeof version, folder, sizeof folder));
    assert_non_null(lib = dlopen(FAKE_TORCH "/lib/libtorch_cpu.so", RTLD_NOW));
    assert_true(vb_libtorch_there(version, sizeof version, folder, sizeof folder));
    assert_string_equal(version, "2.8.0+cpu");
    assert_string_equal(folder, FAKE_TORCH);
    assert_false(vb_libtorch_there(version, sizeof version, small, sizeof small));
    dlclose(lib);
}

static void releases_are_compared_without_their_kind(void **state)
{
    (void)state;
    assert_true(vb_libtorch_same("2.13.0", "2.13.0+cpu"));
    assert_true(vb_libtorch_same("2.8.0", "2.8.0"));
    assert_false(vb_libtorch_same("2.1.0", "2.1.0a0"));
    assert_false(vb_libtorch_same("2.13.0", "2.13.1"));
    assert_false(vb_libtorch_same("2.1", "2.13.0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_wheel_tells_its_version), cmocka_unit_test(releases_are_compared_without_their_kind)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
