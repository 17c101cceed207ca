/* Plan: options x dataset -> blocks, in a seeded, reproducible order. Made by the coordinator at each start; what is
 * already recorded is struck out by the coordinator, not here. */
#ifndef VB_PLAN_H
#define VB_PLAN_H

#include "dataset.h"
#include "options.h"
#include "types.h"

#define VB_BLOCK_MAX_TRIALS 65536

/* One video x one setup with all its dtypes, banks, modes and repetitions: the unit of lease. */
typedef struct {
    int id; /* index in the plan */
    char video[VB_NAME_MAX];
    vb_setup setup;
    int n_trials;
    vb_trial_key *trials; /* in the seeded order in which they run, owned */
    double cost;          /* estimated seconds on a device of speed 1 (cost.h) */
} vb_block;

typedef struct {
    int n_blocks;
    vb_block *blocks;
    int n_bad; /* videos that cannot be used */
    struct {
        char video[VB_NAME_MAX];
        char reason[512];
    } *bad;
    int n_videos;
    vb_video **videos; /* scanned headers of the good ones, owned */
    int64_t n_trials;
} vb_plan;

/* With --slice, its part of the blocks alone; videos is whole. A video that cannot be scanned goes to bad with its reason (with
 * --slice: of the first one); out of memory alone is an error here. */
vb_status vb_plan_make(vb_plan **out, const vb_options *o, const vb_dataset *d, vb_err *err);
void vb_plan_free(vb_plan *p);

/* The trials of one video and setup, in their seeded order; id and cost are 0. The order depends on the seed, the
 * video and the setup alone, so it is the same whichever videos run beside it. */
vb_status vb_block_make(vb_block *out, const vb_options *o, const char *video, const vb_setup *setup, vb_err *err);
void vb_block_deinit(vb_block *b); /* takes a zeroed struct too */

/* As JSON text for the wire, and back (hostile text: every field is checked). *text malloc'ed. */
vb_status vb_block_to_json(char **text, const vb_block *b, vb_err *err);
vb_status vb_block_from_json(vb_block *out, const char *text, size_t n, vb_err *err);

#endif
