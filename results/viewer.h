/* Reading an output folder, finished or running: its database, read-only. */
#ifndef VB_VIEWER_H
#define VB_VIEWER_H

#include "db.h"

/* The database as it is on disk. */
vb_status vb_viewer_open(vb_db **out, const char *out_dir, vb_err *err);

/* The same, with derived tables that belong to its records, and this program's views: where finalize has not been run since the
 * last record, or by another savbench, they are made in a copy in memory. *n_new: the done records in such a copy, 0 when finalize is up
 * to date. */
vb_status vb_viewer_open_derived(vb_db **out, int64_t *n_new, const char *out_dir, vb_err *err);

#endif
