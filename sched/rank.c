/* One process of the MPI job; see rank.h. */
#include "rank.h"

#include "cli.h"
#include "coordinator.h"
#include "stop.h"

#include <errno.h>
#include <mpi.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
    LOST = 75,   /* MPI_Abort's code for what the supervisor is to start again */
    LEAVE_S = 10 /* for all ranks to end MPI, the barrier before it included */
};

bool vb_rank_started(void)
{
    return getenv("OMPI_COMM_WORLD_RANK") || getenv("PMIX_RANK");
}

/* mpirun binds each rank to a core or socket unless told otherwise, and the engine would inherit that: a whole device
 * fed by one core. Where the user asked for a binding it stays. */
static void undo_default_binding(void)
{
    cpu_set_t all;

    if (!getenv("OMPI_COMM_WORLD_RANK") || getenv("OMPI_MCA_hwloc_base_binding_policy"))
        return;
    memset(&all, 0xff, sizeof all); /* the kernel keeps it within the cpuset */
    sched_setaffinity(0, sizeof all, &all);
}

/* What another start would meet again: words for the user. Anything else is a loss, which the supervisor makes good. */
static bool is_final(const vb_rank *r, vb_status st)
{
    return r->place.rank == 0 ? st != VB_EMPI : st == VB_EARG;
}

static int exit_code(const vb_rank *r, vb_status st, int code, const vb_err *err)
{
    if (st == VB_OK)
        return code;
    vb_log(&r->log, VB_LOG_ERROR, "%s", err->msg);
    return st == VB_EARG ? VB_EXIT_USAGE : VB_EXIT_FAILED;
}

/* MPI_Finalize waits without end for a rank that got as far as the barrier and no farther. */
typedef struct {
    const vb_rank *rank;
    int code;
    sem_t gone; /* all ranks are */
} departure;

static void *lose_patience(void *ctx)
{
    departure *d = ctx;
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until); /* the clock of the day may be set meanwhile */
    until.tv_sec += LEAVE_S;
    while (sem_clockwait(&d->gone, CLOCK_MONOTONIC, &until))
        if (errno == ETIMEDOUT) {
            vb_log(&d->rank->log, VB_LOG_WARN, "a rank does not leave the job within %d s: frozen or lost; what is recorded stays", LEAVE_S);
            MPI_Abort(MPI_COMM_WORLD, d->code);
        }
    return NULL;
}

/* The job's end. All is recorded by then, and rank 0 alone may still be writing: a worker without a way to the others waits until
 * rank 0 loses its patience. */
static void leave(vb_rank *r, int code)
{
    departure d = {.rank = r, .code = code};
    pthread_t watch;
    bool watched;
    vb_err err;

    sem_init(&d.gone, 0, 0);
    watched = r->place.rank == 0 && !pthread_create(&watch, NULL, lose_patience, &d);
    if (vb_link_close(r->link, &err)) {
        vb_log(&r->log, VB_LOG_WARN, "%s", err.msg);
        while (r->place.rank > 0)
            pause();
        MPI_Abort(MPI_COMM_WORLD, code);
    }
    sem_post(&d.gone);
    if (watched)
        pthread_join(watch, NULL);
}

int vb_rank_main(const vb_options *o, int argc, char **argv, vb_worker_fn worker)
{
    vb_rank r = {.options = o, .argc = argc, .argv = argv, .stop_fd = -1};
    vb_err err = {0};
    bool cut = false;
    int code = VB_EXIT_OK;
    vb_status st;

    /* No rank outlives the mpirun or srun daemon that started it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    undo_default_binding();
    vb_logger_init(&r.log, -1, o->quiet);
    if ((st = vb_stop_open(&r.stop_fd, &err)) || (st = vb_link_open(&r.link, &r.place, &err)))
        return exit_code(&r, st, code, &err);
    r.log.rank = r.place.rank;
    if (r.place.rank == 0)
        st = vb_coordinator_run(&code, &cut, &r, &err);
    else
        st = worker(&cut, &r, &err);
    code = cut && st == VB_OK ? VB_EXIT_RESUMABLE : exit_code(&r, st, code, &err);
    if (st == VB_EMPI || (st && r.place.rank > 0))
        MPI_Abort(MPI_COMM_WORLD, is_final(&r, st) ? code : LOST); /* the others wait for this one */
    if (cut)
        _exit(code); /* the job is being torn down: nobody will come to the barrier */
    leave(&r, code);
    close(r.stop_fd);
    /* The supervisor judges by what is recorded; a code of ours would only make mpirun print about it. */
    return getenv("SAVBENCH_SUPERVISED") && (code == VB_EXIT_SOME_FAILED || code == VB_EXIT_RESUMABLE) ? VB_EXIT_OK : code;
}
