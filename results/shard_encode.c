/* Shard, the writing half: vb_trial -> HDF5 image in memory -> sealed bytes. Reading: shard_decode.c. */
#include "shard.h"

#include "hdf5_io.h"
#include "shard_seal.h"

#include <stdlib.h>
#include <string.h>

/* A dataset's creation list: contiguous, no time stamps, so that equal trials give equal bytes. */
static hid_t plain_layout(void)
{
    hid_t dcpl = H5Pcreate(H5P_DATASET_CREATE);

    if (dcpl >= 0 && (H5Pset_obj_track_times(dcpl, false) < 0 || H5Pset_layout(dcpl, H5D_CONTIGUOUS) < 0)) {
        H5Pclose(dcpl);
        dcpl = H5I_INVALID_HID;
    }
    return dcpl;
}

/* Creates dataset name [n] of a type and writes rows into it; units may be NULL. */
static vb_status put_dataset(hid_t file, const char *name, hid_t file_type, hid_t memory_type, const void *rows, int64_t n,
                             const vb_table *units, vb_err *err)
{
    vb_status st;
    hsize_t dim = (hsize_t)n;
    size_t row_bytes = memory_type < 0 ? 0 : H5Tget_size(memory_type);
    hid_t dcpl = plain_layout(), space = H5Screate_simple(1, &dim, NULL), set = H5I_INVALID_HID;
    hid_t transfer = vb_h5_transfer((size_t)n * row_bytes, row_bytes);

    if (dcpl < 0 || space < 0 || transfer < 0 || file_type < 0 || memory_type < 0 ||
        (set = H5Dcreate2(file, name, file_type, space, H5P_DEFAULT, dcpl, H5P_DEFAULT)) < 0 ||
        (n > 0 && H5Dwrite(set, memory_type, H5S_ALL, H5S_ALL, transfer, rows) < 0)) {
        st = vb_h5_fail(err, VB_ESTORE, "shard: write '/%s' [%lld]", name, (long long)n);
        goto out;
    }
    st = units ? vb_h5_put_units(set, units, err) : VB_OK;
out:
    if (set >= 0 && H5Dclose(set) < 0 && st == VB_OK)
        st = vb_h5_fail(err, VB_ESTORE, "shard: close '/%s'", name);
    if (space >= 0)
        H5Sclose(space);
    if (dcpl >= 0)
        H5Pclose(dcpl);
    if (transfer >= 0)
        H5Pclose(transfer);
    return st;
}

static vb_status put_table(hid_t file, const vb_table *t, const void *rows, int64_t n, vb_err *err)
{
    hid_t file_type = vb_h5_row_type(t, true), memory_type = vb_h5_row_type(t, false);
    size_t bytes = (size_t)n * t->row_size;
    char *copy = malloc(bytes ? bytes : 1);
    vb_status st;

    if (!copy) {
        st = vb_fail(err, VB_ENOMEM, "shard: %zu bytes for '/%s'", bytes, t->name);
        goto out;
    }
    if (bytes)
        memcpy(copy, rows, bytes);
    /* What a caller's buffer holds behind a NUL has no place in a file. */
    for (int c = 0; c < t->n_columns; c++)
        for (int64_t i = 0; t->columns[c].type == VB_COL_TEXT && i < n; i++) {
            char *text = copy + (size_t)i * t->row_size + t->columns[c].offset;
            size_t used = strnlen(text, t->columns[c].size - 1);

            memset(text + used, 0, t->columns[c].size - used);
        }
    st = put_dataset(file, t->name, file_type, memory_type, copy, n, t, err);
out:
    free(copy);
    return st;
}

static vb_status put_masks(hid_t file, const vb_trial *t, vb_err *err)
{
    vb_status st = VB_ENOMEM;
    size_t total = 0, at = 0;
    vb_mask_span *spans = calloc(t->n_masks > 0 ? (size_t)t->n_masks : 1, sizeof *spans);
    char *text = NULL;

    for (int32_t i = 0; i < t->n_masks; i++)
        total += strlen(t->masks[i].rle);
    text = malloc(total ? total : 1);
    if (!spans || !text) {
        vb_fail(err, VB_ENOMEM, "shard: %zu bytes of masks", total);
        goto out;
    }
    for (int32_t i = 0; i < t->n_masks; i++) {
        size_t n = strlen(t->masks[i].rle);

        spans[i] = (vb_mask_span){t->masks[i].object, t->masks[i].frame_idx, (int64_t)at, (int32_t)n};
        memcpy(text + at, t->masks[i].rle, n);
        at += n;
    }
    if ((st = put_table(file, &VB_TABLE_MASKS, spans, t->n_masks, err)))
        goto out;
    st = put_dataset(file, "mask_rle", H5T_STD_U8LE, H5T_NATIVE_UINT8, text, (int64_t)total, NULL, err);
out:
    free(text);
    free(spans);
    return st;
}

static vb_status put_overlays(hid_t file, const vb_trial *t, vb_err *err)
{
    vb_status st = VB_ENOMEM;
    size_t total = 0, at = 0;
    vb_overlay_span *spans = calloc(t->n_overlays > 0 ? (size_t)t->n_overlays : 1, sizeof *spans);
    uint8_t *png = NULL;

    for (int32_t i = 0; i < t->n_overlays; i++)
        total += t->overlays[i].n_bytes;
    png = malloc(total ? total : 1);
    if (!spans || !png) {
        vb_fail(err, VB_ENOMEM, "shard: %zu bytes of overlays", total);
        goto out;
    }
    for (int32_t i = 0; i < t->n_overlays; i++) {
        const vb_overlay_row *o = &t->overlays[i];

        spans[i] = (vb_overlay_span){o->frame_idx, (int64_t)at, (int32_t)o->n_bytes};
        memcpy(png + at, o->png, o->n_bytes);
        at += o->n_bytes;
    }
    if ((st = put_table(file, &VB_TABLE_OVERLAYS, spans, t->n_overlays, err)))
        goto out;
    st = put_dataset(file, "overlay_png", H5T_STD_U8LE, H5T_NATIVE_UINT8, png, (int64_t)total, NULL, err);
out:
    free(png);
    free(spans);
    return st;
}

static vb_status put_key(hid_t file, const vb_trial_key *k, vb_err *err)
{
    char tag[VB_TAG_MAX];
    vb_status st;

    vb_variant_tag(tag, &k->variant);
    if ((st = vb_h5_put_int(file, "schema", VB_SHARD_SCHEMA, err)) ||
        (st = vb_h5_put_text(file, "video", k->video, err)) || (st = vb_h5_put_text(file, "tag", tag, err)) ||
        (st = vb_h5_put_int(file, "repetition", k->repetition, err)) ||
        (st = vb_h5_put_text(file, "model", k->variant.setup.model, err)) ||
        (st = vb_h5_put_text(file, "prompt", vb_prompt_kind_name(k->variant.setup.prompt), err)) ||
        (st = vb_h5_put_int(file, "image_size", k->variant.setup.image_size, err)) ||
        (st = vb_h5_put_text(file, "dtype", vb_dtype_name(k->variant.dtype), err)) ||
        (st = vb_h5_put_text(file, "bank_dtype", vb_bank_name(k->variant.bank), err)))
        return st;
    return vb_h5_put_text(file, "mode", vb_mode_name(k->variant.mode), err);
}

static vb_status put_attributes(hid_t file, const vb_trial *t, vb_err *err)
{
    vb_status st = put_key(file, &t->key, err);

    for (int i = 0; st == VB_OK && i < VB_TABLE_TRIAL.n_columns; i++) {
        const vb_column *c = &VB_TABLE_TRIAL.columns[i];
        const char *at = (const char *)t + c->offset;

        if (c->type == VB_COL_TEXT)
            st = vb_h5_put_text(file, c->name, at, err);
        else if (c->type == VB_COL_F64)
            st = vb_h5_put_double(file, c->name, *(const double *)(const void *)at, err);
        else if (c->type == VB_COL_I64)
            st = vb_h5_put_int(file, c->name, *(const int64_t *)(const void *)at, err);
        else
            st = vb_h5_put_int(file, c->name, *(const int32_t *)(const void *)at, err);
    }
    return st;
}

static vb_status take_image(uint8_t **bytes, size_t *n, hid_t file, vb_err *err)
{
    ssize_t size;
    uint8_t *b;

    if (H5Fflush(file, H5F_SCOPE_GLOBAL) < 0 || (size = H5Fget_file_image(file, NULL, 0)) <= 0)
        return vb_h5_fail(err, VB_ESTORE, "shard: no file image");
    if ((size_t)size + VB_SEAL_BYTES > VB_SHARD_MAX_BYTES)
        return vb_fail(err, VB_ESTORE, "shard of %zd bytes: the limit is %u; --save-masks annotated or none keeps it small",
                       size, VB_SHARD_MAX_BYTES);
    if (!(b = malloc((size_t)size + VB_SEAL_BYTES)))
        return vb_fail(err, VB_ENOMEM, "shard: %zd bytes for the file image", size);
    if (H5Fget_file_image(file, b + VB_SEAL_BYTES, (size_t)size) != size) {
        free(b);
        return vb_h5_fail(err, VB_ESTORE, "shard: file image cannot be taken");
    }
    *bytes = b;
    *n = (size_t)size + VB_SEAL_BYTES;
    return VB_OK;
}

vb_status vb_shard_encode(uint8_t **bytes, size_t *n, const vb_trial *t, vb_err *err)
{
    vb_status st;
    uint8_t *b = NULL;
    size_t size = 0;
    hid_t fapl, file = H5I_INVALID_HID;

    vb_h5_quiet();
    if ((fapl = H5Pcreate(H5P_FILE_ACCESS)) < 0 || H5Pset_fapl_core(fapl, 256 << 10, false) < 0 ||
        (file = H5Fcreate("shard", H5F_ACC_TRUNC, H5P_DEFAULT, fapl)) < 0) {
        st = vb_h5_fail(err, VB_ESTORE, "shard: HDF5 image cannot be created");
        goto out;
    }
    if ((st = put_attributes(file, t, err)) ||
        (st = put_table(file, &VB_TABLE_FRAMES, t->frames, t->n_frames, err)) ||
        (st = put_table(file, &VB_TABLE_SCORES, t->scores, t->n_scores, err)) ||
        (st = put_table(file, &VB_TABLE_OBJECTS, t->objects, t->n_objects, err)) ||
        (st = put_masks(file, t, err)) || (st = put_overlays(file, t, err)) ||
        (st = put_table(file, &VB_TABLE_ATTENTION, t->attention, t->n_attention, err)) ||
        (st = put_table(file, &VB_TABLE_TELEMETRY, t->telemetry, t->n_telemetry, err)) ||
        (st = put_table(file, &VB_TABLE_SENSORS, t->sensors, t->n_sensors, err)) ||
        (st = take_image(&b, &size, file, err)))
        goto out;
    if ((st = vb_shard_seal(b, b + VB_SEAL_BYTES, size - VB_SEAL_BYTES, err)))
        goto out;
    *bytes = b;
    *n = size;
    b = NULL;
out:
    free(b);
    if (file >= 0)
        H5Fclose(file);
    if (fapl >= 0)
        H5Pclose(fapl);
    return st;
}
