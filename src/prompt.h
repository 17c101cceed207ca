/* Prompts: what the model is given on a masklet's conditioning frame, made from ground truth by rule. */
#ifndef VB_PROMPT_H
#define VB_PROMPT_H

#include "mask.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VB_MAX_POINTS 32

/* Points and box may come together (box first, as upstream); a mask comes alone. Video pixels. */
typedef struct {
    int n_points;
    float xy[VB_MAX_POINTS][2];
    int label[VB_MAX_POINTS]; /* 1 foreground, 0 background */
    bool has_box;
    float box[4]; /* x0 y0 x1 y1 */
    bool has_mask;
    vb_mask mask; /* video size, owned */
} vb_prompt;

void vb_prompt_deinit(vb_prompt *p);

/* The prompt of a kind from one ground-truth mask.
 *   center    the foreground pixel farthest from the background (border counts as background), first
 *             in row order; as sam2@2b90b9f sam2/modeling/sam2_utils.py:252-314 (method "center")
 *   centroid  mean of the foreground coordinates, as the ancestor
 *   box       x0 y0 x1 y1 of the foreground, inclusive pixels
 * VB_EARG when the mask is empty. */
vb_status vb_prompt_from_mask(vb_prompt *out, const vb_mask *gt, vb_prompt_kind kind, vb_point_rule rule, vb_err *err);

/* Appends the next corrective click on a mask shown for the points so far: the center of what is wrong. Of the pixels
 * missed (ground truth alone) and those too many (shown alone) it is the region whose center lies farther from its
 * border; label 1 where that is what was missed, 0 also where both are equally far. Where nothing is wrong the rule
 * gives the first pixel of the picture with label 0.
 * VB_ESHAPE when the sizes differ, VB_EARG with VB_MAX_POINTS points, VB_ENOMEM.
 * Source: sam2@2b90b9f sam2/modeling/sam2_utils.py:252-314 (sample_one_point_from_error_center, with its padding) */
vb_status vb_prompt_correct(vb_prompt *p, const vb_mask *gt, const vb_mask *shown, vb_err *err);

/* SPEC of `track --object`: parts joined by '+': point:X,Y,LABEL[;X,Y,LABEL...], box:X0,Y0,X1,Y1, mask:FILE.png
 * (alone; the file is read here). Nothing is known of the video's size yet. VB_EARG, or as vb_png_read_mask. */
vb_status vb_prompt_parse(vb_prompt *out, const char *spec, vb_err *err);

/* One line for the record: "box:0,2,40,31+point:12,40,1"; a mask as "mask:area=N". Cut off at n - 1 bytes. */
void vb_prompt_text(char *buf, size_t n, const vb_prompt *p);

#ifdef __cplusplus
}
#endif
#endif
