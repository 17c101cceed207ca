/* `savbench run`: as a rank of an MPI job, or as the supervisor that starts one. */
#ifndef VB_RUN_COMMAND_H
#define VB_RUN_COMMAND_H

int vb_run_main(int argc, char **argv);

#endif
