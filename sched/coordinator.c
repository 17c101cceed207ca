/* Coordinator; see coordinator.h. Opening and closing of a run; what workers say is handled in desk.c. */
#include "coordinator.h"

#include "cli.h"
#include "desk.h"
#include "progress.h"
#include "roster.h"
#include "stop.h"
#include "timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Sortable and unlike that of any other start: date, host's process, clock. */
static void make_run_id(char *id, size_t n)
{
    time_t now = time(NULL);
    struct timespec t;
    struct tm tm;
    char date[24] = "";

    clock_gettime(CLOCK_REALTIME, &t);
    if (gmtime_r(&now, &tm))
        strftime(date, sizeof date, "%Y%m%dT%H%M%SZ", &tm);
    snprintf(id, n, "%s-%05x-%06lx", date, (unsigned)getpid() & 0xfffff, (unsigned long)t.tv_nsec & 0xffffff);
}

static vb_status join_argv(char **out, int argc, char **argv, vb_err *err)
{
    size_t n = 16;

    for (int i = 0; i < argc; i++)
        n += strlen(argv[i]) + 1;
    if (!(*out = malloc(n)))
        return vb_fail(err, VB_ENOMEM, "command line");
    strcpy(*out, "savbench");
    for (int i = 0; i < argc; i++)
        strcat(strcat(*out, " "), argv[i]);
    return VB_OK;
}

static vb_status begin_run(vb_roster *r, const vb_rank *rank, const char *run_id, vb_err *err)
{
    char *options = NULL, *argv = NULL;
    vb_status st;

    if ((st = vb_options_json(&options, rank->options, err)) ||
        (st = join_argv(&argv, rank->argc, rank->argv, err)) ||
        (st = vb_store_begin_run(r->store, run_id, options, argv, err)))
        goto out;
    for (int i = 0; i < r->plan->n_videos && st == VB_OK; i++) {
        const vb_video *v = r->plan->videos[i];

        st = vb_store_put_video(r->store, v->name, v->h, v->w, v->n_frames, v->n_masklets, NULL, err);
    }
    for (int i = 0; i < r->plan->n_bad && st == VB_OK; i++) {
        vb_log(&rank->log, VB_LOG_WARN, "left out: %s", r->plan->bad[i].reason);
        st = vb_store_put_video(r->store, r->plan->bad[i].video, 0, 0, 0, 0, r->plan->bad[i].reason, err);
    }
out:
    free(options);
    free(argv);
    return st;
}

/* Every trial of a video that cannot be used is a failed record with the reason. */
static vb_status record_bad(vb_roster *r, vb_err *err)
{
    vb_status st = VB_OK;

    for (int i = 0; i < r->n_bad; i++)
        for (int t = 0; t < r->bad[i].n_trials && st == VB_OK; t++)
            if (r->bad_status[i][t] == VB_TRIAL_MISSING) {
                st = vb_store_fail(r->store, &r->bad[i].trials[t], VB_TRIAL_FAILED, vb_status_name(VB_EFORMAT),
                                   vb_roster_reason(r, i), "", "", err);
                r->failed += st == VB_OK;
            }
    return st;
}

static void report_recovery(const vb_logger *log, const vb_recovery *n)
{
    if (n->redone || n->adopted || n->refused || n->temporaries)
        vb_log(log, VB_LOG_WARN,
               "recovery: %lld results without a valid shard run again, %lld shards adopted, %lld refused, %lld "
               "temporary files removed",
               (long long)n->redone, (long long)n->adopted, (long long)n->refused, (long long)n->temporaries);
}

static void print_summary(const vb_options *o, const vb_roster *r, bool fresh)
{
    if (o->quiet)
        return;
    printf("%s: %lld trials, %lld done, %lld failed%s\n", o->out_dir, (long long)r->total, (long long)r->done,
           (long long)r->failed, fresh ? "" : "; all were recorded already, nothing was run");
    if (r->failed)
        printf("why: savbench query %s 'SELECT * FROM failures'; --retry-failed runs them again\n", o->out_dir);
    printf("results: %s/results.h5, %s/summary.db; table: savbench report %s\n", o->out_dir,
           o->state_dir ? o->state_dir : o->out_dir, o->out_dir);
    fflush(stdout);
}

/* How the signals that came end a run. */
typedef enum { GOES_ON, DRAINED, CUT } ending;

/* The trials: leases out, results in, until nothing is pending, or drained. */
static vb_status serve(vb_desk *desk, const vb_rank *rank, ending *how, vb_err *err)
{
    double deadline_ms = 0; /* of draining */
    vb_status st = VB_OK;

    for (int idle = 0; st == VB_OK && !vb_desk_done(desk);) {
        bool busy = false;
        int signal;

        if ((st = vb_desk_round(desk, &busy, err)))
            break;
        idle = busy ? 0 : idle + 1;
        if (*how == DRAINED && (vb_desk_idle(desk) || vb_now_ms() > deadline_ms))
            break;
        signal = vb_stop_wait(rank->stop_fd, vb_link_pause_ms(idle));
        if (!signal && (*how == DRAINED || !vb_desk_deserted(desk)))
            continue;
        if (*how == DRAINED) {
            *how = CUT;
            break;
        }
        vb_log(&rank->log, VB_LOG_WARN, "%s: trials that run may end within %d s; once more stops at once",
               signal ? strsignal(signal) : "every worker was told to stop", rank->options->grace_s);
        *how = DRAINED;
        deadline_ms = vb_now_ms() + 1000.0 * rank->options->grace_s;
        st = vb_desk_drain(desk, err);
    }
    if (st == VB_OK && vb_desk_done(desk))
        *how = GOES_ON;
    return st;
}

static vb_status run(vb_roster *r, const vb_rank *rank, ending *how, vb_err *err)
{
    char run_id[40];
    vb_desk *desk = NULL;
    vb_status st, ended;

    make_run_id(run_id, sizeof run_id);
    if ((st = begin_run(r, rank, run_id, err)) || (st = record_bad(r, err)) ||
        (r->missing && (st = vb_desk_open(&desk, rank, r, run_id, err))))
        goto out;
    if (desk)
        st = serve(desk, rank, how, err);
out:
    vb_desk_close(desk);
    ended = vb_store_end_run(r->store, run_id, st ? "failed" : *how ? "drained" : "done", st ? NULL : err);
    return st ? st : ended;
}

vb_status vb_coordinator_run(int *exit_code, bool *cut, const vb_rank *rank, vb_err *err)
{
    const vb_options *o = rank->options;
    vb_recovery recovery = {0};
    vb_roster r = {0};
    ending how = GOES_ON;
    bool fresh = false;
    vb_status st;

    if (rank->place.size < 2) {
        st = vb_fail(err, VB_EARG, "one rank is the coordinator and each other one a worker: start at least 2 "
                     "(mpirun -n 2), or `savbench run` without mpirun");
        goto out;
    }
    /* A supervisor has forgotten failures: those of this very command are not to be retried by it. */
    if ((st = vb_roster_open(&r, o, o->retry_failed && !getenv("SAVBENCH_SUPERVISED"), &recovery, err)))
        goto out;
    report_recovery(&rank->log, &recovery);
    fresh = r.missing || r.missing_bad;
    if (fresh) {
        vb_log(&rank->log, VB_LOG_INFO, "%lld trials, %lld recorded, %d videos, %d workers", (long long)r.total,
               (long long)(r.done + r.failed), r.plan->n_videos, rank->place.size - 1);
        st = run(&r, rank, &how, err);
    }
    if (how)
        *exit_code = VB_EXIT_RESUMABLE;
    if (st || how)
        goto out;
    vb_store_close(r.store); /* finalize takes the folder's lock itself */
    r.store = NULL;
    if ((st = vb_finalize(o->out_dir, o->state_dir, err)))
        goto out;
    print_summary(o, &r, fresh);
    *exit_code = r.failed ? VB_EXIT_SOME_FAILED : VB_EXIT_OK;
out:
    *cut = how == CUT;
    if (how)
        vb_log(&rank->log, VB_LOG_WARN, "stopped with %lld trials missing; the same command goes on from here",
               (long long)r.missing);
    vb_roster_close(&r);
    if (fresh) /* else it is not ours */
        vb_progress_remove(o->out_dir);
    for (int peer = 1; peer < rank->place.size; peer++) {
        vb_status sent = vb_link_send(rank->link, peer, VB_MSG_QUIT, 0, NULL, 0, NULL, 0, st ? NULL : err);

        st = st ? st : sent;
    }
    return st;
}
