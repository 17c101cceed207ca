/* Rank: one process of the MPI job, from MPI_Init to MPI_Finalize: rank 0 is the coordinator, every other a worker. */
#ifndef VB_RANK_H
#define VB_RANK_H

#include "link.h"
#include "log.h"
#include "options.h"

#include <stdbool.h>

/* An engine that says nothing for so long within a block hangs; the environment's SAVBENCH_ENGINE_SILENCE_S says
 * otherwise. */
#define VB_ENGINE_SILENCE_S 600

/* What both roles are given. All borrowed. */
typedef struct {
    vb_link *link;
    vb_place place;
    vb_logger log;
    int stop_fd; /* stop.h */
    const vb_options *options;
    int argc;
    char **argv; /* the command and its options */
} vb_rank;

/* Ends when the coordinator says so, or on a second signal (stop.h): *cut. An error ends the job. */
typedef vb_status (*vb_worker_fn)(bool *cut, const vb_rank *r, vb_err *err);

/* Whether this process was started as a rank: by Open MPI's mpirun or under PMIx (srun --mpi=pmix). Slurm's own
 * variables alone do not make it one: `savbench run` within a batch script starts mpirun itself. */
bool vb_rank_started(void);

/* Returns the process's exit code (cli.h). */
int vb_rank_main(const vb_options *o, int argc, char **argv, vb_worker_fn worker);

#endif
