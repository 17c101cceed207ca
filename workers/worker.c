/* Worker loop; see worker.h. One thread; everything is polled. */
#include "worker.h"

#include "channel.h"
#include "child.h"
#include "cli.h"
#include "control.h"
#include "dataset.h"
#include "engine_path.h"
#include "outbox.h"
#include "outcome.h"
#include "plan.h"
#include "shard.h"
#include "stop.h"
#include "timing.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    COORDINATOR = 0,
    FORWARD_MS = 500,   /* progress goes on to the coordinator this often at most */
    MAX_WAITING = 16,   /* results not yet acknowledged, before the engine has to wait */
    GRACE_MS = 2000     /* for an engine to end by itself */
};

typedef struct {
    const vb_rank *r;
    char engine[PATH_MAX], run_id[40], device[96];
    vb_child child;
    bool engine_up; /* it said HELLO */
    vb_fault fault; /* its last words; code "" when there are none */
    long long oom_kills; /* when it was started */
    vb_outbox *outbox;
    int silence_s;

    /* the lease */
    uint64_t epoch; /* 0: none */
    vb_block block;
    bool *ended; /* [block.n_trials] result or failure is on its way */
    vb_progress last; /* trial -1: none yet */
    uint64_t next_epoch; /* of the block that is reserved for later, 0: none */
    char *next_text;     /* as it came, owned */
    bool asked;          /* for a block, without an answer yet */
    double trial_ms, heard_ms, forwarded_ms; /* when the trial began, the engine spoke, progress was forwarded */
    bool quit, draining, cut;
    int signals; /* that came to this rank */
} worker;

static vb_status tell(worker *w, vb_msg_type type, uint64_t epoch, char *text, vb_err *err)
{
    return vb_outbox_add(w->outbox, type, epoch, (uint8_t *)text, text ? strlen(text) : 0, err);
}

static void drop_lease(worker *w)
{
    vb_block_deinit(&w->block);
    free(w->ended);
    w->ended = NULL;
    w->epoch = 0;
}

/* The trial that an engine's death is put down to: the one that it was at. Where that one had ended already the next
 * is to blame, unless the engine left with a word about itself. */
static int blamed_trial(const worker *w)
{
    int t = w->last.trial < 0 ? 0 : w->last.trial;

    if (w->fault.code[0])
        return t;
    while (t < w->block.n_trials && w->ended[t])
        t++;
    return t < w->block.n_trials ? t : w->block.n_trials - 1;
}

/* An engine that could not come up with these options would say so again: the run cannot do as it was told. */
static bool refused_options(const worker *w)
{
    return !w->engine_up && !strcmp(w->fault.code, vb_status_name(VB_EARG));
}

static void describe_death(const worker *w, vb_death *d, int status, const char *why)
{
    char how[96] = "";

    if (WIFSIGNALED(status)) {
        d->signal = WTERMSIG(status);
        snprintf(how, sizeof how, "killed by signal %d (%s)", d->signal, strsignal(d->signal));
    } else {
        d->exit_code = WEXITSTATUS(status);
        snprintf(how, sizeof how, "exited with code %d", d->exit_code);
    }
    snprintf(d->log, sizeof d->log, "%s", w->child.tail);
    if (w->fault.code[0]) {
        snprintf(d->outcome, sizeof d->outcome, "%s",
                 refused_options(w)                         ? "usage"
                 : vb_outcome_driver_oom(w->child.tail) ? "oom_device"
                                                            : vb_outcome_of_error(w->fault.code, w->fault.reason));
        snprintf(d->detail, sizeof d->detail, "%s", w->fault.reason);
    } else if (why) {
        snprintf(d->outcome, sizeof d->outcome, "%s", why);
        snprintf(d->detail, sizeof d->detail, "said nothing for %d s: killed", w->silence_s);
    } else if (d->signal == SIGKILL && vb_outcome_oom_kills() > w->oom_kills) {
        snprintf(d->outcome, sizeof d->outcome, "oom_host");
        snprintf(d->detail, sizeof d->detail, "engine %s, out of the host's memory", how);
    } else {
        snprintf(d->outcome, sizeof d->outcome, "%s",
                 vb_outcome_driver_oom(w->child.tail) ? "oom_device" : d->signal ? "signal" : "exit");
        snprintf(d->detail, sizeof d->detail, "engine %s", how);
    }
}

static void drop_next(worker *w)
{
    free(w->next_text);
    w->next_text = NULL;
    w->next_epoch = 0;
}

static vb_status ask(worker *w, vb_err *err)
{
    if (w->draining || w->asked || w->next_epoch)
        return VB_OK;
    w->asked = true;
    return tell(w, VB_MSG_REQUEST, 0, NULL, err);
}

static vb_status start_engine(worker *w, vb_err *err);
static vb_status take_lease(worker *w, uint64_t epoch, const uint8_t *text, size_t n, vb_err *err);

/* The block is over: on with the reserved one, or with one that has to be asked for. */
static vb_status go_on(worker *w, vb_err *err)
{
    char *text = w->next_text;
    uint64_t epoch = w->next_epoch;
    vb_status st;

    drop_lease(w);
    if (!epoch)
        return ask(w, err);
    w->next_text = NULL;
    w->next_epoch = 0;
    st = take_lease(w, epoch, (const uint8_t *)text, strlen(text), err);
    free(text);
    return st;
}

/* The trial that runs may end. An engine that has no room for the word is as good as told: it is being replaced or ends,
 * and the coordinator's patience is limited. */
static vb_status drain(worker *w, vb_err *err)
{
    bool sent;
    vb_status st = VB_OK;

    if (!w->draining && w->epoch && w->child.pid)
        (void)vb_channel_send(w->child.sock, VB_MSG_DRAIN, w->epoch, NULL, 0, -1, false, &sent, NULL);
    w->draining = true;
    if (w->next_epoch)
        st = tell(w, VB_MSG_RETURNED, w->next_epoch, NULL, err);
    drop_next(w);
    return st;
}

/* The engine is gone or has to go (why: "hang"). With a lease, that is an attempt to report, and the next engine comes up while
 * the coordinator thinks about it; not after one that did not come up, of which there could be many in no time. */
static vb_status lose_engine(worker *w, const char *why, vb_err *err)
{
    vb_death d = {.trial = -1, .last_frame = -1};
    char *text;
    bool was_up = w->engine_up;
    int status;
    vb_status st;

    if (why && w->child.pid)
        kill(w->child.pid, SIGKILL);
    status = vb_child_end(&w->child, GRACE_MS, &w->r->log);
    if (w->epoch) {
        describe_death(w, &d, status, why);
        if (w->engine_up) {
            d.trial = blamed_trial(w);
            d.duration_ms = vb_now_ms() - w->trial_ms;
            if (w->last.trial == d.trial) {
                d.last_frame = w->last.frame_idx;
                snprintf(d.last_stage, sizeof d.last_stage, "%s", vb_stage_name(w->last.stage));
            }
        }
        snprintf(d.device, sizeof d.device, "%s", w->device);
        if (strcmp(d.outcome, "usage")) /* the coordinator ends the run with these words */
            vb_log(&w->r->log, VB_LOG_WARN, "lost the engine: %s%s%.300s", d.detail, d.log[0] ? "; last words: " : "", d.log);
        if ((st = vb_death_to_json(&text, &d, err)) || (st = tell(w, VB_MSG_ATTEMPT, w->epoch, text, err)))
            return st;
    }
    w->engine_up = false;
    w->fault.code[0] = '\0';
    if (w->epoch && was_up && !w->draining && (st = start_engine(w, err)))
        return st;
    return w->epoch ? go_on(w, err) : VB_OK;
}

static vb_status start_engine(worker *w, vb_err *err)
{
    const vb_rank *r = w->r;
    const char **argv = calloc((size_t)r->argc + 8, sizeof *argv);
    char parent[16];
    int n = 0;
    vb_status st;

    if (!argv)
        return vb_fail(err, VB_ENOMEM, "engine's arguments");
    snprintf(parent, sizeof parent, "%d", (int)getpid());
    argv[n++] = "serve";
    argv[n++] = "--parent";
    argv[n++] = parent;
    argv[n++] = "--run-id";
    argv[n++] = w->run_id;
    argv[n++] = "--";
    for (int i = 0; i < r->argc; i++)
        argv[n++] = r->argv[i];
    w->engine_up = false;
    w->fault.code[0] = '\0';
    w->oom_kills = vb_outcome_oom_kills();
    st = vb_child_start(&w->child, w->engine, argv, err);
    free(argv);
    return st;
}

static vb_status take_lease(worker *w, uint64_t epoch, const uint8_t *text, size_t n, vb_err *err)
{
    bool sent = false;
    vb_err why = {0};
    vb_status st;

    if ((st = vb_block_from_json(&w->block, (const char *)text, n, err)))
        return st;
    if (!(w->ended = calloc((size_t)w->block.n_trials, sizeof *w->ended)))
        return vb_fail(err, VB_ENOMEM, "lease of %d trials", w->block.n_trials);
    w->epoch = epoch;
    if (w->draining) { /* it was under way when the signal came */
        if ((st = tell(w, VB_MSG_RETURNED, epoch, NULL, err)) == VB_OK)
            drop_lease(w);
        return st;
    }
    w->last = (vb_progress){.trial = -1};
    w->trial_ms = w->heard_ms = vb_now_ms();
    st = w->child.pid ? VB_OK : start_engine(w, &why);
    if (st == VB_OK)
        st = vb_channel_send(w->child.sock, VB_MSG_LEASE, epoch, text, n, -1, false, &sent, &why);
    if (st == VB_OK && sent)
        return VB_OK;
    w->engine_up = false; /* it never took the block up: no trial is to blame */
    if (why.msg[0]) {
        snprintf(w->fault.code, sizeof w->fault.code, "%s", vb_status_name(why.code));
        snprintf(w->fault.reason, sizeof w->fault.reason, "%s", why.msg);
    }
    return lose_engine(w, NULL, err);
}

static vb_status keep_for_later(worker *w, uint64_t epoch, const uint8_t *text, size_t n, vb_err *err)
{
    if (w->next_epoch)
        return vb_fail(err, VB_EFORMAT, "a third lease while two are held");
    if (w->draining)
        return tell(w, VB_MSG_RETURNED, epoch, NULL, err);
    if (!(w->next_text = malloc(n + 1)))
        return vb_fail(err, VB_ENOMEM, "lease of %zu bytes", n);
    memcpy(w->next_text, text, n);
    w->next_text[n] = '\0';
    w->next_epoch = epoch;
    return VB_OK;
}

static vb_status say_hello(worker *w, const char *coordinator, vb_err *err)
{
    vb_hello h = {.pid = (int)getpid()};
    vb_dataset *d = NULL;
    char *text;
    vb_status st;

    snprintf(h.host, sizeof h.host, "%s", w->r->log.host);
    snprintf(h.device, sizeof h.device, "%s", w->device);
    if (coordinator && !w->r->place.beside_coordinator) {
        const vb_options *o = w->r->options;

        st = vb_dataset_open(&d, o->split_dir, o->split_name, &o->limits, err);
        if (st == VB_OK)
            st = vb_dataset_manifest(h.manifest, d, err);
        vb_dataset_free(d);
        if (st) {
            vb_log(&w->r->log, VB_LOG_ERROR, "%s", err->msg);
            snprintf(h.manifest, sizeof h.manifest, "unreadable");
        }
    }
    if ((st = vb_hello_to_json(&text, &h, err)))
        return st;
    return tell(w, VB_MSG_HELLO, 0, text, err);
}

static vb_status on_coordinator(worker *w, const vb_msg *m, const uint8_t *payload, vb_err *err)
{
    vb_verdict v;
    vb_welcome welcome;
    vb_status st;

    switch (m->type) {
    case VB_MSG_WELCOME:
        if ((st = vb_welcome_from_json(&welcome, (const char *)payload, m->length, err)))
            return st;
        memcpy(w->run_id, welcome.run_id, sizeof w->run_id);
        if ((st = say_hello(w, welcome.host, err)))
            return st;
        return ask(w, err);
    case VB_MSG_LEASE:
        w->asked = false;
        return w->epoch ? keep_for_later(w, m->epoch, payload, m->length, err)
                        : take_lease(w, m->epoch, payload, m->length, err);
    case VB_MSG_ACK:
    case VB_MSG_NACK:
        if ((st = vb_verdict_decode(&v, payload, m->length, err)))
            return st;
        return vb_outbox_verdict(w->outbox, m->epoch, &v, m->type == VB_MSG_ACK, err);
    case VB_MSG_CANCEL:
        if (m->epoch != w->epoch)
            return VB_OK;
        vb_log(&w->r->log, VB_LOG_WARN, "the lease on '%s' was taken back", w->block.video);
        if (w->child.pid)
            kill(w->child.pid, SIGKILL);
        vb_child_end(&w->child, 0, &w->r->log);
        w->engine_up = false;
        drop_next(w); /* taken back with it */
        w->asked = false; /* what was asked before the silence stands for nothing: the coordinator waits for a word */
        return go_on(w, err);
    case VB_MSG_DRAIN:
        return drain(w, err);
    case VB_MSG_QUIT:
        w->quit = true;
        return VB_OK;
    default:
        return vb_fail(err, VB_EFORMAT, "%s message from the coordinator", vb_msg_name(m->type));
    }
}

static vb_status on_progress(worker *w, const vb_progress *p, const uint8_t *payload, vb_err *err)
{
    vb_status st;

    if (p->trial >= w->block.n_trials)
        return vb_fail(err, VB_EFORMAT, "PROGRESS of trial %d of %d", p->trial, w->block.n_trials);
    if (p->trial != w->last.trial)
        w->trial_ms = w->heard_ms;
    w->last = *p;
    /* Ahead, so that the engine need not wait between blocks; not sooner: what is reserved, no other worker can have. */
    if (p->trials_left == 1 && (st = ask(w, err)))
        return st;
    if (w->heard_ms - w->forwarded_ms < FORWARD_MS)
        return VB_OK;
    w->forwarded_ms = w->heard_ms;
    return vb_link_send(w->r->link, COORDINATOR, VB_MSG_PROGRESS, w->epoch, payload, VB_PROGRESS_BYTES, NULL, 0, err);
}

static bool first_end(worker *w, int trial)
{
    if (trial >= w->block.n_trials || w->ended[trial])
        return false;
    return w->ended[trial] = true;
}

/* What the engine says. A VB_EFORMAT here is its fault: it is replaced. payload is taken over where *kept is set; fd
 * always. */
static vb_status on_engine(worker *w, const vb_msg *m, uint8_t *payload, int fd, bool *kept, vb_err *err)
{
    vb_hello hello;
    vb_progress progress;
    vb_failure failure;
    vb_piece piece;
    vb_status st;

    *kept = false;
    if (m->type != VB_MSG_RESULT && fd >= 0) {
        close(fd);
        return vb_fail(err, VB_EFORMAT, "a file with a %s message", vb_msg_name(m->type));
    }
    if (m->type == VB_MSG_HELLO) {
        if ((st = vb_hello_from_json(&hello, (const char *)payload, m->length, err)))
            return st;
        w->engine_up = true;
        memcpy(w->device, hello.device, sizeof w->device);
        return say_hello(w, NULL, err);
    }
    if (m->type == VB_MSG_FAULT)
        return vb_fault_from_json(&w->fault, (const char *)payload, m->length, err);
    if (!w->epoch || m->epoch != w->epoch) {
        if (fd >= 0)
            close(fd);
        return vb_fail(err, VB_EFORMAT, "%s message without a lease", vb_msg_name(m->type));
    }
    switch (m->type) {
    case VB_MSG_PROGRESS:
        if ((st = vb_progress_decode(&progress, payload, m->length, err)))
            return st;
        return on_progress(w, &progress, payload, err);
    case VB_MSG_RESULT:
        if ((st = vb_piece_decode(&piece, payload, m->length, VB_SHARD_MAX_BYTES, err)) == VB_OK &&
            (fd < 0 || !first_end(w, piece.trial)))
            st = vb_fail(err, VB_EFORMAT, "RESULT of trial %d: no file, or it has ended", piece.trial);
        if (st == VB_OK)
            return vb_outbox_add_shard(w->outbox, w->epoch, &piece, fd, err);
        if (fd >= 0)
            close(fd);
        return st;
    case VB_MSG_FAILED:
        if ((st = vb_failure_from_json(&failure, (const char *)payload, m->length, err)))
            return st;
        if (!first_end(w, failure.trial))
            return vb_fail(err, VB_EFORMAT, "FAILED of trial %d: it has ended", failure.trial);
        *kept = true;
        return vb_outbox_add(w->outbox, VB_MSG_FAILED, w->epoch, payload, m->length, err);
    case VB_MSG_DONE:
    case VB_MSG_RETURNED:
        if ((st = tell(w, m->type, w->epoch, NULL, err)))
            return st;
        return go_on(w, err);
    default:
        return vb_fail(err, VB_EFORMAT, "%s message from the engine", vb_msg_name(m->type));
    }
}

/* Errors of ours end the worker; those of the engine replace it. */
static vb_status hear_engine(worker *w, bool *busy, vb_err *err)
{
    while (w->child.sock >= 0 && vb_outbox_length(w->outbox) < MAX_WAITING) {
        vb_channel_event event;
        vb_err why = {0};
        uint8_t *payload;
        bool kept = false;
        vb_msg m;
        int fd;
        vb_status st = vb_channel_receive(w->child.sock, false, &event, &m, &payload, &fd, &why);

        if (st == VB_OK && event == VB_CHANNEL_NONE)
            return VB_OK;
        if (st == VB_OK && event == VB_CHANNEL_EOF) {
            *busy = true;
            return lose_engine(w, NULL, err);
        }
        if (st == VB_OK) {
            w->heard_ms = vb_now_ms();
            *busy |= m.type != VB_MSG_PROGRESS;
            st = on_engine(w, &m, payload, fd, &kept, &why);
            if (!kept)
                free(payload);
        }
        if (st == VB_EFORMAT) {
            snprintf(w->fault.code, sizeof w->fault.code, "%s", vb_status_name(st));
            snprintf(w->fault.reason, sizeof w->fault.reason, "engine sent nonsense: %.480s", why.msg);
            kill(w->child.pid, SIGKILL);
            return lose_engine(w, NULL, err);
        }
        if (st)
            return vb_fail(err, st, "%s", why.msg);
    }
    return VB_OK;
}

static vb_status hear_coordinator(worker *w, bool *busy, vb_err *err)
{
    for (;;) {
        uint8_t *payload;
        bool got;
        vb_msg m;
        int peer;
        vb_status st = vb_link_receive(w->r->link, &got, &peer, &m, &payload, err);

        if (st || !got)
            return st;
        *busy = true;
        st = on_coordinator(w, &m, payload, err);
        free(payload);
        if (st)
            return st;
    }
}

static vb_status round_of_work(worker *w, int *idle, vb_err *err)
{
    struct pollfd p[3];
    bool busy = false, full;
    vb_status st;

    if ((st = hear_coordinator(w, &busy, err)) || w->quit || (st = vb_outbox_pump(w->outbox, w->r->link, err)))
        return st;
    full = vb_outbox_length(w->outbox) >= MAX_WAITING;
    if (full)
        w->heard_ms = vb_now_ms(); /* it may not speak: no hang */
    p[0] = (struct pollfd){w->r->stop_fd, POLLIN, 0};
    p[1] = (struct pollfd){full ? -1 : w->child.sock, POLLIN, 0};
    p[2] = (struct pollfd){w->child.log, POLLIN, 0};
    if (poll(p, 3, vb_link_pause_ms(*idle)) > 0) {
        if (p[0].revents && vb_stop_wait(w->r->stop_fd, 0)) {
            w->quit = w->cut = ++w->signals > 1;
            if ((st = drain(w, err)))
                return st;
            if (w->signals == 1 && (st = tell(w, VB_MSG_DRAIN, 0, NULL, err)))
                return st;
        }
        if (p[2].revents)
            vb_child_read_log(&w->child, &w->r->log);
        if (p[1].revents && (st = hear_engine(w, &busy, err)))
            return st;
    }
    if (w->epoch && w->child.pid && vb_now_ms() - w->heard_ms > 1000.0 * w->silence_s)
        st = lose_engine(w, "hang", err);
    *idle = busy || vb_outbox_length(w->outbox) ? 0 : *idle + 1;
    return st;
}

/* What the engines of this host share out among themselves (engine_env.h). */
static void tell_place(const vb_place *p)
{
    char text[16];

    snprintf(text, sizeof text, "%d", p->local_rank);
    setenv("VB_LOCAL_RANK", text, 1);
    snprintf(text, sizeof text, "%d", p->local_size);
    setenv("VB_LOCAL_SIZE", text, 1);
    snprintf(text, sizeof text, "%d", p->device_rank);
    setenv("VB_DEVICE_RANK", text, 1);
    snprintf(text, sizeof text, "%d", p->device_size);
    setenv("VB_DEVICE_SIZE", text, 1);
}

vb_status vb_worker_run(bool *cut, const vb_rank *r, vb_err *err)
{
    worker w = {.r = r, .silence_s = VB_ENGINE_SILENCE_S};
    const char *silence = getenv("SAVBENCH_ENGINE_SILENCE_S");
    int idle = 0;
    vb_status st;

    vb_child_init(&w.child);
    tell_place(&r->place);
    if ((st = vb_engine_path(w.engine, sizeof w.engine, err)) ||
        (silence && (st = vb_cli_int(&w.silence_s, "SAVBENCH_ENGINE_SILENCE_S", silence, 1, 86400, err))) ||
        (st = vb_outbox_create(&w.outbox, err)))
        return st;
    while (st == VB_OK && !w.quit)
        st = round_of_work(&w, &idle, err);
    *cut = w.cut;
    drop_lease(&w);
    drop_next(&w);
    vb_child_end(&w.child, st || w.cut ? 0 : GRACE_MS, &r->log);
    vb_outbox_free(w.outbox);
    return st;
}
