/* Steps on HDF5 for shard and results.h5; see hdf5_io.h. */
#include "hdf5_io.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void vb_h5_quiet(void) { H5Eset_auto2(H5E_DEFAULT, NULL, NULL); }

typedef struct {
    char desc[160];
    bool no_room;
} innermost;

static herr_t keep_innermost(unsigned n, const H5E_error2_t *e, void *ctx)
{
    innermost *in = ctx;

    (void)n;
    if (e->desc)
        snprintf(in->desc, sizeof in->desc, "%s", e->desc);
    /* Of the cause: what it led to may bear these names too. */
    in->no_room = e->maj_num == H5E_RESOURCE || e->min_num == H5E_CANTALLOC || e->min_num == H5E_NOSPACE;
    return 0;
}

vb_status vb_h5_fail(vb_err *err, vb_status code, const char *fmt, ...)
{
    char what[256];
    innermost why = {"", false};
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    if (H5Eget_num(H5E_DEFAULT) > 0)
        code = VB_ESTORE;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, keep_innermost, &why);
    return vb_fail(err, why.no_room ? VB_ENOMEM : code, "%s%s%s", what, why.desc[0] ? ": HDF5: " : "", why.desc);
}

static hid_t text_type(size_t size)
{
    hid_t t = H5Tcopy(H5T_C_S1);

    if (t >= 0 && (H5Tset_size(t, size) < 0 || H5Tset_cset(t, H5T_CSET_UTF8) < 0)) {
        H5Tclose(t);
        t = H5I_INVALID_HID;
    }
    return t;
}

hid_t vb_h5_column_type(const vb_column *c, bool in_file)
{
    switch (c->type) {
    case VB_COL_I32: return H5Tcopy(in_file ? H5T_STD_I32LE : H5T_NATIVE_INT32);
    case VB_COL_I64: return H5Tcopy(in_file ? H5T_STD_I64LE : H5T_NATIVE_INT64);
    case VB_COL_U8: return H5Tcopy(in_file ? H5T_STD_U8LE : H5T_NATIVE_UINT8);
    case VB_COL_U64: return H5Tcopy(in_file ? H5T_STD_U64LE : H5T_NATIVE_UINT64);
    case VB_COL_F32: return H5Tcopy(in_file ? H5T_IEEE_F32LE : H5T_NATIVE_FLOAT);
    case VB_COL_F64: return H5Tcopy(in_file ? H5T_IEEE_F64LE : H5T_NATIVE_DOUBLE);
    case VB_COL_TEXT: return text_type(c->size);
    }
    return H5I_INVALID_HID;
}

static hid_t make_row_type(const vb_table *t, bool in_file)
{
    size_t size = t->row_size, at = 0;
    hid_t row;

    if (in_file) {
        size = 0;
        for (int i = 0; i < t->n_columns; i++)
            size += t->columns[i].size;
    }
    row = H5Tcreate(H5T_COMPOUND, size);
    for (int i = 0; row >= 0 && i < t->n_columns; i++) {
        hid_t column = vb_h5_column_type(&t->columns[i], in_file);
        bool ok = column >= 0 && H5Tinsert(row, t->columns[i].name, in_file ? at : t->columns[i].offset, column) >= 0;

        if (column >= 0)
            H5Tclose(column);
        if (!ok) {
            H5Tclose(row);
            row = H5I_INVALID_HID;
        }
        at += t->columns[i].size;
    }
    return row;
}

/* Each is made once: a commit's time went to an eighth into making them again. As they depend on constants alone and HDF5 has
 * one thread, they are constants in all but name. */
hid_t vb_h5_row_type(const vb_table *t, bool in_file)
{
    static struct {
        const vb_table *table;
        hid_t type[2];
    } kept[16];
    size_t i = 0;

    while (i < sizeof kept / sizeof *kept && kept[i].table && kept[i].table != t)
        i++;
    if (i == sizeof kept / sizeof *kept)
        return H5I_INVALID_HID; /* more tables than there are */
    kept[i].table = t;
    if (kept[i].type[in_file] <= 0)
        kept[i].type[in_file] = make_row_type(t, in_file);
    return kept[i].type[in_file];
}

hid_t vb_h5_transfer(size_t bytes, size_t row_bytes)
{
    const size_t most = 1 << 20, least = row_bytes > 4096 ? row_bytes : 4096;
    hid_t dxpl = H5Pcreate(H5P_DATASET_XFER);

    if (dxpl >= 0 && H5Pset_buffer(dxpl, bytes < least ? least : bytes < most ? bytes : most, NULL, NULL) < 0) {
        H5Pclose(dxpl);
        dxpl = H5I_INVALID_HID;
    }
    return dxpl;
}

/* One attribute of any type; type and space stay the caller's. */
static vb_status put(hid_t loc, const char *name, hid_t file_type, hid_t memory_type, hid_t space, const void *value,
                     vb_err *err)
{
    hid_t a = H5I_INVALID_HID;
    vb_status st = VB_OK;

    if (file_type < 0 || space < 0 || (a = H5Acreate2(loc, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT)) < 0 ||
        H5Awrite(a, memory_type, value) < 0)
        st = vb_h5_fail(err, VB_ESTORE, "HDF5 attribute '%s': cannot be written", name);
    if (a >= 0 && H5Aclose(a) < 0 && st == VB_OK)
        st = vb_h5_fail(err, VB_ESTORE, "HDF5 attribute '%s': cannot be closed", name);
    return st;
}

static vb_status put_scalar(hid_t loc, const char *name, hid_t file_type, hid_t memory_type, const void *value, vb_err *err)
{
    hid_t space = H5Screate(H5S_SCALAR);
    vb_status st = put(loc, name, file_type, memory_type, space, value, err);

    if (space >= 0)
        H5Sclose(space);
    return st;
}

vb_status vb_h5_put_text(hid_t loc, const char *name, const char *text, vb_err *err)
{
    hid_t type = text_type(strlen(text) + 1);
    vb_status st = put_scalar(loc, name, type, type, text, err);

    if (type >= 0)
        H5Tclose(type);
    return st;
}

vb_status vb_h5_put_int(hid_t loc, const char *name, int64_t value, vb_err *err)
{
    return put_scalar(loc, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value, err);
}

vb_status vb_h5_put_double(hid_t loc, const char *name, double value, vb_err *err)
{
    return put_scalar(loc, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value, err);
}

vb_status vb_h5_put_units(hid_t dataset, const vb_table *t, vb_err *err)
{
    enum { WIDTH = 8, MOST = 64 };
    char units[MOST][WIDTH] = {{0}};
    hsize_t n = (hsize_t)t->n_columns;
    hid_t type = text_type(WIDTH), space = H5Screate_simple(1, &n, NULL);
    vb_status st = VB_ESTORE;

    if (t->n_columns <= MOST) {
        for (int i = 0; i < t->n_columns; i++)
            snprintf(units[i], WIDTH, "%s", t->columns[i].unit);
        st = put(dataset, "units", type, type, space, units, err);
    } else
        vb_fail(err, VB_ESTORE, "table '%s' has more than %d columns", t->name, MOST);
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    return st;
}

/* Opens a scalar attribute of a class and at most max_bytes; its type too. */
static vb_status open_scalar(hid_t *a, hid_t *type, hid_t loc, const char *name, H5T_class_t class, size_t max_bytes,
                             vb_err *err)
{
    hid_t space = H5I_INVALID_HID;
    vb_status st = VB_OK;

    *type = H5I_INVALID_HID;
    *a = H5I_INVALID_HID;
    if (H5Aexists(loc, name) <= 0 || (*a = H5Aopen(loc, name, H5P_DEFAULT)) < 0)
        return vb_h5_fail(err, VB_EFORMAT, "attribute '%s' is missing", name);
    if ((*type = H5Aget_type(*a)) < 0 || (space = H5Aget_space(*a)) < 0)
        return vb_h5_fail(err, VB_ESTORE, "attribute '%s' cannot be read", name);
    if (H5Tget_class(*type) != class || H5Sget_simple_extent_type(space) != H5S_SCALAR || H5Tget_size(*type) == 0 ||
        H5Tget_size(*type) > max_bytes || H5Tis_variable_str(*type) != 0)
        st = vb_h5_fail(err, VB_EFORMAT, "attribute '%s' has another type, shape or length than a shard's", name);
    H5Sclose(space);
    return st;
}

static void close_scalar(hid_t a, hid_t type)
{
    if (type >= 0)
        H5Tclose(type);
    if (a >= 0)
        H5Aclose(a);
}

vb_status vb_h5_get_text(char *out, size_t size, hid_t loc, const char *name, vb_err *err)
{
    hid_t a, type;
    vb_status st = open_scalar(&a, &type, loc, name, H5T_STRING, size, err);

    memset(out, 0, size);
    if (st == VB_OK && H5Aread(a, type, out) < 0)
        st = vb_h5_fail(err, VB_ESTORE, "attribute '%s' cannot be read", name);
    out[size - 1] = 0;
    close_scalar(a, type);
    return st;
}

vb_status vb_h5_get_int(int64_t *out, hid_t loc, const char *name, vb_err *err)
{
    hid_t a, type;
    vb_status st = open_scalar(&a, &type, loc, name, H5T_INTEGER, 8, err);

    if (st == VB_OK && H5Aread(a, H5T_NATIVE_INT64, out) < 0)
        st = vb_h5_fail(err, VB_ESTORE, "attribute '%s' cannot be read", name);
    close_scalar(a, type);
    return st;
}

vb_status vb_h5_get_double(double *out, hid_t loc, const char *name, vb_err *err)
{
    hid_t a, type;
    vb_status st = open_scalar(&a, &type, loc, name, H5T_FLOAT, 8, err);

    if (st == VB_OK && H5Aread(a, H5T_NATIVE_DOUBLE, out) < 0)
        st = vb_h5_fail(err, VB_ESTORE, "attribute '%s' cannot be read", name);
    close_scalar(a, type);
    return st;
}
