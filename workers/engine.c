/* Engine loop; see engine.h. */
#include "engine.h"

#include "channel.h"
#include "cli.h"
#include "control.h"
#include "engine_env.h"
#include "hash.h"
#include "pipeline.h"
#include "shard.h"
#include "timing.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ENGINE_FD = 3 };

typedef struct {
    int sock;
    char device[96];
    vb_pipeline *pipeline;
    uint64_t epoch; /* of the block at hand */
    int n_trials;
    int n_ended;     /* of them */
    bool in_a_trial; /* one has begun and its end is not out yet */
    double began_ms;
    vb_progress last;
} engine;

static vb_status say(const engine *e, vb_msg_type type, const void *payload, size_t n, int fd, vb_err *err)
{
    bool sent;

    return vb_channel_send(e->sock, type, type == VB_MSG_HELLO || type == VB_MSG_FAULT ? 0 : e->epoch, payload, n, fd,
                           true, &sent, err);
}

static vb_status say_text(const engine *e, vb_msg_type type, char *text, vb_err *err)
{
    vb_status st = say(e, type, text, strlen(text), -1, err);

    free(text);
    return st;
}

/* A message that the worker has no room for is left out: the frame loop never waits for it. */
static void say_progress(engine *e, const vb_progress *p)
{
    uint8_t bytes[VB_PROGRESS_BYTES];
    bool sent;

    e->last = *p;
    vb_progress_encode(bytes, p);
    (void)vb_channel_send(e->sock, VB_MSG_PROGRESS, e->epoch, bytes, sizeof bytes, -1, false, &sent, NULL);
}

static void on_progress(void *ctx, int trial, int frame_idx, int n_frames, vb_stage stage)
{
    engine *e = ctx;

    if (!e->in_a_trial)
        e->began_ms = vb_now_ms();
    e->in_a_trial = true;
    say_progress(e, &(vb_progress){trial, frame_idx, n_frames, stage, e->n_trials - trial});
}

/* DRAIN may end the wait: it is no trial. */
static void on_wait(void *ctx, int trial, int n_frames)
{
    engine *e = ctx;

    e->in_a_trial = false;
    say_progress(e, &(vb_progress){trial, -1, n_frames, VB_STAGE_PREPROCESS, e->n_trials - trial});
}

static void trial_ended(engine *e)
{
    e->in_a_trial = false;
    e->n_ended++;
}

static vb_status on_failed(void *ctx, int trial, const vb_err *why, vb_err *err)
{
    engine *e = ctx;
    vb_failure f = {.trial = trial, .last_frame = -1};
    char *text;
    vb_status st;

    if (e->in_a_trial) {
        f.last_frame = e->last.frame_idx;
        snprintf(f.last_stage, sizeof f.last_stage, "%s", vb_stage_name(e->last.stage));
        f.duration_ms = vb_now_ms() - e->began_ms;
    }
    snprintf(f.code, sizeof f.code, "%s", vb_status_name(why->code));
    snprintf(f.reason, sizeof f.reason, "%s", why->msg);
    snprintf(f.device, sizeof f.device, "%s", e->device);
    trial_ended(e);
    if ((st = vb_failure_to_json(&text, &f, err)))
        return st;
    return say_text(e, VB_MSG_FAILED, text, err);
}

/* A result that cannot be made into a shard is its trial's failure, not the engine's. */
static vb_status on_result(void *ctx, int trial, const vb_trial *t, vb_err *err)
{
    engine *e = ctx;
    vb_piece piece = {.trial = trial};
    uint8_t *bytes = NULL, head[VB_PIECE_HEAD];
    char hex[65];
    size_t n = 0;
    int fd = -1;
    vb_err why = {0};
    vb_status st;

    if ((st = vb_shard_encode(&bytes, &n, t, &why)) == VB_OK && n > VB_SHARD_MAX_BYTES)
        st = vb_fail(&why, VB_ESTORE, "the shard has %zu bytes, over the limit of %u: use --save-masks annotated", n,
                     VB_SHARD_MAX_BYTES);
    if (st == VB_OK && (st = vb_sha256(hex, bytes, n, &why)) == VB_OK &&
        (st = vb_sha_from_hex(piece.sha256, hex, &why)) == VB_OK)
        st = vb_sealed_create(&fd, bytes, n, &why);
    free(bytes);
    if (st)
        return on_failed(ctx, trial, &why, err);
    trial_ended(e);
    piece.total = n;
    vb_piece_encode(head, &piece);
    st = say(e, VB_MSG_RESULT, head, sizeof head, fd, err);
    close(fd);
    return st;
}

/* While a block runs the worker has nothing to say but DRAIN, which lets a trial that has begun end, or that it is over:
 * another message, or its end of the socket closed. What it says is left for serve(). */
static bool asked_to_stop(void *ctx)
{
    const engine *e = ctx;
    uint8_t head[VB_MSG_HEAD];
    vb_msg m;
    ssize_t n = recv(e->sock, head, sizeof head, MSG_PEEK | MSG_DONTWAIT);

    if (n < 0)
        return false;
    if (n == VB_MSG_HEAD && vb_msg_head_decode(&m, head, VB_MSG_HEAD, NULL) == VB_OK && m.type == VB_MSG_DRAIN)
        return !e->in_a_trial;
    return true;
}

static vb_status run_block(engine *e, const vb_msg *m, const uint8_t *text, vb_err *err)
{
    vb_block_sink sink = {.ctx = e,
                          .progress = on_progress,
                          .waits = on_wait,
                          .result = on_result,
                          .failed = on_failed,
                          .stop = asked_to_stop};
    vb_block b;
    vb_status st = vb_block_from_json(&b, (const char *)text, m->length, err);

    if (st)
        return st;
    e->epoch = m->epoch;
    e->n_trials = b.n_trials;
    e->n_ended = 0;
    e->in_a_trial = false;
    st = vb_pipeline_block(e->pipeline, &b, &sink, err);
    vb_block_deinit(&b);
    /* Where it was stopped otherwise than by DRAIN, the worker's end is closed or about to be. */
    if (st == VB_OK)
        st = say(e, e->n_ended == e->n_trials ? VB_MSG_DONE : VB_MSG_RETURNED, NULL, 0, -1, err);
    return st;
}

static vb_status serve(engine *e, vb_err *err)
{
    for (;;) {
        vb_channel_event event;
        uint8_t *payload;
        vb_msg m;
        int fd;
        vb_status st = vb_channel_receive(e->sock, true, &event, &m, &payload, &fd, err);

        if (st || event == VB_CHANNEL_EOF)
            return st;
        if (fd >= 0)
            close(fd);
        if (m.type == VB_MSG_LEASE)
            st = run_block(e, &m, payload, err);
        free(payload);
        if (st || m.type == VB_MSG_QUIT)
            return st;
    }
}

/* MPI leaves its descriptors open to children. */
static void close_inherited(int from)
{
    DIR *d = opendir("/proc/self/fd");
    struct dirent *f;

    while (d && (f = readdir(d))) {
        int fd = atoi(f->d_name);

        if (fd >= from && fd != dirfd(d))
            close(fd);
    }
    if (d)
        closedir(d);
}

static vb_status start(engine *e, const vb_options *o, const char *run_id, vb_err *err)
{
    vb_hello hello = {.pid = (int)getpid()};
    vb_device device;
    char *text;
    vb_status st;

    if ((st = vb_device_assign(&device, o, err)))
        return st;
    vb_limit_memory(device);
    vb_device_name(e->device, sizeof e->device, device);
    if ((st = vb_pipeline_open(&e->pipeline, o, device, run_id, err)))
        return st;
    gethostname(hello.host, sizeof hello.host - 1);
    snprintf(hello.device, sizeof hello.device, "%s", e->device);
    if ((st = vb_hello_to_json(&text, &hello, err)))
        return st;
    return say_text(e, VB_MSG_HELLO, text, err);
}

static void leave_word(const engine *e, const vb_err *why)
{
    vb_fault f = {0};
    char *text;

    snprintf(f.code, sizeof f.code, "%s", vb_status_name(why->code));
    snprintf(f.reason, sizeof f.reason, "%s", why->msg);
    if (vb_fault_to_json(&text, &f, NULL) == VB_OK)
        (void)say_text(e, VB_MSG_FAULT, text, NULL);
}

typedef struct {
    int fd, parent;
    const char *run_id;
} serve_options;

static const vb_opt serve_table[] = {
    {.name = "fd", .arg = "N", .help = "socket to the worker", .type = VB_OPT_INT,
     .offset = offsetof(serve_options, fd), .min = 0, .max = 1 << 20},
    {.name = "parent", .arg = "PID", .help = "end when this is not the parent", .type = VB_OPT_INT,
     .offset = offsetof(serve_options, parent), .min = 0, .max = INT32_MAX},
    {.name = "run-id", .arg = "ID", .help = "for the record", .type = VB_OPT_TEXT,
     .offset = offsetof(serve_options, run_id)},
};
enum { N_SERVE = sizeof serve_table / sizeof *serve_table };

int vb_serve_main(int argc, char **argv)
{
    serve_options s = {.fd = ENGINE_FD, .run_id = ""};
    engine e = {.sock = -1};
    vb_options o;
    vb_err err = {0};
    int own = 1;
    vb_status st;

    while (own < argc && strcmp(argv[own], "--"))
        own++;
    if (vb_cli_wants_help(own, argv)) {
        vb_cli_help(stdout, "savbench-engine serve [options] -- run OPTIONS...",
                    "The engine of a worker of `savbench run`, which starts it; of no use by hand.", serve_table, N_SERVE);
        return VB_EXIT_OK;
    }
    int unused;
    if (vb_cli_parse(serve_table, N_SERVE, &s, own, argv, &unused, &err))
        return vb_cli_fail("serve", &err);
    if (own == argc) {
        vb_fail(&err, VB_EARG, "give the options of the run behind '--'");
        return vb_cli_fail("serve", &err);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (s.parent && getppid() != s.parent)
        return VB_EXIT_FAILED; /* it died before the line above */
    signal(SIGPIPE, SIG_IGN);
    close_inherited(s.fd + 1);
    e.sock = s.fd;
    if ((st = vb_options_parse(&o, argc - own - 1, argv + own + 1, &err)) == VB_OK &&
        (st = start(&e, &o, s.run_id, &err)) == VB_OK)
        st = serve(&e, &err);
    if (st)
        leave_word(&e, &err);
    vb_pipeline_close(e.pipeline);
    return st ? VB_EXIT_FAILED : VB_EXIT_OK;
}
