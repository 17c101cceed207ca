/* From records to derived tables: one pass over the shards fills trial_pair and variant_stage (and results.h5, where one
 * is wanted), then compare.h. Works on the database of finalize and on a copy in memory alike. */
#ifndef VB_DERIVE_H
#define VB_DERIVE_H

#include "columnar.h"
#include "db.h"

/* Hash of all done records, of this program's derived tables and of results.h5's schema: when it is what was stored
 * with them, there is nothing to derive. */
vb_status vb_derive_key(char out[65], vb_db *db, vb_err *err);

/* dir: the open output folder. sink may be NULL. Used within a transaction. Records are taken in an order that depends
 * on their content alone, so that the same records give the same file. */
vb_status vb_derive(vb_db *db, int dir, vb_columnar *sink, vb_err *err);

#endif
