/* Plan, estimate, leases and messages where every allocation may fail: what a coordinator makes before its ranks work and between
 * them, each allocation of our code failing, once and it and all after it. Always an error with words or none, and nothing held
 * after it; without failure the same works again. SAVBENCH_FAIL_STRIDE=1: all of
 * them, by default every 13th. The store's part: test_failures.c; whole jobs: tests/cli/failing_calls.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fail.h"
#include "sample.h"

#include "control.h"
#include "desk.h"
#include "estimate.h"
#include "hosts.h"
#include "intake.h"
#include "launch.h"
#include "lease.h"
#include "roster.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char out[256], hostfile[300];
static vb_recorded records[3];

static char *arguments[] = {"run", "--split-dir", VB_DATA_DIR, "--models", "stub", "--prompts", "box,point", "--dtype", "float32,bfloat16",
                            "--out-dir", out, "--hostfile", hostfile, NULL};
enum { N_ARGUMENTS = sizeof arguments / sizeof *arguments - 1 };

static vb_status parse(vb_options *o, vb_err *err)
{
    char *argv[N_ARGUMENTS + 1];

    memcpy(argv, arguments, sizeof argv); /* parsing moves operands about */
    return vb_options_parse(o, N_ARGUMENTS, argv, err);
}

/* Workers that hear and say nothing; link.c's are not linked. */
vb_status vb_link_send(vb_link *l, int peer, vb_msg_type type, uint64_t epoch, const void *head, size_t n_head, const void *tail,
                       size_t n_tail, vb_err *err)
{
    (void)l, (void)peer, (void)type, (void)epoch, (void)head, (void)n_head, (void)tail, (void)n_tail, (void)err;
    return VB_OK;
}

vb_status vb_link_receive(vb_link *l, bool *got, int *peer, vb_msg *msg, uint8_t **payload, vb_err *err)
{
    (void)l, (void)peer, (void)msg, (void)err;
    *got = false;
    *payload = NULL;
    return VB_OK;
}

/* The coordinator's desk is opened, serves, and is told to drain. */
static vb_status keep_desk(vb_roster *r, const vb_options *o, vb_err *err)
{
    vb_rank rank = {.place = {.size = 3}, .options = o};
    vb_desk *desk = NULL;
    bool busy = false;
    vb_status st = vb_store_begin_run(r->store, "run-1", "{}", "savbench run", err);

    vb_logger_init(&rank.log, 0, true);
    if (st == VB_OK && (st = vb_desk_open(&desk, &rank, r, "run-1", err)) == VB_OK && (st = vb_desk_round(desk, &busy, err)) == VB_OK)
        st = vb_desk_drain(desk, err);
    vb_desk_close(desk);
    return st;
}

/* Two workers: one loses its engine, the other does everything. */
static vb_status lend(const vb_plan *p, vb_err *err)
{
    vb_lease_table *t;
    vb_lease l;
    vb_status st = vb_lease_create(&t, p, 2, err);

    if (st)
        return st;
    if (vb_lease_take(t, 0, 0, 10, &l)) {
        vb_lease_avoid(t, 0);
        vb_lease_release(t, 0, 0, false);
    }
    vb_lease_retire(t, 0);
    while (vb_lease_take(t, 1, 0, 10, &l)) {
        for (int i = 0; i < l.n_trials; i++)
            vb_lease_finish(t, l.block, l.index[i], VB_LEASE_DONE);
        vb_lease_release(t, 1, 1, true);
    }
    assert_int_equal(vb_lease_pending(t), 0);
    vb_lease_free(t);
    return VB_OK;
}

static vb_status tell_block(const vb_block *b, vb_err *err)
{
    char *text = NULL;
    vb_block back = {0};
    vb_status st = vb_block_to_json(&text, b, err);

    if (st == VB_OK && (st = vb_block_from_json(&back, text, strlen(text), err)) == VB_OK)
        assert_int_equal(back.n_trials, b->n_trials);
    vb_block_deinit(&back);
    free(text);
    return st;
}

#define TELL(kind, ...)                                                                      \
    if (st == VB_OK) {                                                                       \
        vb_##kind back;                                                                      \
        char *text = NULL;                                                                   \
                                                                                             \
        if ((st = vb_##kind##_to_json(&text, &(vb_##kind){__VA_ARGS__}, err)) == VB_OK)      \
            st = vb_##kind##_from_json(&back, text, strlen(text), err);                      \
        free(text);                                                                          \
    }
static vb_status tell_messages(vb_err *err)
{
    vb_status st = VB_OK;

    TELL(welcome, "run-1", "orin1")
    TELL(hello, "orin2", "Orin Nano", "", 7)
    TELL(failure, 0, "EIO", "frame 3 cannot be read", "Orin Nano", 3, "decode", 10)
    TELL(death, 0, "signal", "killed\xff by the system", 9, 0, 3, "encode", 10, "Orin Nano", "last words")
    TELL(fault, "EMODEL", "no such weights")
    return st;
}

static vb_status take_pieces(vb_err *err)
{
    vb_intake in = {0};
    vb_intake_state state = VB_INTAKE_MORE;
    static const uint8_t bytes[8];
    vb_piece p = {.total = 16, .n = 8, .bytes = bytes};
    vb_status st = vb_intake_add(&state, &in, 1, &p, err);

    p.offset = 8;
    if (st == VB_OK && (st = vb_intake_add(&state, &in, 1, &p, err)) == VB_OK)
        assert_int_equal(state, VB_INTAKE_DAMAGED); /* it was given no hash */
    vb_intake_reset(&in);
    return st;
}

static vb_status start(const vb_options *o, vb_err *err)
{
    vb_launch l = {0};
    vb_status st = vb_launch_make(&l, o, N_ARGUMENTS, arguments, false, err);

    if (st == VB_OK)
        vb_launch_deinit(&l);
    return st;
}

/* A record that is made is whole: one that lacks a word would keep its folder from being resumed. */
static vb_status record_options(const vb_options *o, vb_err *err)
{
    static char *whole;
    char *text = NULL;
    vb_status st = vb_options_json(&text, o, err);

    if (st == VB_OK && whole && strcmp(text, whole) != 0)
        fail_msg("a wrong record: %s", text);
    if (st == VB_OK && (st = vb_options_same_fixed(o, text, err)) == VB_OK && !whole) {
        whole = text; /* the first one, where nothing fails */
        return VB_OK;
    }
    free(text);
    return st;
}

static vb_status all_of_it(vb_err *err)
{
    vb_options o;
    vb_roster r = {0};
    vb_recovery recovered;
    vb_estimate *e = NULL;
    vb_status st = parse(&o, err);

    if (st)
        return st;
    if ((st = vb_roster_open(&r, &o, true, &recovered, err)) == VB_OK && (st = record_options(&o, err)) == VB_OK &&
        (st = vb_estimate_make(&e, r.plan, &o, records, sizeof records / sizeof *records, 20, err)) == VB_OK &&
        (st = lend(r.plan, err)) == VB_OK && (st = tell_block(&r.plan->blocks[0], err)) == VB_OK && (st = tell_messages(err)) == VB_OK &&
        (st = take_pieces(err)) == VB_OK && (st = keep_desk(&r, &o, err)) == VB_OK)
        st = start(&o, err);
    vb_estimate_free(e);
    vb_roster_close(&r);
    return st;
}

/* 0: an error with words or none; what is wrong has been printed. */
static int fail_at(long at, bool ever, long *errors)
{
    const void *by = NULL;
    vb_err err = {0};
    vb_status st;

    fail_begin(FAIL_MEMORY, at, ever);
    st = all_of_it(&err);
    fail_end();
    *errors += st != VB_OK;
    if (st && (!err.msg[0] || err.code != st))
        print_message("allocation %ld: status %d, error %d with the words '%s'\n", at, (int)st, (int)err.code, err.msg);
    else if (fail_held(&by))
        print_message("allocation %ld: %ld blocks are held after '%s'\n", at, fail_held(&by), err.msg);
    else
        return 0;
    return 1;
}

static long count(void)
{
    const void *by = NULL;
    long n;

    OK(all_of_it(&err)); /* what libraries keep for the process is there from now on */
    fail_begin(FAIL_MEMORY, -1, false);
    OK(all_of_it(&err));
    n = fail_end();
    assert_int_equal(fail_held(&by), 0);
    assert_true(n > 100);
    return n;
}

static long stride(void)
{
    const char *told = getenv("SAVBENCH_FAIL_STRIDE");

    return told ? strtol(told, NULL, 10) : 13;
}

static void an_allocation_may_fail(void **state)
{
    const long n = count();
    long tried = 0, errors = 0, bad = 0;

    (void)state;
    for (long at = 0; at < n; at += stride(), tried++)
        bad += fail_at(at, false, &errors);
    print_message("memory of ours, once: %ld of %ld tried, %ld ended with an error, %ld did harm\n", tried, n, errors, bad);
    assert_true(errors > tried / 2);
    assert_int_equal(bad, 0);
    OK(all_of_it(&err));
}

/* jansson 2.14 reads JSON without memory into an assertion of its own; in processes of their own therefore. */
static void all_memory_may_be_gone(void **state)
{
    const long n = count();
    long tried = 0, ended = 0;

    (void)state;
    for (long at = 0; at < n; at += stride(), tried++) {
        long errors = 0;
        int status = 0;
        pid_t pid;

        fflush(stdout);
        if ((pid = fork()) == 0) {
            if (!freopen("/dev/null", "w", stderr))
                abort();
            _exit(fail_at(at, true, &errors) || errors == 0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT)
            ended++;
        else if (status)
            fail_msg("allocation %ld and all after it: status %x", at, (unsigned)status);
    }
    print_message("memory of ours, it and all after it: %ld of %ld tried, %ld ended by jansson, the others with an error\n", tried, n, ended);
    assert_true(ended < tried / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_allocation_may_fail), cmocka_unit_test(all_memory_may_be_gone)};
    static const vb_setup setup = {"stub", VB_PROMPT_BOX, 1024};
    FILE *f;
    int rc;

    sample_folder(out);
    snprintf(hostfile, sizeof hostfile, "%s/hosts", out);
    if (!(f = fopen(hostfile, "w")) || fputs("# two\nlocalhost slots=2\n127.0.0.1 slots=1\n", f) < 0 || fclose(f))
        return 1;
    for (int i = 0; i < 3; i++) {
        vb_variant v = {setup, i ? VB_BFLOAT16 : VB_FLOAT32, VB_BANK_BFLOAT16, VB_STREAM};

        records[i] = (vb_recorded){.status = VB_TRIAL_DONE, .repetition = i, .n_frames = 10, .n_objects = 1, .seconds = 1, .shard_bytes = 1000};
        strcpy(records[i].video, "v1");
        snprintf(records[i].device, sizeof records[i].device, "kind %d", i);
        vb_variant_tag(records[i].tag, &v);
    }
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    sample_remove(out);
    return rc;
}
