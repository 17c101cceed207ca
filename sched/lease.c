/* Lease table: whose a block is, and what is left of it; see lease.h. */
#include "lease_impl.h"

#include <stdlib.h>
#include <string.h>

vb_status vb_lease_create(vb_lease_table **out, const vb_plan *plan, int n_workers, vb_err *err)
{
    vb_lease_table *t = calloc(1, sizeof *t);
    size_t n = (size_t)plan->n_blocks;
    int widest = 0;

    *out = NULL;
    if (!t || !(t->blocks = calloc(n + 1, sizeof *t->blocks)) ||
        !(t->workers = calloc((size_t)n_workers + 1, sizeof *t->workers)))
        goto nomem;
    t->plan = plan;
    t->n_workers = n_workers;
    if (!(t->barred = calloc(n + 1, sizeof *t->barred)))
        goto nomem;
    for (int b = 0; b < plan->n_blocks; b++) {
        vb_lease_block *s = &t->blocks[b];
        int k = plan->blocks[b].n_trials;

        s->left = k;
        s->trial_cost = plan->blocks[b].cost / (k ? k : 1);
        if (!(s->state = calloc((size_t)k + 1, 1)) || !(s->kills = calloc((size_t)k + 1, 1)))
            goto nomem;
        t->pending += k;
        widest = k > widest ? k : widest;
    }
    if (!vb_lease_line_up(t))
        goto nomem;
    for (int w = 0; w < n_workers; w++) {
        t->workers[w].block = t->workers[w].setup = t->workers[w].next_block = -1;
        t->workers[w].kind = w;
        if (!(t->workers[w].index = calloc((size_t)widest + 1, sizeof(int))) ||
            !(t->workers[w].next_index = calloc((size_t)widest + 1, sizeof(int))))
            goto nomem;
    }
    *out = t;
    return VB_OK;
nomem:
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
    vb_lease_block *b = &t->blocks[block];

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
    vb_lease_block *b = &t->blocks[block];

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
            vb_lease_queue(t, b);
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
    vb_lease_worker *w = &t->workers[worker];

    if (w->block < 0 || w->next_block >= 0 || (w->next_block = vb_lease_choose_ahead(t, worker)) < 0)
        return false;
    w->next_epoch = ++t->epoch;
    w->next_n = list_pending(w->next_index, t, w->next_block);
    *out = (vb_lease){w->next_block, w->next_epoch, w->next_n, w->next_index, false};
    return true;
}

bool vb_lease_unreserve(vb_lease_table *t, int worker, uint64_t epoch)
{
    vb_lease_worker *w = &t->workers[worker];

    if (w->next_block < 0 || w->next_epoch != epoch)
        return false;
    vb_lease_queue(t, w->next_block);
    w->next_block = -1;
    return true;
}

uint64_t vb_lease_held(const vb_lease_table *t, int worker)
{
    return t->workers[worker].block < 0 ? 0 : t->workers[worker].epoch;
}

static void promote(vb_lease_table *t, vb_lease_worker *w)
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
    w->setup = t->blocks[w->block].setup;
}

bool vb_lease_take(vb_lease_table *t, int worker, double now_s, double ttl_s, vb_lease *out)
{
    vb_lease_worker *w = &t->workers[worker];
    int setup, block;

    build_queues(t);
    t->now_s = now_s;
    w->gone = false;
    vb_lease_unreserve(t, worker, w->next_epoch);
    if (w->block >= 0)
        vb_lease_release(t, worker, 0, true);
    if ((block = vb_lease_choose(t, worker)) < 0)
        return false;
    setup = t->blocks[block].setup;
    out->switched = w->setup >= 0 && w->setup != setup;
    t->switches += out->switched;
    w->setup = setup;
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
    const vb_lease_worker *w;

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
    vb_lease_worker *w = &t->workers[worker];

    if (w->block >= 0 && w->epoch == epoch)
        w->deadline_s = now_s + ttl_s;
}

void vb_lease_finish(vb_lease_table *t, int block, int trial, vb_lease_trial state)
{
    set_state(t, block, trial, state);
}

bool vb_lease_killed(vb_lease_table *t, int block, int trial)
{
    vb_lease_block *b = &t->blocks[block];

    if (b->state[trial] != VB_LEASE_PENDING || ++b->kills[trial] < VB_LEASE_MAX_KILLS)
        return false;
    set_state(t, block, trial, VB_LEASE_QUARANTINED);
    return true;
}

void vb_lease_release(vb_lease_table *t, int worker, double seconds, bool kept)
{
    vb_lease_worker *w = &t->workers[worker];

    if (w->block >= 0) {
        vb_lease_block *b = &t->blocks[w->block];

        if (seconds > 0 && b->left == 0)
            vb_lease_learn(t, worker, seconds);
        if (b->left)
            vb_lease_queue(t, w->block);
        w->block = -1;
    }
    if (!kept)
        w->setup = -1;
    promote(t, w);
}

void vb_lease_same_kind(vb_lease_table *t, int worker, int as)
{
    const int from = t->workers[worker].kind, to = t->workers[as].kind;
    vb_lease_worker *f = &t->workers[from], *k = &t->workers[to];

    if (from == to)
        return;
    k->learnt_s += f->learnt_s;
    k->learnt_work += f->learnt_work;
    k->n_learnt += f->n_learnt;
    for (int i = 0; i < t->n_workers; i++)
        if (t->workers[i].kind == from)
            t->workers[i].kind = to;
}

/* Out of memory only means that the block may come back to the same worker. */
void vb_lease_avoid(vb_lease_table *t, int worker)
{
    vb_lease_worker *w = &t->workers[worker];
    vb_lease_block *b = w->block >= 0 ? &t->blocks[w->block] : NULL;

    if (b && (b->lost || (b->lost = calloc((size_t)t->n_workers, 1))))
        b->lost[worker] = 1;
}

void vb_lease_retire(vb_lease_table *t, int worker)
{
    t->workers[worker].gone = true;
}

bool vb_lease_expire(vb_lease_table *t, double now_s, int *worker, int *block, uint64_t *epoch)
{
    t->now_s = now_s;
    for (int i = 0; i < t->n_workers; i++) {
        vb_lease_worker *w = &t->workers[i];

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
