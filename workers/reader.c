/* Reader: decoding threads and a ring of slots; see reader.h. */
#include "reader.h"

#include "timing.h"

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

typedef struct {
    vb_decoded frame;
    bool ready;
    vb_status status;
    vb_err err;
} vb_slot;

struct vb_reader {
    vb_reader_source src;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* frames [taken, begun) are decoded or about to be, in slots i % n_slots; those that were handed out last keep theirs */
    int taken, begun, n_slots;
    bool stop;
    vb_slot *slots;
    pthread_t *threads;
    int n_threads;
};

static void decode(const vb_reader *r, vb_jpeg *jpeg, int i, vb_slot *s)
{
    vb_image *im = &s->frame.image;
    char path[PATH_MAX];
    double start = vb_now_ms();

    r->src.path(r->src.ctx, i, path, sizeof path);
    s->status = vb_jpeg_decode(jpeg, path, im, &s->err);
    if ((s->status == VB_OK || s->status == VB_ESHAPE) && (im->h != r->src.h || im->w != r->src.w))
        s->status = vb_fail(&s->err, VB_EFORMAT, "'%s' is %dx%d, the video's other frames are %dx%d", path, im->w, im->h,
                            r->src.w, r->src.h);
    s->frame.decode_ms = vb_now_ms() - start;
}

/* One thread: the next frame that nobody has begun, as soon as its slot is free. */
static void *decode_some(void *arg)
{
    vb_reader *r = arg;
    vb_jpeg *jpeg = NULL;
    vb_err why = {0};
    vb_status lost = vb_jpeg_create(&jpeg, &why);

    pthread_mutex_lock(&r->lock);
    while (!r->stop && r->begun < r->src.n_frames) {
        if (r->begun - (r->taken - r->src.held) >= r->n_slots) {
            pthread_cond_wait(&r->changed, &r->lock);
            continue;
        }
        int i = r->begun++;
        vb_slot *s = &r->slots[i % r->n_slots];

        s->ready = false;
        pthread_mutex_unlock(&r->lock);
        if (lost)
            s->status = vb_fail(&s->err, lost, "%s", why.msg);
        else
            decode(r, jpeg, i, s);
        pthread_mutex_lock(&r->lock);
        s->ready = true;
        if (s->status)
            r->stop = true; /* nothing after a bad frame is asked for */
        pthread_cond_broadcast(&r->changed);
    }
    pthread_mutex_unlock(&r->lock);
    vb_jpeg_free(jpeg);
    return NULL;
}

static vb_status allocate(vb_reader *r, vb_err *err)
{
    const size_t bytes = (size_t)r->src.h * (size_t)r->src.w * 3;

    if (!(r->slots = calloc((size_t)r->n_slots, sizeof *r->slots)) || !(r->threads = calloc((size_t)r->src.threads, sizeof *r->threads)))
        return vb_fail(err, VB_ENOMEM, "frame reader");
    for (int i = 0; r->src.alloc && i < r->n_slots; i++) {
        vb_image *im = &r->slots[i].frame.image;

        if (!(im->rgb = r->src.alloc(r->src.mem, bytes)))
            return vb_fail(err, VB_ENOMEM, "page-locked host memory: none is left for frame %d of %d that are to be decoded ahead (%dx%d, %.1f MiB each); "
                           "a smaller --batch-frames or --threads needs fewer", i + 1, r->n_slots, r->src.w, r->src.h, (double)bytes / (1 << 20));
        im->capacity = bytes;
        im->fixed = true;
    }
    return VB_OK;
}

vb_status vb_reader_open(vb_reader **out, const vb_reader_source *src, int first, vb_err *err)
{
    vb_reader *r = calloc(1, sizeof *r);
    vb_status st;

    *out = NULL;
    if (!r)
        return vb_fail(err, VB_ENOMEM, "frame reader");
    r->src = *src;
    if (r->src.held < 1)
        r->src.held = 1;
    r->taken = r->begun = first;
    r->n_slots = src->ahead + r->src.held;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    st = allocate(r, err);
    for (int i = 0; i < src->threads && st == VB_OK; i++) {
        if (pthread_create(&r->threads[i], NULL, decode_some, r))
            st = vb_fail(err, VB_EIO, "cannot start a decoding thread");
        else
            r->n_threads++;
    }
    if (st) {
        vb_reader_close(r);
        return st;
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
    s = &r->slots[r->taken % r->n_slots];
    r->taken++; /* gives the oldest of those that are held back */
    pthread_cond_broadcast(&r->changed);
    while (r->begun < r->taken || !s->ready)
        pthread_cond_wait(&r->changed, &r->lock);
    if (s->status)
        r->taken--;
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
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    for (int i = 0; i < r->n_threads; i++)
        pthread_join(r->threads[i], NULL);
    for (int i = 0; r->slots && i < r->n_slots; i++) {
        vb_image *im = &r->slots[i].frame.image;

        if (im->fixed && im->rgb)
            r->src.free(r->src.mem, im->rgb, im->capacity);
        else
            vb_image_deinit(im);
    }
    free(r->slots);
    free(r->threads);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    free(r);
}
