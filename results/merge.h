/* Merge: the records of several output folders in one: slices of a plan that ran apart, or runs on clusters that share no
 * disk. Shards are copied by the store's own commit, hash checked; what is there already stays; again is no work. */
#ifndef VB_MERGE_H
#define VB_MERGE_H

#include "store.h"

typedef struct {
    int64_t added;    /* done records */
    int64_t known;    /* done records that OUT had already */
    int64_t differing; /* of those, the ones that another folder measured too: OUT's stays */
    int64_t failed;   /* failed records added */
    int64_t refused;  /* rows whose shard is missing or altered: left out */
} vb_merge_counts;

/* in [n] folders; OUT is made where it is missing. VB_EARG: folders whose options do not let their records be compared, or
 * OUT among them; VB_ESTORE. Counts are up to date on errors too. Finalize is the caller's. */
vb_status vb_merge(vb_merge_counts *c, const char *out_dir, const char *const *in, int n, vb_err *err);

int vb_merge_main(int argc, char **argv);

#endif
