/* Who is to have the next block: what is known of the speeds, and what is left for all; the rules are in lease.h. */
#include "lease_impl.h"

#include <math.h>
#include <string.h>

/* Of the time that is left a block may be estimated to take so much; so much of that in a setup that the worker has to change to,
 * which costs time and of which less is known. By sched_bench, over eight seeds. */
#define WITH_ROOM 0.9
#define IF_STRANGE 0.6
/* A worker of unknown speed gets one part in so many of its share of the work; where it is to have fewer blocks, anything. */
enum { WORTH_TRYING = 8 };

static double correction(const vb_lease_setup *q)
{
    return q->learnt_cost > 0 ? q->learnt_s / q->learnt_cost : 1;
}

/* How much more work than estimated a setup makes, for a worker of any speed. */
static double heaviness(const vb_lease_setup *q)
{
    return q->work_cost > 0 ? q->learnt_work / q->work_cost : 1;
}

/* Work per second; 0: not known yet. Before it has run a block whole, by the trials of the one that it holds. */
static double speed(const vb_lease_table *t, const vb_lease_worker *w)
{
    const vb_lease_worker *kind = &t->workers[w->kind];
    const vb_lease_block *b;
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
static double held_work(const vb_lease_table *t, const vb_lease_worker *w)
{
    const vb_lease_block *b;
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
        const vb_lease_worker *w = &t->workers[i];
        double v = speed(t, w);

        if (w->gone)
            continue;
        o.n++;
        o.busy += w->block >= 0;
        o.work += held_work(t, w);
        if (w->next_block >= 0)
            o.work += vb_lease_cost(t, w->next_block) * heaviness(&t->setups[t->blocks[w->next_block].setup]);
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
static double most_work(const vb_lease_table *t, const vb_lease_worker *w, const outlook *o)
{
    double v = speed(t, w);

    if (v > 0 && v >= o->fastest)
        return INFINITY; /* nobody would be through with it sooner */
    if (v > 0 && o->speed > 0)
        return WITH_ROOM * o->work / o->speed * v - held_work(t, w);
    return t->plan->n_blocks > WORTH_TRYING * t->n_workers ? o->work / o->n / WORTH_TRYING : INFINITY;
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
    double v = speed(t, w), least = INFINITY;
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

static int choose_setup(const vb_lease_table *t, const vb_lease_worker *w)
{
    double most = -1;
    int best = -1;

    if (w->setup >= 0 && t->setups[w->setup].n && !t->barred[w->setup])
        return w->setup;
    for (int i = 0; i < t->n_setups; i++) {
        const vb_lease_setup *q = &t->setups[i];
        double share = q->queued_cost * correction(q) / (1 + q->holders);

        if (q->n && !t->barred[i] && share > most) {
            most = share;
            best = i;
        }
    }
    return best;
}

int vb_lease_choose(vb_lease_table *t, int worker)
{
    vb_lease_worker *w = &t->workers[worker];
    outlook o;
    double most;
    int setup, block;

    memset(t->barred, 0, (size_t)t->n_setups * sizeof *t->barred);
    if (choose_setup(t, w) < 0)
        return -1;
    o = look_ahead(t);
    most = most_work(t, w, &o);
    while ((setup = choose_setup(t, w)) >= 0) {
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
    return take_from(t, &t->setups[w->setup], worker, most_work(t, w, &o));
}

void vb_lease_learn(vb_lease_table *t, int worker, double seconds)
{
    const vb_lease_worker *w = &t->workers[worker];
    const vb_lease_block *b = &t->blocks[w->block];
    vb_lease_setup *q = &t->setups[b->setup];
    vb_lease_worker *kind = &t->workers[w->kind];
    double cost = w->n_index * b->trial_cost;

    q->learnt_s += seconds;
    q->learnt_cost += cost;
    kind->learnt_s += seconds;
    kind->learnt_work += cost * heaviness(q);
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
