/* `savbench inspect` as a user runs it: exit codes, and JSON that parses. */
#include "checkpoint.h"

#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FIXTURES VB_TEST_DIR "/checkpoint/fixtures/"

/* Runs the command; text [n] gets what it printed to stdout. */
static int run(char *text, size_t n, const char *a, const char *b)
{
    char path[] = "/tmp/inspect.XXXXXX", arg[2][512], *argv[] = {"inspect", arg[0], arg[1], NULL};
    int fd = mkstemp(path), old = dup(STDOUT_FILENO), rc;
    ssize_t got;

    assert_true(fd >= 0 && old >= 0);
    unlink(path);
    snprintf(arg[0], sizeof arg[0], "%s", a ? a : "");
    snprintf(arg[1], sizeof arg[1], "%s", b ? b : "");
    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    rc = vb_inspect_main(1 + !!a + !!b, argv);
    fflush(stdout);
    dup2(old, STDOUT_FILENO);
    close(old);
    got = pread(fd, text, n - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    close(fd);
    return rc;
}

static void text_lists_every_tensor(void **state)
{
    char text[8192];

    (void)state;
    assert_int_equal(run(text, sizeof text, FIXTURES "good_types.pt", "--verify"), 0);
    assert_non_null(strstr(text, "format    torch\n"));
    assert_non_null(strstr(text, "model     unknown\n"));
    assert_non_null(strstr(text, "tensors   14\n"));
    assert_non_null(strstr(text, "bfloat16  bf16  [3]\n"));
    assert_non_null(strstr(text, "float32   view.transposed  [6, 4]\n"));
    assert_non_null(strstr(text, "int64     i64  []\n"));
}

static void json_is_one_object(void **state)
{
    static char text[1 << 20];
    json_error_t fault;

    (void)state;
    assert_int_equal(run(text, sizeof text, VB_DATA_DIR "/edgetam_shapes.pt", "--json"), 0);
    json_t *root = json_loads(text, 0, &fault);

    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, "model")), "edgetam");
    assert_int_equal(json_array_size(json_object_get(root, "tensors")), 982);
    assert_int_equal(json_integer_value(json_object_get(root, "elements")), 13943148);
    json_decref(root);
}

static void exit_codes_tell_usage_from_bad_files(void **state)
{
    char text[8192];

    (void)state;
    assert_int_equal(run(text, sizeof text, NULL, NULL), 2);
    assert_int_equal(run(text, sizeof text, "--nonsense", "x.pt"), 2);
    assert_int_equal(run(text, sizeof text, "a.pt", "b.pt"), 2);
    assert_int_equal(run(text, sizeof text, "/nonexistent/a.pt", NULL), 3);
    assert_int_equal(run(text, sizeof text, FIXTURES "bad_module.pt", NULL), 3);
    assert_string_equal(text, "");
    assert_int_equal(run(text, sizeof text, "--help", NULL), 0);
    assert_non_null(strstr(text, "--verify"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_lists_every_tensor),
        cmocka_unit_test(json_is_one_object),
        cmocka_unit_test(exit_codes_tell_usage_from_bad_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
