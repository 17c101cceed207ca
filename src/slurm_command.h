/* `savbench slurm`: a batch script from run's options, and its submission. */
#ifndef VB_SLURM_COMMAND_H
#define VB_SLURM_COMMAND_H

int vb_slurm_main(int argc, char **argv);

#endif
