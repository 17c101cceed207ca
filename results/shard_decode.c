/* Shard, the reading half: hostile bytes -> vb_trial. Writing: shard_encode.c; values: shard_check.c.
 *
 * The HDF5 library trusts sizes in a file's header. So a table is read only when its type is exactly ours and its
 * storage is contiguous, in this file, and as long as its rows: nothing can claim more than the bytes that are there. */
#include "shard.h"

#include "hdf5_io.h"
#include "shard_check.h"
#include "shard_seal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static vb_status check_storage(hid_t set, const char *name, hsize_t bytes, vb_err *err)
{
    hid_t dcpl = H5Dget_create_plist(set);
    vb_status st = VB_OK;

    if (dcpl < 0 || H5Pget_layout(dcpl) != H5D_CONTIGUOUS || H5Pget_external_count(dcpl) != 0 || H5Pget_nfilters(dcpl) != 0 ||
        H5Dget_storage_size(set) != bytes)
        st = vb_h5_fail(err, VB_EFORMAT, "shard: '/%s' is not stored in one piece in the file", name);
    if (dcpl >= 0)
        H5Pclose(dcpl);
    return st;
}

/* Opens '/name' as a hard link to a one-dimensional dataset of exactly this type; *n gets its rows. */
static vb_status open_dataset(hid_t *out, int32_t *n, hid_t file, const char *name, hid_t expected, vb_err *err)
{
    H5L_info_t link;
    hid_t set = H5I_INVALID_HID, type = H5I_INVALID_HID, space = H5I_INVALID_HID;
    hsize_t dim = 0, most = 0;
    vb_status st = VB_EFORMAT;

    if (H5Lexists(file, name, H5P_DEFAULT) <= 0 || H5Lget_info(file, name, &link, H5P_DEFAULT) < 0 || link.type != H5L_TYPE_HARD) {
        st = vb_h5_fail(err, VB_EFORMAT, "shard: '/%s' is missing or a link elsewhere", name);
        goto out;
    }
    if ((set = H5Oopen(file, name, H5P_DEFAULT)) < 0 || H5Iget_type(set) != H5I_DATASET ||
        (type = H5Dget_type(set)) < 0 || (space = H5Dget_space(set)) < 0) {
        st = vb_h5_fail(err, VB_EFORMAT, "shard: '/%s' is no readable dataset", name);
        goto out;
    }
    if (H5Tequal(type, expected) <= 0) {
        st = vb_h5_fail(err, VB_EFORMAT, "shard: '/%s' has other columns than schema %d", name, VB_SHARD_SCHEMA);
        goto out;
    }
    if (H5Sget_simple_extent_ndims(space) != 1 || H5Sget_simple_extent_dims(space, &dim, &most) != 1 ||
        dim > INT32_MAX || dim > VB_SHARD_MAX_BYTES / H5Tget_size(type)) {
        st = vb_h5_fail(err, VB_EFORMAT, "shard: '/%s' is no plain table of its rows", name);
        goto out;
    }
    if ((st = check_storage(set, name, dim * H5Tget_size(type), err)))
        goto out;
    *out = set;
    *n = (int32_t)dim;
    set = H5I_INVALID_HID;
out:
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    if (set >= 0)
        H5Oclose(set);
    return st;
}

/* Reads all rows into *rows (malloc'ed, NULL when none). */
static vb_status read_dataset(void **rows, int32_t *n, hid_t file, const char *name, hid_t expected, hid_t memory_type,
                              vb_err *err)
{
    hid_t set = H5I_INVALID_HID;
    int32_t count = 0;
    void *buffer = NULL;
    vb_status st = open_dataset(&set, &count, file, name, expected, err);

    if (st == VB_OK && count > 0) {
        size_t row_bytes = H5Tget_size(memory_type);
        hid_t transfer = vb_h5_transfer((size_t)count * row_bytes, row_bytes);

        if (!(buffer = calloc((size_t)count, row_bytes)))
            st = vb_fail(err, VB_ENOMEM, "shard: '/%s' of %d rows", name, count);
        else if (transfer < 0 || H5Dread(set, memory_type, H5S_ALL, H5S_ALL, transfer, buffer) < 0)
            st = vb_h5_fail(err, VB_ESTORE, "shard: '/%s' cannot be read", name);
        if (transfer >= 0)
            H5Pclose(transfer);
    }
    if (set >= 0)
        H5Dclose(set);
    if (st) {
        free(buffer);
        return st;
    }
    *rows = buffer;
    *n = count;
    return VB_OK;
}

static vb_status read_table(void **rows, int32_t *n, hid_t file, const vb_table *t, vb_err *err)
{
    hid_t file_type = vb_h5_row_type(t, true), memory_type = vb_h5_row_type(t, false);
    vb_status st = file_type < 0 || memory_type < 0 ? vb_h5_fail(err, VB_ESTORE, "HDF5 type of '%s'", t->name)
                                                    : read_dataset(rows, n, file, t->name, file_type, memory_type, err);

    for (int c = 0; st == VB_OK && c < t->n_columns; c++)
        for (int32_t i = 0; t->columns[c].type == VB_COL_TEXT && i < *n; i++)
            ((char *)*rows)[(size_t)i * t->row_size + t->columns[c].offset + t->columns[c].size - 1] = 0;
    return st;
}

static vb_status read_masks(vb_trial *t, hid_t file, vb_err *err)
{
    void *rows = NULL, *text = NULL;
    int32_t n = 0, n_text = 0;
    vb_status st;

    if ((st = read_table(&rows, &n, file, &VB_TABLE_MASKS, err)) ||
        (st = read_dataset(&text, &n_text, file, "mask_rle", H5T_STD_U8LE, H5T_NATIVE_UINT8, err)))
        goto out;
    if (n > 0 && !(t->masks = calloc((size_t)n, sizeof *t->masks))) {
        st = vb_fail(err, VB_ENOMEM, "shard: %d masks", n);
        goto out;
    }
    for (int32_t i = 0; i < n; i++) {
        const vb_mask_span *s = (const vb_mask_span *)rows + i;

        if (s->rle_start < 0 || s->rle_bytes < 0 || s->rle_start > n_text || s->rle_bytes > n_text - s->rle_start ||
            (s->rle_bytes > 0 && memchr((const char *)text + s->rle_start, 0, (size_t)s->rle_bytes))) {
            st = vb_fail(err, VB_EFORMAT, "shard: /masks row %d does not lie in /mask_rle", i);
            goto out;
        }
        t->masks[i] = (vb_mask_row){s->object, s->frame_idx, malloc((size_t)s->rle_bytes + 1)};
        t->n_masks = i + 1;
        if (!t->masks[i].rle) {
            st = vb_fail(err, VB_ENOMEM, "shard: mask of %d bytes", s->rle_bytes);
            goto out;
        }
        if (s->rle_bytes > 0)
            memcpy(t->masks[i].rle, (const char *)text + s->rle_start, (size_t)s->rle_bytes);
        t->masks[i].rle[s->rle_bytes] = 0;
    }
out:
    free(text);
    free(rows);
    return st;
}

static vb_status read_overlays(vb_trial *t, hid_t file, vb_err *err)
{
    void *rows = NULL, *png = NULL;
    int32_t n = 0, n_png = 0;
    vb_status st;

    if ((st = read_table(&rows, &n, file, &VB_TABLE_OVERLAYS, err)) ||
        (st = read_dataset(&png, &n_png, file, "overlay_png", H5T_STD_U8LE, H5T_NATIVE_UINT8, err)))
        goto out;
    if (n > 0 && !(t->overlays = calloc((size_t)n, sizeof *t->overlays))) {
        st = vb_fail(err, VB_ENOMEM, "shard: %d overlays", n);
        goto out;
    }
    for (int32_t i = 0; i < n; i++) {
        const vb_overlay_span *s = (const vb_overlay_span *)rows + i;

        if (s->png_start < 0 || s->png_bytes < 1 || s->png_start > n_png || s->png_bytes > n_png - s->png_start) {
            st = vb_fail(err, VB_EFORMAT, "shard: /overlays row %d does not lie in /overlay_png", i);
            goto out;
        }
        t->overlays[i] = (vb_overlay_row){s->frame_idx, (uint32_t)s->png_bytes, malloc((size_t)s->png_bytes)};
        t->n_overlays = i + 1;
        if (!t->overlays[i].png) {
            st = vb_fail(err, VB_ENOMEM, "shard: overlay of %d bytes", s->png_bytes);
            goto out;
        }
        memcpy(t->overlays[i].png, (const uint8_t *)png + s->png_start, (size_t)s->png_bytes);
    }
out:
    free(png);
    free(rows);
    return st;
}

static vb_status read_key(vb_trial_key *k, hid_t file, vb_err *err)
{
    char tag[VB_TAG_MAX], again[VB_TAG_MAX];
    int64_t schema, repetition;
    vb_status st;

    if ((st = vb_h5_get_int(&schema, file, "schema", err)) ||
        (st = vb_h5_get_text(k->video, sizeof k->video, file, "video", err)) ||
        (st = vb_h5_get_text(tag, sizeof tag, file, "tag", err)) ||
        (st = vb_h5_get_int(&repetition, file, "repetition", err)))
        return st;
    if (schema != VB_SHARD_SCHEMA)
        return vb_fail(err, VB_EFORMAT, "shard of schema %lld; this savbench reads %d", (long long)schema, VB_SHARD_SCHEMA);
    if (!vb_name_ok(k->video) || repetition < 0 || repetition > INT_MAX ||
        vb_variant_parse_tag(&k->variant, tag, NULL) != VB_OK || !vb_name_ok(k->variant.setup.model))
        return vb_fail(err, VB_EFORMAT, "shard: its video, tag or repetition is malformed");
    vb_variant_tag(again, &k->variant);
    if (strcmp(tag, again) != 0)
        return vb_fail(err, VB_EFORMAT, "shard: tag '%.100s' is not written as '%.100s'", tag, again);
    k->repetition = (int)repetition;
    return VB_OK;
}

static vb_status read_attributes(vb_trial *t, hid_t file, vb_err *err)
{
    vb_status st = read_key(&t->key, file, err);

    for (int i = 0; st == VB_OK && i < VB_TABLE_TRIAL.n_columns; i++) {
        const vb_column *c = &VB_TABLE_TRIAL.columns[i];
        char *at = (char *)t + c->offset;
        int64_t v = 0;

        if (c->type == VB_COL_TEXT)
            st = vb_h5_get_text(at, c->size, file, c->name, err);
        else if (c->type == VB_COL_F64)
            st = vb_h5_get_double((double *)(void *)at, file, c->name, err);
        else if ((st = vb_h5_get_int(&v, file, c->name, err)) == VB_OK) {
            if (c->type == VB_COL_I64)
                *(int64_t *)(void *)at = v;
            else if (v >= INT32_MIN && v <= INT32_MAX)
                *(int32_t *)(void *)at = (int32_t)v;
            else
                st = vb_fail(err, VB_EFORMAT, "shard: attribute '%s' is out of range", c->name);
        }
    }
    return st;
}

vb_status vb_shard_decode(vb_trial *out, const uint8_t *bytes, size_t n, vb_err *err)
{
    const uint8_t *image;
    size_t image_n;
    void *rows;
    vb_trial t = {0};
    hid_t fapl = H5I_INVALID_HID, file = H5I_INVALID_HID;
    vb_status st = vb_shard_unseal(&image, &image_n, bytes, n, err);

    if (st)
        return st;
    vb_h5_quiet();
    /* HDF5 takes a pointer to non-const and copies the image. */
    if ((fapl = H5Pcreate(H5P_FILE_ACCESS)) < 0 || H5Pset_fapl_core(fapl, 256 << 10, false) < 0 ||
        H5Pset_file_image(fapl, (void *)(uintptr_t)image, image_n) < 0 ||
        (file = H5Fopen("shard", H5F_ACC_RDONLY, fapl)) < 0) {
        st = vb_h5_fail(err, VB_ESTORE, "shard: HDF5 does not open it");
        goto out;
    }
#define READ(field, count, table)                                              \
    if ((st = read_table(&rows, &t.count, file, &(table), err)) != VB_OK)      \
        goto out;                                                              \
    t.field = rows
    if ((st = read_attributes(&t, file, err)))
        goto out;
    READ(frames, n_frames, VB_TABLE_FRAMES);
    READ(scores, n_scores, VB_TABLE_SCORES);
    READ(objects, n_objects, VB_TABLE_OBJECTS);
    READ(attention, n_attention, VB_TABLE_ATTENTION);
    READ(telemetry, n_telemetry, VB_TABLE_TELEMETRY);
    READ(sensors, n_sensors, VB_TABLE_SENSORS);
#undef READ
    if ((st = read_masks(&t, file, err)) || (st = read_overlays(&t, file, err)) || (st = vb_shard_check(&t, err)))
        goto out;
    *out = t;
    t = (vb_trial){0};
out:
    vb_trial_deinit(&t);
    if (file >= 0)
        H5Fclose(file);
    if (fapl >= 0)
        H5Pclose(fapl);
    return st;
}
