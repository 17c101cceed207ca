/* A trial with every field set, and folders to put results in. */
#ifndef VB_SAMPLE_H
#define VB_SAMPLE_H

#include "store.h"

/* Trial number seed: another seed gives other values in every table. Video "v1", variant by dtype, repetition 0. */
void sample_trial(vb_trial *t, const char *video, vb_dtype dtype, int repetition, unsigned seed);
vb_trial_key sample_key(const char *video, vb_dtype dtype, int repetition);

/* A new empty folder under $TMPDIR, and its removal with all that is in it. */
void sample_folder(char path[256]);
void sample_remove(const char *path);

/* results.h5 is another file of the same content, as another HDF5 library lays it out, and recorded as what finalize wrote. */
void sample_relay_results(const char *out);
/* results.h5 as it is becomes what finalize is recorded to have written. */
void sample_record_results(const char *out);

/* The share of a long suite that this process does: SAVBENCH_PART=K/N, the K-th of N, from 0. Without it all: 0 of 1. */
typedef struct {
    long k, n;
} sample_share;
sample_share sample_part(void);

/* The call, which must succeed; the test fails with its message else. For programs that include cmocka.h. */
#define OK(call)                                \
    do {                                        \
        vb_err err = {0};                       \
        if ((call) != VB_OK)                    \
            fail_msg("%s: %s", #call, err.msg); \
    } while (0)

/* Encodes, commits, frees. Fails the test on an error. */
void sample_commit(vb_store *s, const vb_trial *t);

#endif
