/* The coordinator's dealings with its workers; see desk.h. */
#include "desk.h"

#include "cli.h"
#include "control.h"
#include "dataset.h"
#include "heartbeat.h"
#include "intake.h"
#include "lease.h"
#include "outcome.h"
#include "shard.h"
#include "ticker.h"
#include "timing.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_FAILED_STARTS = 3, /* of an engine in a row: then its worker gets no more work */
    MAX_GROUP = 64         /* results in one transaction */
};

typedef struct {
    vb_hello hello;
    bool known, waiting, retired;
    int failed_starts;
    double leased_ms;
    vb_intake intake;
} desk_worker;

struct vb_desk {
    const vb_rank *rank;
    vb_roster *r;
    vb_lease_table *leases;
    int n_workers;
    desk_worker *workers; /* worker i is rank i + 1 */
    vb_ticker_worker *shown;
    vb_ticker ticker;
    double ttl_s;
    double beat_ms; /* when the progress file is to be written next */
    const char *run_id;
    bool draining;
    char manifest[65];  /* of the coordinator's split; made when a worker on another host has told its own */
    char last_loss[512]; /* why an engine could not be started */
    int n_owed;          /* acknowledgements of results whose rows the group at hand holds */
    struct {
        int worker, trial;
        uint64_t epoch;
    } owed[MAX_GROUP];
};

/* A tenth longer than a worker's own patience with its engine (worker.h), which it tells of itself. */
static double lease_ttl_s(void)
{
    const char *told = getenv("SAVBENCH_ENGINE_SILENCE_S");
    int silence_s = VB_ENGINE_SILENCE_S;

    if (told && vb_cli_int(&silence_s, "SAVBENCH_ENGINE_SILENCE_S", told, 1, 86400, NULL))
        silence_s = VB_ENGINE_SILENCE_S; /* each worker refuses it by name */
    return silence_s + 2 + silence_s / 10.0;
}

static double now_s(void)
{
    return vb_now_ms() / 1000;
}

__attribute__((format(printf, 3, 4))) static void say(vb_desk *d, vb_log_level level, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    vb_ticker_clear(&d->ticker);
    vb_log(&d->rank->log, level, "%s", text);
}

static vb_status send(vb_desk *d, int worker, vb_msg_type type, uint64_t epoch, const void *p, size_t n, vb_err *err)
{
    return vb_link_send(d->rank->link, worker + 1, type, epoch, p, n, NULL, 0, err);
}

static vb_status answer(vb_desk *d, int worker, bool accepted, uint64_t epoch, int trial, bool again, vb_err *err)
{
    vb_verdict v = {trial, again};
    uint8_t bytes[VB_VERDICT_BYTES];

    vb_verdict_encode(bytes, &v);
    return send(d, worker, accepted ? VB_MSG_ACK : VB_MSG_NACK, epoch, bytes, sizeof bytes, err);
}

static vb_heartbeat heartbeat(const vb_desk *d)
{
    return (vb_heartbeat){d->run_id, d->rank->log.host, d->r, vb_lease_remaining_s(d->leases) / d->n_workers, d->n_workers, d->shown};
}

void vb_desk_close(vb_desk *d)
{
    if (!d)
        return;
    if (d->leases && vb_desk_done(d)) {
        vb_heartbeat b = heartbeat(d);

        vb_heartbeat_finalizing(d->r->store, &b);
    }
    vb_ticker_clear(&d->ticker);
    if (d->leases && vb_lease_switches(d->leases))
        say(d, VB_LOG_INFO, "setups were changed %lld times", (long long)vb_lease_switches(d->leases));
    for (int i = 0; d->workers && i < d->n_workers; i++)
        vb_intake_reset(&d->workers[i].intake);
    vb_lease_free(d->leases);
    free(d->workers);
    free(d->shown);
    free(d);
}

bool vb_desk_done(const vb_desk *d)
{
    return vb_lease_pending(d->leases) == 0;
}

vb_status vb_desk_drain(vb_desk *d, vb_err *err)
{
    vb_status st = VB_OK;

    d->draining = true;
    for (int i = 0; i < d->n_workers && st == VB_OK; i++)
        st = send(d, i, VB_MSG_DRAIN, 0, NULL, 0, err);
    return st;
}

bool vb_desk_idle(const vb_desk *d)
{
    for (int i = 0; i < d->n_workers; i++)
        if (vb_lease_holds(d->leases, i))
            return false;
    return true;
}

/* Marks the end of a pending trial everywhere. */
static void ended(vb_desk *d, int block, int trial, vb_trial_status status)
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

/* The trial's third attempt that counts was this one, or stands in the records of earlier runs. */
static vb_status quarantine(vb_desk *d, int block, int trial, const vb_attempt *last, vb_err *err)
{
    const vb_trial_key *key = &d->r->plan->blocks[block].trials[trial];
    char reason[512], tag[VB_TAG_MAX];
    vb_status st;

    snprintf(reason, sizeof reason, "%d attempts failed; the last one on %s: %.400s", VB_LEASE_MAX_KILLS, last->host,
             last->detail);
    vb_variant_tag(tag, &key->variant);
    say(d, VB_LOG_WARN, "quarantined: %s %s r%d: %s", key->video, tag, key->repetition, reason);
    st = vb_store_fail(d->r->store, key, VB_TRIAL_QUARANTINED, vb_status_name(VB_EMODEL), reason, last->host, last->device, err);
    if (st == VB_OK)
        ended(d, block, trial, VB_TRIAL_QUARANTINED);
    return st;
}

/* An attempt that brought its engine down, or a result that cannot be taken; the third one is the trial's end. */
static vb_status count_kill(vb_desk *d, int block, int trial, vb_attempt *a, vb_err *err)
{
    vb_status st;

    a->counts = true;
    st = vb_store_attempt(d->r->store, &d->r->plan->blocks[block].trials[trial], a, err);
    return st || !vb_lease_killed(d->leases, block, trial) ? st : quarantine(d, block, trial, a, err);
}

/* What earlier runs recorded: a trial whose third attempt was the last act of one is not begun a fourth time. */
static vb_status count_earlier(vb_desk *d, vb_err *err)
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

vb_status vb_desk_open(vb_desk **out, const vb_rank *rank, vb_roster *r, const char *run_id, vb_err *err)
{
    static const vb_lease_trial states[] = {[VB_TRIAL_MISSING] = VB_LEASE_PENDING,
                                            [VB_TRIAL_DONE] = VB_LEASE_DONE,
                                            [VB_TRIAL_FAILED] = VB_LEASE_FAILED,
                                            [VB_TRIAL_QUARANTINED] = VB_LEASE_QUARANTINED};
    vb_desk *d = calloc(1, sizeof *d);
    vb_welcome w = {0};
    char *text = NULL;
    vb_status st;

    *out = NULL;
    if (!d)
        return vb_fail(err, VB_ENOMEM, "coordinator");
    d->rank = rank;
    d->r = r;
    d->n_workers = rank->place.size - 1;
    d->ttl_s = lease_ttl_s();
    d->run_id = run_id;
    d->workers = calloc((size_t)d->n_workers, sizeof *d->workers);
    d->shown = calloc((size_t)d->n_workers, sizeof *d->shown);
    for (int i = 0; d->shown && i < d->n_workers; i++)
        d->shown[i] = (vb_ticker_worker){.rank = i + 1, .host = "", .device = ""};
    vb_ticker_init(&d->ticker, &rank->log, r->total, r->done + r->failed);
    if (!d->workers || !d->shown) {
        st = vb_fail(err, VB_ENOMEM, "%d workers", d->n_workers);
        goto fail;
    }
    if ((st = vb_lease_create(&d->leases, r->plan, d->n_workers, err)))
        goto fail;
    for (int b = 0; b < r->plan->n_blocks; b++)
        for (int t = 0; t < r->plan->blocks[b].n_trials; t++)
            vb_lease_mark(d->leases, b, t, states[r->status[b][t]]);
    if ((st = count_earlier(d, err)))
        goto fail;
    snprintf(w.run_id, sizeof w.run_id, "%s", run_id);
    snprintf(w.host, sizeof w.host, "%s", rank->log.host);
    if ((st = vb_welcome_to_json(&text, &w, err)))
        goto fail;
    for (int i = 0; i < d->n_workers && st == VB_OK; i++)
        st = send(d, i, VB_MSG_WELCOME, 0, text, strlen(text), err);
    free(text);
    if (st)
        goto fail;
    *out = d;
    return VB_OK;
fail:
    vb_desk_close(d);
    return st;
}

bool vb_desk_deserted(const vb_desk *d)
{
    for (int i = 0; i < d->n_workers; i++)
        if (!d->workers[i].retired)
            return false;
    return true;
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

/* Devices of one name are taken to be equally fast. */
static void find_like(vb_desk *d, int worker)
{
    for (int i = 0; i < worker; i++)
        if (!strcmp(d->workers[i].hello.device, d->workers[worker].hello.device)) {
            vb_lease_same_kind(d->leases, worker, i);
            return;
        }
}

static vb_status on_hello(vb_desk *d, int worker, const vb_hello *h, vb_err *err)
{
    desk_worker *w = &d->workers[worker];
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
    say(d, VB_LOG_ERROR, "%s", d->last_loss);
    return retire(d, worker, err);
}

static vb_status on_result(vb_desk *d, int worker, const vb_msg *m, const uint8_t *payload, vb_err *err)
{
    desk_worker *w = &d->workers[worker];
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
            say(d, VB_LOG_WARN, "a late result of r%d was refused: %s", worker + 1, why.msg);
            return answer(d, worker, false, m->epoch, piece.trial, false, err);
        }
        return VB_OK;
    }
    vb_lease_renew(d->leases, worker, m->epoch, now_s(), d->ttl_s);
    if ((st = vb_intake_add(&state, &w->intake, m->epoch, &piece, err)))
        return st;
    if (state == VB_INTAKE_DAMAGED)
        say(d, VB_LOG_WARN, "a shard of r%d arrived damaged", worker + 1);
    if (state != VB_INTAKE_WHOLE)
        return state == VB_INTAKE_DAMAGED ? answer(d, worker, false, m->epoch, piece.trial, true, err) : VB_OK;
    vb_sha_to_hex(hex, w->intake.sha256);
    st = VB_OK;
    if (vb_lease_state(d->leases, block, trial) == VB_LEASE_PENDING) {
        st = vb_store_commit(d->r->store, &d->r->plan->blocks[block].trials[trial], w->intake.bytes, w->intake.total,
                             hex, &fresh, &why);
        if (st == VB_OK)
            ended(d, block, trial, VB_TRIAL_DONE);
        else if (st == VB_EFORMAT) /* stays pending: its block's end counts it */
            say(d, VB_LOG_WARN, "a shard of r%d was refused: %s", worker + 1, why.msg);
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
    vb_lease_renew(d->leases, worker, vb_lease_held(d->leases, worker), now_s(), d->ttl_s);
    d->workers[worker].leased_ms = vb_now_ms();
    d->shown[worker].video = NULL;
}

static vb_attempt attempt_by(const desk_worker *w, const char *device, const char *outcome, const char *detail)
{
    vb_attempt a = {.last_frame = -1};

    snprintf(a.host, sizeof a.host, "%s", w->hello.host);
    snprintf(a.device, sizeof a.device, "%s", device);
    snprintf(a.outcome, sizeof a.outcome, "%s", outcome);
    snprintf(a.detail, sizeof a.detail, "%s", detail);
    return a;
}

static vb_status on_failed(vb_desk *d, int worker, const vb_msg *m, const uint8_t *payload, vb_err *err)
{
    const desk_worker *w = &d->workers[worker];
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
    say(d, VB_LOG_WARN, "failed: %s %s r%d: %s", key->video, tag, key->repetition, f.reason);
    a = attempt_by(w, f.device[0] ? f.device : w->hello.device, vb_outcome_of_error(f.code, f.reason), f.reason);
    a.last_frame = f.last_frame;
    snprintf(a.last_stage, sizeof a.last_stage, "%s", f.last_stage);
    a.duration_ms = f.duration_ms;
    if ((st = vb_store_attempt(d->r->store, key, &a, err)) ||
        (st = vb_store_fail(d->r->store, key, VB_TRIAL_FAILED, f.code, f.reason, a.host, a.device, err)))
        return st;
    ended(d, block, trial, VB_TRIAL_FAILED);
    return VB_OK;
}

/* A block is through. What it left undone without a word (a refused shard) counts against the trial. */
static vb_status on_done(vb_desk *d, int worker, const vb_msg *m, vb_err *err)
{
    desk_worker *w = &d->workers[worker];
    vb_attempt a = attempt_by(w, w->hello.device, "refused", "the result was not a valid shard of this trial");
    int block, trial;
    bool refused = false;
    vb_status st;

    if (vb_lease_check(d->leases, worker, m->epoch, 0, &block, &trial, NULL))
        return VB_OK;
    for (int i = 0; vb_lease_check(d->leases, worker, m->epoch, i, &block, &trial, NULL) == VB_OK; i++)
        if (vb_lease_state(d->leases, block, trial) == VB_LEASE_PENDING) {
            refused = true;
            if ((st = count_kill(d, block, trial, &a, err)))
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
    desk_worker *w = &d->workers[worker];
    vb_attempt a;
    vb_death death;
    int block, trial;
    vb_status st;

    if ((st = vb_death_from_json(&death, (const char *)payload, m->length, err)))
        return st;
    if (vb_lease_check(d->leases, worker, m->epoch, death.trial < 0 ? 0 : death.trial, &block, &trial, NULL))
        return VB_OK;
    a = attempt_by(w, death.device, death.trial < 0 ? "no_start" : death.outcome, death.detail);
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
        say(d, VB_LOG_WARN, "r%d: the engine did not start: %s", worker + 1, death.detail);
        release(d, worker, 0, false);
        if ((st = vb_store_attempt(d->r->store, &d->r->plan->blocks[block].trials[trial], &a, err)))
            return st;
        return ++w->failed_starts < MAX_FAILED_STARTS ? VB_OK : retire(d, worker, err);
    }
    st = count_kill(d, block, trial, &a, err);
    release(d, worker, 0, false);
    return st;
}

static void on_progress(vb_desk *d, int worker, const vb_msg *m, const vb_progress *p)
{
    vb_ticker_worker *s = &d->shown[worker];
    int block, trial;

    if (vb_lease_check(d->leases, worker, m->epoch, p->trial, &block, &trial, NULL))
        return;
    vb_lease_renew(d->leases, worker, m->epoch, now_s(), d->ttl_s);
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
    while (d->n_owed < MAX_GROUP) {
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
            say(d, VB_LOG_WARN, "a message of r%d was dropped: %s", peer, why.msg);
        else if (st)
            return vb_fail(err, st, "%s", why.msg);
    }
    return VB_OK;
}

/* Results that wait together cost one durable write together. */
static vb_status take_in(vb_desk *d, bool *busy, vb_err *err)
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

static vb_status grant(vb_desk *d, int worker, const vb_lease *l, vb_err *err)
{
    const vb_block *whole = &d->r->plan->blocks[l->block];
    vb_block part = *whole;
    char *text;
    vb_status st;

    if (!(part.trials = calloc((size_t)l->n_trials, sizeof *part.trials)))
        return vb_fail(err, VB_ENOMEM, "lease of %d trials", l->n_trials);
    part.n_trials = l->n_trials;
    part.cost = whole->cost * l->n_trials / whole->n_trials;
    for (int i = 0; i < l->n_trials; i++)
        part.trials[i] = whole->trials[l->index[i]];
    st = vb_block_to_json(&text, &part, err);
    free(part.trials);
    if (st)
        return st;
    st = send(d, worker, VB_MSG_LEASE, l->epoch, text, strlen(text), err);
    free(text);
    d->workers[worker].waiting = false;
    return st;
}

static vb_status take_back(vb_desk *d, bool *busy, vb_err *err)
{
    uint64_t epoch;
    int worker, block;
    vb_status st = VB_OK;

    while (st == VB_OK && vb_lease_expire(d->leases, now_s(), &worker, &block, &epoch)) {
        *busy = true;
        say(d, VB_LOG_WARN, "r%d on %s has been silent for %.0f s: its block '%s' goes to another", worker + 1,
            d->workers[worker].hello.host, d->ttl_s, d->r->plan->blocks[block].video);
        d->shown[worker].video = NULL;
        if ((st = send(d, worker, VB_MSG_CANCEL, epoch, NULL, 0, err)) == VB_OK && vb_lease_all_gone(d->leases))
            st = vb_fail(err, VB_EMPI, "no worker is left that answers; the last one was r%d on %s", worker + 1,
                         d->workers[worker].hello.host);
    }
    return st;
}

vb_status vb_desk_round(vb_desk *d, bool *busy, vb_err *err)
{
    vb_lease l;
    vb_status st;

    if ((st = take_in(d, busy, err)) || (st = take_back(d, busy, err)))
        return st;
    for (int i = 0; i < d->n_workers && st == VB_OK && !d->draining; i++) {
        bool held = vb_lease_holds(d->leases, i); /* it asks ahead, while its last trial runs */

        if (!d->workers[i].waiting || !(held ? vb_lease_reserve(d->leases, i, &l) : vb_lease_take(d->leases, i, now_s(), d->ttl_s, &l)))
            continue;
        *busy = true;
        if (!held)
            d->workers[i].leased_ms = vb_now_ms();
        st = grant(d, i, &l, err);
    }
    if (st == VB_OK && vb_now_ms() >= d->beat_ms) {
        vb_heartbeat b = heartbeat(d);

        vb_heartbeat_write(d->r->store, &b);
        d->beat_ms = vb_now_ms() + VB_BEAT_MS;
    }
    if (st == VB_OK && vb_ticker_due(&d->ticker))
        vb_ticker_tick(&d->ticker, d->r->done, d->r->failed, vb_lease_remaining_s(d->leases) / d->n_workers, d->shown,
                       d->n_workers);
    return st;
}
