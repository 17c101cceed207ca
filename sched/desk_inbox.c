/* What workers send: their greetings, results, failures and losses, each accepted only from the holder of the lease that it is about;
 * see desk_impl.h. */
#include "dataset.h"
#include "desk_impl.h"
#include "outcome.h"
#include "shard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FAILED_STARTS = 3 }; /* of an engine in a row: then its worker gets no more work */

static vb_status answer(vb_desk *d, int worker, bool accepted, uint64_t epoch, int trial, bool again, vb_err *err)
{
    vb_verdict v = {trial, again};
    uint8_t bytes[VB_VERDICT_BYTES];

    vb_verdict_encode(bytes, &v);
    return vb_desk_send(d, worker, accepted ? VB_MSG_ACK : VB_MSG_NACK, epoch, bytes, sizeof bytes, err);
}

static void take_leave(vb_desk *d, int worker)
{
    d->workers[worker].retired = true;
    d->workers[worker].waiting = false;
    vb_lease_retire(d->leases, worker);
}

static vb_status retire(vb_desk *d, int worker, vb_err *err)
{
    take_leave(d, worker);
    return vb_desk_deserted(d) ? vb_fail(err, VB_EMODEL, "no worker is left: %s", d->last_loss) : VB_OK;
}

/* Devices of one name are taken to be equally fast. Of a worker whose engine is not up yet there is no name. */
static void find_like(vb_desk *d, int worker)
{
    const char *device = d->workers[worker].hello.device;

    for (int i = 0; *device && i < d->n_workers; i++)
        if (i != worker && !strcmp(d->workers[i].hello.device, device)) {
            vb_lease_same_kind(d->leases, worker, i);
            return;
        }
}

static vb_status on_hello(vb_desk *d, int worker, const vb_hello *h, vb_err *err)
{
    vb_desk_worker *w = &d->workers[worker];
    bool first = !w->known;
    vb_status st;

    w->known = true;
    if (!first) { /* its engine is up */
        memcpy(w->hello.device, h->device, sizeof w->hello.device);
        w->failed_starts = 0;
        find_like(d, worker);
        return VB_OK;
    }
    w->hello = *h;
    if (!h->manifest[0])
        return VB_OK;
    if (!d->manifest[0] && (st = vb_dataset_manifest(d->manifest, d->r->dataset, err)))
        return st;
    if (!strcmp(h->manifest, d->manifest))
        return VB_OK;
    snprintf(d->last_loss, sizeof d->last_loss,
             "host %s: the videos in '%.200s' are not those of %s: copy the same split to every host (savbench sync --apply)", h->host,
             d->rank->options->split_dir, d->rank->log.host);
    vb_desk_say(d, VB_LOG_ERROR, "%s", d->last_loss);
    return retire(d, worker, err);
}

static vb_status on_result(vb_desk *d, int worker, const vb_msg *m, const uint8_t *payload, vb_err *err)
{
    vb_desk_worker *w = &d->workers[worker];
    vb_intake_state state;
    vb_piece piece;
    vb_err why = {0};
    char hex[65];
    bool fresh;
    int block, trial;
    vb_status st;

    if ((st = vb_piece_decode(&piece, payload, m->length, VB_SHARD_MAX_BYTES, err)))
        return st;
    if (vb_lease_check(d->leases, worker, m->epoch, piece.trial, &block, &trial, &why)) {
        if (piece.offset == 0) { /* once per shard */
            vb_desk_say(d, VB_LOG_WARN, "a late result of r%d was refused: %s", worker + 1, why.msg);
            return answer(d, worker, false, m->epoch, piece.trial, false, err);
        }
        return VB_OK;
    }
    vb_lease_renew(d->leases, worker, m->epoch, vb_desk_now_s(), d->ttl_s);
    if ((st = vb_intake_add(&state, &w->intake, m->epoch, &piece, err)))
        return st;
    if (state == VB_INTAKE_DAMAGED)
        vb_desk_say(d, VB_LOG_WARN, "a shard of r%d arrived damaged", worker + 1);
    if (state != VB_INTAKE_WHOLE)
        return state == VB_INTAKE_DAMAGED ? answer(d, worker, false, m->epoch, piece.trial, true, err) : VB_OK;
    vb_sha_to_hex(hex, w->intake.sha256);
    st = VB_OK;
    if (vb_lease_state(d->leases, block, trial) == VB_LEASE_PENDING) {
        st = vb_store_commit(d->r->store, &d->r->plan->blocks[block].trials[trial], w->intake.bytes, w->intake.total,
                             hex, &fresh, &why);
        if (st == VB_OK)
            vb_desk_trial_ended(d, block, trial, VB_TRIAL_DONE);
        else if (st == VB_EFORMAT) /* stays pending: its block's end counts it */
            vb_desk_say(d, VB_LOG_WARN, "a shard of r%d was refused: %s", worker + 1, why.msg);
        else
            vb_fail(err, st, "%s", why.msg);
    }
    vb_intake_reset(&w->intake);
    if (st == VB_EFORMAT)
        return answer(d, worker, false, m->epoch, piece.trial, false, err);
    if (st == VB_OK) { /* it is on disk, and may be acknowledged, when the group is */
        d->owed[d->n_owed].worker = worker;
        d->owed[d->n_owed].trial = piece.trial;
        d->owed[d->n_owed++].epoch = m->epoch;
    }
    return st;
}

/* The end of a worker's lease; the one that was reserved for it, if any, begins. */
static void release(vb_desk *d, int worker, double seconds, bool kept)
{
    vb_lease_release(d->leases, worker, seconds, kept);
    vb_lease_renew(d->leases, worker, vb_lease_held(d->leases, worker), vb_desk_now_s(), d->ttl_s);
    d->workers[worker].leased_ms = vb_now_ms();
    d->shown[worker].video = NULL;
}

static vb_status on_failed(vb_desk *d, int worker, const vb_msg *m, const uint8_t *payload, vb_err *err)
{
    vb_desk_worker *w = &d->workers[worker];
    const vb_trial_key *key;
    vb_attempt a;
    vb_failure f;
    char tag[VB_TAG_MAX];
    int block, trial;
    vb_status st;

    if ((st = vb_failure_from_json(&f, (const char *)payload, m->length, err)))
        return st;
    if (vb_lease_check(d->leases, worker, m->epoch, f.trial, &block, &trial, NULL) ||
        vb_lease_state(d->leases, block, trial) != VB_LEASE_PENDING)
        return VB_OK;
    key = &d->r->plan->blocks[block].trials[trial];
    vb_variant_tag(tag, &key->variant);
    vb_desk_say(d, VB_LOG_WARN, "failed: %s %s r%d: %s", key->video, tag, key->repetition, f.reason);
    a = vb_desk_attempt(w, f.device[0] ? f.device : w->hello.device, vb_outcome_of_error(f.code, f.reason), f.reason);
    a.last_frame = f.last_frame;
    snprintf(a.last_stage, sizeof a.last_stage, "%s", f.last_stage);
    a.duration_ms = f.duration_ms;
    if ((st = vb_store_attempt(d->r->store, key, &a, err)) ||
        (st = vb_store_fail(d->r->store, key, VB_TRIAL_FAILED, f.code, f.reason, a.host, a.device, err)))
        return st;
    vb_desk_trial_ended(d, block, trial, VB_TRIAL_FAILED);
    w->leased_ms += f.duration_ms; /* the block's time is that of what was done */
    return VB_OK;
}

/* A block is through. What it left undone without a word (a refused shard) counts against the trial. */
static vb_status on_done(vb_desk *d, int worker, const vb_msg *m, vb_err *err)
{
    vb_desk_worker *w = &d->workers[worker];
    vb_attempt a = vb_desk_attempt(w, w->hello.device, "refused", "the result was not a valid shard of this trial");
    int block, trial;
    bool refused = false;
    vb_status st;

    if (vb_lease_check(d->leases, worker, m->epoch, 0, &block, &trial, NULL))
        return VB_OK;
    for (int i = 0; vb_lease_check(d->leases, worker, m->epoch, i, &block, &trial, NULL) == VB_OK; i++)
        if (vb_lease_state(d->leases, block, trial) == VB_LEASE_PENDING) {
            refused = true;
            if ((st = vb_desk_count_kill(d, block, trial, &a, err)))
                return st;
        }
    if (refused)
        vb_lease_avoid(d->leases, worker);
    release(d, worker, (vb_now_ms() - w->leased_ms) / 1000, true);
    return VB_OK;
}

/* Drained: what was not begun stays pending, and nobody is to blame. */
static void on_returned(vb_desk *d, int worker, const vb_msg *m)
{
    int block, trial;

    if (!vb_lease_unreserve(d->leases, worker, m->epoch) &&
        vb_lease_check(d->leases, worker, m->epoch, 0, &block, &trial, NULL) == VB_OK)
        release(d, worker, 0, true);
}

static vb_status on_attempt(vb_desk *d, int worker, const vb_msg *m, const uint8_t *payload, vb_err *err)
{
    vb_desk_worker *w = &d->workers[worker];
    vb_attempt a;
    vb_death death;
    int block, trial;
    vb_status st;

    if ((st = vb_death_from_json(&death, (const char *)payload, m->length, err)))
        return st;
    if (vb_lease_check(d->leases, worker, m->epoch, death.trial < 0 ? 0 : death.trial, &block, &trial, NULL))
        return VB_OK;
    a = vb_desk_attempt(w, death.device, death.trial < 0 ? "no_start" : death.outcome, death.detail);
    a.signal = death.signal;
    a.exit_code = death.exit_code;
    a.last_frame = death.last_frame;
    snprintf(a.last_stage, sizeof a.last_stage, "%s", death.last_stage);
    snprintf(a.log, sizeof a.log, "%s", death.log);
    a.duration_ms = death.duration_ms;
    vb_lease_avoid(d->leases, worker);
    if (death.trial < 0 && !strcmp(death.outcome, "usage"))
        return vb_fail(err, VB_EARG, "host %s: %s", w->hello.host, death.detail);
    if (death.trial < 0) {
        snprintf(d->last_loss, sizeof d->last_loss, "%s: %.200s%s%.200s", w->hello.host, death.detail,
                 death.log[0] ? "; last words: " : "", death.log);
        vb_desk_say(d, VB_LOG_WARN, "r%d: the engine did not start: %s", worker + 1, death.detail);
        release(d, worker, 0, false);
        if ((st = vb_store_attempt(d->r->store, &d->r->plan->blocks[block].trials[trial], &a, err)))
            return st;
        return ++w->failed_starts < MAX_FAILED_STARTS ? VB_OK : retire(d, worker, err);
    }
    st = vb_desk_count_kill(d, block, trial, &a, err);
    release(d, worker, 0, false);
    return st;
}

static void on_progress(vb_desk *d, int worker, const vb_msg *m, const vb_progress *p)
{
    vb_ticker_worker *s = &d->shown[worker];
    int block, trial;

    if (vb_lease_check(d->leases, worker, m->epoch, p->trial, &block, &trial, NULL))
        return;
    vb_lease_renew(d->leases, worker, m->epoch, vb_desk_now_s(), d->ttl_s);
    *s = (vb_ticker_worker){.rank = worker + 1,
                            .host = d->workers[worker].hello.host,
                            .device = d->workers[worker].hello.device,
                            .video = d->r->plan->blocks[block].video,
                            .variant = &d->r->plan->blocks[block].trials[trial].variant,
                            .frame_idx = p->frame_idx,
                            .n_frames = p->n_frames};
}

static vb_status on_message(vb_desk *d, int worker, const vb_msg *m, const uint8_t *payload, vb_err *err)
{
    vb_progress progress;
    vb_hello hello;
    vb_status st;

    d->workers[worker].heard_s = vb_desk_now_s();
    d->workers[worker].silent = false;
    switch (m->type) {
    case VB_MSG_HELLO:
        if ((st = vb_hello_from_json(&hello, (const char *)payload, m->length, err)))
            return st;
        return on_hello(d, worker, &hello, err);
    case VB_MSG_REQUEST:
        d->workers[worker].waiting = !d->workers[worker].retired;
        return VB_OK;
    case VB_MSG_PROGRESS:
        if ((st = vb_progress_decode(&progress, payload, m->length, err)) == VB_OK)
            on_progress(d, worker, m, &progress);
        return st;
    case VB_MSG_RESULT:
        return on_result(d, worker, m, payload, err);
    case VB_MSG_FAILED:
        return on_failed(d, worker, m, payload, err);
    case VB_MSG_DONE:
        return on_done(d, worker, m, err);
    case VB_MSG_DRAIN:
        take_leave(d, worker);
        return VB_OK;
    case VB_MSG_RETURNED:
        on_returned(d, worker, m);
        return VB_OK;
    case VB_MSG_ATTEMPT:
        return on_attempt(d, worker, m, payload, err);
    default:
        return vb_fail(err, VB_EFORMAT, "%s message from a worker", vb_msg_name(m->type));
    }
}

/* What cannot be read from a worker is logged and dropped; its lease runs out if it mattered. */
static vb_status take_messages(vb_desk *d, bool *busy, vb_err *err)
{
    while (d->n_owed < VB_DESK_GROUP) {
        vb_err why = {0};
        uint8_t *payload;
        bool got;
        int peer = 0;
        vb_msg m = {0};
        vb_status st = vb_link_receive(d->rank->link, &got, &peer, &m, &payload, &why);

        if (st == VB_OK && !got)
            return VB_OK;
        *busy |= m.type != VB_MSG_PROGRESS;
        if (st == VB_OK)
            st = on_message(d, peer - 1, &m, payload, &why);
        free(payload);
        if (st == VB_EFORMAT)
            vb_desk_say(d, VB_LOG_WARN, "a message of r%d was dropped: %s", peer, why.msg);
        else if (st)
            return vb_fail(err, st, "%s", why.msg);
    }
    return VB_OK;
}

vb_status vb_desk_take_in(vb_desk *d, bool *busy, vb_err *err)
{
    vb_status st, written;

    vb_store_group_begin(d->r->store);
    st = take_messages(d, busy, err);
    written = vb_store_group_end(d->r->store, st ? NULL : err);
    st = st ? st : written;
    for (int i = 0; i < d->n_owed && st == VB_OK; i++)
        st = answer(d, d->owed[i].worker, true, d->owed[i].epoch, d->owed[i].trial, false, err);
    d->n_owed = 0;
    return st;
}
