/* The option table of `savbench run` and its relatives: parsed here, printed as help, kept in the run's record. */
#ifndef VB_OPTIONS_H
#define VB_OPTIONS_H

#include "cli.h"
#include "dataset.h"
#include "types.h"

#include <stdio.h>

#define VB_LIST_MAX 32

typedef enum { VB_SAVE_ANNOTATED, VB_SAVE_ALL, VB_SAVE_NONE } vb_save_masks;
typedef enum { VB_THROTTLE_MARK, VB_THROTTLE_WAIT, VB_THROTTLE_REPEAT } vb_on_throttle;
typedef enum { VB_POST_AUTO, VB_POST_CUDA, VB_POST_CPU, VB_POST_OFF } vb_postprocess;
typedef enum { VB_OBJECTS_TOGETHER, VB_OBJECTS_SEPARATE } vb_objects; /* separate: each by itself through the network */

typedef enum { VB_GUARD_ON, VB_GUARD_OFF } vb_memory_guard_mode;

/* Everything a run is told. Strings are borrowed from argv. */
typedef struct {
    const char *split_dir, *split_name;
    const char *out_dir, *state_dir; /* state_dir NULL: out_dir */
    const char *weights_dir;         /* NULL: ./checkpoints */
    const char *models, *prompts, *image_sizes, *dtype_list, *bank_list, *mode_list; /* as given */
    int n_checkpoints;
    const char *checkpoints[VB_LIST_MAX]; /* --checkpoint [MODEL=]FILE|seed:N */
    int repeats;
    vb_limits limits;
    uint64_t seed;
    vb_point_rule point_rule;
    int clicks;         /* on the conditioning frame of a point prompt: the first one and corrective ones; 1, 3 or 5 */
    vb_objects objects;
    int max_batch;      /* objects in one pass at most; 0: by device */
    vb_memory_guard_mode memory_guard;
    int fill_hole_area, sprinkle_area; /* pixels at a quarter of the image size; 0: off */
    bool non_overlap;           /* a pixel is at most one object's */
    vb_postprocess postprocess; /* which implementation fills holes and removes sprinkles */
    vb_save_masks save_masks;
    int save_overlays;  /* overlay pictures per trial */
    int threads;        /* per engine; 0: a host's cores shared out among its engines */
    int workers;        /* `savbench run` that starts mpirun itself: 0 = one per device */
    const char *hostfile;
    int grace_s;        /* after a first INT, TERM or USR1: for the trials that run */
    const char *device; /* "auto", "cpu", "cuda", "cuda:N" */
    const char *devices;   /* CUDA devices for engines, "0,2"; NULL: every visible one */
    int ranks_per_device;
    int slice, n_slices;   /* --slice I/N: blocks of the I-th of N equal parts, I from 1; 0, 0: all */
    int telemetry_hz;      /* 0: none */
    vb_on_throttle on_throttle;
    int require_flash;  /* vb_require_flash: 0 no, 1 any flash-like, 2 strict */
    int warmup_frames;  /* tracked and thrown away before each trial; -1: by device */
    int batch_frames;   /* offline: frames in one pass of the image encoder; 0: by device */
    bool eager;         /* CUDA: no graphs and no kernels of ours */
    bool repeatable;    /* CUDA: attention by libtorch's choice, not measured */
    bool retry_failed, quiet;

    /* made from the lists above */
    int n_setups;
    vb_setup setups[VB_LIST_MAX * 4]; /* models x prompts x sizes, in the order given, without repeats */
    int n_dtypes, n_banks, n_modes;
    vb_dtype dtypes[VB_DTYPE_COUNT];
    vb_bank banks[VB_BANK_COUNT];
    vb_mode modes[VB_MODE_COUNT];
} vb_options;

/* Parses argv[1..] (argv[0] is the command's name) of a command that runs models: one that this build lacks is refused.
 * VB_EARG says what to write instead. argv is permuted. */
vb_status vb_options_parse(vb_options *o, int argc, char **argv, vb_err *err);
void vb_options_help(FILE *to, const char *command);

/* For a command that runs nothing and has rows of its own: any model will do, and the rows of more lie in a struct whose
 * first member is *o. */
vb_status vb_options_parse_with(vb_options *o, const vb_opt *more, size_t n_more, int argc, char **argv, vb_err *err);
/* Parses alone: neither dataset nor models need be given, and the lists are left as text. */
vb_status vb_options_parse_loose(vb_options *o, const vb_opt *more, size_t n_more, int argc, char **argv, vb_err *err);
void vb_options_help_with(FILE *to, const char *usage, const char *about, const vb_opt *more, size_t n_more);

/* The words of --postprocess and --objects, for a table of another command; *out is an int of the enumeration. */
vb_status vb_postprocess_parse(int *out, const char *value, vb_err *err);
vb_status vb_objects_parse(int *out, const char *value, vb_err *err);

/* Objects in one pass that the options ask for on a device, of n_objects in the video. */
int vb_options_batch(const vb_options *o, bool cuda, int n_objects);
/* And frames in one pass of the image encoder. */
int vb_options_batch_frames(const vb_options *o, bool cuda, vb_mode mode);

/* The record: a JSON object of every option by canonical name, malloc'ed. */
vb_status vb_options_json(char **out, const vb_options *o, vb_err *err);

/* Whether the options that a record depends on are those of an earlier record (its JSON). VB_EARG names the one
 * that differs. */
vb_status vb_options_same_fixed(const vb_options *o, const char *earlier, vb_err *err);

/* The same of two records, but for the slice: whether their results may lie in one folder. */
vb_status vb_options_same_fixed_records(const char *a, const char *b, vb_err *err);

/* The checkpoint for a model into path: a file or "seed:N"; "" for a model without weights.
 * --checkpoint MODEL=..., then --checkpoint seed:N, or FILE where one model with weights runs, then the official name in
 * --weights-dir (default ./checkpoints). VB_EARG says where it looked; path then holds what could not be read. */
vb_status vb_options_checkpoint(char *path, size_t n, const vb_options *o, const char *model, vb_err *err);

#endif
