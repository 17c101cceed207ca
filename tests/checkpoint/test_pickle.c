/* The pickle reader: plain values come out, nothing runs, and every other opcode is refused by name. */
#include "pickle.h"
#include "torch_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const vb_py_class classes[] = {
    {"collections", "OrderedDict", VB_PY_DICT_CLASS, 0},
    {"torch._utils", "_rebuild_tensor_v2", VB_PY_CALLABLE, 1},
    {"torch", "FloatStorage", VB_PY_TYPE, 2},
};

static vb_status run(vb_pickle **p, const vb_py **root, const void *data, size_t n, vb_err *err)
{
    return vb_pickle_read(p, root, data, n, classes, sizeof classes / sizeof *classes, "t.pt", err);
}

/* A literal of opcodes behind PROTO 2. */
#define SCRIPT(s) "\x80\2" s, sizeof("\x80\2" s) - 1

static void refused(const void *data, size_t n, const char *says)
{
    uint8_t *exact = malloc(n + !n); /* so that a sanitizer sees one byte too far */
    vb_pickle *p;
    const vb_py *root;
    vb_err err = {.msg = ""};

    assert_non_null(exact);
    memcpy(exact, data, n);
    assert_int_equal(run(&p, &root, exact, n, &err), VB_EFORMAT);
    if (!strstr(err.msg, says))
        fail_msg("'%s' does not say '%s'", err.msg, says);
    assert_null(p);
    free(exact);
}

static void plain_values_come_out(void **state)
{
    static const char data[] =
        "\x80\2(K\xff" "M\xff\xff" "J\xff\xff\xff\xff" "\x8a\0" "\x8a\2\0\x80" "\x8a\x9\0\0\0\0\0\0\0\0\1"
        "G\x3f\xe0\0\0\0\0\0\0" "X\2\0\0\0h\xc3" "N\x88\x89" ")" "K\1\x85" "](K\1K\2e" "}X\1\0\0\0kK\7s" "t.";
    vb_pickle *p;
    const vb_py *root;
    vb_err err;

    (void)state;
    if (run(&p, &root, data, sizeof data - 1, &err) != VB_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(root->kind, VB_PY_TUPLE);
    assert_int_equal(root->n, 15);
    vb_py *const *v = root->items;

    assert_int_equal(v[0]->i, 255);
    assert_int_equal(v[1]->i, 65535);
    assert_int_equal(v[2]->i, -1);
    assert_int_equal(v[3]->i, 0);
    assert_int_equal(v[4]->i, -32768);
    assert_int_equal(v[5]->kind, VB_PY_LONG);
    assert_true(v[6]->f == 0.5);
    assert_int_equal(v[7]->n, 2);
    assert_int_equal(v[8]->kind, VB_PY_NONE);
    assert_int_equal(v[9]->i, 1);
    assert_int_equal(v[10]->i, 0);
    assert_int_equal(v[11]->n, 0);
    assert_int_equal(v[12]->items[0]->i, 1);
    assert_int_equal(v[13]->kind, VB_PY_LIST);
    assert_int_equal(v[13]->items[1]->i, 2);
    assert_int_equal(v[14]->kind, VB_PY_DICT);
    assert_true(vb_py_is(v[14]->items[0], "k"));
    assert_int_equal(v[14]->items[1]->i, 7);
    vb_pickle_free(p);
}

static void memo_shares_and_may_make_cycles(void **state)
{
    vb_pickle *p;
    const vb_py *root;
    vb_err err;

    (void)state;
    assert_int_equal(run(&p, &root, SCRIPT("]q\0h\0a."), &err), VB_OK); /* l = []; l.append(l) */
    assert_ptr_equal(root->items[0], root);
    vb_pickle_free(p);
}

static void code_is_refused_by_name(void **state)
{
    static const struct {
        const char *data;
        size_t n;
        const char *says;
    } cases[] = {
        {SCRIPT("cos\nsystem\nX\4\0\0\0true\x85R."), "refers to 'os.system'"},
        {SCRIPT("cposix\nsystem\n(X\4\0\0\0truetR."), "refers to 'posix.system'"},
        {SCRIPT("cbuiltins\neval\n(X\1\0\0\0" "1tR."), "refers to 'builtins.eval'"},
        {SCRIPT("ctorch\nFloatStorage\n)R."), "calls FloatStorage, which is not run"},
        {SCRIPT("ctorch._utils\n_rebuild_tensor_v2\nNR."), "with a None for its arguments"},
        {SCRIPT("ccollections\nOrderedDict\n(K\1tR."), "calls OrderedDict with arguments"},
        {SCRIPT("K\1)R."), "calls int, which is not run"},
        {SCRIPT("X\2\0\0\0osX\6\0\0\0system\x93."), "opcode STACK_GLOBAL"},
        {SCRIPT("(X\4\0\0\0trueios\nsystem\n."), "opcode INST"},
        {SCRIPT("(cos\nsystem\nX\4\0\0\0trueo."), "refers to 'os.system'"},
        {SCRIPT("(ctorch\nFloatStorage\nX\4\0\0\0trueo."), "opcode OBJ"},
        {SCRIPT("ccollections\nOrderedDict\n)\x81."), "opcode NEWOBJ"},
        {SCRIPT("ccollections\nOrderedDict\n)}\x92."), "opcode NEWOBJ_EX"},
        {SCRIPT("}}b."), "BUILD on a dict"},
        {SCRIPT("ctorch\nFloatStorage\n}b."), "BUILD on a class"},
        {SCRIPT("ccollections\nOrderedDict\n)RK\1b."), "BUILD on a dict"},
        {SCRIPT("\x82\1."), "opcode EXT1"},
        {SCRIPT("\x83\1\0."), "opcode EXT2"},
        {SCRIPT("\x84\1\0\0\0."), "opcode EXT4"},
        {SCRIPT("P1\n."), "opcode PERSID"},
        {SCRIPT("I1\n."), "opcode INT"},
        {SCRIPT("\x8b\xff\xff\xff\x7f."), "opcode LONG4"},
        {SCRIPT("\x95\xff\xff\xff\xff\xff\xff\xff\xff."), "opcode FRAME"},
        {SCRIPT("\xfe."), "0xfe is no pickle opcode"},
        {SCRIPT("\x80\2N."), "opcode PROTO"},
        {SCRIPT("cos\x1b[2J\nsystem\n."), "refers to 'os?[2J.system'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(cases[i].data, cases[i].n, cases[i].says);
}

static void faults_are_named(void **state)
{
    static const struct {
        const char *data;
        size_t n;
        const char *says;
    } cases[] = {
        {"", 0, "not a pickle"},
        {"\x80", 1, "not a pickle"},
        {"\x80\4N.", 4, "pickle protocol 4"},
        {SCRIPT("N"), "no STOP"},
        {SCRIPT("."), "0 values left"},
        {SCRIPT("NN."), "2 values left"},
        {SCRIPT("(N."), "1 values left"},
        {SCRIPT("N.N"), "1 bytes after STOP"},
        {SCRIPT("t."), "no mark"},
        {SCRIPT("u."), "no mark"},
        {SCRIPT("K\1\x86."), "stack underflow"},
        {SCRIPT("K\1(K\2\x86."), "stack underflow"}, /* may not reach below the mark */
        {SCRIPT("(u."), "stack underflow"},
        {SCRIPT("a."), "stack underflow"},
        {SCRIPT("R."), "stack underflow"},
        {SCRIPT("Q."), "stack underflow"},
        {SCRIPT("b."), "stack underflow"},
        {SCRIPT("q\0."), "stack underflow"},
        {SCRIPT("}K\1a."), "adds items to a dict"},
        {SCRIPT(")K\1a."), "adds items to a tuple"},
        {SCRIPT("](K\1K\2u."), "adds items to a list"},
        {SCRIPT("}(K\1K\2K\3u."), "a dict key without a value"},
        {SCRIPT("h\0."), "memo entry 0 was never stored"},
        {SCRIPT("j\xff\xff\xff\xff."), "memo entry 4294967295 was never stored"},
        {SCRIPT("Nr\xff\xff\xff\x7f."), "memo entry 2147483647 out of order"},
        {SCRIPT("Nq\1."), "memo entry 1 out of order"},
        {SCRIPT("X\xff\xff\xff\xff" "abc."), "cut off inside an argument"},
        {SCRIPT("\x8a\xff" "1."), "cut off inside an argument"},
        {SCRIPT("G12."), "cut off inside an argument"},
        {SCRIPT("ctorch\nFloatStorage"), "cut off inside an argument"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(cases[i].data, cases[i].n, cases[i].says);
}

/* PROTO 2, then n times unit, then the end. */
static void repeated(const char *unit, size_t n, const char *says)
{
    bytes b = {.n = 0};

    pickle_begin(&b);
    for (size_t i = 0; i < n; i++)
        put_str(&b, unit);
    put_str(&b, ".");
    refused(b.p, b.n, says);
    free(b.p);
}

static void resources_are_bounded(void **state)
{
    bytes b = {.n = 0};

    (void)state;
    repeated("(", 100000, "nested deeper than 256");
    repeated("N", 100000, "more than 65536 values on the stack");
    repeated("]", 100000, "on the stack");
    pickle_begin(&b);
    put_str(&b, "]");
    for (size_t i = 0; i < 3 << 20; i++) /* 3 million lists in one list, one at a time */
        put_str(&b, "]a");
    put_str(&b, ".");
    refused(b.p, b.n, "more than 2097152 values");
    b.n = 2;
    for (size_t i = 0; i < 9 << 20; i++)
        put_str(&b, "Na");
    refused(b.p, b.n, "bytes of pickle");
    free(b.p);
    b = (bytes){.n = 0};
    pickle_begin(&b);
    put_str(&b, "c");
    for (int i = 0; i < 1000; i++)
        put_str(&b, "x");
    put_str(&b, "\nsystem\n.");
    refused(b.p, b.n, "longer than 127");
    free(b.p);
}

static void every_cut_is_an_error(void **state)
{
    const int64_t shape[2] = {2, 3}, stride[2] = {3, 1};
    bytes b = {.n = 0};
    vb_pickle *p;
    const vb_py *root;
    vb_err err;

    (void)state;
    pickle_begin(&b);
    put_str(&b, "}(");
    pickle_text(&b, "a");
    pickle_tensor(&b, "FloatStorage", "0", 6, 0, shape, stride, 2);
    pickle_text(&b, "b");
    pickle_int(&b, INT64_MIN);
    put_str(&b, "u.");
    assert_int_equal(run(&p, &root, b.p, b.n, &err), VB_OK);
    assert_int_equal(root->items[3]->i, INT64_MIN);
    vb_pickle_free(p);
    for (size_t n = 0; n < b.n; n++)
        refused(b.p, n, "");
    free(b.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_values_come_out), cmocka_unit_test(memo_shares_and_may_make_cycles),
        cmocka_unit_test(code_is_refused_by_name), cmocka_unit_test(faults_are_named),
        cmocka_unit_test(resources_are_bounded), cmocka_unit_test(every_cut_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
