/* Feed: reader and look-ahead; see feed.h. */
#include "feed.h"

#include "timing.h"

#include <stdlib.h>

struct vb_feed {
    vb_feed_source src;
    vb_reader *reader;
    int next, given;  /* places: the next one to come out, behind the last one that the model has */
    vb_fed *held;     /* [2 * batch], by place modulo that */
    vb_frame *frames; /* [batch] */
};

vb_status vb_feed_open(vb_feed **out, const vb_feed_source *src, vb_err *err)
{
    const vb_scene *s = src->scene;
    vb_reader_source from = {.n_frames = src->end, .h = s->video->h, .w = s->video->w, .threads = src->threads,
                             .ahead = src->threads + src->batch + 1, .held = 2 * src->batch, .ctx = (void *)s,
                             .path = vb_scene_frame_path, .mem = src->model, .free = NULL};
    vb_feed *f = calloc(1, sizeof *f);
    vb_status st = VB_OK;

    *out = NULL;
    if (!f)
        return vb_fail(err, VB_ENOMEM, "frames ahead of the model");
    f->src = *src;
    f->next = f->given = s->first;
    f->held = calloc((size_t)(2 * src->batch), sizeof *f->held);
    f->frames = calloc((size_t)src->batch, sizeof *f->frames);
    if (!f->held || !f->frames)
        st = vb_fail(err, VB_ENOMEM, "%d frames ahead of the model", src->batch);
    if (src->ops->frame_alloc) {
        from.alloc = (void *(*)(void *, size_t))src->ops->frame_alloc;
        from.free = (void (*)(void *, void *, size_t))src->ops->frame_free;
    }
    if (st || (st = vb_reader_open(&f->reader, &from, s->first, err))) {
        vb_feed_close(f);
        return st;
    }
    *out = f;
    return VB_OK;
}

static vb_fed *slot(vb_feed *f, int place)
{
    return &f->held[place % (2 * f->src.batch)];
}

/* The next batch to the model. */
static vb_status give(vb_feed *f, vb_err *err)
{
    const int n = f->src.end - f->given < f->src.batch ? f->src.end - f->given : f->src.batch;
    vb_status st;

    for (int i = 0; i < n; i++) {
        vb_fed *s = slot(f, f->given + i);

        if ((st = vb_reader_next(f->reader, &s->decoded, err)))
            return st;
        f->frames[i] = (vb_frame){.frame_idx = f->given + i, .rgb = s->decoded->image.rgb};
    }
    for (int i = 0; i < n; i++)
        slot(f, f->given + i)->taken_ms = vb_now_ms();
    f->given += n;
    return f->src.ops->ahead(f->src.model, f->frames, n, err);
}

vb_status vb_feed_next(vb_feed *f, vb_fed *out, vb_err *err)
{
    vb_status st = VB_OK;

    if (f->src.batch > 1) {
        /* The model holds two batches: with the first frame of one, the one before has been stepped and the next may come. */
        const bool first = (f->next - f->src.scene->first) % f->src.batch == 0;

        while (first && st == VB_OK && f->given < f->src.end && f->given < f->next + 2 * f->src.batch)
            st = give(f, err);
        *out = *slot(f, f->next);
    } else {
        st = vb_reader_next(f->reader, &out->decoded, err);
        out->taken_ms = vb_now_ms();
    }
    f->next++;
    return st;
}

void vb_feed_close(vb_feed *f)
{
    if (!f)
        return;
    vb_reader_close(f->reader);
    free(f->held);
    free(f->frames);
    free(f);
}
