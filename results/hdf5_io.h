/* Small steps on HDF5 that shard and results.h5 share: errors as messages, attributes, column types.
 * HDF5 runs on one thread per process; nothing here is safe to call from two. */
#ifndef VB_HDF5_IO_H
#define VB_HDF5_IO_H

#include "tables.h"

#include <hdf5.h>

/* HDF5 prints its error stack by default; after this it keeps quiet and vb_h5_fail says what was wrong. */
void vb_h5_quiet(void);
/* vb_fail where HDF5 gave something that is not right (code), or failed. HDF5 is handed nothing but what has the hash that it was
 * written with, so that where a call fails it is not the file that is at fault: VB_ENOMEM or VB_ESTORE in place of VB_EFORMAT, with
 * the innermost entry of its error stack appended. Before the next call of HDF5, closing included: each clears that stack. */
vb_status vb_h5_fail(vb_err *err, vb_status code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The type of one column: in a file (little-endian, fixed) or in memory. Closed by the caller; negative on failure. */
hid_t vb_h5_column_type(const vb_column *c, bool in_file);
/* A row of one of the tables of tables.h, which is told by its address: packed in a file, laid out as the C struct in memory.
 * Kept, not closed by the caller. */
hid_t vb_h5_row_type(const vb_table *t, bool in_file);

/* A transfer list for a table of so many bytes: HDF5 clears its conversion buffer, by default 1 MiB, on each transfer. */
hid_t vb_h5_transfer(size_t bytes, size_t row_bytes);

vb_status vb_h5_put_text(hid_t loc, const char *name, const char *text, vb_err *err);
vb_status vb_h5_put_int(hid_t loc, const char *name, int64_t value, vb_err *err);
vb_status vb_h5_put_double(hid_t loc, const char *name, double value, vb_err *err);
/* An attribute "units": one string per column, in order. */
vb_status vb_h5_put_units(hid_t dataset, const vb_table *t, vb_err *err);

/* Readers check class, size and shape first; VB_EFORMAT names the attribute that is missing or another. Text gets its NUL. */
vb_status vb_h5_get_text(char *out, size_t size, hid_t loc, const char *name, vb_err *err);
vb_status vb_h5_get_int(int64_t *out, hid_t loc, const char *name, vb_err *err);
vb_status vb_h5_get_double(double *out, hid_t loc, const char *name, vb_err *err);

#endif
