/* Planned against recorded; see roster.h. */
#include "roster.h"

#include <stdlib.h>
#include <string.h>

const char *vb_roster_reason(const vb_roster *r, int i)
{
    for (int k = 0; k < r->plan->n_bad; k++)
        if (!strcmp(r->plan->bad[k].video, r->bad[i].video))
            return r->plan->bad[k].reason;
    return "";
}

static vb_status take_stock(vb_trial_status **out, vb_roster *r, const vb_block *b, bool retry_failed, int64_t *missing, vb_err *err)
{
    vb_status st = VB_OK;

    if (!(*out = calloc((size_t)b->n_trials + 1, sizeof **out)))
        return vb_fail(err, VB_ENOMEM, "status of %d trials", b->n_trials);
    r->total += b->n_trials;
    for (int t = 0; t < b->n_trials && st == VB_OK; t++) {
        st = vb_store_status(r->store, &b->trials[t], &(*out)[t], err);
        if (st == VB_OK && retry_failed && (*out)[t] != VB_TRIAL_DONE && (*out)[t] != VB_TRIAL_MISSING) {
            st = vb_store_forget_failed(r->store, &b->trials[t], err);
            (*out)[t] = VB_TRIAL_MISSING;
        }
        if ((*out)[t] == VB_TRIAL_MISSING)
            ++*missing;
        else if ((*out)[t] == VB_TRIAL_DONE)
            r->done++;
        else
            r->failed++;
    }
    return st;
}

static vb_status add_bad(vb_roster *r, const vb_options *o, bool retry_failed, vb_err *err)
{
    size_t n = (size_t)r->plan->n_bad * (size_t)o->n_setups;
    vb_status st;

    r->bad = calloc(n + 1, sizeof *r->bad);
    r->bad_status = calloc(n + 1, sizeof *r->bad_status);
    if (!r->bad || !r->bad_status)
        return vb_fail(err, VB_ENOMEM, "%d videos that cannot be used", r->plan->n_bad);
    for (int v = 0; v < r->plan->n_bad; v++)
        for (int s = 0; s < o->n_setups; s++) {
            int i = r->n_bad++;

            if ((st = vb_block_make(&r->bad[i], o, r->plan->bad[v].video, &o->setups[s], err)) ||
                (st = take_stock(&r->bad_status[i], r, &r->bad[i], retry_failed, &r->missing_bad, err)))
                return st;
        }
    return VB_OK;
}

/* Records of one folder compare with each other: what they depend on may not change between runs. */
static vb_status check_options(vb_store *store, const vb_options *o, vb_err *err)
{
    char *last = NULL;
    vb_status st = vb_store_last_options(store, &last, err);

    if (st == VB_OK && last)
        st = vb_options_same_fixed(o, last, err);
    free(last);
    return st;
}

vb_status vb_roster_open(vb_roster *r, const vb_options *o, bool retry_failed, vb_recovery *recovery, vb_err *err)
{
    vb_status st, forgotten;

    memset(r, 0, sizeof *r);
    if ((st = vb_dataset_open(&r->dataset, o->split_dir, o->split_name, &o->limits, err)) ||
        (st = vb_plan_make(&r->plan, o, r->dataset, err)) ||
        (st = vb_store_open(&r->store, o->out_dir, o->state_dir, err)) || (st = check_options(r->store, o, err)) ||
        (st = vb_store_recover(r->store, recovery, err)))
        return st;
    if (!(r->status = calloc((size_t)r->plan->n_blocks + 1, sizeof *r->status)))
        return vb_fail(err, VB_ENOMEM, "status of %d blocks", r->plan->n_blocks);
    vb_store_group_begin(r->store); /* what is forgotten is one write */
    for (int b = 0; b < r->plan->n_blocks && st == VB_OK; b++)
        st = take_stock(&r->status[b], r, &r->plan->blocks[b], retry_failed, &r->missing, err);
    if (st == VB_OK)
        st = add_bad(r, o, retry_failed, err);
    forgotten = vb_store_group_end(r->store, st ? NULL : err);
    return st ? st : forgotten;
}

void vb_roster_close(vb_roster *r)
{
    for (int b = 0; r->status && b < r->plan->n_blocks; b++)
        free(r->status[b]);
    for (int i = 0; i < r->n_bad; i++) {
        vb_block_deinit(&r->bad[i]);
        free(r->bad_status[i]);
    }
    free(r->status);
    free(r->bad);
    free(r->bad_status);
    vb_store_close(r->store);
    vb_plan_free(r->plan);
    vb_dataset_free(r->dataset);
    memset(r, 0, sizeof *r);
}
