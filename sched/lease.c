/* Lease table; see lease.h. Each setup has its blocks in a row, most costly first, and a bit for each that is queued. */
#include "lease.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of the time that is left a block may be estimated to take so much; so much of that in a setup that the worker has to change to,
 * which costs time and of which less is known. By sched_bench, over eight seeds. */
#define WITH_ROOM 0.9
#define IF_STRANGE 0.6
/* A worker of unknown speed gets one part in so many of its share of the work; where it is to have fewer blocks, anything. */
enum { WORTH_TRYING = 8 };

typedef struct {
    vb_setup setup;
    int n;            /* queued blocks */
    int n_row, *row;  /* [n_row] its blocks by their whole cost */
    uint64_t *queued; /* [n_row / 64 + 1] by place in row */
    double queued_cost;
    double learnt_s, learnt_cost;   /* of blocks that were run whole */
    double learnt_work, work_cost;  /* of them, in what a worker of known speed did in the time */
    int holders;                  /* workers that hold the setup */
} setup_queue;

typedef struct {
    int setup, place;  /* in the setup's row */
    int left;          /* pending trials */
    uint8_t *state;    /* [n_trials] vb_lease_trial */
    uint8_t *kills;    /* [n_trials] */
    double trial_cost; /* mean */
    uint8_t *lost;     /* [n_workers] those that were lost in it; NULL: none */
} block_state;

typedef struct {
    int block; /* -1: no lease */
    uint64_t epoch;
    double deadline_s, begun_s;
    int kind;                     /* the first worker with such a device */
    double learnt_s, learnt_work; /* of blocks that workers of this kind ran whole: their speed is the quotient */
    int setup; /* held by its engine, -1: none */
    bool gone; /* retired, or silent since a lease of its ran out */
    int n_index;
    int *index; /* trials of the block when it was leased, owned */
    int next_block; /* reserved, -1: none; the rest likewise */
    uint64_t next_epoch;
    int next_n;
    int *next_index;
} worker_state;

struct vb_lease_table {
    const vb_plan *plan;
    int n_setups;
    setup_queue *setups;
    block_state *blocks;
    int n_workers;
    worker_state *workers;
    bool *barred; /* [n_setups] for choose_setup(): nothing in it for this worker */
    double now_s; /* as last told */
    uint64_t epoch;
    int64_t pending, switches;
    bool queued; /* heaps are built: no more marks */
};

static double block_cost(const vb_lease_table *t, int b)
{
    return t->blocks[b].left * t->blocks[b].trial_cost;
}

static void queue_push(vb_lease_table *t, int block)
{
    const block_state *b = &t->blocks[block];
    setup_queue *q = &t->setups[b->setup];

    q->queued[b->place / 64] |= UINT64_C(1) << b->place % 64;
    q->n++;
    q->queued_cost += block_cost(t, block);
}

static void queue_remove(vb_lease_table *t, int block)
{
    const block_state *b = &t->blocks[block];
    setup_queue *q = &t->setups[b->setup];

    q->queued[b->place / 64] &= ~(UINT64_C(1) << b->place % 64);
    q->queued_cost = --q->n ? q->queued_cost - block_cost(t, block) : 0;
}

/* The first queued place from a place on; -1: none. */
static int queued_from(const setup_queue *q, int place)
{
    for (int i = place / 64; place < q->n_row && i <= (q->n_row - 1) / 64; i++) {
        uint64_t bits = q->queued[i] & (i == place / 64 ? ~UINT64_C(0) << place % 64 : ~UINT64_C(0));

        if (bits)
            return 64 * i + __builtin_ctzll(bits);
    }
    return -1;
}

/* The last queued place before a place; -1: none. */
static int queued_before(const setup_queue *q, int place)
{
    for (int i = (place - 1) / 64; place > 0 && i >= 0; i--) {
        uint64_t bits = q->queued[i] & (i == (place - 1) / 64 ? ~UINT64_C(0) >> (63 - (place - 1) % 64) : ~UINT64_C(0));

        if (bits)
            return 64 * i + 63 - __builtin_clzll(bits);
    }
    return -1;
}

static int find_setup(vb_lease_table *t, const vb_setup *s)
{
    for (int i = 0; i < t->n_setups; i++)
        if (vb_setup_equal(&t->setups[i].setup, s))
            return i;
    t->setups[t->n_setups].setup = *s;
    return t->n_setups++;
}

typedef struct {
    double cost;
    int block;
} priced;

/* Equal costs in the plan's order, so that a run can be repeated. */
static int most_costly_first(const void *a, const void *b)
{
    const priced *x = a, *y = b;

    return x->cost != y->cost ? (x->cost < y->cost) - (x->cost > y->cost) : (x->block > y->block) - (x->block < y->block);
}

static bool line_up(vb_lease_table *t)
{
    int n = t->plan->n_blocks;
    priced *all = calloc((size_t)n + 1, sizeof *all);

    if (!all)
        return false;
    for (int b = 0; b < n; b++)
        all[b] = (priced){t->plan->blocks[b].cost, b};
    qsort(all, (size_t)n, sizeof *all, most_costly_first);
    for (int i = 0; i < n; i++) {
        block_state *b = &t->blocks[all[i].block];
        setup_queue *q = &t->setups[b->setup];

        b->place = q->n_row;
        q->row[q->n_row++] = all[i].block;
    }
    free(all);
    return true;
}

vb_status vb_lease_create(vb_lease_table **out, const vb_plan *plan, int n_workers, vb_err *err)
{
    vb_lease_table *t = calloc(1, sizeof *t);
    size_t n = (size_t)plan->n_blocks;
    int *counts = NULL, widest = 0;

    *out = NULL;
    if (!t || !(t->blocks = calloc(n + 1, sizeof *t->blocks)) || !(t->setups = calloc(n + 1, sizeof *t->setups)) ||
        !(t->workers = calloc((size_t)n_workers + 1, sizeof *t->workers)) || !(counts = calloc(n + 1, sizeof *counts)))
        goto nomem;
    t->plan = plan;
    t->n_workers = n_workers;
    if (!(t->barred = calloc(n + 1, sizeof *t->barred)))
        goto nomem;
    for (int b = 0; b < plan->n_blocks; b++) {
        block_state *s = &t->blocks[b];
        int k = plan->blocks[b].n_trials;

        s->setup = find_setup(t, &plan->blocks[b].setup);
        counts[s->setup]++;
        s->left = k;
        s->trial_cost = plan->blocks[b].cost / (k ? k : 1);
        if (!(s->state = calloc((size_t)k + 1, 1)) || !(s->kills = calloc((size_t)k + 1, 1)))
            goto nomem;
        t->pending += k;
        widest = k > widest ? k : widest;
    }
    for (int i = 0; i < t->n_setups; i++)
        if (!(t->setups[i].row = calloc((size_t)counts[i] + 1, sizeof(int))) ||
            !(t->setups[i].queued = calloc((size_t)counts[i] / 64 + 1, sizeof(uint64_t))))
            goto nomem;
    if (!line_up(t))
        goto nomem;
    for (int w = 0; w < n_workers; w++) {
        t->workers[w].block = t->workers[w].setup = t->workers[w].next_block = -1;
        t->workers[w].kind = w;
        if (!(t->workers[w].index = calloc((size_t)widest + 1, sizeof(int))) ||
            !(t->workers[w].next_index = calloc((size_t)widest + 1, sizeof(int))))
            goto nomem;
    }
    free(counts);
    *out = t;
    return VB_OK;
nomem:
    free(counts);
    vb_lease_free(t);
    return vb_fail(err, VB_ENOMEM, "lease table of %d blocks and %d workers", plan->n_blocks, n_workers);
}

void vb_lease_free(vb_lease_table *t)
{
    if (!t)
        return;
    for (int b = 0; t->blocks && t->plan && b < t->plan->n_blocks; b++) {
        free(t->blocks[b].state);
        free(t->blocks[b].kills);
        free(t->blocks[b].lost);
    }
    for (int i = 0; t->setups && i < t->n_setups; i++) {
        free(t->setups[i].row);
        free(t->setups[i].queued);
    }
    for (int w = 0; t->workers && w < t->n_workers; w++) {
        free(t->workers[w].index);
        free(t->workers[w].next_index);
    }
    free(t->blocks);
    free(t->setups);
    free(t->workers);
    free(t->barred);
    free(t);
}

static void set_state(vb_lease_table *t, int block, int trial, vb_lease_trial state)
{
    block_state *b = &t->blocks[block];

    if (b->state[trial] != VB_LEASE_PENDING || state == VB_LEASE_PENDING)
        return;
    b->state[trial] = (uint8_t)state;
    b->left--;
    t->pending--;
}

void vb_lease_mark(vb_lease_table *t, int block, int trial, vb_lease_trial state)
{
    if (!t->queued)
        set_state(t, block, trial, state);
}

bool vb_lease_mark_kills(vb_lease_table *t, int block, int trial, int kills)
{
    block_state *b = &t->blocks[block];

    if (t->queued || b->state[trial] != VB_LEASE_PENDING)
        return false;
    b->kills[trial] = (uint8_t)(kills < VB_LEASE_MAX_KILLS ? kills : VB_LEASE_MAX_KILLS);
    if (kills < VB_LEASE_MAX_KILLS)
        return false;
    set_state(t, block, trial, VB_LEASE_QUARANTINED);
    return true;
}

static void build_queues(vb_lease_table *t)
{
    if (t->queued)
        return;
    t->queued = true;
    for (int b = 0; b < t->plan->n_blocks; b++)
        if (t->blocks[b].left)
            queue_push(t, b);
}

static double correction(const setup_queue *q)
{
    return q->learnt_cost > 0 ? q->learnt_s / q->learnt_cost : 1;
}

static void hold(vb_lease_table *t, worker_state *w, int setup)
{
    if (w->setup == setup)
        return;
    if (w->setup >= 0)
        t->setups[w->setup].holders--;
    if (setup >= 0)
        t->setups[setup].holders++;
    w->setup = setup;
}

/* Whether worker may have block: it was not lost in it, or everybody who is left was. */
static bool may_have(const vb_lease_table *t, int block, int worker)
{
    const uint8_t *lost = t->blocks[block].lost;

    if (!lost || !lost[worker])
        return true;
    for (int i = 0; i < t->n_workers; i++)
        if (!lost[i] && !t->workers[i].gone)
            return false;
    return true;
}

/* How much more work than estimated a setup makes, for a worker of any speed. */
static double heaviness(const setup_queue *q)
{
    return q->work_cost > 0 ? q->learnt_work / q->work_cost : 1;
}

/* Work per second; 0: not known yet. Before it has run a block whole, by the trials of the one that it holds. */
static double speed(const vb_lease_table *t, const worker_state *w)
{
    const worker_state *kind = &t->workers[w->kind];
    const block_state *b;
    int done;

    if (kind->learnt_s > 0)
        return kind->learnt_work / kind->learnt_s;
    if (w->block < 0 || t->now_s <= w->begun_s)
        return 0;
    b = &t->blocks[w->block];
    done = w->n_index - b->left;
    return done * b->trial_cost * heaviness(&t->setups[b->setup]) / (t->now_s - w->begun_s);
}

/* Work left of the block that a worker holds. */
static double held_work(const vb_lease_table *t, const worker_state *w)
{
    const block_state *b;
    double heavy, left, due;

    if (w->block < 0)
        return 0;
    b = &t->blocks[w->block];
    heavy = heaviness(&t->setups[b->setup]);
    left = b->left * b->trial_cost * heavy;
    due = w->n_index * b->trial_cost * heavy - speed(t, w) * (t->now_s - w->begun_s); /* some of the trial at hand is done */
    return due < 0 ? 0 : due < left ? due : left;
}

/* Of everybody who works, and what is left for them. */
typedef struct {
    double work, speed, fastest; /* speed 0: nobody's is known */
    int n, busy;
} outlook;

static outlook look_ahead(const vb_lease_table *t)
{
    outlook o = {0};
    int known = 0;

    for (int i = 0; i < t->n_setups; i++)
        o.work += t->setups[i].queued_cost * heaviness(&t->setups[i]);
    for (int i = 0; i < t->n_workers; i++) {
        const worker_state *w = &t->workers[i];
        double v = speed(t, w);

        if (w->gone)
            continue;
        o.n++;
        o.busy += w->block >= 0;
        o.work += held_work(t, w);
        if (w->next_block >= 0)
            o.work += block_cost(t, w->next_block) * heaviness(&t->setups[t->blocks[w->next_block].setup]);
        if (v > 0) {
            known++;
            o.speed += v;
            o.fastest = v > o.fastest ? v : o.fastest;
        }
    }
    o.speed = known ? o.speed / known * o.n : 0;
    return o;
}

/* The most work that a worker may be given so that it is through with it before all the others are with the rest. One whose speed
 * is not known gets little at first where there is much to do: it may be the slowest. */
static double most_work(const vb_lease_table *t, const worker_state *w, const outlook *o)
{
    double v = speed(t, w);

    if (v > 0 && v >= o->fastest)
        return INFINITY; /* nobody would be through with it sooner */
    if (v > 0 && o->speed > 0)
        return WITH_ROOM * o->work / o->speed * v - held_work(t, w);
    return t->plan->n_blocks > WORTH_TRYING * t->n_workers ? o->work / o->n / WORTH_TRYING : INFINITY;
}

/* Takes the most costly block of q that is no more than most work and that worker may have; -1: none. */
static int take_from(vb_lease_table *t, setup_queue *q, int worker, double most)
{
    double cost = most / heaviness(q);
    int low = 0, high = q->n_row;

    while (low < high) {
        int middle = low + (high - low) / 2;

        if (t->plan->blocks[q->row[middle]].cost > cost)
            low = middle + 1;
        else
            high = middle;
    }
    for (int place = queued_from(q, low); place >= 0; place = queued_from(q, place + 1))
        if (may_have(t, q->row[place], worker)) {
            queue_remove(t, q->row[place]);
            return q->row[place];
        }
    return -1;
}

/* Where all are more: the least one, of the worker's own setup where that has one, unless somebody faster will have done it sooner
 * although busy now. */
static int take_least(vb_lease_table *t, int worker, const outlook *o)
{
    worker_state *w = &t->workers[worker];
    double v = speed(t, w), least = INFINITY;
    int block = -1;

    for (int i = 0; i < t->n_setups; i++) {
        const setup_queue *q = &t->setups[i];
        int place = queued_before(q, q->n_row);

        while (place >= 0 && !may_have(t, q->row[place], worker))
            place = queued_before(q, place);
        if (place >= 0 && (i == w->setup || block_cost(t, q->row[place]) * heaviness(q) < least)) {
            least = i == w->setup ? 0 : block_cost(t, q->row[place]) * heaviness(q);
            block = q->row[place];
        }
    }
    if (block < 0)
        return -1;
    least = block_cost(t, block) * heaviness(&t->setups[t->blocks[block].setup]);
    if (v > 0 && o->busy && o->fastest > v && least / v > o->work / o->speed + least / o->fastest)
        return -1;
    queue_remove(t, block);
    return block;
}

static int choose_setup(const vb_lease_table *t, const worker_state *w)
{
    double most = -1;
    int best = -1;

    if (w->setup >= 0 && t->setups[w->setup].n && !t->barred[w->setup])
        return w->setup;
    for (int i = 0; i < t->n_setups; i++) {
        const setup_queue *q = &t->setups[i];
        double share = q->queued_cost * correction(q) / (1 + q->holders);

        if (q->n && !t->barred[i] && share > most) {
            most = share;
            best = i;
        }
    }
    return best;
}

static int list_pending(int *index, const vb_lease_table *t, int block)
{
    int n = 0;

    for (int i = 0; i < t->plan->blocks[block].n_trials; i++)
        if (t->blocks[block].state[i] == VB_LEASE_PENDING)
            index[n++] = i;
    return n;
}

bool vb_lease_reserve(vb_lease_table *t, int worker, vb_lease *out)
{
    worker_state *w = &t->workers[worker];
    outlook o;

    if (w->block < 0 || w->next_block >= 0 || w->setup < 0 || !t->setups[w->setup].n)
        return false;
    o = look_ahead(t);
    if ((w->next_block = take_from(t, &t->setups[w->setup], worker, most_work(t, w, &o))) < 0)
        return false;
    w->next_epoch = ++t->epoch;
    w->next_n = list_pending(w->next_index, t, w->next_block);
    *out = (vb_lease){w->next_block, w->next_epoch, w->next_n, w->next_index, false};
    return true;
}

bool vb_lease_unreserve(vb_lease_table *t, int worker, uint64_t epoch)
{
    worker_state *w = &t->workers[worker];

    if (w->next_block < 0 || w->next_epoch != epoch)
        return false;
    queue_push(t, w->next_block);
    w->next_block = -1;
    return true;
}

uint64_t vb_lease_held(const vb_lease_table *t, int worker)
{
    return t->workers[worker].block < 0 ? 0 : t->workers[worker].epoch;
}

static void promote(vb_lease_table *t, worker_state *w)
{
    int *spare = w->index;

    if (w->next_block < 0)
        return;
    w->block = w->next_block;
    w->epoch = w->next_epoch;
    w->n_index = w->next_n;
    w->index = w->next_index;
    w->next_index = spare;
    w->next_block = -1;
    w->begun_s = t->now_s;
    hold(t, w, t->blocks[w->block].setup);
}

bool vb_lease_take(vb_lease_table *t, int worker, double now_s, double ttl_s, vb_lease *out)
{
    worker_state *w = &t->workers[worker];
    int setup, block = -1;
    outlook o;
    double most;

    build_queues(t);
    t->now_s = now_s;
    w->gone = false;
    vb_lease_unreserve(t, worker, w->next_epoch);
    if (w->block >= 0)
        vb_lease_release(t, worker, 0, true);
    memset(t->barred, 0, (size_t)t->n_setups * sizeof *t->barred);
    if (choose_setup(t, w) < 0)
        return false;
    o = look_ahead(t);
    most = most_work(t, w, &o);
    while ((setup = choose_setup(t, w)) >= 0 &&
           (block = take_from(t, &t->setups[setup], worker, w->setup < 0 || setup == w->setup ? most : IF_STRANGE * most)) < 0)
        t->barred[setup] = true;
    if (block < 0 && (block = take_least(t, worker, &o)) < 0)
        return false;
    setup = t->blocks[block].setup;
    out->switched = w->setup >= 0 && w->setup != setup;
    t->switches += out->switched;
    hold(t, w, setup);
    w->block = block;
    w->epoch = ++t->epoch;
    w->deadline_s = now_s + ttl_s;
    w->begun_s = now_s;
    w->n_index = list_pending(w->index, t, w->block);
    out->block = w->block;
    out->epoch = w->epoch;
    out->n_trials = w->n_index;
    out->index = w->index;
    return true;
}

vb_status vb_lease_check(const vb_lease_table *t, int worker, uint64_t epoch, int leased_trial, int *block, int *trial,
                         vb_err *err)
{
    const worker_state *w;

    if (worker < 0 || worker >= t->n_workers)
        return vb_fail(err, VB_EARG, "worker %d does not exist", worker);
    w = &t->workers[worker];
    if (w->block < 0 || w->epoch != epoch)
        return vb_fail(err, VB_EARG, "lease %llu is not worker %d's any more", (unsigned long long)epoch, worker);
    if (leased_trial < 0 || leased_trial >= w->n_index)
        return vb_fail(err, VB_EARG, "lease %llu has no trial %d", (unsigned long long)epoch, leased_trial);
    *block = w->block;
    *trial = w->index[leased_trial];
    return VB_OK;
}

void vb_lease_renew(vb_lease_table *t, int worker, uint64_t epoch, double now_s, double ttl_s)
{
    worker_state *w = &t->workers[worker];

    if (w->block >= 0 && w->epoch == epoch)
        w->deadline_s = now_s + ttl_s;
}

void vb_lease_finish(vb_lease_table *t, int block, int trial, vb_lease_trial state)
{
    set_state(t, block, trial, state);
}

bool vb_lease_killed(vb_lease_table *t, int block, int trial)
{
    block_state *b = &t->blocks[block];

    if (b->state[trial] != VB_LEASE_PENDING || ++b->kills[trial] < VB_LEASE_MAX_KILLS)
        return false;
    set_state(t, block, trial, VB_LEASE_QUARANTINED);
    return true;
}

void vb_lease_release(vb_lease_table *t, int worker, double seconds, bool kept)
{
    worker_state *w = &t->workers[worker];

    if (w->block >= 0) {
        block_state *b = &t->blocks[w->block];
        setup_queue *q = &t->setups[b->setup];

        if (seconds > 0 && b->left == 0) {
            worker_state *kind = &t->workers[w->kind];
            double cost = w->n_index * b->trial_cost;

            q->learnt_s += seconds;
            q->learnt_cost += cost;
            kind->learnt_s += seconds;
            kind->learnt_work += cost * heaviness(q);
            q->learnt_work += seconds * kind->learnt_work / kind->learnt_s;
            q->work_cost += cost;
        }
        if (b->left)
            queue_push(t, w->block);
        w->block = -1;
    }
    if (!kept)
        hold(t, w, -1);
    promote(t, w);
}

void vb_lease_same_kind(vb_lease_table *t, int worker, int as)
{
    t->workers[worker].kind = t->workers[as].kind;
}

/* Out of memory only means that the block may come back to the same worker. */
void vb_lease_avoid(vb_lease_table *t, int worker)
{
    worker_state *w = &t->workers[worker];
    block_state *b = w->block >= 0 ? &t->blocks[w->block] : NULL;

    if (b && (b->lost || (b->lost = calloc((size_t)t->n_workers, 1))))
        b->lost[worker] = 1;
}

void vb_lease_retire(vb_lease_table *t, int worker)
{
    t->workers[worker].gone = true;
}

bool vb_lease_all_gone(const vb_lease_table *t)
{
    for (int i = 0; i < t->n_workers; i++)
        if (!t->workers[i].gone)
            return false;
    return true;
}

bool vb_lease_expire(vb_lease_table *t, double now_s, int *worker, int *block, uint64_t *epoch)
{
    t->now_s = now_s;
    for (int i = 0; i < t->n_workers; i++) {
        worker_state *w = &t->workers[i];

        if (w->block < 0 || w->deadline_s > now_s)
            continue;
        *worker = i;
        *block = w->block;
        *epoch = w->epoch;
        vb_lease_avoid(t, i);
        vb_lease_unreserve(t, i, w->next_epoch);
        w->gone = true;
        vb_lease_release(t, i, 0, false);
        return true;
    }
    return false;
}

vb_lease_trial vb_lease_state(const vb_lease_table *t, int block, int trial)
{
    return (vb_lease_trial)t->blocks[block].state[trial];
}

bool vb_lease_holds(const vb_lease_table *t, int worker)
{
    return t->workers[worker].block >= 0;
}

int64_t vb_lease_pending(const vb_lease_table *t)
{
    return t->pending;
}

int64_t vb_lease_switches(const vb_lease_table *t)
{
    return t->switches;
}

double vb_lease_remaining_s(const vb_lease_table *t)
{
    double sum = 0, s = 0, cost = 0;

    /* A setup of which nothing has been run yet is taken to be as far off as the others are together. */
    for (int i = 0; i < t->n_setups; i++) {
        s += t->setups[i].learnt_s;
        cost += t->setups[i].learnt_cost;
    }
    for (int b = 0; b < t->plan->n_blocks; b++) {
        const setup_queue *q = &t->setups[t->blocks[b].setup];

        sum += block_cost(t, b) * (q->learnt_cost > 0 ? correction(q) : cost > 0 ? s / cost : 1);
    }
    return sum;
}
