/* Who is to have the next block: what is known of the speeds, and what is left for all; the rules are in lease.h. */
#include "lease_impl.h"

#include <math.h>
#include <string.h>

/* A block is to end before all the others do, by so many times the scatter of the blocks' times about what was expected; that is taken
 * to be LEAST_SCATTER at least, and is learnt from the last so many blocks. In a setup that the worker has to change to the block may
 * take so much of the time then left, since the change costs time and less is known. By sched_bench, over two hundred seeds. */
#define SCATTERS 2.5
#define LEAST_SCATTER 0.05
enum { SCATTER_BLOCKS = 50 };
#define IF_STRANGE 0.8
/* A worker changes to a setup that, with it too, would end later by so much than all work together. Likewise. */
#define BEHIND 1.1
/* A worker of unknown speed gets one part in so many of its share of the work; anything where it is to have no more than so many blocks. */
enum { FIRST_PART = 8, FEW_BLOCKS = 2 };
/* A setup whose median block is so much shorter than any other's fills the end; kept for that is so much of another's for each worker. */
#define SHORT 0.4
#define KEPT_BLOCKS 0.5

static double correction(const vb_lease_setup *q)
{
    return q->learnt_cost > 0 ? q->learnt_s / q->learnt_cost : 1;
}

/* How much more work than estimated a setup makes, for a worker of any speed. */
static double heaviness(const vb_lease_setup *q)
{
    return q->work_cost > 0 ? q->learnt_work / q->work_cost : 1;
}

/* Trials of the block that a worker holds which it has done; one that failed may have done so at once, and tells nothing. */
static int count_done(const vb_lease_table *t, const vb_lease_worker *w)
{
    int n = 0;

    for (int i = 0; i < w->n_index; i++)
        n += t->blocks[w->block].state[w->index[i]] == VB_LEASE_DONE;
    return n;
}

/* Before it has run a block whole, by the trials of the one that it holds. */
static double find_speed(const vb_lease_table *t, const vb_lease_worker *w)
{
    const vb_lease_worker *kind = &t->workers[w->kind];
    const vb_lease_block *b;

    if (kind->learnt_s > 0)
        return kind->learnt_work / kind->learnt_s;
    if (w->block < 0 || t->now_s <= w->begun_s)
        return 0;
    b = &t->blocks[w->block];
    return count_done(t, w) * b->trial_cost * heaviness(&t->setups[b->setup]) / (t->now_s - w->begun_s);
}

/* Work left of the block that a worker holds. */
static double held_work(const vb_lease_table *t, const vb_lease_worker *w)
{
    const vb_lease_block *b;
    double heavy, left, due;

    if (w->block < 0)
        return 0;
    b = &t->blocks[w->block];
    heavy = heaviness(&t->setups[b->setup]);
    left = b->left * b->trial_cost * heavy;
    due = w->n_index * b->trial_cost * heavy - w->speed * (t->now_s - w->begun_s); /* some of the trial at hand is done */
    return due < 0 ? 0 : due < left ? due : left;
}

/* Of everybody who works, and what is left for them. */
typedef struct {
    double work, speed, fastest; /* speed 0: nobody's is known */
    double mean;                 /* speed of a worker of whom nothing is known; 1 where nobody's is */
    int n, busy;
    int filler;  /* setup whose short blocks fill what is left of everybody's time at the end, -1: none */
    double kept; /* work in it that is left until then */
} outlook;

static double median_work(const vb_lease_table *t, const vb_lease_setup *q)
{
    return t->plan->blocks[q->row[q->n_row / 2]].cost * heaviness(q);
}

static void choose_filler(outlook *o, const vb_lease_table *t)
{
    double least = INFINITY, next = INFINITY, sum = 0;

    o->filler = -1;
    o->kept = 0;
    for (int i = 0; i < t->n_setups; i++) {
        double work = median_work(t, &t->setups[i]);

        sum += work;
        if (work < least) {
            next = least;
            least = work;
            o->filler = i;
        } else if (work < next)
            next = work;
    }
    if (least < SHORT * next && t->n_setups > 1)
        o->kept = KEPT_BLOCKS * o->n * (sum - least) / (t->n_setups - 1);
    else
        o->filler = -1;
}

static outlook look_ahead(vb_lease_table *t)
{
    outlook o = {0};
    double sum = 0;
    int known = 0;

    for (int i = 0; i < t->n_setups; i++) {
        t->setups[i].holding = t->setups[i].held_work = t->setups[i].untried = 0;
        o.work += t->setups[i].queued_cost * heaviness(&t->setups[i]);
    }
    for (int i = 0; i < t->n_workers; i++) {
        vb_lease_worker *w = &t->workers[i];
        vb_lease_setup *q = w->setup >= 0 ? &t->setups[w->setup] : NULL;

        w->speed = find_speed(t, w);
        if (w->gone)
            continue;
        o.n++;
        o.busy += w->block >= 0;
        known += w->speed > 0;
        sum += w->speed;
        o.fastest = w->speed > o.fastest ? w->speed : o.fastest;
        if (q) {
            double held = held_work(t, w) + (w->next_block >= 0 ? vb_lease_cost(t, w->next_block) * heaviness(q) : 0);

            q->holding += w->speed;
            q->untried += w->speed <= 0;
            q->held_work += held;
            o.work += held;
        }
    }
    o.mean = known ? sum / known : 1;
    o.speed = known ? o.mean * o.n : 0;
    for (int i = 0; i < t->n_setups; i++)
        t->setups[i].holding += t->setups[i].untried * o.mean;
    choose_filler(&o, t);
    return o;
}

/* Of the time that is left a block may be expected to take so much: less where the speed is known from few blocks. */
static double room(const vb_lease_table *t, const vb_lease_worker *w)
{
    double blocks = fmax(1, t->workers[w->kind].n_learnt);

    return 1 / (1 + SCATTERS * fmax(LEAST_SCATTER, sqrt(t->scatter * (1 + 1 / blocks))));
}

/* The most work that a worker may be given so that it is through with it before all the others are with the rest. One whose speed
 * is not known gets little at first where there is more to come: it may be the slowest. */
static double most_work(const vb_lease_table *t, const vb_lease_worker *w, const outlook *o)
{
    double v = w->speed;

    if (v > 0 && v >= o->fastest)
        return INFINITY; /* nobody would be through with it sooner */
    if (v > 0 && o->speed > 0)
        return room(t, w) * o->work / o->speed * v - held_work(t, w);
    return o->n > 1 && t->plan->n_blocks > FEW_BLOCKS * t->n_workers ? o->work / o->n / FIRST_PART : INFINITY;
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

/* Takes the most costly block of q that is no more than most work and that worker may have; -1: none. */
static int take_from(vb_lease_table *t, vb_lease_setup *q, int worker, double most)
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
    for (int place = vb_lease_queued_from(q, low); place >= 0; place = vb_lease_queued_from(q, place + 1))
        if (may_have(t, q->row[place], worker)) {
            vb_lease_unqueue(t, q->row[place]);
            return q->row[place];
        }
    return -1;
}

/* Where all are more: the least one, of the worker's own setup where that has one, unless somebody faster will have done it sooner
 * although busy now. */
static int take_least(vb_lease_table *t, int worker, const outlook *o)
{
    vb_lease_worker *w = &t->workers[worker];
    double v = w->speed, least = INFINITY;
    int block = -1;

    for (int i = 0; i < t->n_setups; i++) {
        const vb_lease_setup *q = &t->setups[i];
        int place = vb_lease_queued_before(q, q->n_row);

        while (place >= 0 && !may_have(t, q->row[place], worker))
            place = vb_lease_queued_before(q, place);
        if (place >= 0 && (i == w->setup || vb_lease_cost(t, q->row[place]) * heaviness(q) < least)) {
            least = i == w->setup ? 0 : vb_lease_cost(t, q->row[place]) * heaviness(q);
            block = q->row[place];
        }
    }
    if (block < 0)
        return -1;
    least = vb_lease_cost(t, block) * heaviness(&t->setups[t->blocks[block].setup]);
    if (v > 0 && o->busy && o->fastest > v && least / v > o->work / o->speed + least / o->fastest)
        return -1;
    vb_lease_unqueue(t, block);
    return block;
}

/* Work left in setup i, but for what is kept for the end. */
static double setup_work(const vb_lease_table *t, int i, const outlook *o)
{
    const vb_lease_setup *q = &t->setups[i];

    return fmax(0, q->queued_cost * heaviness(q) + q->held_work - (i == o->filler ? o->kept : 0));
}

/* When a setup would end if a worker of speed v began with it; that its last blocks end apart counts, so that long ones come first
 * and short ones are left to fill what is left of everybody's time. */
static double setup_end(const vb_lease_table *t, int i, double v, const outlook *o)
{
    const vb_lease_setup *q = &t->setups[i];
    double least = vb_lease_cost(t, q->row[vb_lease_queued_before(q, q->n_row)]) * heaviness(q);

    return setup_work(t, i, o) / (q->holding + v) + least / o->mean;
}

/* Whether the others will be through with the worker's setup in time without it, and another setup needs it. One worker that
 * changes early spares many a change late, when queues run dry. */
static bool is_spare(const vb_lease_table *t, const vb_lease_worker *w, const outlook *o)
{
    double v = w->speed, end = o->speed > 0 ? o->work / o->speed : 0;
    const vb_lease_setup *own = &t->setups[w->setup];

    if (v <= 0 || setup_work(t, w->setup, o) > end * (own->holding - v))
        return false;
    for (int i = 0; i < t->n_setups; i++)
        if (i != w->setup && t->setups[i].n && !t->barred[i] && setup_work(t, i, o) > BEHIND * end * (t->setups[i].holding + v))
            return true;
    return false;
}

static int choose_setup(const vb_lease_table *t, const vb_lease_worker *w, const outlook *o)
{
    double latest = -1;
    int best = -1;

    if (w->setup >= 0 && t->setups[w->setup].n && !t->barred[w->setup] && !is_spare(t, w, o))
        return w->setup;
    for (int i = 0; i < t->n_setups; i++) {
        double end = t->setups[i].n && !t->barred[i] ? setup_end(t, i, w->speed > 0 ? w->speed : o->mean, o) : -1;

        if (end > latest) {
            latest = end;
            best = i;
        }
    }
    return best;
}

static bool anything_queued(const vb_lease_table *t)
{
    for (int i = 0; i < t->n_setups; i++)
        if (t->setups[i].n)
            return true;
    return false;
}

int vb_lease_choose(vb_lease_table *t, int worker)
{
    vb_lease_worker *w = &t->workers[worker];
    outlook o;
    double most;
    int setup, block;

    if (!anything_queued(t))
        return -1;
    memset(t->barred, 0, (size_t)t->n_setups * sizeof *t->barred);
    o = look_ahead(t);
    most = most_work(t, w, &o);
    while ((setup = choose_setup(t, w, &o)) >= 0) {
        block = take_from(t, &t->setups[setup], worker, w->setup < 0 || setup == w->setup ? most : IF_STRANGE * most);
        if (block >= 0)
            return block;
        t->barred[setup] = true;
    }
    return take_least(t, worker, &o);
}

int vb_lease_choose_ahead(vb_lease_table *t, int worker)
{
    vb_lease_worker *w = &t->workers[worker];
    outlook o;

    if (w->setup < 0 || !t->setups[w->setup].n)
        return -1;
    o = look_ahead(t);
    memset(t->barred, 0, (size_t)t->n_setups * sizeof *t->barred);
    return is_spare(t, w, &o) ? -1 : take_from(t, &t->setups[w->setup], worker, most_work(t, w, &o));
}

void vb_lease_learn(vb_lease_table *t, int worker, double seconds)
{
    const vb_lease_worker *w = &t->workers[worker];
    const vb_lease_block *b = &t->blocks[w->block];
    vb_lease_setup *q = &t->setups[b->setup];
    vb_lease_worker *kind = &t->workers[w->kind];
    double cost = count_done(t, w) * b->trial_cost;

    if (cost <= 0)
        return;
    if (kind->learnt_s > 0 && q->work_cost > 0) {
        double off = seconds * kind->learnt_work / kind->learnt_s / (cost * heaviness(q)) - 1;

        t->scatter += (off * off - t->scatter) / SCATTER_BLOCKS;
    }
    q->learnt_s += seconds;
    q->learnt_cost += cost;
    kind->learnt_s += seconds;
    kind->learnt_work += cost * heaviness(q);
    kind->n_learnt++;
    q->learnt_work += seconds * kind->learnt_work / kind->learnt_s;
    q->work_cost += cost;
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
        const vb_lease_setup *q = &t->setups[t->blocks[b].setup];

        sum += vb_lease_cost(t, b) * (q->learnt_cost > 0 ? correction(q) : cost > 0 ? s / cost : 1);
    }
    return sum;
}
