/* Golden case files in C; see golden_case.h. */
#include "golden_case.h"

#include "image_io.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int attr_int(hid_t at, const char *name)
{
    int v = 0;
    hid_t a = H5Aopen(at, name, H5P_DEFAULT);

    if (a >= 0) {
        H5Aread(a, H5T_NATIVE_INT, &v);
        H5Aclose(a);
    }
    return v;
}

/* h5py writes strings of variable length. */
static void attr_text(char *out, size_t n, hid_t at, const char *name)
{
    hid_t a = H5Aopen(at, name, H5P_DEFAULT);
    hid_t type = a < 0 ? -1 : H5Aget_type(a);
    char *text = NULL;

    *out = 0;
    if (type >= 0 && H5Tis_variable_str(type) > 0 && H5Aread(a, type, &text) >= 0 && text) {
        snprintf(out, n, "%s", text);
        free(text);
    }
    if (type >= 0)
        H5Tclose(type);
    if (a >= 0)
        H5Aclose(a);
}

static int length_of(hid_t at, const char *name)
{
    hsize_t shape[4] = {0};
    hid_t set = H5Lexists(at, name, H5P_DEFAULT) > 0 ? H5Dopen2(at, name, H5P_DEFAULT) : -1;

    if (set < 0)
        return 0;
    hid_t space = H5Dget_space(set);
    H5Sget_simple_extent_dims(space, shape, NULL);
    H5Sclose(space);
    H5Dclose(set);
    return (int)shape[0];
}

static void read_data(hid_t at, const char *name, hid_t type, void *to)
{
    hid_t set = H5Dopen2(at, name, H5P_DEFAULT);

    if (set >= 0) {
        H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, to);
        H5Dclose(set);
    }
}

void golden_read(const golden_case *c, int object, const char *name, hid_t type, void *to)
{
    char path[128];

    snprintf(path, sizeof path, "obj%d/%s", c->obj_id[object], name);
    read_data(c->file, path, type, to);
}

static vb_status read_prompt(vb_prompt *p, hid_t g, int h, int w, vb_err *err)
{
    p->n_points = length_of(g, "points");
    if (p->n_points > VB_MAX_POINTS)
        return vb_fail(err, VB_EFORMAT, "%d points", p->n_points);
    if (p->n_points) {
        read_data(g, "points", H5T_NATIVE_FLOAT, p->xy);
        read_data(g, "labels", H5T_NATIVE_INT, p->label);
    }
    if ((p->has_box = length_of(g, "box") == 4))
        read_data(g, "box", H5T_NATIVE_FLOAT, p->box);
    if ((p->has_mask = length_of(g, "mask_packed") == h)) {
        vb_status st = vb_mask_init(&p->mask, h, w, err);
        uint8_t *packed = malloc((size_t)h * (size_t)((w + 7) / 8));
        if (st == VB_OK && packed) {
            read_data(g, "mask_packed", H5T_NATIVE_UINT8, packed);
            vb_mask_unpackbits(&p->mask, packed);
        }
        free(packed);
        return st;
    }
    return VB_OK;
}

vb_status golden_open(golden_case *c, const char *path, vb_err *err)
{
    char overrides[256], seed[16], name[32];

    memset(c, 0, sizeof *c);
    if ((c->file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT)) < 0)
        return vb_fail(err, VB_EIO, "cannot open golden case '%s'", path);
    attr_text(c->model, sizeof c->model, c->file, "model");
    attr_text(c->bank, sizeof c->bank, c->file, "bank");
    attr_text(c->video, sizeof c->video, c->file, "video");
    snprintf(seed, sizeof seed, "%d", attr_int(c->file, "weights_seed"));
    snprintf(c->weights, sizeof c->weights, "seed:%s", seed);
    attr_text(overrides, sizeof overrides, c->file, "weights_overrides");
    if (sscanf(overrides, "{\"%127[^\"]\": %lf", c->fill_key, &c->fill.value) == 2)
        c->fill.key = c->fill_key;
    c->image_size = attr_int(c->file, "image_size");
    c->fill_hole_area = attr_int(c->file, "fill_hole_area");
    c->h = attr_int(c->file, "video_height");
    c->w = attr_int(c->file, "video_width");
    c->traced = H5Lexists(c->file, "trace", H5P_DEFAULT) > 0;
    c->n_frames = length_of(c->file, "frame_order");
    if (c->n_frames < 1 || c->n_frames > GOLDEN_MAX_FRAMES)
        return vb_fail(err, VB_EFORMAT, "golden case '%s': %d frames", path, c->n_frames);
    read_data(c->file, "frame_order", H5T_NATIVE_INT, c->order);
    for (int id = 1; c->n_objects < GOLDEN_MAX_OBJECTS; id++) {
        snprintf(name, sizeof name, "obj%d", id);
        if (H5Lexists(c->file, name, H5P_DEFAULT) <= 0)
            break;
        hid_t g = H5Gopen2(c->file, name, H5P_DEFAULT), pg = H5Gopen2(g, "prompt", H5P_DEFAULT);
        const int i = c->n_objects++;
        vb_status st = read_prompt(&c->prompts[i], pg, c->h, c->w, err);
        int first = 0;
        int *frames = calloc((size_t)length_of(g, "frames") + 1, sizeof *frames);
        if (frames) {
            read_data(g, "frames", H5T_NATIVE_INT, frames);
            first = frames[0];
        }
        free(frames);
        c->obj_id[i] = id;
        c->objects[i] = (vb_track_object){attr_int(g, "prompt_frame"), first, &c->prompts[i]};
        H5Gclose(pg);
        H5Gclose(g);
        if (st != VB_OK)
            return st;
    }
    return c->n_objects ? VB_OK : vb_fail(err, VB_EFORMAT, "golden case '%s': no objects", path);
}

void golden_close(golden_case *c)
{
    for (int i = 0; i < c->n_objects; i++)
        vb_prompt_deinit(&c->prompts[i]);
    if (c->file > 0)
        H5Fclose(c->file);
    memset(c, 0, sizeof *c);
}

/* Frames of a batch and of the one beyond it, as the pipeline gives them. */
static vb_status give_ahead(const golden_case *c, const vb_model_ops *ops, vb_model *m, const vb_image *images, int first, int t, vb_err *err)
{
    vb_frame frames[GOLDEN_MAX_FRAMES];
    vb_status st = VB_OK;

    for (int at = t == first ? t : t + c->ahead; at < t + 2 * c->ahead && at < c->n_frames && st == VB_OK; at += c->ahead) {
        int n = 0;

        for (; n < c->ahead && at + n < c->n_frames; n++)
            frames[n] = (vb_frame){at + n, images[at + n].rgb};
        st = ops->ahead(m, frames, n, err);
    }
    return st;
}

vb_status golden_run(const golden_case *c, const vb_model_ops *ops, vb_model *m, const char *clips, const vb_probe *probe,
                     void (*each)(void *ctx, int frame_idx, const vb_step *step), void *ctx, vb_err *err)
{
    vb_status st = VB_OK;
    vb_jpeg *jpeg = NULL;
    vb_image images[GOLDEN_MAX_FRAMES] = {{0}};
    vb_mask masks[GOLDEN_MAX_OBJECTS] = {{0}};
    vb_object_out outs[GOLDEN_MAX_OBJECTS] = {{0}};
    vb_frame_times times[GOLDEN_MAX_FRAMES] = {{{0}, 0}};
    vb_step step = {.objects = outs};
    vb_clip clip = {.n_frames = c->n_frames, .h = c->h, .w = c->w, .n_objects = c->n_objects, .objects = c->objects,
                    .fill_hole_area = c->fill_hole_area, .ahead = c->ahead, .times = times, .probe = probe};
    int first = c->n_frames;
    char path[4096];

    for (int i = 0; i < c->n_objects; i++) {
        if ((st = vb_mask_init(&masks[i], c->h, c->w, err)) != VB_OK)
            goto out;
        outs[i].mask = &masks[i];
        if (c->objects[i].start_frame < first)
            first = c->objects[i].start_frame;
    }
    if ((st = vb_jpeg_create(&jpeg, err)) != VB_OK)
        goto out;
    for (int t = 0; t < c->n_frames; t++) {
        snprintf(path, sizeof path, "%s/JPEGImages_24fps/%s/%05d.jpg", clips, c->video, c->order[t]);
        if ((st = vb_jpeg_decode(jpeg, path, &images[t], err)) != VB_OK)
            goto out;
    }
    if ((st = ops->begin(m, &clip, err)) != VB_OK)
        goto out;
    /* prompts first, as upstream: an object may be tracked before its prompted frame */
    for (int i = 0; i < c->n_objects && !c->ahead && st == VB_OK; i++)
        st = ops->prompt(m, i, &(vb_frame){c->objects[i].prompt_frame, images[c->objects[i].prompt_frame].rgb}, NULL, err);
    for (int t = first; t < c->n_frames && st == VB_OK; t++) {
        const vb_frame frame = {t, images[t].rgb};

        if (c->ahead && (t - first) % c->ahead == 0)
            st = give_ahead(c, ops, m, images, first, t, err);
        for (int i = 0; c->ahead && i < c->n_objects && st == VB_OK; i++)
            if (c->objects[i].prompt_frame == t)
                st = ops->prompt(m, i, &frame, NULL, err);
        if (st == VB_OK && (st = ops->step(m, &frame, &step, err)) == VB_OK && each)
            each(ctx, t, &step);
    }
    ops->end(m);
    for (int s = VB_STAGE_PREPROCESS; s <= VB_STAGE_POSTPROCESS && st == VB_OK; s++) {
        double ms = 0;

        for (int t = first; t < c->n_frames; t++)
            ms += times[t].stage_ms[s] >= 0 ? times[t].stage_ms[s] : NAN;
        if (!(ms > 0))
            st = vb_fail(err, VB_EMODEL, "stage %s took %g ms in all", vb_stage_name((vb_stage)s), ms);
    }
out:
    for (int t = 0; t < c->n_frames; t++)
        vb_image_deinit(&images[t]);
    vb_jpeg_free(jpeg);
    for (int i = 0; i < GOLDEN_MAX_OBJECTS; i++)
        vb_mask_deinit(&masks[i]);
    return st;
}
