/* Reader: one decoding thread and a ring of slots; see reader.h. */
#include "reader.h"

#include "timing.h"

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

typedef struct {
    vb_decoded frame;
    vb_status status;
    vb_err err;
} vb_slot;

struct vb_reader {
    vb_reader_source src;
    vb_jpeg *jpeg;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* frames [taken, decoded) wait in slots i % n_slots; the one handed out last is frame taken - 1 and keeps its
     * slot until the next call */
    int taken, decoded, n_slots;
    bool stop;
    vb_slot *slots;
};

static void decode(vb_reader *r, int i, vb_slot *s)
{
    char path[PATH_MAX];
    double start = vb_now_ms();

    r->src.path(r->src.ctx, i, path, sizeof path);
    s->status = vb_jpeg_decode(r->jpeg, path, &s->frame.image, &s->err);
    if (s->status == VB_OK && (s->frame.image.h != r->src.h || s->frame.image.w != r->src.w))
        s->status = vb_fail(&s->err, VB_EFORMAT, "'%s' is %dx%d, the video's other frames are %dx%d", path,
                            s->frame.image.w, s->frame.image.h, r->src.w, r->src.h);
    s->frame.decode_ms = vb_now_ms() - start;
}

static void *decode_all(void *arg)
{
    vb_reader *r = arg;
    bool stop = false;

    while (!stop) {
        int i;

        pthread_mutex_lock(&r->lock);
        while (!r->stop && r->decoded < r->src.n_frames && r->decoded - (r->taken - 1) >= r->n_slots)
            pthread_cond_wait(&r->changed, &r->lock);
        i = r->decoded;
        stop = r->stop || i == r->src.n_frames;
        pthread_mutex_unlock(&r->lock);
        if (stop)
            break;
        decode(r, i, &r->slots[i % r->n_slots]);
        pthread_mutex_lock(&r->lock);
        stop = r->slots[i % r->n_slots].status != VB_OK; /* nothing after a bad frame is asked for */
        r->decoded++;
        pthread_cond_signal(&r->changed);
        pthread_mutex_unlock(&r->lock);
    }
    return NULL;
}

vb_status vb_reader_open(vb_reader **out, const vb_reader_source *src, int first, vb_err *err)
{
    vb_reader *r = calloc(1, sizeof *r);

    *out = NULL;
    if (!r)
        return vb_fail(err, VB_ENOMEM, "frame reader");
    r->src = *src;
    r->taken = r->decoded = first;
    r->n_slots = src->ahead + 1; /* and the one that the caller holds */
    r->slots = calloc((size_t)r->n_slots, sizeof *r->slots);
    if (!r->slots || vb_jpeg_create(&r->jpeg, err)) {
        free(r->slots);
        free(r);
        return vb_fail(err, VB_ENOMEM, "frame reader");
    }
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    if (pthread_create(&r->thread, NULL, decode_all, r)) {
        vb_jpeg_free(r->jpeg);
        free(r->slots);
        free(r);
        return vb_fail(err, VB_EIO, "cannot start the decoding thread");
    }
    *out = r;
    return VB_OK;
}

vb_status vb_reader_next(vb_reader *r, const vb_decoded **out, vb_err *err)
{
    vb_slot *s;

    pthread_mutex_lock(&r->lock);
    if (r->taken >= r->src.n_frames) {
        pthread_mutex_unlock(&r->lock);
        return vb_fail(err, VB_EARG, "no frame %d: the video has %d", r->taken, r->src.n_frames);
    }
    while (r->decoded <= r->taken)
        pthread_cond_wait(&r->changed, &r->lock);
    s = &r->slots[r->taken % r->n_slots];
    if (s->status == VB_OK)
        r->taken++;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
    *out = &s->frame;
    if (s->status)
        return vb_fail(err, s->status, "%s", s->err.msg);
    return VB_OK;
}

void vb_reader_close(vb_reader *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    for (int i = 0; i < r->n_slots; i++)
        vb_image_deinit(&r->slots[i].frame.image);
    vb_jpeg_free(r->jpeg);
    free(r->slots);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    free(r);
}
