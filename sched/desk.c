/* The coordinator's dealings with its workers: life, rounds, leases out and back; see desk.h. */
#include "cli.h"
#include "desk_impl.h"
#include "heartbeat.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A tenth longer than a worker's own patience with its engine (worker.h), which it tells of itself. */
static double lease_ttl_s(void)
{
    const char *told = getenv("SAVBENCH_ENGINE_SILENCE_S");
    int silence_s = VB_ENGINE_SILENCE_S;

    if (told && vb_cli_int(&silence_s, "SAVBENCH_ENGINE_SILENCE_S", told, 1, 86400, NULL))
        silence_s = VB_ENGINE_SILENCE_S; /* each worker refuses it by name */
    return silence_s + 2 + silence_s / 10.0;
}

void vb_desk_say(vb_desk *d, vb_log_level level, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    vb_ticker_clear(&d->ticker);
    vb_log(&d->rank->log, level, "%s", text);
}

vb_status vb_desk_send(vb_desk *d, int worker, vb_msg_type type, uint64_t epoch, const void *p, size_t n, vb_err *err)
{
    return vb_link_send(d->rank->link, worker + 1, type, epoch, p, n, NULL, 0, err);
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
        vb_desk_say(d, VB_LOG_INFO, "setups were changed %lld times", (long long)vb_lease_switches(d->leases));
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
        st = vb_desk_send(d, i, VB_MSG_DRAIN, 0, NULL, 0, err);
    return st;
}

bool vb_desk_idle(const vb_desk *d)
{
    for (int i = 0; i < d->n_workers; i++)
        if (vb_lease_holds(d->leases, i))
            return false;
    return true;
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
    for (int i = 0; d->workers && i < d->n_workers; i++)
        d->workers[i].heard_s = vb_desk_now_s();
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
    if ((st = vb_desk_count_earlier(d, err)))
        goto fail;
    snprintf(w.run_id, sizeof w.run_id, "%s", run_id);
    snprintf(w.host, sizeof w.host, "%s", rank->log.host);
    if ((st = vb_welcome_to_json(&text, &w, err)))
        goto fail;
    for (int i = 0; i < d->n_workers && st == VB_OK; i++)
        st = vb_desk_send(d, i, VB_MSG_WELCOME, 0, text, strlen(text), err);
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
    st = vb_desk_send(d, worker, VB_MSG_LEASE, l->epoch, text, strlen(text), err);
    free(text);
    d->workers[worker].waiting = false;
    return st;
}

/* Stopped before they asked for a first block, or between two: no lease of theirs runs out. */
static void give_up_mute(vb_desk *d)
{
    for (int i = 0; i < d->n_workers && !d->draining; i++) {
        vb_desk_worker *w = &d->workers[i];

        if (w->waiting || w->retired || w->silent || vb_lease_holds(d->leases, i) || vb_desk_now_s() < w->heard_s + d->ttl_s)
            continue;
        vb_desk_say(d, VB_LOG_WARN, "r%d%s%s has been silent for %.0f s and asks for no block: it is taken for lost until it does", i + 1,
                    w->known ? " on " : "", w->hello.host, d->ttl_s);
        w->silent = true;
        vb_lease_retire(d->leases, i);
    }
}

static bool all_silent(const vb_desk *d)
{
    for (int i = 0; i < d->n_workers; i++)
        if (!d->workers[i].silent && !d->workers[i].retired)
            return false;
    return !vb_desk_deserted(d);
}

static vb_status take_back(vb_desk *d, bool *busy, vb_err *err)
{
    uint64_t epoch;
    int worker, block;
    vb_status st = VB_OK;

    while (st == VB_OK && vb_lease_expire(d->leases, vb_desk_now_s(), &worker, &block, &epoch)) {
        *busy = true;
        vb_desk_say(d, VB_LOG_WARN, "r%d on %s has been silent for %.0f s: its block '%s' goes to another", worker + 1,
                    d->workers[worker].hello.host, d->ttl_s, d->r->plan->blocks[block].video);
        d->shown[worker].video = NULL;
        d->workers[worker].silent = true;
        st = vb_desk_send(d, worker, VB_MSG_CANCEL, epoch, NULL, 0, err);
    }
    give_up_mute(d);
    return st == VB_OK && all_silent(d) ? vb_fail(err, VB_EMPI, "no worker is left that answers: see the warnings above") : st;
}

vb_status vb_desk_round(vb_desk *d, bool *busy, vb_err *err)
{
    vb_lease l;
    vb_status st;

    if ((st = vb_desk_take_in(d, busy, err)) || (st = take_back(d, busy, err)))
        return st;
    for (int i = 0; i < d->n_workers && st == VB_OK && !d->draining; i++) {
        bool held = vb_lease_holds(d->leases, i); /* it asks ahead, while its last trial runs */

        if (!d->workers[i].waiting || d->workers[i].silent || !(held ? vb_lease_reserve(d->leases, i, &l) : vb_lease_take(d->leases, i, vb_desk_now_s(), d->ttl_s, &l)))
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
