/* SHA-256 against the vectors of FIPS 180-4. */
#include "support.h"

#include "hash.h"

#include <stdlib.h>
#include <unistd.h>

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define MILLION_A "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

static void published_vectors(void **state)
{
    (void)state;
    sha256_is("abc", 3, ABC);
    sha256_is("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void streamed_in_uneven_parts(void **state)
{
    char hex[65], part[977];
    vb_sha *s;

    (void)state;
    memset(part, 'a', sizeof part);
    ok(vb_sha_create(&s, &ok_err));
    for (size_t left = 1000000, n; left; left -= n) {
        n = left < sizeof part ? left : sizeof part;
        ok(vb_sha_add(s, part, n, &ok_err));
    }
    ok(vb_sha_finish(s, hex, &ok_err));
    assert_string_equal(hex, MILLION_A);
}

static void of_a_file(void **state)
{
    char dir[256], path[300], hex[65];
    char *a = malloc(1000000);
    vb_err err;

    (void)state;
    make_scratch(dir);
    snprintf(path, sizeof path, "%s/a", dir);
    memset(a, 'a', 1000000);
    write_file(path, a, 1000000);
    ok(vb_sha256_file(hex, path, &ok_err));
    assert_string_equal(hex, MILLION_A);
    assert_int_equal(vb_sha256_file(hex, dir, &err), VB_EIO); /* a folder */
    unlink(path);
    assert_int_equal(vb_sha256_file(hex, path, &err), VB_EIO);
    assert_says(&err, path, NULL);
    free(a);
    remove_tree(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),
        cmocka_unit_test(streamed_in_uneven_parts),
        cmocka_unit_test(of_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
