/* Desk: a worker that is late, damaged, mistaken or hostile, before a coordinator with a store. The link is the test's own: what
 * "workers" send is queued here, and what they would get is kept. So is the clock. */
#include "test.h"

#include "control.h"
#include "desk.h"
#include "hash.h"
#include "sample.h"
#include "shard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 2, TRIALS = 2, MOST = 64 };

typedef struct {
    int peer;
    vb_msg m;
    uint8_t *payload;
} message;

static struct {
    message in[MOST], out[MOST]; /* out: since the last serve() */
    int n_in, n_out;
} wire;

static double clock_ms = 1e6;

double vb_now_ms(void)
{
    return clock_ms;
}

/* Longer than a lease. */
static void let_pass(void)
{
    clock_ms += 1e6;
}

vb_status vb_link_send(vb_link *l, int peer, vb_msg_type type, uint64_t epoch, const void *head, size_t n_head, const void *tail,
                       size_t n_tail, vb_err *err)
{
    message *m = &wire.out[wire.n_out++];

    (void)l, (void)tail, (void)err;
    assert_true(wire.n_out < MOST && n_tail == 0);
    *m = (message){peer, {type, (uint32_t)n_head, epoch}, malloc(n_head + 1)};
    if (n_head)
        memcpy(m->payload, head, n_head);
    return VB_OK;
}

vb_status vb_link_receive(vb_link *l, bool *got, int *peer, vb_msg *msg, uint8_t **payload, vb_err *err)
{
    (void)l, (void)err;
    *payload = NULL;
    if (!(*got = wire.n_in > 0))
        return VB_OK;
    *peer = wire.in[0].peer;
    *msg = wire.in[0].m;
    *payload = wire.in[0].payload;
    memmove(&wire.in[0], &wire.in[1], (size_t)--wire.n_in * sizeof *wire.in);
    return VB_OK;
}

static void say(int worker, vb_msg_type type, uint64_t epoch, const void *bytes, size_t n)
{
    message *m = &wire.in[wire.n_in++];

    assert_true(wire.n_in < MOST);
    *m = (message){worker, {type, (uint32_t)n, epoch}, malloc(n + 1)};
    if (n)
        memcpy(m->payload, bytes, n);
}

static void forget_answers(void)
{
    while (wire.n_out)
        free(wire.out[--wire.n_out].payload);
}

typedef struct {
    char folder[256];
    vb_plan plan;
    vb_trial_status status[1][TRIALS], *rows[1];
    vb_roster r;
    vb_rank rank;
    vb_options options;
    vb_desk *desk;
    uint64_t epoch; /* of worker 1's lease */
} office;

static vb_status serve(office *o, vb_err *err)
{
    bool busy = false;

    forget_answers();
    return vb_desk_round(o->desk, &busy, err);
}

static const message *answer_to(int worker, vb_msg_type type)
{
    for (int i = 0; i < wire.n_out; i++)
        if (wire.out[i].peer == worker && wire.out[i].m.type == type)
            return &wire.out[i];
    return NULL;
}

static int open_office(void **state)
{
    static const vb_setup setup = {.model = "edgetam", .prompt = VB_PROMPT_POINT, .image_size = 512};
    office *o = calloc(1, sizeof *o);

    assert_non_null(o);
    o->options = (vb_options){.n_dtypes = TRIALS, .dtypes = {VB_FLOAT32, VB_FLOAT16}, .n_banks = 1, .banks = {VB_BANK_BFLOAT16},
                              .n_modes = 1, .modes = {VB_STREAM}, .repeats = 1};
    sample_folder(o->folder);
    assert_non_null(o->plan.blocks = calloc(1, sizeof *o->plan.blocks));
    OK(vb_block_make(&o->plan.blocks[0], &o->options, "v1", &setup, &err));
    o->plan.blocks[0].cost = 1;
    o->plan.n_blocks = 1;
    o->plan.n_trials = TRIALS;
    o->rows[0] = o->status[0];
    o->r = (vb_roster){.plan = &o->plan, .status = o->rows, .total = TRIALS, .missing = TRIALS};
    OK(vb_store_open(&o->r.store, o->folder, NULL, &err));
    OK(vb_store_begin_run(o->r.store, "run-1", "{}", "savbench run", &err));
    o->rank = (vb_rank){.place = {.size = 1 + WORKERS}, .options = &o->options};
    vb_logger_init(&o->rank.log, 0, true);
    OK(vb_desk_open(&o->desk, &o->rank, &o->r, "run-1", &err));
    *state = o;
    return 0;
}

static int close_office(void **state)
{
    office *o = *state;

    forget_answers();
    vb_desk_close(o->desk);
    vb_store_close(o->r.store);
    vb_block_deinit(&o->plan.blocks[0]);
    free(o->plan.blocks);
    sample_remove(o->folder);
    free(o);
    return 0;
}

static void greet(office *o, int worker)
{
    vb_hello hello = {.host = "nano3", .pid = 7};
    char *text;

    OK(vb_hello_to_json(&text, &hello, &err));
    say(worker, VB_MSG_HELLO, 0, text, strlen(text));
    free(text);
    say(worker, VB_MSG_REQUEST, 0, NULL, 0);
    OK(serve(o, &err));
    if (answer_to(worker, VB_MSG_LEASE))
        o->epoch = answer_to(worker, VB_MSG_LEASE)->m.epoch;
}

static void ask_again(office *o, int worker)
{
    say(worker, VB_MSG_REQUEST, 0, NULL, 0);
    OK(serve(o, &err));
    assert_non_null(answer_to(worker, VB_MSG_LEASE));
    o->epoch = answer_to(worker, VB_MSG_LEASE)->m.epoch;
}

/* The shard of the plan's trial `of` as the result of the lease's trial `as`; damaged: on the way. */
static void send_result(office *o, int worker, uint64_t epoch, int as, int of, bool damaged)
{
    uint8_t *bytes, *message;
    vb_piece piece = {.trial = as};
    char hex[65];
    vb_trial t;
    size_t n;

    sample_trial(&t, "v1", o->plan.blocks[0].trials[of].variant.dtype, 0, 1);
    OK(vb_shard_encode(&bytes, &n, &t, &err));
    OK(vb_sha256(hex, bytes, n, &err));
    OK(vb_sha_from_hex(piece.sha256, hex, &err));
    piece.total = piece.n = (uint32_t)n;
    assert_non_null(message = malloc(VB_PIECE_HEAD + n));
    vb_piece_encode(message, &piece);
    memcpy(message + VB_PIECE_HEAD, bytes, n);
    message[VB_PIECE_HEAD + n / 2] ^= damaged;
    say(worker, VB_MSG_RESULT, epoch, message, VB_PIECE_HEAD + n);
    free(message);
    free(bytes);
    vb_trial_deinit(&t);
}

static void expect_verdict(int worker, vb_msg_type type, int trial, bool again)
{
    const message *m = answer_to(worker, type);
    vb_verdict v;

    assert_non_null(m);
    OK(vb_verdict_decode(&v, m->payload, m->m.length, &err));
    assert_int_equal(v.trial, trial);
    assert_int_equal(v.again, again);
}

static int64_t done(office *o)
{
    vb_recorded *all;
    char *options;
    int64_t done = 0;
    int n;

    OK(vb_store_recorded(&all, &n, &options, o->folder, &err));
    for (int i = 0; i < n; i++)
        done += all[i].status == VB_TRIAL_DONE;
    free(all);
    free(options);
    return done;
}

/* Only from the holder, under its epoch; a damaged shard once more; what is on disk is acknowledged. */
static void results_are_taken_from_the_holder_alone(void **state)
{
    office *o = *state;

    greet(o, 1);
    greet(o, 2);
    assert_null(answer_to(2, VB_MSG_LEASE)); /* there is one block */
    send_result(o, 1, o->epoch + 1, 0, 0, false); /* of another lease */
    OK(serve(o, &err));
    expect_verdict(1, VB_MSG_NACK, 0, false);
    send_result(o, 2, o->epoch, 0, 0, false); /* of another worker */
    OK(serve(o, &err));
    expect_verdict(2, VB_MSG_NACK, 0, false);
    send_result(o, 1, o->epoch, TRIALS, 0, false); /* there is no such trial */
    OK(serve(o, &err));
    expect_verdict(1, VB_MSG_NACK, TRIALS, false);
    send_result(o, 1, o->epoch, 0, 0, true);
    OK(serve(o, &err));
    expect_verdict(1, VB_MSG_NACK, 0, true);
    assert_int_equal(done(o), 0);
    send_result(o, 1, o->epoch, 0, 0, false);
    OK(serve(o, &err));
    expect_verdict(1, VB_MSG_ACK, 0, false);
    assert_int_equal(done(o), 1);
    send_result(o, 1, o->epoch, 0, 0, false); /* again: acknowledged, not recorded twice */
    OK(serve(o, &err));
    expect_verdict(1, VB_MSG_ACK, 0, false);
    assert_int_equal(done(o), 1);
    assert_int_equal(o->r.missing, 1);
    assert_false(vb_desk_done(o->desk));
}

/* A sound shard of another trial is refused; a block that leaves a trial undone counts against it, the third time for good. */
static void a_trial_that_is_never_valid_is_quarantined(void **state)
{
    office *o = *state;

    greet(o, 1);
    say(2, VB_MSG_DRAIN, 0, NULL, 0); /* else the block would go to it */
    send_result(o, 1, o->epoch, 1, 1, false);
    OK(serve(o, &err));
    expect_verdict(1, VB_MSG_ACK, 1, false);
    for (int i = 0; i < 3; i++) {
        send_result(o, 1, o->epoch, 0, 1, false);
        OK(serve(o, &err));
        expect_verdict(1, VB_MSG_NACK, 0, false);
        assert_int_equal(o->status[0][0], VB_TRIAL_MISSING);
        say(1, VB_MSG_DONE, o->epoch + 1, NULL, 0); /* of no lease: nothing happens */
        say(1, VB_MSG_DONE, o->epoch, NULL, 0);
        OK(serve(o, &err));
        if (i < 2)
            ask_again(o, 1);
    }
    assert_int_equal(o->status[0][0], VB_TRIAL_QUARANTINED);
    assert_true(vb_desk_done(o->desk));
}

/* Nonsense is dropped, whatever its type; the desk goes on. */
static void nonsense_is_dropped(void **state)
{
    static const vb_msg_type types[] = {VB_MSG_HELLO, VB_MSG_PROGRESS, VB_MSG_RESULT, VB_MSG_FAILED, VB_MSG_ATTEMPT,
                                        VB_MSG_LEASE, VB_MSG_ACK,      VB_MSG_QUIT,   VB_MSG_FAULT};
    office *o = *state;

    greet(o, 1);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        say(1, types[i], o->epoch, "{\"trial\": 99999999999, ", 23);
        OK(serve(o, &err));
        assert_int_equal(wire.n_out, 0);
    }
    send_result(o, 1, o->epoch, 0, 0, false);
    OK(serve(o, &err));
    expect_verdict(1, VB_MSG_ACK, 0, false);
}

static void report_failure(uint64_t epoch, int trial)
{
    vb_failure f = {.trial = trial, .code = "VB_EMODEL", .reason = "does not fit", .last_frame = 3, .last_stage = "encode"};
    char *text;

    OK(vb_failure_to_json(&text, &f, &err));
    say(1, VB_MSG_FAILED, epoch, text, strlen(text));
    free(text);
}

static void a_failure_is_recorded_once(void **state)
{
    office *o = *state;

    greet(o, 1);
    report_failure(o->epoch + 1, 0);
    OK(serve(o, &err));
    assert_int_equal(o->r.failed, 0);
    report_failure(o->epoch, 0);
    report_failure(o->epoch, 0);
    OK(serve(o, &err));
    assert_int_equal(o->r.failed, 1);
    assert_int_equal(o->status[0][0], VB_TRIAL_FAILED);
}

static void report_death(int worker, uint64_t epoch, int trial, const char *outcome)
{
    vb_death d = {.trial = trial, .detail = "no such device", .last_frame = -1, .log = "cannot open"};
    char *text;

    snprintf(d.outcome, sizeof d.outcome, "%s", outcome);
    OK(vb_death_to_json(&text, &d, &err));
    say(worker, VB_MSG_ATTEMPT, epoch, text, strlen(text));
    free(text);
}

/* An engine that does not start is tried three times, then its worker gets no more; without another one the run ends and says why. */
static void engines_that_do_not_start_end_the_run(void **state)
{
    office *o = *state;
    vb_err err = {0};

    greet(o, 1);
    say(2, VB_MSG_DRAIN, 0, NULL, 0); /* the other worker was told to stop */
    for (int i = 0; i < 2; i++) {
        report_death(1, o->epoch + 1, -1, "exit"); /* of no lease */
        report_death(1, o->epoch, -1, "exit");
        OK(serve(o, &err));
        assert_int_equal(o->status[0][0], VB_TRIAL_MISSING);
        ask_again(o, 1);
    }
    report_death(1, o->epoch, -1, "exit");
    assert_int_equal(serve(o, &err), VB_EMODEL);
    assert_non_null(strstr(err.msg, "no worker is left: nano3: no such device; last words: cannot open"));
    assert_true(vb_desk_deserted(o->desk));
}

/* An engine that refuses the options would refuse them anywhere. */
static void refused_options_end_the_run(void **state)
{
    office *o = *state;
    vb_err err = {0};

    greet(o, 1);
    report_death(1, o->epoch, -1, "usage");
    assert_int_equal(serve(o, &err), VB_EARG);
    assert_non_null(strstr(err.msg, "host nano3: no such device"));
}

static void a_trial_that_kills_its_engine_is_quarantined(void **state)
{
    office *o = *state;

    greet(o, 1);
    say(2, VB_MSG_DRAIN, 0, NULL, 0);
    for (int i = 0; i < 3; i++) {
        report_death(1, o->epoch, 0, "signal");
        OK(serve(o, &err));
        ask_again(o, 1); /* the other trial is left */
    }
    assert_int_equal(o->status[0][0], VB_TRIAL_QUARANTINED);
    assert_int_equal(o->status[0][1], VB_TRIAL_MISSING);
    say(1, VB_MSG_RETURNED, o->epoch + 1, NULL, 0);
    say(1, VB_MSG_RETURNED, o->epoch, NULL, 0); /* drained: nobody is to blame */
    OK(serve(o, &err));
    assert_true(vb_desk_idle(o->desk));
    assert_int_equal(o->status[0][1], VB_TRIAL_MISSING);
}

/* A block that one worker's engine died of is kept for the other one, but not for one that does not come. */
static void a_worker_that_never_asks_is_not_waited_for(void **state)
{
    office *o = *state;

    greet(o, 1);
    report_death(1, o->epoch, 0, "signal");
    say(1, VB_MSG_REQUEST, 0, NULL, 0);
    OK(serve(o, &err));
    assert_null(answer_to(1, VB_MSG_LEASE));
    let_pass();
    OK(serve(o, &err));
    assert_non_null(answer_to(1, VB_MSG_LEASE));
    o->epoch = answer_to(1, VB_MSG_LEASE)->m.epoch;
    greet(o, 2); /* late, and welcome */
    report_death(1, o->epoch, 0, "signal");
    OK(serve(o, &err));
    assert_non_null(answer_to(2, VB_MSG_LEASE));
}

static void a_job_in_which_nobody_asks_is_lost(void **state)
{
    office *o = *state;
    vb_err err = {0};

    OK(serve(o, &err));
    say(1, VB_MSG_DRAIN, 0, NULL, 0);
    OK(serve(o, &err));
    let_pass();
    assert_int_equal(serve(o, &err), VB_EMPI);
    assert_non_null(strstr(err.msg, "no worker is left that answers"));
}

/* Who asked ahead and then let its lease run out gets no other before it has spoken again. */
static void a_silent_worker_gets_no_block(void **state)
{
    office *o = *state;

    greet(o, 2);
    report_death(2, o->epoch, 0, "signal");
    greet(o, 1); /* it gets the block: the other one was lost in it */
    assert_non_null(answer_to(1, VB_MSG_LEASE));
    say(1, VB_MSG_REQUEST, 0, NULL, 0);
    say(2, VB_MSG_REQUEST, 0, NULL, 0);
    OK(serve(o, &err));
    let_pass();
    OK(serve(o, &err));
    assert_non_null(answer_to(1, VB_MSG_CANCEL));
    assert_null(answer_to(1, VB_MSG_LEASE));
    assert_non_null(answer_to(2, VB_MSG_LEASE));
    report_death(2, answer_to(2, VB_MSG_LEASE)->m.epoch, 0, "signal");
    OK(serve(o, &err));
    assert_null(answer_to(1, VB_MSG_LEASE));
    ask_again(o, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_office, close_office)
    const struct CMUnitTest tests[] = {
        TEST(results_are_taken_from_the_holder_alone), TEST(a_trial_that_is_never_valid_is_quarantined),
        TEST(nonsense_is_dropped),                     TEST(a_failure_is_recorded_once),
        TEST(engines_that_do_not_start_end_the_run),   TEST(refused_options_end_the_run),
        TEST(a_trial_that_kills_its_engine_is_quarantined), TEST(a_worker_that_never_asks_is_not_waited_for),
        TEST(a_job_in_which_nobody_asks_is_lost),      TEST(a_silent_worker_gets_no_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
