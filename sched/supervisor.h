/* Supervisor: `savbench run` outside MPI: a plain process that starts mpirun with what this machine needs, and starts
 * it again after a loss. Whether a job has done its work is read from the store, never from mpirun's exit code.
 * No process of the job outlives it. */
#ifndef VB_SUPERVISOR_H
#define VB_SUPERVISOR_H

#include "options.h"

/* argv: the command ("run") and its options as they are to be given to the ranks. Returns the exit code. */
int vb_supervisor_main(const vb_options *o, int argc, char **argv);

#endif
