/* results.h5, column by column; see columnar.h. */
#include "columnar.h"

#include "agreement.h"
#include "hash.h"
#include "hdf5_io.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CHUNK_ROWS 32768
#define CHUNK_BYTES (1u << 20) /* of a wide text column */
#define GZIP_LEVEL 4
#define RESULTS_SCHEMA 1

#define INDEX(field, kind, unit) \
    {#field, unit, VB_COL_##kind, offsetof(vb_index_row, field), sizeof(((vb_index_row *)0)->field)}
static const vb_column index_columns[] = {
    INDEX(video, TEXT, ""),           INDEX(tag, TEXT, ""),
    INDEX(model, TEXT, ""),           INDEX(prompt, TEXT, ""),
    INDEX(dtype, TEXT, ""),           INDEX(bank_dtype, TEXT, ""),
    INDEX(mode, TEXT, ""),            INDEX(shard_sha256, TEXT, ""),
    INDEX(image_size, I32, "pixels"), INDEX(repetition, I32, "1"),
    INDEX(frames_start, I64, "1"),    INDEX(frames_count, I64, "1"),
    INDEX(scores_start, I64, "1"),    INDEX(scores_count, I64, "1"),
    INDEX(objects_start, I64, "1"),   INDEX(objects_count, I64, "1"),
    INDEX(masks_start, I64, "1"),     INDEX(masks_count, I64, "1"),
    INDEX(attention_start, I64, "1"), INDEX(attention_count, I64, "1"),
    INDEX(agreement_start, I64, "1"), INDEX(agreement_count, I64, "1"),
    INDEX(telemetry_start, I64, "1"), INDEX(telemetry_count, I64, "1"),
    INDEX(sensors_start, I64, "1"),   INDEX(sensors_count, I64, "1"),
};
static const vb_table index_table = {"trials", sizeof(vb_index_row), (int)(sizeof index_columns / sizeof *index_columns),
                                     index_columns};
static const vb_column trial_number[] = {{"trial", "1", VB_COL_I32, 0, sizeof(int32_t)}};
static const vb_column rle_byte[] = {{"rle", "bytes", VB_COL_U8, 0, 1}};
static const vb_table rle_table = {"masks", 1, 1, rle_byte};

/* One column: its dataset and the values that are not written yet. */
typedef struct {
    const vb_column *what;
    hid_t set, type;
    size_t room, held; /* rows */
    hsize_t written;
    char *values;
} column;

/* Columns of one C row type in one group. */
typedef struct {
    const vb_table *table;
    hid_t group;
    column *columns;
    int64_t rows;
} part;

/* The first ones have a column "trial" beside them. */
enum { FRAMES, SCORES, OBJECTS, MASKS, ATTENTION, AGREEMENT, TELEMETRY, SENSORS, NUMBERED, INDEX_PART = NUMBERED, TRIAL_PART, RLE,
       NUMBERS, PARTS = NUMBERS + NUMBERED };

struct vb_columnar {
    hid_t file;
    part parts[PARTS]; /* NUMBERS + k: the column "trial" of part k */
    vb_table numbers[NUMBERED];
};

static hid_t column_layout(hsize_t rows)
{
    hid_t dcpl = H5Pcreate(H5P_DATASET_CREATE);

    if (dcpl >= 0 && (H5Pset_obj_track_times(dcpl, false) < 0 || H5Pset_chunk(dcpl, 1, &rows) < 0 || H5Pset_shuffle(dcpl) < 0 ||
                      H5Pset_deflate(dcpl, GZIP_LEVEL) < 0 || H5Pset_fletcher32(dcpl) < 0)) {
        H5Pclose(dcpl);
        dcpl = H5I_INVALID_HID;
    }
    return dcpl;
}

static vb_status open_column(column *c, const vb_column *what, vb_err *err)
{
    c->what = what;
    c->room = what->size * CHUNK_ROWS > CHUNK_BYTES ? CHUNK_BYTES / what->size : CHUNK_ROWS;
    if (!(c->values = malloc(c->room * what->size)))
        return vb_fail(err, VB_ENOMEM, "results.h5: column '%s'", what->name);
    return (c->type = vb_h5_column_type(what, false)) < 0 ? vb_h5_fail(err, VB_ESTORE, "results.h5: type of '%s'", what->name) : VB_OK;
}

/* Made with the first rows, when it is known whether they fill a chunk: HDF5 compresses and checksums the empty rest too. */
static vb_status create_column(column *c, hid_t group, vb_err *err)
{
    const hsize_t none = 0, unlimited = H5S_UNLIMITED;
    hid_t space = H5Screate_simple(1, &none, &unlimited), file_type = vb_h5_column_type(c->what, true);
    hid_t dcpl = column_layout(c->held ? c->held : c->room);
    vb_status st = VB_OK;

    if (space < 0 || file_type < 0 || dcpl < 0 ||
        (c->set = H5Dcreate2(group, c->what->name, file_type, space, H5P_DEFAULT, dcpl, H5P_DEFAULT)) < 0)
        st = vb_h5_fail(err, VB_ESTORE, "results.h5: create column '%s'", c->what->name);
    else if (c->what->unit[0])
        st = vb_h5_put_text(c->set, "unit", c->what->unit, err);
    if (dcpl >= 0)
        H5Pclose(dcpl);
    if (file_type >= 0)
        H5Tclose(file_type);
    if (space >= 0)
        H5Sclose(space);
    return st;
}

static vb_status flush_column(column *c, hid_t group, vb_err *err)
{
    hsize_t n = c->held, total = c->written + c->held, at = c->written;
    hid_t memory = H5I_INVALID_HID, space = H5I_INVALID_HID;
    vb_status st = c->set < 0 ? create_column(c, group, err) : VB_OK;

    if (st || n == 0)
        return st;
    if (H5Dset_extent(c->set, &total) < 0 || (memory = H5Screate_simple(1, &n, NULL)) < 0 || (space = H5Dget_space(c->set)) < 0 ||
        H5Sselect_hyperslab(space, H5S_SELECT_SET, &at, NULL, &n, NULL) < 0 ||
        H5Dwrite(c->set, c->type, memory, space, H5P_DEFAULT, c->values) < 0)
        st = vb_h5_fail(err, VB_ESTORE, "results.h5: write column '%s'", c->what->name);
    if (space >= 0)
        H5Sclose(space);
    if (memory >= 0)
        H5Sclose(memory);
    c->written = total;
    c->held = 0;
    return st;
}

static vb_status open_part(part *p, hid_t file, const vb_table *t, vb_err *err)
{
    vb_status st = VB_OK;

    p->table = t;
    p->group = H5Lexists(file, t->name, H5P_DEFAULT) > 0 ? H5Gopen2(file, t->name, H5P_DEFAULT)
                                                         : H5Gcreate2(file, t->name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (p->group < 0)
        return vb_h5_fail(err, VB_ESTORE, "results.h5: group '%s'", t->name);
    if (!(p->columns = calloc((size_t)t->n_columns, sizeof *p->columns)))
        st = vb_fail(err, VB_ENOMEM, "results.h5: group '%s'", t->name);
    for (int i = 0; p->columns && i < t->n_columns; i++)
        p->columns[i].set = p->columns[i].type = H5I_INVALID_HID;
    for (int i = 0; st == VB_OK && i < t->n_columns; i++)
        st = open_column(&p->columns[i], &t->columns[i], err);
    return st;
}

static vb_status append(part *p, const void *rows, int64_t n, vb_err *err)
{
    vb_status st = VB_OK;

    for (int k = 0; st == VB_OK && k < p->table->n_columns; k++) {
        column *c = &p->columns[k];
        const char *from = (const char *)rows + c->what->offset;

        for (int64_t i = 0; st == VB_OK && i < n; i++, from += p->table->row_size) {
            char *to = c->values + c->held * c->what->size;

            if (c->what->type == VB_COL_TEXT) {
                size_t used = strnlen(from, c->what->size - 1);

                memcpy(to, from, used);
                memset(to + used, 0, c->what->size - used);
            } else
                memcpy(to, from, c->what->size);
            if (++c->held == c->room)
                st = flush_column(c, p->group, err);
        }
    }
    p->rows += n;
    return st;
}

vb_status vb_columnar_create(vb_columnar **out, const char *path, const char *records_key, vb_err *err)
{
    static const vb_table *const tables[NUMBERS] = {&VB_TABLE_FRAMES,    &VB_TABLE_SCORES, &VB_TABLE_OBJECTS,
                                                    &VB_TABLE_MASKS,     &VB_TABLE_ATTENTION, &VB_TABLE_AGREEMENT,
                                                    &VB_TABLE_TELEMETRY, &VB_TABLE_SENSORS, &index_table,        &VB_TABLE_TRIAL,  &rle_table};
    vb_columnar *c = calloc(1, sizeof *c);
    vb_table trials = VB_TABLE_TRIAL;
    vb_status st;

    if (!c)
        return vb_fail(err, VB_ENOMEM, "results.h5");
    vb_h5_quiet();
    if ((c->file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)) < 0) {
        st = vb_h5_fail(err, VB_ESTORE, "create '%s'", path);
        goto fail;
    }
    if ((st = vb_h5_put_int(c->file, "schema", RESULTS_SCHEMA, err)) ||
        (st = vb_h5_put_text(c->file, "records_sha256", records_key, err)))
        goto fail;
    for (int i = 0; i < NUMBERS; i++) {
        trials.name = "trials"; /* its columns stand beside the index */
        if ((st = open_part(&c->parts[i], c->file, i == TRIAL_PART ? &trials : tables[i], err)))
            goto fail;
        c->parts[i].table = tables[i];
    }
    for (int i = 0; i < NUMBERED; i++) {
        c->numbers[i] = (vb_table){tables[i]->name, sizeof(int32_t), 1, trial_number};
        if ((st = open_part(&c->parts[NUMBERS + i], c->file, &c->numbers[i], err)))
            goto fail;
    }
    *out = c;
    return VB_OK;
fail:
    vb_columnar_free(c);
    return st;
}

/* Rows of part k with the number of the trial beside each. */
static vb_status append_numbered(vb_columnar *c, int k, int32_t trial, const void *rows, int64_t n, vb_err *err)
{
    vb_status st = append(&c->parts[k], rows, n, err);

    for (int64_t i = 0; st == VB_OK && i < n; i++)
        st = append(&c->parts[NUMBERS + k], &trial, 1, err);
    return st;
}

static vb_status append_masks(vb_columnar *c, int32_t trial, const vb_trial *t, vb_err *err)
{
    vb_status st = VB_OK;

    for (int32_t i = 0; st == VB_OK && i < t->n_masks; i++) {
        const vb_mask_row *m = &t->masks[i];
        vb_mask_span span = {m->object, m->frame_idx, c->parts[RLE].rows, (int32_t)strlen(m->rle)};

        if ((st = append_numbered(c, MASKS, trial, &span, 1, err)) == VB_OK)
            st = append(&c->parts[RLE], m->rle, span.rle_bytes, err);
    }
    return st;
}

vb_status vb_columnar_add(vb_columnar *c, const vb_trial *t, const char *shard_sha256, const void *agreement,
                          int64_t n_agreement, vb_err *err)
{
    const vb_variant *v = &t->key.variant;
    int32_t trial = (int32_t)c->parts[INDEX_PART].rows;
    vb_index_row r = {.image_size = v->setup.image_size,
                      .repetition = t->key.repetition,
                      .frames_start = c->parts[FRAMES].rows,
                      .frames_count = t->n_frames,
                      .scores_start = c->parts[SCORES].rows,
                      .scores_count = t->n_scores,
                      .objects_start = c->parts[OBJECTS].rows,
                      .objects_count = t->n_objects,
                      .masks_start = c->parts[MASKS].rows,
                      .masks_count = t->n_masks,
                      .attention_start = c->parts[ATTENTION].rows,
                      .attention_count = t->n_attention,
                      .agreement_start = c->parts[AGREEMENT].rows,
                      .agreement_count = n_agreement,
                      .telemetry_start = c->parts[TELEMETRY].rows,
                      .telemetry_count = t->n_telemetry,
                      .sensors_start = c->parts[SENSORS].rows,
                      .sensors_count = t->n_sensors};
    vb_status st;

    vb_variant_tag(r.tag, v);
    snprintf(r.video, sizeof r.video, "%s", t->key.video);
    snprintf(r.model, sizeof r.model, "%s", v->setup.model);
    snprintf(r.prompt, sizeof r.prompt, "%s", vb_prompt_kind_name(v->setup.prompt));
    snprintf(r.dtype, sizeof r.dtype, "%s", vb_dtype_name(v->dtype));
    snprintf(r.bank_dtype, sizeof r.bank_dtype, "%s", vb_bank_name(v->bank));
    snprintf(r.mode, sizeof r.mode, "%s", vb_mode_name(v->mode));
    snprintf(r.shard_sha256, sizeof r.shard_sha256, "%s", shard_sha256);
    if ((st = append_numbered(c, FRAMES, trial, t->frames, t->n_frames, err)) ||
        (st = append_numbered(c, SCORES, trial, t->scores, t->n_scores, err)) ||
        (st = append_numbered(c, OBJECTS, trial, t->objects, t->n_objects, err)) || (st = append_masks(c, trial, t, err)) ||
        (st = append_numbered(c, ATTENTION, trial, t->attention, t->n_attention, err)) ||
        (st = append_numbered(c, AGREEMENT, trial, agreement, n_agreement, err)) ||
        (st = append_numbered(c, TELEMETRY, trial, t->telemetry, t->n_telemetry, err)) ||
        (st = append_numbered(c, SENSORS, trial, t->sensors, t->n_sensors, err)) ||
        (st = append(&c->parts[INDEX_PART], &r, 1, err)))
        return st;
    return append(&c->parts[TRIAL_PART], t, 1, err);
}

vb_status vb_columnar_finish(vb_columnar *c, vb_err *err)
{
    vb_status st = VB_OK;

    for (int i = 0; i < PARTS; i++)
        for (int k = 0; st == VB_OK && k < c->parts[i].table->n_columns; k++)
            st = flush_column(&c->parts[i].columns[k], c->parts[i].group, err);
    /* All is written here: what fails at closing is then of no account. */
    if (st == VB_OK && H5Fflush(c->file, H5F_SCOPE_GLOBAL) < 0)
        st = vb_h5_fail(err, VB_ESTORE, "results.h5: flush");
    vb_columnar_free(c);
    return st;
}

void vb_columnar_free(vb_columnar *c)
{
    if (!c)
        return;
    for (int i = 0; i < PARTS; i++) {
        for (int k = 0; c->parts[i].columns && k < c->parts[i].table->n_columns; k++) {
            column *col = &c->parts[i].columns[k];

            free(col->values);
            if (col->set >= 0)
                H5Dclose(col->set);
            if (col->type >= 0)
                H5Tclose(col->type);
        }
        free(c->parts[i].columns);
        if (c->parts[i].group > 0)
            H5Gclose(c->parts[i].group);
    }
    if (c->file >= 0)
        H5Fclose(c->file);
    free(c);
}

vb_status vb_columnar_hash(char out[65], const char *path, vb_err *err)
{
    struct stat info;

    out[0] = 0;
    if (lstat(path, &info) ? errno == ENOENT : S_ISLNK(info.st_mode))
        return VB_OK;
    return vb_sha256_file(out, path, err);
}
