/* Collects what a probe hands out and writes it as a case file; see dump.h. */
#include "dump.h"

#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_STATS = 6, N_MEMORY_SAMPLES = 128, TRACED_FRAMES = 3 };

/* The columns of /objK, in the order of the golden files. Which tensor of the probe makes a column, and how. */
typedef enum { FROM_LOW, VIDEO_NEAR_ZERO, VIDEO_MASK, VIDEO_AREA, WHOLE, MEMORY_SAMPLES, STATS } column_rule;
typedef struct {
    const char *name, *tensor;
    column_rule rule;
    enum { AS_FLOAT, AS_DOUBLE, AS_INT32, AS_UINT8, AS_INT8 } type;
    const char *note;
} column;

static const column columns[] = {
    {"low_sub", "low_logits", FROM_LOW, AS_FLOAT, "logits at size/4, every low_step-th row and column"},
    {"low_stats", "low_logits", STATS, AS_DOUBLE, "sum, mean, mean_abs, min, max, std"},
    {"video_stats", "video_logits", STATS, AS_DOUBLE, "sum, mean, mean_abs, min, max, std"},
    {"video_near_zero", "video_logits", VIDEO_NEAR_ZERO, AS_INT32, "pixels with |logit| < 0.01 at video size"},
    {"mask_packed", "video_logits", VIDEO_MASK, AS_UINT8, "bit 7 of byte 0 is column 0; rows padded to whole bytes"},
    {"mask_area", "video_logits", VIDEO_AREA, AS_INT32, "pixels"},
    {"object_score_logits", "object_score_logits", WHOLE, AS_FLOAT, "logit"},
    {"ious4", "ious4", WHOLE, AS_FLOAT, "of mask tokens 0..3, after the sigmoid"},
    {"stability", "stability", WHOLE, AS_FLOAT, "of mask token 0"},
    {"multimask", "multimask", WHOLE, AS_UINT8, "whether several masks were asked for"},
    {"chosen", "chosen", WHOLE, AS_INT8, "mask token shown, 0..3; -1: the prompt mask itself"},
    {"obj_ptr", "obj_ptr", WHOLE, AS_FLOAT, "object pointer stored for later frames"},
    {"mem_sub", "maskmem_features", MEMORY_SAMPLES, AS_FLOAT, "flat indices floor(i*numel/128)"},
    {"mem_stats", "maskmem_features", STATS, AS_DOUBLE, "sum, mean, mean_abs, min, max, std"},
};
enum { N_COLUMNS = sizeof columns / sizeof *columns };

typedef struct {
    hsize_t shape[2]; /* of one row; a scalar has none */
    int ndim;
    double *rows; /* [n_rows, shape]: doubles hold every column's values exactly; NULL until the first */
} cells;

typedef struct {
    cells cell[N_COLUMNS];
    unsigned char *seen; /* [n_rows]: whether the frame's mask came */
} object_rows;

struct vb_dump {
    vb_dump_info info;
    vb_probe probe;
    hid_t file;
    int low_step;
    object_rows *objects;
    vb_err fault; /* the first one; VB_OK: none */
};

static void stats(double out[N_STATS], const float *x, size_t n)
{
    double sum = 0, abs_sum = 0, lo = INFINITY, hi = -INFINITY, square = 0;

    for (size_t i = 0; i < n; i++) {
        sum += x[i];
        abs_sum += fabs((double)x[i]);
        lo = x[i] < lo ? x[i] : lo;
        hi = x[i] > hi ? x[i] : hi;
    }
    const double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        square += ((double)x[i] - mean) * ((double)x[i] - mean);
    out[0] = sum;
    out[1] = mean;
    out[2] = abs_sum / (double)n;
    out[3] = lo;
    out[4] = hi;
    out[5] = sqrt(square / (double)n);
}

/* --- HDF5 in small steps */

static hid_t file_type(int type)
{
    switch (type) {
    case AS_FLOAT: return H5T_IEEE_F32LE;
    case AS_DOUBLE: return H5T_IEEE_F64LE;
    case AS_INT32: return H5T_STD_I32LE;
    case AS_UINT8: return H5T_STD_U8LE;
    default: return H5T_STD_I8LE;
    }
}

static vb_status put_attr(hid_t at, const char *name, hid_t type, const void *value, hsize_t n, vb_err *err)
{
    vb_status st = VB_ESTORE;
    hid_t space = n == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &n, NULL);
    hid_t attr = space < 0 ? -1 : H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);

    st = attr < 0 || H5Awrite(attr, type, value) < 0 ? vb_fail(err, VB_ESTORE, "HDF5: write attribute '%s'", name) : VB_OK;
    if (attr >= 0)
        H5Aclose(attr);
    if (space >= 0)
        H5Sclose(space);
    return st;
}

static vb_status put_int(hid_t at, const char *name, int64_t v, vb_err *err)
{
    return put_attr(at, name, H5T_NATIVE_INT64, &v, 1, err);
}

static vb_status put_text(hid_t at, const char *name, const char *text, vb_err *err)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    vb_status st = VB_ESTORE;

    if (type < 0 || H5Tset_size(type, strlen(text) + 1) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0)
        st = vb_fail(err, VB_ESTORE, "HDF5: type of attribute '%s'", name);
    else
        st = put_attr(at, name, type, text, 1, err);
    if (type >= 0)
        H5Tclose(type);
    return st;
}

/* The dataset stays open in *out for attributes when out is not NULL. */
static vb_status put_data(hid_t *out, hid_t at, const char *name, hid_t type, hid_t mem_type, const void *data, const hsize_t *shape,
                          int ndim, vb_err *err)
{
    vb_status st = VB_ESTORE;
    hid_t space = H5Screate_simple(ndim, shape, NULL), props = H5Pcreate(H5P_DATASET_CREATE), set = -1;
    hsize_t n = 1;

    for (int i = 0; i < ndim; i++)
        n *= shape[i];
    if (n > 512 && props >= 0 && (H5Pset_chunk(props, ndim, shape) < 0 || H5Pset_shuffle(props) < 0 || H5Pset_deflate(props, 6) < 0))
        goto out;
    if (space < 0 || props < 0 || (set = H5Dcreate2(at, name, type, space, H5P_DEFAULT, props, H5P_DEFAULT)) < 0 ||
        H5Dwrite(set, mem_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        goto out;
    st = VB_OK;
out:
    if (st != VB_OK)
        vb_fail(err, st, "HDF5: write '%s'", name);
    if (space >= 0)
        H5Sclose(space);
    if (props >= 0)
        H5Pclose(props);
    if (set >= 0 && out && st == VB_OK)
        *out = set;
    else if (set >= 0)
        H5Dclose(set);
    return st;
}

/* --- the probe's side */

/* One row of a column from a tensor of n values whose last two dimensions are h x w. Returns the row's length. */
static size_t make_row(double *row, hsize_t shape[2], int *ndim, const vb_dump *d, const column *c, const float *x, size_t n, int h, int w)
{
    size_t at = 0;

    *ndim = 1;
    switch (c->rule) {
    case FROM_LOW:
        *ndim = 2;
        shape[0] = (hsize_t)((h + d->low_step - 1) / d->low_step);
        shape[1] = (hsize_t)((w + d->low_step - 1) / d->low_step);
        for (int y = 0; row && y < h; y += d->low_step)
            for (int i = 0; i < w; i += d->low_step)
                row[at++] = x[(size_t)y * (size_t)w + (size_t)i];
        return (size_t)(shape[0] * shape[1]);
    case VIDEO_MASK:
        *ndim = 2;
        shape[0] = (hsize_t)h;
        shape[1] = (hsize_t)((w + 7) / 8);
        for (int y = 0; row && y < h; y++)
            for (int byte = 0; byte < (int)shape[1]; byte++) {
                int bits = 0;
                for (int i = 8 * byte; i < 8 * byte + 8; i++)
                    bits = bits << 1 | (i < w && x[(size_t)y * (size_t)w + (size_t)i] > 0);
                row[at++] = bits;
            }
        return (size_t)(shape[0] * shape[1]);
    case VIDEO_NEAR_ZERO:
    case VIDEO_AREA:
        *ndim = 0;
        for (size_t i = 0; row && i < n; i++)
            at += c->rule == VIDEO_AREA ? x[i] > 0 : fabsf(x[i]) < 1e-2f;
        if (row)
            *row = (double)at;
        return 1;
    case MEMORY_SAMPLES:
        shape[0] = n < N_MEMORY_SAMPLES ? n : N_MEMORY_SAMPLES;
        for (; row && at < shape[0]; at++)
            row[at] = x[at * n / shape[0]];
        return (size_t)shape[0];
    case STATS:
        shape[0] = N_STATS;
        if (row)
            stats(row, x, n);
        return N_STATS;
    default:
        shape[0] = n;
        if (n == 1)
            *ndim = 0;
        for (; row && at < n; at++)
            row[at] = x[at];
        return n;
    }
}

static void take_row(vb_dump *d, int frame, int object, const char *name, const float *data, size_t n, int h, int w)
{
    const int row = frame - d->info.objects[object].track->start_frame;
    const int n_rows = d->info.n_frames - d->info.objects[object].track->start_frame;
    object_rows *o = &d->objects[object];

    if (row < 0 || row >= n_rows)
        return;
    for (int i = 0; i < N_COLUMNS; i++) {
        cells *c = &o->cell[i];
        if (strcmp(columns[i].tensor, name))
            continue;
        const size_t length = make_row(NULL, c->shape, &c->ndim, d, &columns[i], data, n, h, w);
        if (!c->rows && !(c->rows = calloc((size_t)n_rows * length, sizeof *c->rows))) {
            vb_fail(&d->fault, VB_ENOMEM, "dump: %zu bytes for '%s'", (size_t)n_rows * length * sizeof *c->rows, columns[i].name);
            return;
        }
        make_row(c->rows + (size_t)row * length, c->shape, &c->ndim, d, &columns[i], data, n, h, w);
    }
    if (!strcmp(name, "low_logits"))
        o->seen[row] = 1;
}

/* /trace/frameF/name: every step-th element per dimension, the steps as the golden files have them. */
static void put_trace(vb_dump *d, int frame, const char *name, const float *data, const int64_t *shape, int ndim, size_t n)
{
    static const int64_t at_most[5][4] = {{0}, {256}, {64, 64}, {16, 16, 32}, {1, 16, 16, 16}};
    char path[96];
    hid_t links = -1, set = -1;
    float *sample = NULL;
    int64_t step[4], full[4];
    hsize_t count[4];
    size_t total = 1, stride[4];
    double s[N_STATS];

    if (ndim < 1 || ndim > 4)
        return;
    snprintf(path, sizeof path, "/trace/frame%d/%s", frame, name);
    if ((links = H5Pcreate(H5P_LINK_CREATE)) < 0 || H5Pset_create_intermediate_group(links, 1) < 0) {
        vb_fail(&d->fault, VB_ESTORE, "HDF5: group of '%s'", path);
        goto out;
    }
    char group[64];
    snprintf(group, sizeof group, "/trace/frame%d", frame);
    if (H5Lexists(d->file, "/trace", H5P_DEFAULT) <= 0 || H5Lexists(d->file, group, H5P_DEFAULT) <= 0) {
        hid_t made = H5Gcreate2(d->file, group, links, H5P_DEFAULT, H5P_DEFAULT);
        if (made < 0) {
            vb_fail(&d->fault, VB_ESTORE, "HDF5: create '%s'", group);
            goto out;
        }
        H5Gclose(made);
    }
    /* with several objects the first one's */
    if (H5Lexists(d->file, path, H5P_DEFAULT) > 0)
        goto out;
    for (int i = ndim - 1, k = 1; i >= 0; i--) {
        const int64_t most = at_most[ndim][i];
        step[i] = shape[i] > most ? (shape[i] + most - 1) / most : 1;
        full[i] = shape[i];
        count[i] = (hsize_t)((shape[i] + step[i] - 1) / step[i]);
        stride[i] = (size_t)k;
        k *= (int)shape[i];
        total *= (size_t)count[i];
    }
    if (!(sample = malloc(total * sizeof *sample))) {
        vb_fail(&d->fault, VB_ENOMEM, "dump: %zu bytes for '%s'", total * sizeof *sample, path);
        goto out;
    }
    for (size_t i = 0; i < total; i++) {
        size_t rest = i, at = 0;
        for (int k = ndim - 1; k >= 0; k--) {
            at += rest % (size_t)count[k] * (size_t)step[k] * stride[k];
            rest /= (size_t)count[k];
        }
        sample[i] = data[at];
    }
    stats(s, data, n);
    if (put_data(&set, d->file, path, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, sample, count, ndim, &d->fault) == VB_OK &&
        put_attr(set, "shape", H5T_NATIVE_INT64, full, (hsize_t)ndim, &d->fault) == VB_OK &&
        put_attr(set, "step", H5T_NATIVE_INT64, step, (hsize_t)ndim, &d->fault) == VB_OK)
        put_attr(set, "stats", H5T_NATIVE_DOUBLE, s, N_STATS, &d->fault);
out:
    free(sample);
    if (set >= 0)
        H5Dclose(set);
    if (links >= 0)
        H5Pclose(links);
}

static void take_tensor(void *ctx, int frame, int object, const char *name, const float *data, const int64_t *shape, int ndim)
{
    vb_dump *d = ctx;
    size_t n = 1;

    if (d->fault.code != VB_OK)
        return;
    for (int i = 0; i < ndim; i++)
        n *= (size_t)shape[i];
    if (n == 0)
        return;
    if (object >= 0 && object < d->info.n_objects)
        take_row(d, frame, object, name, data, n, ndim > 1 ? (int)shape[ndim - 2] : 1, ndim > 0 ? (int)shape[ndim - 1] : 1);
    if (!d->info.trace || frame >= TRACED_FRAMES)
        return;
    for (int i = 0; i < N_COLUMNS; i++) /* columns are not traced, but for the memory, which is also an inner tensor */
        if (!strcmp(columns[i].tensor, name) && columns[i].rule != MEMORY_SAMPLES && strcmp(name, "maskmem_features"))
            return;
    put_trace(d, frame, name, data, shape, ndim, n);
}

/* --- open and close */

static vb_status put_prompt(hid_t at, const vb_prompt *p, vb_err *err)
{
    vb_status st = VB_OK;
    hid_t g = H5Gcreate2(at, "prompt", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    hsize_t shape[2] = {(hsize_t)p->n_points, 2};
    uint8_t *packed = NULL;

    if (g < 0)
        return vb_fail(err, VB_ESTORE, "HDF5: create group 'prompt'");
    if (p->n_points > 0) {
        if ((st = put_data(NULL, g, "points", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, p->xy, shape, 2, err)) != VB_OK ||
            (st = put_data(NULL, g, "labels", H5T_STD_I32LE, H5T_NATIVE_INT, p->label, shape, 1, err)) != VB_OK)
            goto out;
    }
    if (p->has_box) {
        shape[0] = 4;
        if ((st = put_data(NULL, g, "box", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, p->box, shape, 1, err)) != VB_OK)
            goto out;
    }
    if (p->has_mask) {
        shape[0] = (hsize_t)p->mask.h;
        shape[1] = (hsize_t)((p->mask.w + 7) / 8);
        if (!(packed = malloc((size_t)(shape[0] * shape[1])))) {
            st = vb_fail(err, VB_ENOMEM, "dump: prompt mask");
            goto out;
        }
        vb_mask_packbits(packed, &p->mask);
        st = put_data(NULL, g, "mask_packed", H5T_STD_U8LE, H5T_NATIVE_UINT8, packed, shape, 2, err);
    }
out:
    free(packed);
    H5Gclose(g);
    return st;
}

vb_status vb_dump_open(vb_dump **out, const char *path, const vb_dump_info *info, vb_err *err)
{
    vb_status st = VB_ESTORE;
    hsize_t n = (hsize_t)info->n_frames;
    unsigned long long seed = 0;
    vb_dump *d = calloc(1, sizeof *d);

    *out = NULL;
    if (!d || !(d->objects = calloc((size_t)info->n_objects, sizeof *d->objects))) {
        free(d);
        return vb_fail(err, VB_ENOMEM, "dump '%s'", path);
    }
    d->info = *info;
    d->probe = (vb_probe){d, info->trace, take_tensor};
    d->low_step = info->image_size < 512 ? 3 : 5;
    d->file = -1;
    for (int i = 0; i < info->n_objects; i++) {
        d->objects[i].seen = calloc((size_t)(info->n_frames - info->objects[i].track->start_frame) + 1, 1);
        if (!d->objects[i].seen) {
            st = vb_fail(err, VB_ENOMEM, "dump '%s'", path);
            goto out;
        }
    }
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    if ((d->file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)) < 0) {
        st = vb_fail(err, VB_ESTORE, "HDF5: create '%s'; does its folder exist, is it writable?", path);
        goto out;
    }
    sscanf(info->checkpoint, "seed:%llu", &seed);
    if ((st = put_text(d->file, "model", info->model, err)) == VB_OK && (st = put_int(d->file, "image_size", info->image_size, err)) == VB_OK &&
        (st = put_text(d->file, "checkpoint", info->checkpoint, err)) == VB_OK &&
        (st = put_int(d->file, "weights_seed", (int64_t)seed, err)) == VB_OK &&
        (st = put_text(d->file, "bank", vb_bank_name(info->bank), err)) == VB_OK &&
        (st = put_text(d->file, "dtype", vb_dtype_name(info->dtype), err)) == VB_OK &&
        (st = put_int(d->file, "fill_hole_area", info->fill_hole_area, err)) == VB_OK &&
        (st = put_text(d->file, "video", info->video, err)) == VB_OK && (st = put_int(d->file, "video_height", info->h, err)) == VB_OK &&
        (st = put_int(d->file, "video_width", info->w, err)) == VB_OK && (st = put_int(d->file, "low_step", d->low_step, err)) == VB_OK &&
        (st = put_text(d->file, "stats_columns", "sum,mean,mean_abs,min,max,std", err)) == VB_OK)
        st = put_data(NULL, d->file, "frame_order", H5T_STD_I32LE, H5T_NATIVE_INT, info->frame_order, &n, 1, err);
out:
    if (st == VB_OK)
        *out = d;
    else
        vb_dump_close(d, NULL);
    return st;
}

const vb_probe *vb_dump_probe(vb_dump *d) { return &d->probe; }

static vb_status put_column(hid_t g, const column *c, const cells *x, const unsigned char *seen, int n_rows, hsize_t n_seen, vb_err *err)
{
    vb_status st = VB_ESTORE;
    const size_t length = (size_t)((x->ndim > 0 ? x->shape[0] : 1) * (x->ndim > 1 ? x->shape[1] : 1));
    const hsize_t shape[3] = {n_seen, x->shape[0], x->shape[1]};
    hid_t set = -1;
    double *rows = malloc((size_t)n_seen * length * sizeof *rows), *to = rows;

    if (!rows)
        return vb_fail(err, VB_ENOMEM, "dump: column '%s'", c->name);
    for (int r = 0; r < n_rows; r++)
        if (seen[r]) {
            memcpy(to, x->rows + (size_t)r * length, length * sizeof *rows);
            to += length;
        }
    st = put_data(&set, g, c->name, file_type((int)c->type), H5T_NATIVE_DOUBLE, rows, shape, 1 + x->ndim, err);
    if (st == VB_OK)
        st = put_text(set, "note", c->note, err);
    if (set >= 0)
        H5Dclose(set);
    free(rows);
    return st;
}

static vb_status put_object(const vb_dump *d, int i, vb_err *err)
{
    const vb_dump_object *info = &d->info.objects[i];
    const object_rows *o = &d->objects[i];
    const int start = info->track->start_frame, n_rows = d->info.n_frames - start;
    const vb_prompt *p = info->track->prompt;
    vb_status st = VB_ESTORE;
    hsize_t n_seen = 0;
    char name[32];
    hid_t g = -1;
    int *frames = malloc(((size_t)n_rows + 1) * sizeof *frames);

    snprintf(name, sizeof name, "obj%d", info->obj_id);
    if (!frames || (g = H5Gcreate2(d->file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)) < 0) {
        st = vb_fail(err, frames ? VB_ESTORE : VB_ENOMEM, "dump: group '%s'", name);
        goto out;
    }
    if ((st = put_int(g, "obj_id", info->obj_id, err)) != VB_OK || (st = put_int(g, "prompt_frame", info->track->prompt_frame, err)) != VB_OK ||
        (st = put_text(g, "prompt_kind", p->has_mask ? "mask" : p->has_box ? "box" : "point", err)) != VB_OK ||
        (st = put_prompt(g, p, err)) != VB_OK)
        goto out;
    for (int r = 0; r < n_rows; r++)
        if (o->seen[r])
            frames[n_seen++] = start + r;
    if (n_seen == 0)
        goto out;
    if ((st = put_data(NULL, g, "frames", H5T_STD_I32LE, H5T_NATIVE_INT, frames, &n_seen, 1, err)) != VB_OK)
        goto out;
    for (int c = 0; c < N_COLUMNS; c++)
        if (o->cell[c].rows && (st = put_column(g, &columns[c], &o->cell[c], o->seen, n_rows, n_seen, err)) != VB_OK)
            goto out;
out:
    free(frames);
    if (g >= 0)
        H5Gclose(g);
    return st;
}

vb_status vb_dump_close(vb_dump *d, vb_err *err)
{
    vb_status st = VB_OK;

    if (!d)
        return VB_OK;
    if (d->fault.code != VB_OK)
        st = vb_fail(err, d->fault.code, "%s", d->fault.msg);
    for (int i = 0; d->file >= 0 && st == VB_OK && i < d->info.n_objects; i++)
        st = put_object(d, i, err);
    if (d->file >= 0 && H5Fclose(d->file) < 0 && st == VB_OK)
        st = vb_fail(err, VB_ESTORE, "HDF5: close the dump");
    for (int i = 0; i < d->info.n_objects; i++) {
        for (int c = 0; c < N_COLUMNS; c++)
            free(d->objects[i].cell[c].rows);
        free(d->objects[i].seen);
    }
    free(d->objects);
    free(d);
    return st;
}
