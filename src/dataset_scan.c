/* One video of a data set: which frames and annotations there are, and whether they fit each other by name and by
 * header. No pixels are read: what is truncated further down shows when it is decoded. */
#include "dataset.h"

#include "image_io.h"
#include "listing.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbered files of one folder. */
typedef struct {
    int n, digits;
    int *index; /* ascending, owned */
} numbered;

/* VB_ROOT_MAX and VB_NAME_MAX see to it that every path fits. */
__attribute__((format(printf, 3, 4))) static void put_path(char *buf, size_t n, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(buf, n, fmt, ap);
    va_end(ap);
}

static int by_value(const void *a, const void *b)
{
    const int x = *(const int *)a, y = *(const int *)b;

    return (x > y) - (x < y);
}

/* The index that NAME of "NAME.suffix" says, or -1. */
static int parse_index(const char *name, size_t digits)
{
    int v = 0;

    if (digits < 1 || digits > 9 || strspn(name, "0123456789") != digits)
        return -1;
    for (size_t i = 0; i < digits; i++)
        v = v * 10 + (name[i] - '0');
    return v;
}

/* The files with that suffix. All names must be one number each, padded alike: "7" beside "00007", or "7" beside
 * "08", is refused, since an index must lead back to its file. */
static vb_status list_numbered(numbered *out, const char *folder, const char *suffix, const char *video, vb_err *err)
{
    vb_listing files;
    size_t digits = SIZE_MAX;
    vb_status st = vb_listing_read(&files, folder, err);

    memset(out, 0, sizeof *out);
    if (st)
        return st;
    if (!(out->index = malloc((files.n + 1) * sizeof *out->index))) {
        st = vb_fail(err, VB_ENOMEM, "video '%s': host memory for %zu file names", video, files.n);
        goto out;
    }
    for (size_t i = 0; i < files.n; i++) {
        const char *name = files.names[i];
        const size_t stem = strlen(name) - (vb_has_suffix(name, suffix) ? strlen(suffix) : 0);

        if (name[0] == '.' || !name[stem])
            continue;
        if (parse_index(name, stem) < 0) {
            st = vb_fail(err, VB_EFORMAT, "video '%s': '%s/%.80s' is not named by a frame number", video, folder, name);
            goto out;
        }
        digits = stem < digits ? stem : digits;
    }
    out->digits = digits == SIZE_MAX ? 0 : (int)digits;
    for (size_t i = 0; i < files.n; i++) {
        char expected[32];
        int v;

        if (files.names[i][0] == '.' || !vb_has_suffix(files.names[i], suffix))
            continue;
        v = parse_index(files.names[i], strlen(files.names[i]) - strlen(suffix));
        snprintf(expected, sizeof expected, "%0*d%s", out->digits, v, suffix);
        if (strcmp(expected, files.names[i])) {
            st = vb_fail(err, VB_EFORMAT, "video '%s': '%s/%s' is padded unlike its neighbours (expected %s)", video, folder,
                         files.names[i], expected);
            goto out;
        }
        out->index[out->n++] = v;
    }
    qsort(out->index, (size_t)out->n, sizeof *out->index, by_value);
out:
    vb_listing_deinit(&files);
    if (st) {
        free(out->index);
        memset(out, 0, sizeof *out);
    }
    return st;
}

void vb_video_frame_path(char *buf, size_t n, const vb_dataset *d, const vb_video *v, int frame_idx)
{
    put_path(buf, n, "%s/%s/%0*d.jpg", d->frames_dir, v->name, v->frame_digits, frame_idx);
}

void vb_video_mask_path(char *buf, size_t n, const vb_dataset *d, const vb_video *v, const vb_masklet *m, int frame_idx)
{
    put_path(buf, n, "%s/%s/%s/%0*d.png", d->masks_dir, v->name, m->obj_id, v->mask_digits, frame_idx);
}

static vb_status check_size(vb_video *v, int h, int w, const char *path, vb_err *err)
{
    if (!v->h) {
        v->h = h;
        v->w = w;
    }
    if (v->h != h || v->w != w)
        return vb_fail(err, VB_EFORMAT, "video '%s': '%s' has %d x %d pixels, the first frame %d x %d", v->name, path, w, h,
                       v->w, v->h);
    return VB_OK;
}

/* Puts the video's name before the message of a file's fault. */
static vb_status in_video(const vb_video *v, vb_status st, const vb_err *fault, vb_err *err)
{
    return vb_fail(err, st, "video '%s': %.400s", v->name, fault->msg);
}

static vb_status scan_frames(vb_video *v, const vb_dataset *d, vb_err *err)
{
    char path[PATH_MAX];
    numbered f;
    vb_err fault;
    vb_status st;

    put_path(path, sizeof path, "%s/%s", d->frames_dir, v->name);
    if ((st = list_numbered(&f, path, ".jpg", v->name, &fault)))
        return st == VB_EIO ? in_video(v, st, &fault, err) : vb_fail(err, st, "%s", fault.msg);
    v->frames = f.index;
    v->frame_digits = f.digits;
    v->n_frames = d->limits.max_clip_frames && d->limits.max_clip_frames < f.n ? d->limits.max_clip_frames : f.n;
    if (v->n_frames == 0)
        return vb_fail(err, VB_EFORMAT, "video '%s': no frame (*.jpg) in '%s'", v->name, path);
    for (int i = 0; i < v->n_frames; i++)
        if (v->frames[i] != i)
            return vb_fail(err, VB_EFORMAT, "video '%s': frame %d is missing ('%s/%0*d.jpg')", v->name, i, path, f.digits, i);
    for (int i = 0; i < v->n_frames && st == VB_OK; i++) {
        int h, w;

        vb_video_frame_path(path, sizeof path, d, v, v->frames[i]);
        if ((st = vb_jpeg_size(path, &h, &w, &fault)))
            in_video(v, st, &fault, err);
        else
            st = check_size(v, h, w, path, err);
    }
    return st;
}

/* Fills m; *left_out tells that the limits leave it without an annotated frame. */
static vb_status scan_masklet(vb_masklet *m, bool *left_out, vb_video *v, const vb_dataset *d, vb_err *err)
{
    char path[PATH_MAX];
    numbered a;
    vb_err fault;
    vb_status st;
    int all;

    *left_out = false;
    put_path(path, sizeof path, "%s/%s/%s", d->masks_dir, v->name, m->obj_id);
    if ((st = list_numbered(&a, path, ".png", v->name, &fault)))
        return st == VB_EIO ? in_video(v, st, &fault, err) : vb_fail(err, st, "%s", fault.msg);
    m->annotated = a.index;
    all = a.n;
    if (all == 0)
        return vb_fail(err, VB_EFORMAT, "video '%s': object '%s' has no annotation (*.png) in '%s'", v->name, m->obj_id, path);
    if (v->mask_digits && v->mask_digits != a.digits)
        return vb_fail(err, VB_EFORMAT, "video '%s': names in '%s' have %d digits, those of other objects %d", v->name, path,
                       a.digits, v->mask_digits);
    v->mask_digits = a.digits;
    for (m->n_annotated = 0; m->n_annotated < all && m->annotated[m->n_annotated] < v->n_frames; m->n_annotated++)
        ;
    /* beyond a limit is left out; beyond the video is a fault */
    if (m->n_annotated < all && !(d->limits.max_clip_frames && d->limits.max_clip_frames == v->n_frames))
        return vb_fail(err, VB_EFORMAT, "video '%s': annotation '%s/%0*d.png' has no frame", v->name, path, a.digits,
                       m->annotated[m->n_annotated]);
    *left_out = m->n_annotated == 0;
    for (int i = 0; i < m->n_annotated && st == VB_OK; i++) {
        int h, w;

        vb_video_mask_path(path, sizeof path, d, v, m, m->annotated[i]);
        if ((st = vb_png_size(path, &h, &w, &fault)))
            in_video(v, st, &fault, err);
        else
            st = check_size(v, h, w, path, err);
    }
    return st;
}

static vb_status scan_masklets(vb_video *v, const vb_dataset *d, vb_err *err)
{
    char path[PATH_MAX];
    vb_listing objects;
    vb_err fault;
    bool png = false;
    vb_status st;

    put_path(path, sizeof path, "%s/%s", d->masks_dir, v->name);
    if ((st = vb_listing_read(&objects, path, &fault)))
        return in_video(v, st, &fault, err);
    if (!(v->masklets = calloc(objects.n + 1, sizeof *v->masklets)))
        st = vb_fail(err, VB_ENOMEM, "video '%s': host memory for %zu objects", v->name, objects.n);
    for (size_t i = 0; i < objects.n && st == VB_OK; i++) {
        vb_masklet *m = &v->masklets[v->n_masklets];
        bool left_out;

        png |= vb_has_suffix(objects.names[i], ".png");
        if (objects.names[i][0] == '.' || !vb_is_folder(path, objects.names[i]))
            continue;
        if (d->limits.limit_objects && v->n_masklets == d->limits.limit_objects)
            break;
        if (!vb_name_ok(objects.names[i])) {
            st = vb_fail(err, VB_EFORMAT, "video '%s': folder '%.64s' is no object name", v->name, objects.names[i]);
            break;
        }
        strcpy(m->obj_id, objects.names[i]);
        v->n_masklets++; /* before the scan: what it allocates belongs to the video, also when it fails */
        st = scan_masklet(m, &left_out, v, d, err);
        if (st == VB_OK && left_out) {
            free(m->annotated);
            memset(m, 0, sizeof *m);
            v->n_masklets--;
        }
    }
    vb_listing_deinit(&objects);
    if (st == VB_OK && v->n_masklets == 0)
        st = vb_fail(err, VB_EFORMAT, png ? "video '%s': masks lie in '%s' itself; SA-V has a folder for each object"
                                          : "video '%s': no object annotated in '%s'%s",
                     v->name, path, d->limits.max_clip_frames ? " within the first frames (--max-clip-frames)" : "");
    return st;
}

vb_status vb_video_scan(vb_video **out, const vb_dataset *d, const char *name, vb_err *err)
{
    vb_video *v;
    vb_status st;

    *out = NULL;
    if (!vb_name_ok(name))
        return vb_fail(err, VB_EARG, "'%.64s' is no video name", name);
    if (!(v = calloc(1, sizeof *v)))
        return vb_fail(err, VB_ENOMEM, "video '%s': host memory", name);
    strcpy(v->name, name);
    if ((st = scan_frames(v, d, err)) || (st = scan_masklets(v, d, err))) {
        vb_video_free(v);
        return st;
    }
    *out = v;
    return VB_OK;
}

void vb_video_free(vb_video *v)
{
    if (!v)
        return;
    for (int i = 0; i < v->n_masklets; i++)
        free(v->masklets[i].annotated);
    free(v->masklets);
    free(v->frames);
    free(v);
}
