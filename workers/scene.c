/* Scene: objects and prompts of a video; see scene.h. */
#include "scene.h"

#include "image_io.h"
#include "timing.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

void vb_scene_deinit(vb_scene *s)
{
    for (int i = 0; i < s->n_prompted; i++) {
        if (s->prompts)
            vb_prompt_deinit(&s->prompts[i]);
        if (s->truth)
            vb_mask_deinit(&s->truth[i]);
        if (s->masks)
            vb_mask_deinit(&s->masks[i]);
    }
    free(s->masklets);
    free(s->prompts);
    free(s->truth);
    free(s->objects);
    free(s->masks);
    free(s->outs);
    vb_video_free(s->video);
}

/* The first annotated frame on which the object can be seen: its mask (inited here) and number; -1: never. */
static vb_status first_seen(int *frame_idx, vb_mask *mask, const vb_dataset *d, const vb_video *v, const vb_masklet *m, vb_err *err)
{
    *frame_idx = -1;
    for (int i = 0; i < m->n_annotated; i++) {
        char path[PATH_MAX];
        vb_status st;

        vb_video_mask_path(path, sizeof path, d, v, m, m->annotated[i]);
        if ((st = vb_png_read_mask(mask, path, err)))
            return st;
        if (vb_mask_area(mask) > 0) {
            *frame_idx = m->annotated[i];
            return VB_OK;
        }
        vb_mask_deinit(mask);
    }
    return VB_OK;
}

vb_status vb_scene_init(vb_scene *s, const vb_dataset *d, const char *video, vb_prompt_kind kind, const vb_options *o, vb_err *err)
{
    vb_status st;
    int n, rest;

    memset(s, 0, sizeof *s);
    s->dataset = d;
    s->clicks = kind == VB_PROMPT_POINT ? o->clicks : 0;
    if ((st = vb_video_scan(&s->video, d, video, err)))
        return st;
    n = rest = s->video->n_masklets;
    s->masklets = calloc((size_t)n, sizeof *s->masklets);
    s->prompts = calloc((size_t)n, sizeof *s->prompts);
    s->truth = calloc((size_t)n, sizeof *s->truth);
    s->objects = calloc((size_t)n, sizeof *s->objects);
    s->masks = calloc((size_t)n, sizeof *s->masks);
    s->outs = calloc((size_t)n, sizeof *s->outs);
    if (!s->masklets || !s->prompts || !s->truth || !s->objects || !s->masks || !s->outs)
        return vb_fail(err, VB_ENOMEM, "video '%s': %d objects", video, n);
    s->n_objects = n;
    s->first = s->video->n_frames;
    for (int i = 0; i < n; i++) {
        const vb_masklet *m = &s->video->masklets[i];
        vb_mask gt = {0};
        int frame_idx, k = s->n_prompted;

        if ((st = first_seen(&frame_idx, &gt, d, s->video, m, err)))
            return st;
        if (frame_idx < 0) {
            s->masklets[--rest] = m;
            continue;
        }
        s->n_prompted++;
        s->truth[k] = gt;
        if ((st = vb_prompt_from_mask(&s->prompts[k], &gt, kind, o->point_rule, err)) ||
            (st = vb_mask_init(&s->masks[k], s->video->h, s->video->w, err)))
            return st;
        s->masklets[k] = m;
        s->objects[k] = (vb_track_object){.prompt = &s->prompts[k]};
        s->objects[k].prompt_frame = s->objects[k].start_frame = frame_idx; /* its place too: no frame is missing */
        s->outs[k].mask = &s->masks[k];
        if (s->objects[k].prompt_frame < s->first)
            s->first = s->objects[k].prompt_frame;
    }
    if (!s->n_prompted)
        return vb_fail(err, VB_EFORMAT, "video '%s': no masklet has a foreground pixel in any annotation", video);
    return VB_OK;
}

void vb_scene_frame_path(void *ctx, int place, char *buf, size_t n)
{
    const vb_scene *s = ctx;

    vb_video_frame_path(buf, n, s->dataset, s->video, s->video->frames[place]);
}

static vb_status prompt_object(const vb_scene *s, const vb_model_ops *ops, vb_model *model, int object, const vb_frame *frame, vb_prompting *out, vb_err *err)
{
    vb_mask *shown = &s->masks[object]; /* free until the step writes into it */
    vb_status st = VB_OK;

    for (int n = 1; n < s->clicks && st == VB_OK; n++)
        if ((st = ops->prompt(model, object, frame, shown, err)) == VB_OK) {
            double start = vb_now_ms(), ms;

            st = vb_prompt_correct(&s->prompts[object], &s->truth[object], shown, err);
            ms = vb_now_ms() - start;
            out->choice_ms += ms;
            if (out->chosen)
                out->chosen(out->ctx, ms);
        }
    if (st == VB_OK)
        st = ops->prompt(model, object, frame, NULL, err);
    out->n++;
    return st;
}

vb_status vb_scene_track(const vb_scene *s, const vb_model_ops *ops, vb_model *model, const vb_frame *frame, vb_step *step, vb_prompting *out, vb_err *err)
{
    vb_status st;

    out->n = 0;
    out->choice_ms = 0;
    for (int i = 0; i < s->n_prompted; i++)
        if (s->objects[i].prompt_frame == frame->frame_idx && (st = prompt_object(s, ops, model, i, frame, out, err)))
            return st;
    return ops->step(model, frame, step, err);
}

void vb_scene_forget_clicks(vb_scene *s)
{
    for (int i = 0; i < s->n_prompted && s->clicks; i++)
        s->prompts[i].n_points = 1;
}
