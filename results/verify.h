/* Verify: what an output folder says against what its shards give. Every shard is hashed and decoded, every row of a done
 * trial made anew from it, the derived tables and results.h5 made anew from the rows, and all of it compared to the last
 * bit, and the views with this program's. Reads only; beside a running job too, whose latest results may then be told as differences.
 *
 * Failed trials, attempts and runs stand in the database alone: of those only the database's own consistency is checked. */
#ifndef VB_VERIFY_H
#define VB_VERIFY_H

#include "err.h"

#include <stdint.h>
#include <stdio.h>

typedef struct {
    int64_t trials;      /* done rows */
    int64_t shards;      /* of them, those whose shard is what was committed */
    int64_t differences; /* lines printed */
    int64_t *rows;       /* [n_rows] trial_id of rows that are not what their sound shard gives, each once; owned */
    size_t n_rows, room;
} vb_verdict_on;

/* A line on to for each difference, names made printable. An error: it could not be found out. */
vb_status vb_verify(vb_verdict_on *out, const char *out_dir, FILE *to, vb_err *err);
void vb_verify_deinit(vb_verdict_on *v); /* takes a zeroed struct too */

/* Recovery (store.h), after which rows that differ are made anew from their shards, and finalize. Takes the folder's
 * writer lock. */
vb_status vb_repair(const vb_verdict_on *found, const char *out_dir, FILE *to, vb_err *err);

int vb_verify_main(int argc, char **argv); /* verify [--repair] OUT */

#endif
