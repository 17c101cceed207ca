/* Agreement of masks; see agreement.h. */
#include "agreement.h"

#include "rle_overlap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COL(field, kind, unit) \
    {#field, unit, VB_COL_##kind, offsetof(vb_agreement_row, field), sizeof(((vb_agreement_row *)0)->field)}
static const vb_column agreement_columns[] = {
    COL(baseline_trial, I32, "1"),
    COL(object, I32, "1"),
    COL(frame_idx, I32, "1"),
    COL(mask_iou, F64, "1"),
};
const vb_table VB_TABLE_AGREEMENT = {"agreement", sizeof(vb_agreement_row), 4, agreement_columns};

static int by_object_and_frame(const void *a, const void *b)
{
    const vb_mask_row *x = a, *y = b;

    if (x->object != y->object)
        return x->object < y->object ? -1 : 1;
    return (x->frame_idx > y->frame_idx) - (x->frame_idx < y->frame_idx);
}

/* The sibling's index of an object of t, or -1. */
static int32_t same_object(const vb_trial *t, int32_t object, const vb_trial *baseline)
{
    for (int32_t i = 0; i < baseline->n_objects; i++)
        if (!strcmp(baseline->objects[i].obj_id, t->objects[object].obj_id))
            return i;
    return -1;
}

vb_status vb_agreement_of(vb_agreement_row **rows, vb_agreement *sum, const vb_trial *t, const vb_trial *baseline, vb_err *err)
{
    const int64_t n_pixels = (int64_t)t->h * t->w;
    vb_agreement_row *out = NULL;
    vb_mask_row *sorted = NULL;
    double total = 0;
    vb_status st = VB_OK;

    *sum = (vb_agreement){0, NAN, NAN};
    *rows = NULL;
    if (t->n_masks == 0)
        return VB_OK;
    out = calloc((size_t)t->n_masks, sizeof *out);
    sorted = malloc(((size_t)baseline->n_masks + 1) * sizeof *sorted);
    if (!out || !sorted) {
        st = vb_fail(err, VB_ENOMEM, "agreement of %d masks", t->n_masks);
        goto out;
    }
    if (baseline->n_masks > 0) {
        memcpy(sorted, baseline->masks, (size_t)baseline->n_masks * sizeof *sorted);
        qsort(sorted, (size_t)baseline->n_masks, sizeof *sorted, by_object_and_frame);
    }
    for (int32_t i = 0; i < t->n_masks; i++) {
        const vb_mask_row *m = &t->masks[i], *other = NULL;
        vb_mask_row wanted = {same_object(t, m->object, baseline), m->frame_idx, NULL};
        int64_t inter, uni;

        out[i] = (vb_agreement_row){0, m->object, m->frame_idx, NAN};
        if (wanted.object >= 0 && t->h == baseline->h && t->w == baseline->w)
            other = bsearch(&wanted, sorted, (size_t)baseline->n_masks, sizeof *sorted, by_object_and_frame);
        if (!other)
            continue;
        if ((st = vb_rle_overlap(&inter, &uni, m->rle, other->rle, n_pixels, err)))
            goto out;
        out[i].mask_iou = uni ? (double)inter / (double)uni : 1;
        total += out[i].mask_iou;
        if (!(sum->min <= out[i].mask_iou)) /* NaN at first */
            sum->min = out[i].mask_iou;
        sum->n++;
    }
    if (sum->n)
        sum->mean = total / (double)sum->n;
    *rows = out;
    out = NULL;
out:
    free(sorted);
    free(out);
    return st;
}
