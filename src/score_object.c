/* The frames of one folder: read both PNGs, score each object on them. One thread; score.c runs many. */
#include "score_object.h"

#include "image_io.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    uint8_t *v; /* [h, w], owned */
    int h, w;
    char path[PATH_MAX];
} grey;

void vb_score_scratch_deinit(vb_score_scratch *s)
{
    vb_scorer_free(s->scorer);
    vb_mask_deinit(&s->gt);
    vb_mask_deinit(&s->pred);
    memset(s, 0, sizeof *s);
}

static vb_status fit_scratch(vb_score_scratch *s, int h, int w, vb_err *err)
{
    vb_status st;

    if (s->scorer && s->gt.h == h && s->gt.w == w)
        return VB_OK;
    vb_score_scratch_deinit(s);
    if ((st = vb_mask_init(&s->gt, h, w, err)) || (st = vb_mask_init(&s->pred, h, w, err)))
        return st;
    return vb_scorer_create(&s->scorer, h, w, VB_SAV_BOUND, err);
}

static vb_status read_grey(grey *g, const char *folder, const char *name, vb_err *err)
{
    const int n = snprintf(g->path, sizeof g->path, "%s/%s", folder, name);

    free(g->v);
    g->v = NULL;
    if (n < 0 || (size_t)n >= sizeof g->path)
        return vb_fail(err, VB_EARG, "path too long: '%.200s...'", folder);
    return vb_png_read_grey(&g->v, &g->h, &g->w, g->path, err);
}

/* A file of one object holds at most two values. */
static vb_status require_one_object(const grey *g, vb_err *err)
{
    const size_t n = (size_t)g->h * (size_t)g->w;
    const uint8_t a = g->v[0];
    uint8_t b = a, third = 0;

    for (size_t i = 0; i < n && b == a; i++)
        b = g->v[i];
    for (size_t i = 0; i < n; i++)
        third |= (g->v[i] != a) & (g->v[i] != b);
    if (third)
        return vb_fail(err, VB_EFORMAT, "'%s': more than two values; in the SA-V layout a file holds one object", g->path);
    return VB_OK;
}

static vb_status score_mask(vb_masklet_score *m, vb_score_scratch *s, vb_err *err)
{
    const bool gt_any = vb_mask_any(&s->gt), pred_any = vb_mask_any(&s->pred);
    double j = 0, f = 0;
    vb_status st = VB_OK;

    if (gt_any || pred_any || m->seen_gt || m->seen_pred)
        st = vb_score_frame(s->scorer, &j, &f, &s->pred, &s->gt, err);
    if (st == VB_OK)
        vb_masklet_add(m, gt_any, pred_any, j, f);
    return st;
}

static void select_label(vb_mask *m, const grey *g, int label, uint8_t *chosen)
{
    const size_t n = (size_t)g->h * (size_t)g->w;

    for (size_t i = 0; i < n; i++)
        chosen[i] = g->v[i] == label;
    vb_mask_from_bytes(m, chosen, (size_t)g->w);
}

static vb_status score_labels(vb_folder_score *out, vb_score_scratch *s, const grey *gt, const grey *pred, vb_err *err)
{
    const size_t n = (size_t)gt->h * (size_t)gt->w;
    bool present[256] = {false};
    uint8_t *chosen = malloc(n);
    vb_status st = VB_OK;

    if (!chosen)
        return vb_fail(err, VB_ENOMEM, "'%s': host memory for %d x %d pixels", gt->path, gt->w, gt->h);
    for (size_t i = 0; i < n; i++) {
        present[gt->v[i]] = true;
        present[pred->v[i]] = true;
    }
    for (int label = 1; label < 256 && st == VB_OK; label++) {
        vb_masklet_score *m = &out->label[label];

        if (!present[label] && !m->seen_gt && !m->seen_pred)
            continue;
        select_label(&s->gt, gt, label, chosen);
        select_label(&s->pred, pred, label, chosen);
        st = score_mask(m, s, err);
    }
    free(chosen);
    return st;
}

vb_status vb_score_folder(vb_folder_score *out, vb_score_scratch *scratch, const char *gt_folder, const char *pred_folder,
                          const vb_listing *frames, bool labels, bool score_ends, vb_err *err)
{
    grey gt = {0}, pred = {0};
    int first, end;
    vb_status st = VB_OK;

    memset(out, 0, sizeof *out);
    vb_scored_range(&first, &end, (int)frames->n, score_ends);
    for (int i = first; i < end; i++) {
        if ((st = read_grey(&gt, gt_folder, frames->names[i], err)))
            break;
        if ((st = read_grey(&pred, pred_folder, frames->names[i], err))) {
            if (access(pred.path, F_OK) && errno == ENOENT)
                st = vb_fail(err, VB_EIO, "prediction '%s' is missing; the ground truth has this frame", pred.path);
            break;
        }
        if (gt.h != pred.h || gt.w != pred.w) {
            st = vb_fail(err, VB_ESHAPE, "'%s' has %d x %d pixels, the ground truth %d x %d", pred.path, pred.w, pred.h, gt.w,
                         gt.h);
            break;
        }
        if ((st = fit_scratch(scratch, gt.h, gt.w, err)))
            break;
        if (labels) {
            if ((st = score_labels(out, scratch, &gt, &pred, err)))
                break;
            continue;
        }
        if ((st = require_one_object(&gt, err)) || (st = require_one_object(&pred, err)))
            break;
        vb_mask_from_bytes(&scratch->gt, gt.v, (size_t)gt.w);
        vb_mask_from_bytes(&scratch->pred, pred.v, (size_t)pred.w);
        if ((st = score_mask(&out->label[1], scratch, err)))
            break;
    }
    free(gt.v);
    free(pred.v);
    return st;
}
