/* What our code calls of SQLite and HDF5, made to fail; see fail.h. */
#include "fail.h"

#include <hdf5.h>
#include <sqlite3.h>

/* HDF5 tells of its failures by codes, of which lack of memory is the one that says nothing about the file. */
static bool refuse_hdf5(const char *function)
{
    if (!fail_now(FAIL_HDF5))
        return false;
    H5Epush2(H5E_DEFAULT, __FILE__, function, __LINE__, H5E_ERR_CLS, H5E_RESOURCE, H5E_NOSPACE, "failure on order");
    return true;
}

extern const char __executable_start, etext;

/* Nothing of the statement is done, and the connection knows of an error, as where SQLite refuses one. by: the caller; what SQLite
 * calls of itself is not ours, and it would not see the refusal. */
static bool refuse(sqlite3 *db, const void *by)
{
    if ((const char *)by < &__executable_start || (const char *)by >= &etext || !fail_now(FAIL_SQL))
        return false;
    FAIL_REAL(sqlite3_exec)(db, "failure on order", NULL, NULL, NULL);
    return true;
}

int sqlite3_step(sqlite3_stmt *s)
{
    if (!refuse(sqlite3_db_handle(s), __builtin_return_address(0)))
        return FAIL_REAL(sqlite3_step)(s);
    sqlite3_reset(s);
    FAIL_REAL(sqlite3_exec)(sqlite3_db_handle(s), "failure on order", NULL, NULL, NULL);
    return SQLITE_ERROR;
}

int sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *ctx, char **message)
{
    return refuse(db, __builtin_return_address(0)) ? SQLITE_ERROR : FAIL_REAL(sqlite3_exec)(db, sql, row, ctx, message);
}

int sqlite3_prepare_v3(sqlite3 *db, const char *sql, int n, unsigned flags, sqlite3_stmt **s, const char **tail)
{
    *s = NULL;
    return refuse(db, __builtin_return_address(0)) ? SQLITE_ERROR : FAIL_REAL(sqlite3_prepare_v3)(db, sql, n, flags, s, tail);
}

#define CALL(type, name, parameters, arguments)                          \
    type name parameters                                                 \
    {                                                                    \
        return refuse_hdf5(#name) ? -1 : FAIL_REAL(name) arguments;      \
    }
CALL(hid_t, H5Fcreate, (const char *name, unsigned flags, hid_t fcpl, hid_t fapl), (name, flags, fcpl, fapl))
CALL(hid_t, H5Fopen, (const char *name, unsigned flags, hid_t fapl), (name, flags, fapl))
CALL(herr_t, H5Fflush, (hid_t id, H5F_scope_t scope), (id, scope))
CALL(hid_t, H5Gcreate2, (hid_t at, const char *name, hid_t lcpl, hid_t gcpl, hid_t gapl), (at, name, lcpl, gcpl, gapl))
CALL(hid_t, H5Dcreate2, (hid_t at, const char *name, hid_t type, hid_t space, hid_t lcpl, hid_t dcpl, hid_t dapl),
     (at, name, type, space, lcpl, dcpl, dapl))
CALL(hid_t, H5Dopen2, (hid_t at, const char *name, hid_t dapl), (at, name, dapl))
CALL(hid_t, H5Oopen, (hid_t at, const char *name, hid_t lapl), (at, name, lapl))
CALL(herr_t, H5Dset_extent, (hid_t set, const hsize_t n[]), (set, n))
CALL(herr_t, H5Dwrite, (hid_t set, hid_t memory, hid_t mspace, hid_t fspace, hid_t dxpl, const void *from),
     (set, memory, mspace, fspace, dxpl, from))
CALL(herr_t, H5Dread, (hid_t set, hid_t memory, hid_t mspace, hid_t fspace, hid_t dxpl, void *to),
     (set, memory, mspace, fspace, dxpl, to))
CALL(hid_t, H5Acreate2, (hid_t at, const char *name, hid_t type, hid_t space, hid_t acpl, hid_t aapl), (at, name, type, space, acpl, aapl))
CALL(herr_t, H5Awrite, (hid_t a, hid_t type, const void *from), (a, type, from))
CALL(hid_t, H5Aopen, (hid_t at, const char *name, hid_t aapl), (at, name, aapl))
CALL(herr_t, H5Aread, (hid_t a, hid_t type, void *to), (a, type, to))
CALL(hid_t, H5Tcopy, (hid_t type), (type))
CALL(hid_t, H5Tcreate, (H5T_class_t class, size_t size), (class, size))
CALL(hid_t, H5Pcreate, (hid_t class), (class))
CALL(hid_t, H5Screate_simple, (int rank, const hsize_t n[], const hsize_t most[]), (rank, n, most))
CALL(hid_t, H5Dget_type, (hid_t set), (set))
CALL(hid_t, H5Dget_space, (hid_t set), (set))
CALL(hid_t, H5Dget_create_plist, (hid_t set), (set))
CALL(hid_t, H5Aget_type, (hid_t a), (a))
CALL(herr_t, H5Tset_size, (hid_t type, size_t n), (type, n))
CALL(herr_t, H5Sselect_hyperslab, (hid_t space, H5S_seloper_t how, const hsize_t at[], const hsize_t step[], const hsize_t n[], const hsize_t block[]),
     (space, how, at, step, n, block))
CALL(herr_t, H5Pset_layout, (hid_t list, H5D_layout_t layout), (list, layout))
CALL(herr_t, H5Pset_chunk, (hid_t list, int rank, const hsize_t n[]), (list, rank, n))
CALL(herr_t, H5Pset_shuffle, (hid_t list), (list))
CALL(herr_t, H5Pset_deflate, (hid_t list, unsigned level), (list, level))
CALL(herr_t, H5Pset_fletcher32, (hid_t list), (list))
CALL(herr_t, H5Pset_obj_track_times, (hid_t list, hbool_t track), (list, track))
CALL(herr_t, H5Pset_buffer, (hid_t list, size_t n, void *conversion, void *background), (list, n, conversion, background))
CALL(herr_t, H5Pset_fapl_core, (hid_t list, size_t step, hbool_t on_disk), (list, step, on_disk))
CALL(herr_t, H5Pset_file_image, (hid_t list, void *image, size_t n), (list, image, n))
CALL(ssize_t, H5Fget_file_image, (hid_t file, void *image, size_t n), (file, image, n))
