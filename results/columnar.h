/* results.h5 as it is written: a group per table, a dataset per column, rows appended in any amounts.
 *
 * Chunks of 32 Ki rows (fewer where a text column is wide or the column is shorter), shuffle, gzip, fletcher32; no time
 * stamps, so that the same records give the same bytes. Each row carries the number of its trial, a row of /trials. */
#ifndef VB_COLUMNAR_H
#define VB_COLUMNAR_H

#include "tables.h"

typedef struct vb_columnar vb_columnar;

/* Where a trial's rows lie, and what it is: a row of /trials, beside the columns of VB_TABLE_TRIAL. */
typedef struct {
    char video[VB_NAME_MAX], tag[VB_TAG_MAX], model[32], prompt[16], dtype[16], bank_dtype[16], mode[16], shard_sha256[65];
    int32_t image_size, repetition;
    int64_t frames_start, frames_count, scores_start, scores_count, objects_start, objects_count, masks_start, masks_count,
        attention_start, attention_count, agreement_start, agreement_count, telemetry_start, telemetry_count, sensors_start, sensors_count;
} vb_index_row;

/* records_key becomes a root attribute: the hash of the records that the file is made from. */
vb_status vb_columnar_create(vb_columnar **out, const char *path, const char *records_key, vb_err *err);

/* Appends all rows of a trial and its line in /trials. agreement [n_agreement] may be NULL. */
vb_status vb_columnar_add(vb_columnar *c, const vb_trial *t, const char *shard_sha256, const void *agreement,
                          int64_t n_agreement, vb_err *err);
/* Writes what is buffered and closes the file; c is freed on failure too. */
vb_status vb_columnar_finish(vb_columnar *c, vb_err *err);
void vb_columnar_free(vb_columnar *c); /* gives up */

/* SHA-256 of a finished file; "" when there is none, or a link. HDF5 trusts what it reads, down to divisors: one bit turned over ends the
 * process. So nothing but what finalize wrote is opened. */
vb_status vb_columnar_hash(char out[65], const char *path, vb_err *err);

#endif
