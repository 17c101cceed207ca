/* Which blocks wait: each setup has its blocks in a row, most costly first, and a bit for each that is queued; see lease.h. */
#include "lease_impl.h"

#include <stdlib.h>

double vb_lease_cost(const vb_lease_table *t, int b)
{
    return t->blocks[b].left * t->blocks[b].trial_cost;
}

void vb_lease_queue(vb_lease_table *t, int block)
{
    const vb_lease_block *b = &t->blocks[block];
    vb_lease_setup *q = &t->setups[b->setup];

    q->queued[b->place / 64] |= UINT64_C(1) << b->place % 64;
    q->n++;
    q->queued_cost += vb_lease_cost(t, block);
}

void vb_lease_unqueue(vb_lease_table *t, int block)
{
    const vb_lease_block *b = &t->blocks[block];
    vb_lease_setup *q = &t->setups[b->setup];

    q->queued[b->place / 64] &= ~(UINT64_C(1) << b->place % 64);
    q->queued_cost = --q->n ? q->queued_cost - vb_lease_cost(t, block) : 0;
}

int vb_lease_queued_from(const vb_lease_setup *q, int place)
{
    for (int i = place / 64; place < q->n_row && i <= (q->n_row - 1) / 64; i++) {
        uint64_t bits = q->queued[i] & (i == place / 64 ? ~UINT64_C(0) << place % 64 : ~UINT64_C(0));

        if (bits)
            return 64 * i + __builtin_ctzll(bits);
    }
    return -1;
}

int vb_lease_queued_before(const vb_lease_setup *q, int place)
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

/* Each block's setup, and how many blocks each has. */
static bool make_rows(vb_lease_table *t)
{
    int n = t->plan->n_blocks, *counts = calloc((size_t)n + 1, sizeof *counts);
    bool made = counts && (t->setups = calloc((size_t)n + 1, sizeof *t->setups));

    for (int b = 0; made && b < n; b++)
        counts[t->blocks[b].setup = find_setup(t, &t->plan->blocks[b].setup)]++;
    for (int i = 0; made && i < t->n_setups; i++)
        made = (t->setups[i].row = calloc((size_t)counts[i] + 1, sizeof(int))) &&
               (t->setups[i].queued = calloc((size_t)counts[i] / 64 + 1, sizeof(uint64_t)));
    free(counts);
    return made;
}

bool vb_lease_line_up(vb_lease_table *t)
{
    int n = t->plan->n_blocks;
    priced *all = calloc((size_t)n + 1, sizeof *all);

    if (!all || !make_rows(t)) {
        free(all);
        return false;
    }
    for (int b = 0; b < n; b++)
        all[b] = (priced){t->plan->blocks[b].cost, b};
    qsort(all, (size_t)n, sizeof *all, most_costly_first);
    for (int i = 0; i < n; i++) {
        vb_lease_block *b = &t->blocks[all[i].block];
        vb_lease_setup *q = &t->setups[b->setup];

        b->place = q->n_row;
        q->row[q->n_row++] = all[i].block;
    }
    free(all);
    return true;
}
