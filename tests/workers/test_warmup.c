/* Warm-up on made-up series of frame times: it goes on while they fall, stops when they do not, and always ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "warmup.h"

#include <math.h>
#include <stdlib.h>

typedef double series_fn(int frame);

static double level(int i) { return 10 + 0.05 * (i * 7919 % 11 - 5); } /* 2.5 % to either side */
static double rising(int i) { return 10 + 0.3 * i; }                   /* a bank that fills */
static double first_slow(int i) { return i < 4 ? 900 : 10; }           /* captures, choice of kernels */
static double clocks_rise(int i) { return 3 + 9 * exp(-i / 60.0); }
static double falls_for_ever(int i) { return 1000 * pow(0.97, i); }
static double spikes(int i) { return i % 13 == 0 ? 200 : 10; }
static double same(int i) { (void)i; return 10; }
static double slow(int i) { (void)i; return 9000; }

/* Frames used; every `lap` frames one with a prompt, which takes 500 ms more. */
static int run(vb_warmup *w, const vb_warmup_rule *r, series_fn *series, int lap)
{
    vb_warmup_begin(w, r);
    while (vb_warmup_wants_more(w)) {
        bool prompted = lap && w->n % lap == 0;

        vb_warmup_add(w, series(w->n) + (prompted ? 500 : 0), prompted);
        if (w->n > 100000)
            fail_msg("it does not end");
    }
    return w->n;
}

static void stops_where_times_fall_no_more(void **state)
{
    vb_warmup_rule cpu = vb_warmup_rule_of(VB_DEVICE_CPU, -1, 0, 100), cuda = vb_warmup_rule_of(VB_DEVICE_CUDA, -1, 0, 100);
    vb_warmup w;

    (void)state;
    assert_int_equal(run(&w, &cpu, rising, 0), 2 * cpu.window); /* as soon as there are two windows */
    assert_true(w.converged);
    assert_int_equal(run(&w, &cuda, level, 0), 2 * cuda.window);
    assert_true(w.converged);
    assert_int_equal(run(&w, &cuda, spikes, 0), 2 * cuda.window); /* which no median sees */
    assert_true(w.converged);
    /* The median of the second window has got over the slow frames at the start, and fell; the third one says that this was all. */
    assert_int_equal(run(&w, &cpu, first_slow, 0), 3 * cpu.window);
    assert_true(w.converged && w.ms >= 3600);
    /* The last two windows differ by at most 2 %, those before by more. */
    run(&w, &cuda, clocks_rise, 0);
    assert_true(w.converged);
    assert_int_equal(w.n % cuda.window, 0);
    assert_true(clocks_rise(w.n - cuda.window / 2) >= 0.97 * clocks_rise(w.n - cuda.window * 3 / 2));
    assert_true(clocks_rise(w.n - cuda.window * 3 / 2) < 0.985 * clocks_rise(w.n - cuda.window * 5 / 2));
}

static void prompts_are_in_no_window(void **state)
{
    vb_warmup_rule cpu = vb_warmup_rule_of(VB_DEVICE_CPU, -1, 0, 3);
    vb_warmup w;

    (void)state;
    assert_int_equal(run(&w, &cpu, same, 3), 9); /* of a clip of three frames, seen again and again */
    assert_true(w.converged);
    assert_int_equal(w.n_timed, 6);
    assert_true(w.ms > 1500); /* but the time was spent */
}

static void bounds_end_it(void **state)
{
    vb_warmup_rule cpu = vb_warmup_rule_of(VB_DEVICE_CPU, -1, 0, 100), cuda = vb_warmup_rule_of(VB_DEVICE_CUDA, -1, 0, 100);
    vb_warmup w;

    (void)state;
    assert_int_equal(run(&w, &cpu, falls_for_ever, 0), cpu.most);
    assert_false(w.converged);
    run(&w, &cuda, falls_for_ever, 0);
    assert_false(w.converged);
    assert_true(w.n == cuda.most || w.ms >= cuda.most_ms);
    assert_int_equal(run(&w, &cpu, slow, 0), 4); /* the one that passes 30 s is the last */
    assert_false(w.converged);
    run(&w, &cuda, slow, 1); /* prompts alone */
    assert_false(w.converged);
}

static void graphs_of_all_objects_come_first(void **state)
{
    vb_warmup_rule late = vb_warmup_rule_of(VB_DEVICE_CUDA, -1, 150, 400), end = vb_warmup_rule_of(VB_DEVICE_CUDA, -1, 150, 160);
    vb_warmup w;

    (void)state;
    assert_int_equal(late.least, 174); /* 150 frames on, and 24 until its bank is full */
    assert_int_equal(end.least, 160);  /* the video has no more */
    assert_int_equal(run(&w, &late, level, 0), 6 * late.window);
    assert_true(w.converged);
}

static void a_fixed_number_is_that_number(void **state)
{
    vb_warmup w;

    (void)state;
    for (int fixed = 0; fixed < 40; fixed += 13) {
        vb_warmup_rule r = vb_warmup_rule_of(VB_DEVICE_CUDA, fixed, 100, 400);

        assert_int_equal(run(&w, &r, falls_for_ever, 5), fixed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stops_where_times_fall_no_more), cmocka_unit_test(prompts_are_in_no_window), cmocka_unit_test(bounds_end_it),
        cmocka_unit_test(graphs_of_all_objects_come_first), cmocka_unit_test(a_fixed_number_is_that_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
