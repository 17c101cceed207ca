/* A batch script for Slurm: one run over an allocation, or slices of its plan as a job array. Pure text; the command is
 * slurm_command.c. */
#ifndef VB_SLURM_SCRIPT_H
#define VB_SLURM_SCRIPT_H

#include "options.h"

#include <stdio.h>

typedef enum { VB_LAUNCH_MPIRUN, VB_LAUNCH_SRUN } vb_launcher;

enum { VB_SBATCH_MAX = 32 };

/* Strings are borrowed; NULL: not said to Slurm. */
typedef struct {
    vb_options run; /* the first member: its rows are run's */
    const char *program; /* this savbench, as the nodes find it */
    int nodes, gpus_per_node, cpus_per_gpu, n_slices, slice_limit, signal_lead_s;
    const char *gpu_type, *mem, *time, *partition, *account, *qos, *constraint, *job_name, *log, *site;
    int n_sbatch;
    const char *sbatch[VB_SBATCH_MAX]; /* more #SBATCH lines */
    vb_launcher launcher;
    bool no_requeue;
    /* of the command, not of the script */
    const char *script;
    bool submit, test_only;
} vb_slurm;

/* VB_EARG: a word that cannot stand in an #SBATCH line, or options of run that a batch script gives itself. */
vb_status vb_slurm_check(const vb_slurm *s, vb_err *err);
/* After vb_slurm_check. VB_EIO, VB_ENOMEM. */
vb_status vb_slurm_write(FILE *to, const vb_slurm *s, vb_err *err);
/* The shell commands (POSIX) that join the slices of an array: the site's file, "savbench merge OUT OUT-slices/..."; *text malloc'ed,
 * also where it fails. */
vb_status vb_slurm_merge_text(char **text, const vb_slurm *s, vb_err *err);

#endif
