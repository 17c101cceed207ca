/* results.h5 by content; see columnar_compare.h. */
#include "columnar_compare.h"

#include "hdf5_io.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    hid_t told, made;
    char *what; /* [160] */
    int64_t n;  /* datasets and groups of made */
    vb_status st; /* of reading made */
    vb_err *err;
} comparison;

static int64_t bytes_of(hid_t set, hid_t type)
{
    hid_t space = H5Dget_space(set);
    hssize_t n = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);

    if (space >= 0)
        H5Sclose(space);
    return n < 0 ? -1 : (int64_t)n * (int64_t)H5Tget_size(type);
}

/* All values, malloc'ed: types of results.h5 are fixed in size, so that bytes read are values. */
static vb_status read_values(uint8_t **out, hid_t set, hid_t type, int64_t n, vb_err *err)
{
    if (!(*out = calloc(1, (size_t)n + 1)))
        return vb_fail(err, VB_ENOMEM, "results.h5: %lld bytes to compare", (long long)n);
    return H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, *out) < 0 ? vb_h5_fail(err, VB_ESTORE, "results.h5: read") : VB_OK;
}

/* What cannot be read of told differs; lack of memory says nothing about it, and is an error as what is wrong with made. (zlib's
 * HDF5 does not tell apart from damage: so it is said that it was read in vain.) */
static vb_status same_dataset(bool *same, bool *readable, hid_t told, hid_t made, vb_err *err)
{
    hid_t a = H5Dget_type(told), b = H5Dget_type(made);
    int64_t n = a < 0 || b < 0 ? -1 : bytes_of(made, b);
    uint8_t *x = NULL, *y = NULL;
    vb_status st = n < 0 ? vb_fail(err, VB_ENOMEM, "results.h5: no room for a type") : VB_OK;

    *same = false;
    if (st == VB_OK && H5Tequal(a, b) > 0 && bytes_of(told, a) == n && (st = read_values(&y, made, b, n, err)) == VB_OK) {
        st = read_values(&x, told, a, n, err);
        *readable = st == VB_OK;
        *same = st == VB_OK && memcmp(x, y, (size_t)n) == 0;
        st = st == VB_ESTORE ? VB_OK : st;
    }
    free(x);
    free(y);
    if (a >= 0)
        H5Tclose(a);
    if (b >= 0)
        H5Tclose(b);
    return st;
}

static herr_t compare_object(hid_t root, const char *name, const H5O_info_t *info, void *ctx)
{
    comparison *c = ctx;
    hid_t told, made;
    bool same = false, readable = true;

    (void)root;
    c->n++;
    if (info->type != H5O_TYPE_DATASET)
        return 0;
    made = H5Dopen2(c->made, name, H5P_DEFAULT);
    if (made < 0)
        c->st = vb_h5_fail(c->err, VB_ESTORE, "results.h5: open '%s'", name);
    told = H5Lexists(c->told, name, H5P_DEFAULT) > 0 ? H5Dopen2(c->told, name, H5P_DEFAULT) : H5I_INVALID_HID;
    if (told < 0 && c->st == VB_OK && vb_h5_fail(c->err, VB_EFORMAT, "results.h5: open '%s'", name) == VB_ENOMEM)
        c->st = VB_ENOMEM;
    if (told >= 0 && made >= 0)
        c->st = same_dataset(&same, &readable, told, made, c->err);
    if (told >= 0)
        H5Dclose(told);
    if (made >= 0)
        H5Dclose(made);
    if (!same && c->st == VB_OK)
        snprintf(c->what, 160, "/%.120s%s", name, readable ? "" : " cannot be read");
    return !same;
}

static herr_t count_object(hid_t root, const char *name, const H5O_info_t *info, void *ctx)
{
    (void)root, (void)name, (void)info;
    ++*(int64_t *)ctx;
    return 0;
}

vb_status vb_columnar_compare(char what[160], const char *told, const char *made, vb_err *err)
{
    comparison c = {H5I_INVALID_HID, H5I_INVALID_HID, what, 0, VB_OK, err};
    int64_t n = 0;
    vb_status st = VB_OK;

    what[0] = '\0';
    vb_h5_quiet();
    if ((c.made = H5Fopen(made, H5F_ACC_RDONLY, H5P_DEFAULT)) < 0) {
        st = vb_h5_fail(err, VB_ESTORE, "open '%s'", made);
        goto out;
    }
    if ((c.told = H5Fopen(told, H5F_ACC_RDONLY, H5P_DEFAULT)) < 0) {
        if ((st = vb_h5_fail(err, VB_EFORMAT, "open '%s'", told)) != VB_ENOMEM)
            snprintf(what, 160, "the file: it is missing, or no HDF5 file");
        st = *what ? VB_OK : st;
        goto out;
    }
    if (H5Ovisit(c.made, H5_INDEX_NAME, H5_ITER_NATIVE, compare_object, &c) < 0)
        st = vb_h5_fail(err, VB_ESTORE, "read '%s'", made);
    st = st ? st : c.st;
    if (st == VB_OK && !what[0]) {
        if (H5Ovisit(c.told, H5_INDEX_NAME, H5_ITER_NATIVE, count_object, &n) >= 0)
            snprintf(what, 160, "%s", n == c.n ? "" : "the file: it has other tables");
        else if ((st = vb_h5_fail(err, VB_EFORMAT, "list '%s'", told)) != VB_ENOMEM)
            snprintf(what, 160, "the file: its tables cannot be listed");
        st = *what ? VB_OK : st;
    }
out:
    if (c.told >= 0)
        H5Fclose(c.told);
    if (c.made >= 0)
        H5Fclose(c.made);
    return st;
}
