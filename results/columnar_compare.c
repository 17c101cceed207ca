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
    vb_status st;
    vb_err *err;
} comparison;

/* All values of a dataset: types of results.h5 are fixed in size, so that bytes read are values. */
typedef struct {
    hid_t type;
    uint8_t *bytes; /* [n] */
    int64_t n;
} values;

static vb_status read_values(values *v, hid_t file, const char *name, vb_err *err)
{
    hid_t set = H5I_INVALID_HID, space = H5I_INVALID_HID;
    hssize_t rows;
    vb_status st = VB_OK;

    if ((set = H5Dopen2(file, name, H5P_DEFAULT)) < 0 || (v->type = H5Dget_type(set)) < 0 || (space = H5Dget_space(set)) < 0 ||
        (rows = H5Sget_simple_extent_npoints(space)) < 0)
        st = vb_h5_fail(err, VB_ESTORE, "results.h5: open '/%s'", name);
    else if (!(v->bytes = malloc((size_t)(v->n = (int64_t)rows * (int64_t)H5Tget_size(v->type)) + 1)))
        st = vb_fail(err, VB_ENOMEM, "results.h5: %lld bytes to compare", (long long)v->n);
    else if (H5Dread(set, v->type, H5S_ALL, H5S_ALL, H5P_DEFAULT, v->bytes) < 0)
        st = vb_h5_fail(err, VB_ESTORE, "results.h5: read '/%s'", name);
    if (space >= 0)
        H5Sclose(space);
    if (set >= 0)
        H5Dclose(set);
    return st;
}

static void free_values(values *v)
{
    free(v->bytes);
    if (v->type >= 0)
        H5Tclose(v->type);
}

static vb_status same_dataset(bool *same, const comparison *c, const char *name)
{
    values told = {.type = H5I_INVALID_HID}, made = told;
    htri_t equal = -1;
    vb_status st;

    if ((st = read_values(&told, c->told, name, c->err)) == VB_OK && (st = read_values(&made, c->made, name, c->err)) == VB_OK &&
        (equal = H5Tequal(told.type, made.type)) < 0)
        st = vb_h5_fail(c->err, VB_ESTORE, "results.h5: compare '/%s'", name);
    *same = equal > 0 && told.n == made.n && memcmp(told.bytes, made.bytes, (size_t)made.n) == 0;
    free_values(&told);
    free_values(&made);
    return st;
}

static herr_t compare_object(hid_t root, const char *name, const H5O_info_t *info, void *ctx)
{
    comparison *c = ctx;
    htri_t there = strcmp(name, ".") ? H5Lexists(c->told, name, H5P_DEFAULT) : 1; /* groups come before what is in them */
    bool same = there > 0;

    (void)root;
    c->n++;
    if (there < 0)
        c->st = vb_h5_fail(c->err, VB_ESTORE, "results.h5: look for '/%s'", name);
    else if (there && info->type == H5O_TYPE_DATASET)
        c->st = same_dataset(&same, c, name);
    if (!same && c->st == VB_OK)
        snprintf(c->what, 160, "/%.120s", name);
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
    if ((c.made = H5Fopen(made, H5F_ACC_RDONLY, H5P_DEFAULT)) < 0)
        st = vb_h5_fail(err, VB_ESTORE, "open '%s'", made);
    else if ((c.told = H5Fopen(told, H5F_ACC_RDONLY, H5P_DEFAULT)) < 0)
        st = vb_h5_fail(err, VB_ESTORE, "open '%s'", told);
    else if (H5Ovisit(c.made, H5_INDEX_NAME, H5_ITER_NATIVE, compare_object, &c) < 0)
        st = vb_h5_fail(err, VB_ESTORE, "read '%s'", made);
    else if ((st = c.st) == VB_OK && !what[0]) {
        if (H5Ovisit(c.told, H5_INDEX_NAME, H5_ITER_NATIVE, count_object, &n) < 0)
            st = vb_h5_fail(err, VB_ESTORE, "list '%s'", told);
        else if (n != c.n)
            snprintf(what, 160, "the file: it has other tables");
    }
    if (c.told >= 0)
        H5Fclose(c.told);
    if (c.made >= 0)
        H5Fclose(c.made);
    return st;
}
