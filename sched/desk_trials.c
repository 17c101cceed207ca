/* How a trial ends: done, failed, or quarantined after its third attempt that counts; in the store, the lease table and the roster.
 * See desk_impl.h. */
#include "desk_impl.h"

#include <stdio.h>

void vb_desk_trial_ended(vb_desk *d, int block, int trial, vb_trial_status status)
{
    d->r->status[block][trial] = status;
    if (status == VB_TRIAL_DONE)
        d->r->done++;
    else
        d->r->failed++;
    d->r->missing--;
    vb_lease_finish(d->leases, block, trial,
                    status == VB_TRIAL_DONE     ? VB_LEASE_DONE
                    : status == VB_TRIAL_FAILED ? VB_LEASE_FAILED
                                                : VB_LEASE_QUARANTINED);
}

vb_attempt vb_desk_attempt(const vb_desk_worker *w, const char *device, const char *outcome, const char *detail)
{
    vb_attempt a = {.last_frame = -1};

    snprintf(a.host, sizeof a.host, "%s", w->hello.host);
    snprintf(a.device, sizeof a.device, "%s", device);
    snprintf(a.outcome, sizeof a.outcome, "%s", outcome);
    snprintf(a.detail, sizeof a.detail, "%s", detail);
    return a;
}

/* The trial's third attempt that counts was this one, or stands in the records of earlier runs. */
static vb_status quarantine(vb_desk *d, int block, int trial, const vb_attempt *last, vb_err *err)
{
    const vb_trial_key *key = &d->r->plan->blocks[block].trials[trial];
    char reason[512], tag[VB_TAG_MAX];
    vb_status st;

    snprintf(reason, sizeof reason, "%d attempts failed; the last one on %s: %.400s", VB_LEASE_MAX_KILLS, last->host,
             last->detail);
    vb_variant_tag(tag, &key->variant);
    vb_desk_say(d, VB_LOG_WARN, "quarantined: %s %s r%d: %s", key->video, tag, key->repetition, reason);
    st = vb_store_fail(d->r->store, key, VB_TRIAL_QUARANTINED, vb_status_name(VB_EMODEL), reason, last->host, last->device, err);
    if (st == VB_OK)
        vb_desk_trial_ended(d, block, trial, VB_TRIAL_QUARANTINED);
    return st;
}

vb_status vb_desk_count_kill(vb_desk *d, int block, int trial, vb_attempt *a, vb_err *err)
{
    vb_status st;

    a->counts = true;
    st = vb_store_attempt(d->r->store, &d->r->plan->blocks[block].trials[trial], a, err);
    return st || !vb_lease_killed(d->leases, block, trial) ? st : quarantine(d, block, trial, a, err);
}

vb_status vb_desk_count_earlier(vb_desk *d, vb_err *err)
{
    static const vb_attempt unknown = {.host = "an earlier run's host", .detail = "see the attempts"};
    const vb_plan *p = d->r->plan;
    int64_t n = 0;
    vb_status st = vb_store_kills(d->r->store, NULL, &n, err);

    if (n == 0)
        return st;
    for (int b = 0; b < p->n_blocks; b++)
        for (int t = 0; t < p->blocks[b].n_trials && st == VB_OK; t++)
            if (d->r->status[b][t] == VB_TRIAL_MISSING &&
                (st = vb_store_kills(d->r->store, &p->blocks[b].trials[t], &n, err)) == VB_OK &&
                vb_lease_mark_kills(d->leases, b, t, (int)n))
                st = quarantine(d, b, t, &unknown, err);
    return st;
}
