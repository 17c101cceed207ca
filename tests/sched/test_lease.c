/* Lease table: order, setups, epochs, deadlines, quarantine, and that nothing is lost or granted twice. */
#include "test.h"

#include "lease.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIALS 3

/* n_videos x setups; the video's number is its cost. */
static vb_plan *make_plan(int n_videos, int n_setups)
{
    vb_plan *p = calloc(1, sizeof *p);

    assert_non_null(p);
    p->blocks = calloc((size_t)n_videos * (size_t)n_setups, sizeof *p->blocks);
    assert_non_null(p->blocks);
    for (int v = 0; v < n_videos; v++)
        for (int s = 0; s < n_setups; s++) {
            vb_block *b = &p->blocks[p->n_blocks];

            b->id = p->n_blocks++;
            snprintf(b->video, sizeof b->video, "v%d", v);
            strcpy(b->setup.model, "stub");
            b->setup.image_size = 256 * (s + 1);
            b->n_trials = TRIALS;
            b->trials = calloc(TRIALS, sizeof *b->trials);
            assert_non_null(b->trials);
            b->cost = v + 1;
        }
    return p;
}

static void finish_all(vb_lease_table *t, const vb_lease *l)
{
    for (int i = 0; i < l->n_trials; i++)
        vb_lease_finish(t, l->block, l->index[i], VB_LEASE_DONE);
}

/* A short one to learn a worker's speed by, then longest first; the second worker takes the other setup; nobody switches while its
 * own is queued. */
static void test_order(void **state)
{
    vb_plan *p = make_plan(4, 2);
    vb_lease_table *t;
    vb_lease l;
    double last[2] = {1e9, 1e9};
    int setup[2] = {-1, -1}, got = 0;

    (void)state;
    assert_int_equal(vb_lease_create(&t, p, 2, NULL), VB_OK);
    for (int i = 0; i < 8; i++) {
        int w = i % 2;

        assert_true(vb_lease_take(t, w, 0, 10, &l));
        assert_int_equal(l.n_trials, TRIALS);
        if (setup[w] < 0)
            setup[w] = p->blocks[l.block].setup.image_size;
        assert_int_equal(p->blocks[l.block].setup.image_size, setup[w]);
        assert_false(l.switched);
        if (i < 2)
            assert_float_equal(p->blocks[l.block].cost, 1, 0);
        else {
            assert_true(p->blocks[l.block].cost < last[w]);
            last[w] = p->blocks[l.block].cost;
        }
        finish_all(t, &l);
        vb_lease_release(t, w, p->blocks[l.block].cost, true); /* both are as fast */
        got++;
    }
    assert_int_not_equal(setup[0], setup[1]);
    assert_int_equal(got, 8);
    assert_int_equal(vb_lease_pending(t), 0);
    assert_int_equal(vb_lease_switches(t), 0);
    assert_false(vb_lease_take(t, 0, 0, 10, &l));
    vb_lease_free(t);
    vb_plan_free(p);
}

static void test_switch_when_none_left(void **state)
{
    vb_plan *p = make_plan(2, 2);
    vb_lease_table *t;
    vb_lease l;

    (void)state;
    assert_int_equal(vb_lease_create(&t, p, 1, NULL), VB_OK);
    for (int i = 0; i < 4; i++) {
        assert_true(vb_lease_take(t, 0, 0, 10, &l));
        assert_int_equal(l.switched, i == 2);
        finish_all(t, &l);
        vb_lease_release(t, 0, 1, true);
    }
    assert_int_equal(vb_lease_switches(t), 1);
    vb_lease_free(t);
    vb_plan_free(p);
}

/* What is recorded is not leased; the leased indices lead back to the plan's. */
static void test_marks(void **state)
{
    vb_plan *p = make_plan(2, 1);
    vb_lease_table *t;
    vb_lease l;
    uint64_t first;
    int block, trial;

    (void)state;
    assert_int_equal(vb_lease_create(&t, p, 1, NULL), VB_OK);
    vb_lease_mark(t, 1, 0, VB_LEASE_DONE);
    vb_lease_mark(t, 1, 2, VB_LEASE_FAILED);
    for (int i = 0; i < TRIALS; i++)
        vb_lease_mark(t, 0, i, VB_LEASE_DONE);
    assert_int_equal(vb_lease_pending(t), 1);
    assert_true(vb_lease_take(t, 0, 0, 10, &l));
    assert_int_equal(l.block, 1);
    assert_int_equal(l.n_trials, 1);
    assert_int_equal(vb_lease_check(t, 0, l.epoch, 0, &block, &trial, NULL), VB_OK);
    assert_int_equal(block, 1);
    assert_int_equal(trial, 1);
    assert_int_equal(vb_lease_check(t, 0, l.epoch, 1, &block, &trial, NULL), VB_EARG);
    /* Once leases are granted nothing is marked any more; who asks while he holds one gives it back. */
    vb_lease_mark(t, 1, 1, VB_LEASE_DONE);
    assert_false(vb_lease_mark_kills(t, 1, 1, VB_LEASE_MAX_KILLS));
    assert_int_equal(vb_lease_pending(t), 1);
    first = l.epoch;
    assert_true(vb_lease_take(t, 0, 0, 10, &l));
    assert_int_equal(l.block, 1);
    assert_int_equal(vb_lease_check(t, 0, first, 0, &block, &trial, NULL), VB_EARG);
    vb_lease_free(t);
    vb_plan_free(p);
}

/* A lease that ran out goes to another worker; the old holder's epoch is refused, also for the same block. */
static void test_expiry_and_epochs(void **state)
{
    vb_plan *p = make_plan(1, 1);
    vb_lease_table *t;
    vb_lease old, now;
    int worker, block, trial;
    uint64_t epoch;

    (void)state;
    assert_int_equal(vb_lease_create(&t, p, 2, NULL), VB_OK);
    assert_true(vb_lease_take(t, 0, 100, 10, &old));
    vb_lease_finish(t, old.block, old.index[0], VB_LEASE_DONE);
    assert_false(vb_lease_expire(t, 109.9, &worker, &block, &epoch));
    vb_lease_renew(t, 0, old.epoch, 105, 10);
    assert_false(vb_lease_expire(t, 114.9, &worker, &block, &epoch));
    assert_false(vb_lease_take(t, 1, 110, 10, &now));
    vb_lease_renew(t, 0, old.epoch + 1, 200, 10); /* not its epoch: no effect */
    assert_true(vb_lease_expire(t, 115.1, &worker, &block, &epoch));
    assert_int_equal(worker, 0);
    assert_int_equal(epoch, old.epoch);
    assert_int_equal(vb_lease_check(t, 0, old.epoch, 0, &block, &trial, NULL), VB_EARG);
    assert_true(vb_lease_take(t, 1, 116, 10, &now));
    assert_int_equal(now.n_trials, TRIALS - 1);
    assert_true(now.epoch > old.epoch);
    assert_int_equal(vb_lease_check(t, 0, old.epoch, 0, &block, &trial, NULL), VB_EARG);
    assert_int_equal(vb_lease_check(t, 1, old.epoch, 0, &block, &trial, NULL), VB_EARG);
    assert_int_equal(vb_lease_check(t, 0, now.epoch, 0, &block, &trial, NULL), VB_EARG);
    assert_int_equal(vb_lease_check(t, 2, now.epoch, 0, &block, &trial, NULL), VB_EARG);
    assert_int_equal(vb_lease_check(t, -1, now.epoch, 0, &block, &trial, NULL), VB_EARG);
    assert_int_equal(vb_lease_check(t, 1, now.epoch, 0, &block, &trial, NULL), VB_OK);
    vb_lease_free(t);
    vb_plan_free(p);
}

static void test_quarantine(void **state)
{
    vb_plan *p = make_plan(1, 1);
    vb_lease_table *t;
    vb_lease l;

    (void)state;
    assert_int_equal(vb_lease_create(&t, p, 1, NULL), VB_OK);
    for (int i = 1; i <= VB_LEASE_MAX_KILLS; i++) {
        assert_true(vb_lease_take(t, 0, 0, 10, &l));
        assert_int_equal(l.n_trials, TRIALS);
        assert_int_equal(vb_lease_killed(t, l.block, 1), i == VB_LEASE_MAX_KILLS);
        vb_lease_release(t, 0, 0, false);
    }
    assert_int_equal(vb_lease_state(t, 0, 1), VB_LEASE_QUARANTINED);
    assert_true(vb_lease_take(t, 0, 0, 10, &l));
    assert_int_equal(l.n_trials, TRIALS - 1);
    assert_int_equal(l.index[0], 0);
    assert_int_equal(l.index[1], 2);
    assert_false(vb_lease_killed(t, l.block, 1));
    vb_lease_free(t);
    vb_plan_free(p);
}

/* What one setup took corrects the estimate of what is left. */
/* A block goes to another worker than those that were lost in it, as long as there is one that is not gone. */
static void test_steering(void **state)
{
    vb_plan *p = make_plan(2, 1); /* block 1 is the longer one */
    vb_lease_table *t;
    vb_lease l;
    int worker, block;
    uint64_t epoch;

    (void)state;
    assert_int_equal(vb_lease_create(&t, p, 3, NULL), VB_OK);
    assert_true(vb_lease_take(t, 0, 0, 10, &l));
    assert_int_equal(l.block, 1);
    vb_lease_avoid(t, 0);
    vb_lease_release(t, 0, 0, false);
    assert_true(vb_lease_take(t, 0, 0, 10, &l)); /* not block 1 again */
    assert_int_equal(l.block, 0);
    finish_all(t, &l);
    vb_lease_release(t, 0, 1, true);
    assert_false(vb_lease_take(t, 0, 0, 10, &l)); /* it is kept for the others */
    vb_lease_retire(t, 2);
    assert_false(vb_lease_take(t, 0, 0, 10, &l));
    assert_true(vb_lease_take(t, 1, 0, 10, &l));
    assert_int_equal(l.block, 1);
    assert_true(vb_lease_expire(t, 11, &worker, &block, &epoch)); /* worker 1 has gone silent: nobody else is left */
    assert_true(vb_lease_take(t, 0, 12, 10, &l));
    assert_int_equal(l.block, 1);
    finish_all(t, &l);
    vb_lease_release(t, 0, 1, true);
    assert_int_equal(vb_lease_pending(t), 0);
    vb_lease_free(t);
    vb_plan_free(p);
}

/* A reserved block is nobody else's, becomes the lease with the next release, and is queued again when it is given back or
 * its holder goes silent. */
static void test_reservation(void **state)
{
    vb_plan *p = make_plan(3, 1);
    vb_lease_table *t;
    vb_lease first, next, l;
    int worker, block, trial;
    uint64_t epoch;

    (void)state;
    assert_int_equal(vb_lease_create(&t, p, 2, NULL), VB_OK);
    assert_false(vb_lease_reserve(t, 0, &next)); /* holds nothing */
    assert_true(vb_lease_take(t, 0, 0, 10, &first));
    assert_true(vb_lease_reserve(t, 0, &next));
    assert_false(vb_lease_reserve(t, 0, &l));
    assert_int_equal(next.block, 1);
    assert_int_equal(vb_lease_check(t, 0, next.epoch, 0, &block, &trial, NULL), VB_EARG); /* not its lease yet */
    assert_true(vb_lease_take(t, 1, 0, 10, &l));
    assert_int_equal(l.block, 0);
    finish_all(t, &first);
    vb_lease_release(t, 0, 1, true);
    assert_int_equal(vb_lease_held(t, 0), next.epoch);
    assert_int_equal(vb_lease_check(t, 0, next.epoch, 0, &block, &trial, NULL), VB_OK);
    assert_int_equal(block, 1);
    finish_all(t, &l);
    vb_lease_release(t, 1, 1, true);
    vb_lease_release(t, 0, 0, true); /* block 1, unfinished */
    assert_true(vb_lease_take(t, 1, 0, 10, &l));
    assert_int_equal(l.block, 1);
    assert_false(vb_lease_reserve(t, 1, &next));
    vb_lease_release(t, 1, 0, true);
    vb_lease_free(t);

    assert_int_equal(vb_lease_create(&t, p, 2, NULL), VB_OK);
    assert_true(vb_lease_take(t, 0, 0, 10, &first));
    assert_true(vb_lease_reserve(t, 0, &next));
    assert_false(vb_lease_unreserve(t, 0, next.epoch + 1));
    assert_true(vb_lease_unreserve(t, 0, next.epoch));
    assert_true(vb_lease_reserve(t, 0, &next));
    assert_true(vb_lease_expire(t, 11, &worker, &block, &epoch));
    assert_int_equal(vb_lease_held(t, 0), 0);
    for (int i = 0; i < 3; i++) {
        assert_true(vb_lease_take(t, 1, 12, 10, &l));
        finish_all(t, &l);
        vb_lease_release(t, 1, 1, true);
    }
    assert_int_equal(vb_lease_pending(t), 0);
    vb_lease_free(t);
    vb_plan_free(p);
}

/* Two workers, one ten times as fast: the slow one does not begin a block that it would hold when the other is through with the
 * rest, and gets it after all when the fast one is gone. */
static void test_ends_together(void **state)
{
    vb_plan *p = make_plan(4, 1);
    vb_lease_table *t;
    vb_lease fast, slow;

    (void)state;
    for (int i = 0; i < 4; i++)
        p->blocks[i].cost = 10;
    assert_int_equal(vb_lease_create(&t, p, 2, NULL), VB_OK);
    assert_true(vb_lease_take(t, 0, 0, 1000, &fast));
    assert_true(vb_lease_take(t, 1, 0, 1000, &slow));
    finish_all(t, &fast);
    vb_lease_release(t, 0, 10, true);
    assert_true(vb_lease_take(t, 0, 10, 1000, &fast));
    finish_all(t, &slow);
    vb_lease_release(t, 1, 100, true); /* it took ten times as long */
    assert_false(vb_lease_take(t, 1, 11, 1000, &slow));
    vb_lease_retire(t, 0);
    assert_true(vb_lease_take(t, 1, 12, 1000, &slow));
    finish_all(t, &slow);
    vb_lease_release(t, 1, 100, true);
    assert_int_equal(vb_lease_pending(t), TRIALS);
    vb_lease_free(t);
    vb_plan_free(p);
}

/* Of two setups with as much work that of longer blocks comes first: short ones are left to fill the end. */
static void test_long_blocks_first(void **state)
{
    vb_plan *p = make_plan(4, 2);
    vb_lease_table *t;
    vb_lease l;

    (void)state;
    for (int i = 0; i < p->n_blocks; i++)
        p->blocks[i].cost = i % 2 ? 40 : 10;
    assert_int_equal(vb_lease_create(&t, p, 1, NULL), VB_OK);
    for (int i = 3; i < p->n_blocks; i += 2) /* one of 40 is left */
        for (int k = 0; k < TRIALS; k++)
            vb_lease_mark(t, i, k, VB_LEASE_DONE);
    assert_true(vb_lease_take(t, 0, 0, 1000, &l));
    assert_int_equal(l.block % 2, 1);
    vb_lease_free(t);
    vb_plan_free(p);
}

/* A setup of few and short blocks is nobody's until the other one's are all given out: it fills what is left of everybody's time. */
static void test_short_setup_fills_the_end(void **state)
{
    vb_plan *p = make_plan(24, 2);
    vb_lease_table *t;
    vb_lease l;

    (void)state;
    for (int i = 0; i < p->n_blocks; i++)
        p->blocks[i].cost = i % 2 ? 1 : 10;
    assert_int_equal(vb_lease_create(&t, p, 2, NULL), VB_OK);
    vb_lease_same_kind(t, 1, 0);
    for (int i = 0; i < p->n_blocks; i++) { /* both are as fast */
        assert_true(vb_lease_take(t, i % 2, i < 24 ? 5 * i : 108 + i / 2, 1e6, &l));
        assert_int_equal(l.block % 2, i >= 24);
        finish_all(t, &l);
        vb_lease_release(t, i % 2, p->blocks[l.block].cost, true);
    }
    assert_int_equal(vb_lease_switches(t), 2);
    vb_lease_free(t);
    vb_plan_free(p);
}

/* Three workers of a kind. Two begin with the first setup, and the other one turns out to be three times as much work as estimated:
 * one of the two changes to it although blocks of its own are queued, the last one does not. */
static void test_spare_worker_changes(void **state)
{
    static const double takes_s[] = {10, 30}; /* a block of each setup */
    vb_plan *p = make_plan(12, 2);
    vb_lease_table *t;
    vb_lease l[3];
    double end[3] = {0}, begun[3] = {0};
    int changed = 0, first_done = 0;

    (void)state;
    for (int i = 0; i < p->n_blocks; i++)
        p->blocks[i].cost = 10;
    assert_int_equal(vb_lease_create(&t, p, 3, NULL), VB_OK);
    vb_lease_same_kind(t, 1, 0);
    vb_lease_same_kind(t, 2, 0);
    for (int w = 0; w < 3; w++) {
        assert_true(vb_lease_take(t, w, 0, 1e6, &l[w]));
        end[w] = takes_s[l[w].block % 2];
    }
    assert_int_equal(l[0].block % 2 + l[1].block % 2 + l[2].block % 2, 1);
    while (first_done < 8) { /* of 12 */
        int w = end[0] <= end[1] && end[0] <= end[2] ? 0 : end[1] <= end[2] ? 1 : 2, before = l[w].block % 2;
        double now = end[w];

        first_done += before == 0;
        finish_all(t, &l[w]);
        vb_lease_release(t, w, now - begun[w], true);
        assert_true(vb_lease_take(t, w, now, 1e6, &l[w]));
        begun[w] = now;
        end[w] = now + takes_s[l[w].block % 2];
        assert_int_equal(l[w].switched, l[w].block % 2 != before);
        changed += l[w].switched;
    }
    assert_int_equal(changed, 1);
    assert_int_equal(l[0].block % 2 + l[1].block % 2 + l[2].block % 2, 2);
    vb_lease_free(t);
    vb_plan_free(p);
}

/* What earlier runs counted goes on counting. */
static void test_earlier_kills(void **state)
{
    vb_plan *p = make_plan(1, 1);
    vb_lease_table *t;
    vb_lease l;

    (void)state;
    assert_int_equal(vb_lease_create(&t, p, 1, NULL), VB_OK);
    assert_false(vb_lease_mark_kills(t, 0, 0, VB_LEASE_MAX_KILLS - 1));
    assert_true(vb_lease_mark_kills(t, 0, 1, 300));
    assert_false(vb_lease_mark_kills(t, 0, 1, 300)); /* it is through */
    assert_int_equal(vb_lease_state(t, 0, 1), VB_LEASE_QUARANTINED);
    assert_true(vb_lease_take(t, 0, 0, 10, &l));
    assert_int_equal(l.n_trials, TRIALS - 1);
    assert_true(vb_lease_killed(t, 0, 0));
    vb_lease_free(t);
    vb_plan_free(p);
}

static void test_remaining(void **state)
{
    vb_plan *p = make_plan(3, 1); /* costs 1, 2, 3 */
    vb_lease_table *t;
    vb_lease l;

    (void)state;
    assert_int_equal(vb_lease_create(&t, p, 1, NULL), VB_OK);
    assert_float_equal(vb_lease_remaining_s(t), 6, 1e-9);
    assert_true(vb_lease_take(t, 0, 0, 10, &l));
    finish_all(t, &l);
    vb_lease_release(t, 0, 30, true);
    assert_float_equal(vb_lease_remaining_s(t), 30, 1e-9);
    vb_lease_free(t);
    vb_plan_free(p);
}

static void fail_some(vb_lease_table *t, const vb_lease *l, int from)
{
    for (int i = from; i < l->n_trials; i++)
        vb_lease_finish(t, l->block, l->index[i], VB_LEASE_FAILED);
}

/* What failed, at once maybe, tells nothing of how long blocks take, nor of its worker's speed as the block goes on. */
static void test_failures_teach_nothing(void **state)
{
    vb_plan *p = make_plan(4, 1); /* costs 1, 2, 3, 4 */
    vb_lease_table *t;
    vb_lease l, other;

    (void)state;
    assert_int_equal(vb_lease_create(&t, p, 1, NULL), VB_OK);
    assert_true(vb_lease_take(t, 0, 0, 1000, &l));
    fail_some(t, &l, 0);
    vb_lease_release(t, 0, 0.001, true);
    assert_float_equal(vb_lease_remaining_s(t), 1 + 2 + 3, 1e-9);
    assert_true(vb_lease_take(t, 0, 1, 1000, &l));
    vb_lease_finish(t, l.block, l.index[0], VB_LEASE_DONE);
    fail_some(t, &l, 1);
    vb_lease_release(t, 0, 10, true); /* a third of cost 3 */
    assert_float_equal(vb_lease_remaining_s(t), 10 * (1 + 2), 1e-9);
    vb_lease_free(t);

    for (int i = 0; i < 4; i++)
        p->blocks[i].cost = 10;
    assert_int_equal(vb_lease_create(&t, p, 2, NULL), VB_OK);
    assert_true(vb_lease_take(t, 0, 0, 1000, &l));
    finish_all(t, &l);
    vb_lease_release(t, 0, 10, true);
    assert_true(vb_lease_take(t, 1, 10, 1000, &other));
    fail_some(t, &other, 1);
    assert_true(vb_lease_take(t, 0, 10.001, 1000, &l)); /* nobody is faster */
    vb_lease_free(t);
    vb_plan_free(p);
}

/* Devices of a kind are one kind in whatever order that is told, with all that was learnt of each. */
static void test_kinds_in_any_order(void **state)
{
    vb_plan *p = make_plan(8, 1);
    vb_lease_table *t;
    vb_lease l[4];

    (void)state;
    for (int i = 0; i < 8; i++)
        p->blocks[i].cost = 10;
    assert_int_equal(vb_lease_create(&t, p, 4, NULL), VB_OK);
    vb_lease_same_kind(t, 3, 2);
    vb_lease_same_kind(t, 2, 1); /* 3 is of 1's kind by this */
    for (int w = 0; w < 3; w++)
        assert_true(vb_lease_take(t, w, 0, 1000, &l[w]));
    finish_all(t, &l[0]);
    vb_lease_release(t, 0, 1, true); /* a fast one */
    finish_all(t, &l[1]);
    vb_lease_release(t, 1, 100, true);
    assert_false(vb_lease_take(t, 3, 100, 1000, &l[3])); /* as slow as 1: the fast one will have done the rest sooner */
    vb_lease_same_kind(t, 0, 3); /* after all: together they take 20 / 101 */
    assert_true(vb_lease_take(t, 3, 100, 1000, &l[3]));
    vb_lease_free(t);
    vb_plan_free(p);
}

/* Random takes, ends, deaths and expiries: every trial ends once, no block is held by two. */
static void test_random(void **state)
{
    enum { WORKERS = 7, VIDEOS = 60, SETUPS = 3 };
    vb_plan *p = make_plan(VIDEOS, SETUPS);
    static int ended[VIDEOS * SETUPS][TRIALS], holder[VIDEOS * SETUPS];
    vb_lease held[WORKERS];
    bool holds[WORKERS] = {false};
    vb_lease_table *t;
    double now = 0;
    unsigned seed = 12345;
    long refused = 0;

    (void)state;
    assert_int_equal(vb_lease_create(&t, p, WORKERS, NULL), VB_OK);
    memset(holder, -1, sizeof holder);
    for (int step = 0; vb_lease_pending(t) > 0; step++) {
        int w, block, trial, x;
        uint64_t epoch;

        assert_true(step < 100000);
        seed = seed * 1103515245u + 12345;
        w = (int)(seed >> 16) % WORKERS;
        x = (int)(seed >> 24) % 8;
        now += 0.5;
        while (vb_lease_expire(t, now, &block, &trial, &epoch)) { /* block: worker, trial: block */
            holds[block] = false;
            holder[trial] = -1;
        }
        /* A result of any lease by any worker is taken where that worker holds that lease, and nowhere else. */
        for (int who = 0; who < WORKERS; who++)
            for (int whose = 0; whose < WORKERS; whose++) {
                bool mine = holds[who] && holds[whose] && who == whose;
                int i = (int)(seed >> 12 & 0xff) % (TRIALS + 2) - 1;
                vb_err err = {0};

                epoch = holds[whose] ? held[whose].epoch : (uint64_t)(seed >> 20);
                if (vb_lease_check(t, who, epoch, i, &block, &trial, &err) == VB_OK) {
                    if (!mine || i < 0 || i >= held[who].n_trials || block != held[who].block || trial != held[who].index[i])
                        fail_msg("a result of trial %d was taken from worker %d under epoch %llu", i, who, (unsigned long long)epoch);
                } else {
                    assert_true(!mine || i < 0 || i >= held[who].n_trials);
                    assert_true(err.msg[0]);
                    refused++;
                }
            }
        if (!holds[w]) {
            if (!vb_lease_take(t, w, now, 5, &held[w]))
                continue;
            holds[w] = true;
            assert_int_equal(holder[held[w].block], -1);
            holder[held[w].block] = w;
            continue;
        }
        trial = held[w].index[(int)(seed >> 8 & 0xff) % held[w].n_trials];
        if (x < 5) {
            if (vb_lease_state(t, held[w].block, trial) == VB_LEASE_PENDING)
                ended[held[w].block][trial]++;
            vb_lease_finish(t, held[w].block, trial, VB_LEASE_DONE);
        } else if (x == 5) {
            ended[held[w].block][trial] += vb_lease_killed(t, held[w].block, trial);
            vb_lease_release(t, w, 0, false);
            holder[held[w].block] = -1;
            holds[w] = false;
        } else if (x == 6) {
            vb_lease_release(t, w, 1, true);
            holder[held[w].block] = -1;
            holds[w] = false;
        }
    }
    for (int b = 0; b < p->n_blocks; b++)
        for (int i = 0; i < TRIALS; i++)
            assert_int_equal(ended[b][i], 1);
    print_message("%ld results of other leases and workers refused\n", refused);
    vb_lease_free(t);
    vb_plan_free(p);
}

void vb_video_free(vb_video *v) /* plan.c's; no video is ever scanned here */
{
    assert_null(v);
}

vb_status vb_video_scan(vb_video **out, const vb_dataset *d, const char *name, vb_err *err)
{
    (void)out, (void)d, (void)name;
    return vb_fail(err, VB_EIO, "not in this test");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),     cmocka_unit_test(test_switch_when_none_left),
        cmocka_unit_test(test_marks),     cmocka_unit_test(test_expiry_and_epochs),
        cmocka_unit_test(test_quarantine), cmocka_unit_test(test_remaining),
        cmocka_unit_test(test_steering),  cmocka_unit_test(test_earlier_kills),
        cmocka_unit_test(test_reservation), cmocka_unit_test(test_ends_together),
        cmocka_unit_test(test_long_blocks_first),
        cmocka_unit_test(test_short_setup_fills_the_end), cmocka_unit_test(test_spare_worker_changes),
        cmocka_unit_test(test_failures_teach_nothing), cmocka_unit_test(test_kinds_in_any_order),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
