/* sched_bench: the coordinator's decisions alone, with simulated workers. Not a test: figures.
 *
 *   leases      blocks granted, written for the wire and finished per second of processor time
 *   makespan    simulated time until the last worker is through, against what no schedule can beat: the longest block on the
 *               fastest worker, or all work on all workers together, and a setup loaded
 *   setups      how often a worker changed its setup, per block
 *
 * Workers are of four kinds whose speeds are 1 : 2 : 5 : 10. A block takes its estimated cost divided by the worker's speed, times
 * a factor of its setup (0.7 to 1.4) and one of its own (0.9 to 1.1; also 0.7 to 1.3) that the estimate does not know; a setup takes SETUP_S to load.
 * Workers of a kind are known to be as soon as they have begun. Lengths of videos (4 to 25 s at 24 frames/s) and their objects are
 * made up from a seed. */
#include "cost.h"
#include "lease.h"
#include "models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SETUP_S 5.0
#define TFLOPS 4.0 /* of the slowest kind; cost is in seconds at 1 */

static uint64_t noise = 88172645463325252u;

static double draw(void) /* 0..1 */
{
    noise ^= noise << 13;
    noise ^= noise >> 7;
    noise ^= noise << 17;
    return (double)(noise >> 11) / 9007199254740992.0;
}

static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static void need(vb_status st, const vb_err *err)
{
    if (st == VB_OK)
        return;
    fprintf(stderr, "sched_bench: %s\n", err->msg);
    exit(1);
}

/* Every block as the plan makes it, for all models but the stub (or edgetam alone). */
static void make_plan(vb_plan *p, int n_videos, int n_models, double objects)
{
    vb_options o = {.n_dtypes = 3, .dtypes = {VB_FLOAT32, VB_FLOAT16, VB_BFLOAT16}, .n_banks = 1, .banks = {VB_BANK_BFLOAT16},
                    .n_modes = 1, .modes = {VB_STREAM}, .repeats = 1};
    vb_err err;

    *p = (vb_plan){.blocks = calloc((size_t)n_videos * (size_t)n_models, sizeof *p->blocks)};
    if (!p->blocks)
        exit(1);
    for (int v = 0; v < n_videos; v++) {
        int frames = 96 + (int)(504 * draw() * draw()), masklets = 1 + (int)(-log(1 - draw()) * (objects - 0.5));
        char name[24];

        snprintf(name, sizeof name, "sav_%06d", v);
        for (int m = 0; m < n_models; m++) {
            vb_block *b = &p->blocks[p->n_blocks];
            vb_setup setup = {.prompt = VB_PROMPT_BOX, .image_size = 1024};

            snprintf(setup.model, sizeof setup.model, "%s", vb_models[m].name);
            need(vb_block_make(b, &o, name, &setup, &err), &err);
            b->id = p->n_blocks++;
            for (int t = 0; t < b->n_trials; t++)
                b->cost += vb_cost_trial(&b->trials[t].variant, frames, masklets);
        }
    }
}

typedef struct {
    double speed, at; /* TFLOP/s; when its block ends */
    double begun;
    vb_lease l, next;
    bool idle, reserved;
    const char *model; /* held */
} sim_worker;

typedef struct {
    const vb_plan *plan;
    vb_lease_table *t;
    double *seconds; /* [n_blocks] at speed 1 */
    sim_worker *w;
    int n;
    int n_idle;
    int *heap, n_heap; /* busy workers, soonest first */
    double table_ms;   /* the coordinator's own time */
    long leases;
} sim;

static bool sooner(const sim *s, int a, int b)
{
    return s->w[a].at < s->w[b].at || (s->w[a].at == s->w[b].at && a < b);
}

static void swap(int *a, int *b)
{
    int c = *a;

    *a = *b;
    *b = c;
}

static void push(sim *s, int worker)
{
    int i = s->n_heap++;

    s->heap[i] = worker;
    for (; i > 0 && sooner(s, s->heap[i], s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&s->heap[i], &s->heap[(i - 1) / 2]);
}

static int pop(sim *s)
{
    int top = s->heap[0], i = 0;

    s->heap[0] = s->heap[--s->n_heap];
    for (;;) {
        int best = i, left = 2 * i + 1;

        for (int k = left; k <= left + 1; k++)
            if (k < s->n_heap && sooner(s, s->heap[k], s->heap[best]))
                best = k;
        if (best == i)
            return top;
        swap(&s->heap[i], &s->heap[best]);
        i = best;
    }
}

static void write_for_wire(const vb_plan *p, const vb_lease *l)
{
    char *text;
    vb_err err;

    need(vb_block_to_json(&text, &p->blocks[l->block], &err), &err);
    free(text);
}

/* A worker begins what it holds, and has its next block reserved as its last trial begins: here, at once. */
static void begin(sim *s, int worker, double now)
{
    sim_worker *w = &s->w[worker];
    const vb_block *b = &s->plan->blocks[w->l.block];
    double loading = w->model && !strcmp(w->model, b->setup.model) ? 0 : SETUP_S;

    w->model = b->setup.model;
    w->begun = now + loading;
    w->at = w->begun + s->seconds[w->l.block] / w->speed;
    w->idle = false;
    push(s, worker);
}

static void ask(sim *s, int worker, double now)
{
    sim_worker *w = &s->w[worker];
    double from = cpu_ms();

    s->n_idle -= w->idle;
    w->idle = !vb_lease_take(s->t, worker, now, 1e9, &w->l);
    s->n_idle += w->idle;
    if (!w->idle) {
        write_for_wire(s->plan, &w->l);
        s->leases++;
    }
    s->table_ms += cpu_ms() - from;
    if (!w->idle)
        begin(s, worker, now);
}

static double finish(sim *s, int worker)
{
    sim_worker *w = &s->w[worker];
    double now = w->at, from = cpu_ms();
    int lost, block;
    uint64_t epoch;

    vb_lease_expire(s->t, now, &lost, &block, &epoch);
    if ((w->reserved = vb_lease_reserve(s->t, worker, &w->next))) { /* asked for while the last trial ran */
        write_for_wire(s->plan, &w->next);
        s->leases++;
    }
    for (int i = 0; i < w->l.n_trials; i++)
        vb_lease_finish(s->t, w->l.block, w->l.index[i], VB_LEASE_DONE);
    vb_lease_release(s->t, worker, now - w->begun, true);
    s->table_ms += cpu_ms() - from;
    if (w->reserved) {
        w->l = w->next;
        begin(s, worker, now);
    } else
        ask(s, worker, now);
    return now;
}

typedef struct {
    double over, bound_s;       /* makespan: % over the bound */
    double leases_s, per_change; /* leases per second; blocks per change of setup */
} result;

static result simulate(int n_workers, int n_videos, int n_models, double objects, double spread)
{
    static const double kinds[] = {1, 2, 5, 10};
    double work = 0, longest = 0, power = 0, fastest = 0, end = 0, bound, factor[VB_MODEL_MAX];
    result r;
    vb_plan p;
    vb_err err;
    sim s = {.plan = &p, .n = n_workers, .w = calloc((size_t)n_workers, sizeof *s.w), .heap = calloc((size_t)n_workers, sizeof(int))};

    make_plan(&p, n_videos, n_models, objects);
    for (int m = 0; m < n_models; m++)
        factor[m] = 0.7 * exp2(draw());
    if (!s.w || !s.heap || !(s.seconds = calloc((size_t)p.n_blocks, sizeof *s.seconds)))
        exit(1);
    for (int b = 0; b < p.n_blocks; b++) {
        s.seconds[b] = p.blocks[b].cost * factor[b % n_models] * (1 + spread * (2 * draw() - 1));
        work += s.seconds[b];
        longest = s.seconds[b] > longest ? s.seconds[b] : longest;
    }
    need(vb_lease_create(&s.t, &p, n_workers, &err), &err);
    for (int i = 0; i < n_workers; i++) {
        s.w[i].speed = TFLOPS * kinds[(int)(4 * draw())];
        power += s.w[i].speed;
        fastest = s.w[i].speed > fastest ? s.w[i].speed : fastest;
    }
    for (int i = 0; i < n_workers; i++)
        ask(&s, i, 0);
    for (int i = 0; i < n_workers; i++)
        for (int k = 0; k < i; k++)
            if (s.w[k].speed == s.w[i].speed) {
                vb_lease_same_kind(s.t, i, k);
                break;
            }
    while (s.n_heap) {
        end = finish(&s, pop(&s));
        if (s.n_idle) /* as the coordinator does in each of its rounds */
            for (int i = 0; i < n_workers; i++)
                if (s.w[i].idle)
                    ask(&s, i, end);
    }
    bound = SETUP_S + fmax(longest / fastest, work / power);
    if (vb_lease_pending(s.t)) {
        fputs("sched_bench: not all was done\n", stderr);
        exit(1);
    }
    r = (result){.over = 100 * (end / bound - 1), .bound_s = bound, .leases_s = 1000 * (double)s.leases / s.table_ms,
                 .per_change = (double)p.n_blocks / fmax(1, (double)vb_lease_switches(s.t))};
    vb_lease_free(s.t);
    for (int b = 0; b < p.n_blocks; b++)
        vb_block_deinit(&p.blocks[b]);
    free(p.blocks);
    free(s.seconds);
    free(s.w);
    free(s.heap);
    return r;
}

/* So many draws of videos, models' factors and workers. */
static void draws(int n, int n_workers, int n_videos, int n_models, double objects, double spread)
{
    double sum = 0, worst = 0, leases = 0, blocks = 0;
    int within = 0;
    result r;

    for (int i = 0; i < n; i++) {
        r = simulate(n_workers, n_videos, n_models, objects, spread);
        sum += r.over;
        worst = fmax(worst, r.over);
        within += r.over <= 2;
        leases += r.leases_s;
        blocks += r.per_change;
    }
    printf("%4d workers, %5d videos x %d models, +-%.0f %%: %6.0f leases/s; makespan over the bound by %.2f %% (of %.0f s) in the mean of %d, worst %.2f, within 2 %%: %d;"
           " %.0f blocks per change of setup\n",
           n_workers, n_videos, n_models, 100 * spread, leases / n, sum / n, r.bound_s, n, worst, within, blocks / n);
    fflush(stdout);
}

int main(void)
{
    draws(100, 64, 155, 9, 1.9, 0.1); /* as many videos as SA-V val */
    draws(100, 64, 155, 9, 1.9, 0.3); /* estimates that tell less */
    draws(100, 64, 155, 2, 1.9, 0.1); /* some five blocks a worker */
    draws(20, 8, 155, 9, 1.9, 0.1);   /* a shelf of boards */
    draws(1, 1000, 50000, 1, 4, 0.1); /* as many videos as SA-V train */
    draws(1, 1000, 50000, 9, 4, 0.1);
    return 0;
}
