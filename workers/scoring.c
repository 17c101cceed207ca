/* Scoring: the queue, its threads, and the rows that come of it; see scoring.h.
 *
 * A thread takes the next frame, and what comes of it waits in the frame's place until all frames before are through: rows and
 * sums are in the order of frames, however many threads there are. */
#include "scoring.h"

#include "image_io.h"
#include "metrics.h"
#include "overlay.h"
#include "rows.h"
#include "timing.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_THREADS = 8, QUEUE = MAX_THREADS + 3 };

/* What comes of one object on one frame. */
typedef struct {
    bool due, gt_any, kept; /* annotated; there is something to be seen; its mask goes into the record */
    vb_score_row score;     /* where due */
    vb_mask_row mask;       /* where kept */
} vb_scored;

typedef struct {
    int place, frame_idx;
    vb_object_out *objects; /* [n_objects]; masks are the job's own copies */
    vb_mask *masks;         /* [n_objects] */
    uint8_t *rgb;           /* NULL: no picture of this frame */

    bool done;
    vb_status status;
    vb_err err;
    vb_scored *scored; /* [n_objects] */
    vb_overlay_row overlay; /* png NULL: none */
} vb_job;

/* Of one object's annotated frames. */
typedef struct {
    int first, end; /* places that are scored: vb_scored_range */
    vb_masklet_score score;
} vb_progress;

typedef struct {
    vb_scoring *of;
    vb_scorer *scorer;
    pthread_t thread;
    bool started;
} vb_scoring_thread;

struct vb_scoring {
    vb_scoring_config c;
    vb_scoring_thread threads[MAX_THREADS];
    int n_threads, n_queue;
    vb_progress *progress; /* [n_objects] */
    int n_annotated;       /* frames of the video that any object has annotated */
    int *annotated;        /* ascending */
    int overlay_every;     /* a picture of each overlay_every-th annotated frame; 0: none */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    vb_job queue[QUEUE];
    int64_t head, taken, tail; /* jobs whose rows are kept, jobs that a thread took, jobs submitted */
    bool ending;
    vb_status status; /* first fault; later jobs are dropped */
    vb_err err;

    vb_rows scores, masks, overlays; /* of vb_score_row, vb_mask_row, vb_overlay_row */
};

static int by_value(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Where it stands in a list that ascends; -1: nowhere. */
static int place_in(const int *list, int n, int frame_idx)
{
    const int *p = bsearch(&frame_idx, list, (size_t)n, sizeof *p, by_value);

    return p ? (int)(p - list) : -1;
}

static bool overlay_due(const vb_scoring *s, int annotated_place)
{
    return annotated_place >= 0 && s->overlay_every > 0 &&
           annotated_place % s->overlay_every == s->overlay_every / 2;
}

bool vb_scoring_annotated(const vb_scoring *s, int frame_idx)
{
    return place_in(s->annotated, s->n_annotated, frame_idx) >= 0;
}

bool vb_scoring_wants(const vb_scoring *s, int frame_idx)
{
    return s->c.save_masks == VB_SAVE_ALL || vb_scoring_annotated(s, frame_idx);
}

/* One object on one frame. gt is inited by this call when the frame is annotated for the object. */
static vb_status score_object(const vb_scoring *s, vb_scorer *scorer, int object, vb_job *job, vb_mask *gt, vb_err *err)
{
    const vb_masklet *m = s->c.masklets[object];
    const vb_object_out *o = &job->objects[object];
    vb_scored *to = &job->scored[object];
    vb_status st;

    to->due = place_in(m->annotated, m->n_annotated, job->frame_idx) >= 0;
    if (to->due) {
        char path[PATH_MAX];

        to->score = (vb_score_row){.object = object, .frame_idx = job->frame_idx, .predicted_iou = o->predicted_iou,
                                   .object_score = o->object_score, .nonfinite = o->nonfinite,
                                   .area = vb_mask_area(&job->masks[object]), .mask_hash = vb_mask_hash(&job->masks[object])};
        vb_video_mask_path(path, sizeof path, s->c.dataset, s->c.video, m, job->frame_idx);
        if ((st = vb_png_read_mask(gt, path, err)) || (st = vb_score_frame(scorer, &to->score.j, &to->score.f, &job->masks[object], gt, err)))
            return st;
        to->gt_any = vb_mask_area(gt) > 0;
    }
    if (o->active && (s->c.save_masks == VB_SAVE_ALL || (to->due && s->c.save_masks == VB_SAVE_ANNOTATED))) {
        to->mask = (vb_mask_row){.object = object, .frame_idx = job->frame_idx};
        if ((st = vb_mask_rle(&to->mask.rle, &job->masks[object], err)))
            return st;
        to->kept = true;
    }
    return VB_OK;
}

/* A picture as PNG bytes: the writer wants a file, so it gets one in memory. The engine writes to no disk. */
static vb_status make_overlay(const vb_scoring *s, vb_job *job, const vb_mask *gt, vb_err *err)
{
    vb_overlay_row row = {.frame_idx = job->frame_idx};
    int fd = memfd_create("overlay", MFD_CLOEXEC);
    char path[64];
    vb_status st;
    off_t size;

    if (fd < 0)
        return vb_fail(err, VB_EIO, "overlay: memfd_create: %s", strerror(errno));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    st = vb_overlay_write(path, job->rgb, s->c.video->h, s->c.video->w, job->masks, gt, s->c.n_objects, err);
    if (st == VB_OK) {
        size = lseek(fd, 0, SEEK_END);
        row.png = size > 0 ? malloc((size_t)size) : NULL;
        if (!row.png || pread(fd, row.png, (size_t)size, 0) != size)
            st = vb_fail(err, VB_ENOMEM, "overlay of frame %d", job->frame_idx);
        row.n_bytes = (uint32_t)size;
        job->overlay = row;
    }
    close(fd);
    return st;
}

static vb_status score_job(const vb_scoring *s, vb_scorer *scorer, vb_job *job, vb_err *err)
{
    double start = vb_now_ms();
    int n = s->c.n_objects;
    vb_mask *gt = calloc((size_t)n + 1, sizeof *gt);
    vb_status st = gt ? VB_OK : vb_fail(err, VB_ENOMEM, "ground truth of %d objects", n);

    for (int i = 0; i < n && st == VB_OK; i++)
        st = score_object(s, scorer, i, job, &gt[i], err);
    s->c.score_ms[job->place] = vb_now_ms() - start;
    if (st == VB_OK && job->rgb)
        st = make_overlay(s, job, gt, err);
    for (int i = 0; i < n && gt; i++)
        vb_mask_deinit(&gt[i]);
    free(gt);
    return st;
}

/* The rows of a frame, those before it being kept; what they own is theirs. */
static vb_status keep_rows(vb_scoring *s, vb_job *job, vb_err *err)
{
    vb_status st;

    for (int i = 0; i < s->c.n_objects; i++) {
        vb_scored *from = &job->scored[i];
        vb_progress *p = &s->progress[i];

        if (from->due) {
            const vb_masklet *m = s->c.masklets[i];
            int place = place_in(m->annotated, m->n_annotated, job->frame_idx);

            if (place >= p->first && place < p->end)
                from->score.counted = vb_masklet_add(&p->score, from->gt_any, from->score.area > 0, from->score.j, from->score.f);
            if ((st = vb_rows_add(&s->scores, &from->score, err)))
                return st;
        }
        if (from->kept) {
            if ((st = vb_rows_add(&s->masks, &from->mask, err)))
                return st;
            from->kept = false;
        }
    }
    if (job->overlay.png) {
        if ((st = vb_rows_add(&s->overlays, &job->overlay, err)))
            return st;
        job->overlay.png = NULL;
    }
    return VB_OK;
}

/* The place is empty again. */
static void clear_job(const vb_scoring *s, vb_job *job)
{
    for (int i = 0; i < s->c.n_objects && job->scored; i++)
        if (job->scored[i].kept)
            free(job->scored[i].mask.rle);
    if (job->scored)
        memset(job->scored, 0, (size_t)s->c.n_objects * sizeof *job->scored);
    free(job->overlay.png);
    job->overlay.png = NULL;
    free(job->rgb);
    job->rgb = NULL;
    job->done = false;
}

static void *work(void *arg)
{
    vb_scoring_thread *self = arg;
    vb_scoring *s = self->of;

    pthread_mutex_lock(&s->lock);
    for (;;) {
        vb_job *job;
        bool dropped;

        while (s->taken == s->tail && !s->ending)
            pthread_cond_wait(&s->changed, &s->lock);
        if (s->taken == s->tail)
            break;
        job = &s->queue[s->taken++ % s->n_queue];
        dropped = s->status != VB_OK;
        pthread_mutex_unlock(&s->lock);
        job->status = dropped ? VB_OK : score_job(s, self->scorer, job, &job->err);
        pthread_mutex_lock(&s->lock);
        job->done = true;
        while (s->head < s->taken && (job = &s->queue[s->head % s->n_queue])->done) {
            if (s->status == VB_OK && job->status) {
                s->status = job->status;
                s->err = job->err;
            } else if (s->status == VB_OK) {
                s->status = keep_rows(s, job, &s->err);
            }
            clear_job(s, job);
            s->head++;
        }
        pthread_cond_broadcast(&s->changed);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* The union of all objects' annotated frames, ascending. */
static vb_status list_annotated(vb_scoring *s, vb_err *err)
{
    size_t total = 0;

    for (int i = 0; i < s->c.n_objects; i++)
        total += (size_t)s->c.masklets[i]->n_annotated;
    s->annotated = malloc((total + 1) * sizeof *s->annotated);
    if (!s->annotated)
        return vb_fail(err, VB_ENOMEM, "list of %zu annotated frames", total);
    total = 0;
    for (int i = 0; i < s->c.n_objects; i++) {
        const vb_masklet *m = s->c.masklets[i];

        memcpy(s->annotated + total, m->annotated, (size_t)m->n_annotated * sizeof *s->annotated);
        total += (size_t)m->n_annotated;
    }
    qsort(s->annotated, total, sizeof *s->annotated, by_value);
    for (size_t i = 0; i < total; i++)
        if (!i || s->annotated[i] != s->annotated[i - 1])
            s->annotated[s->n_annotated++] = s->annotated[i];
    return VB_OK;
}

vb_status vb_scoring_open(vb_scoring **out, const vb_scoring_config *c, vb_err *err)
{
    vb_scoring *s = calloc(1, sizeof *s);
    vb_status st = VB_ENOMEM;
    int h = c->video->h, w = c->video->w;

    *out = NULL;
    if (!s)
        return vb_fail(err, VB_ENOMEM, "scoring");
    s->c = *c;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    vb_rows_init(&s->scores, sizeof(vb_score_row));
    vb_rows_init(&s->masks, sizeof(vb_mask_row));
    vb_rows_init(&s->overlays, sizeof(vb_overlay_row));
    s->n_threads = c->threads < 1 ? 1 : c->threads > MAX_THREADS ? MAX_THREADS : c->threads;
    s->n_queue = s->n_threads + 3;
    if ((st = list_annotated(s, err)))
        goto out;
    if (c->save_overlays > 0 && s->n_annotated > 0)
        s->overlay_every = s->n_annotated > c->save_overlays ? s->n_annotated / c->save_overlays : 1;
    s->progress = calloc((size_t)c->n_objects + 1, sizeof *s->progress);
    if (!s->progress) {
        st = vb_fail(err, VB_ENOMEM, "scoring of %d objects", c->n_objects);
        goto out;
    }
    for (int i = 0; i < c->n_objects; i++)
        vb_scored_range(&s->progress[i].first, &s->progress[i].end, c->masklets[i]->n_annotated, false);
    for (int q = 0; q < s->n_queue; q++) {
        s->queue[q].objects = calloc((size_t)c->n_objects + 1, sizeof(vb_object_out));
        s->queue[q].masks = calloc((size_t)c->n_objects + 1, sizeof(vb_mask));
        s->queue[q].scored = calloc((size_t)c->n_objects + 1, sizeof(vb_scored));
        if (!s->queue[q].objects || !s->queue[q].masks || !s->queue[q].scored) {
            st = vb_fail(err, VB_ENOMEM, "masks of %d objects", c->n_objects);
            goto out;
        }
        for (int i = 0; i < c->n_objects; i++)
            if ((st = vb_mask_init(&s->queue[q].masks[i], h, w, err)))
                goto out;
    }
    for (int i = 0; i < s->n_threads; i++) {
        vb_scoring_thread *t = &s->threads[i];

        t->of = s;
        if ((st = vb_scorer_create(&t->scorer, h, w, VB_SAV_BOUND, err)))
            goto out;
        if (pthread_create(&t->thread, NULL, work, t)) {
            st = vb_fail(err, VB_EIO, "cannot start a scoring thread");
            goto out;
        }
        t->started = true;
    }
    *out = s;
    return VB_OK;
out:
    vb_scoring_close(s);
    return st;
}

vb_status vb_scoring_submit(vb_scoring *s, int place, int frame_idx, const vb_object_out *objects, const uint8_t *rgb, vb_err *err)
{
    size_t pixels = (size_t)s->c.video->h * (size_t)s->c.video->w;
    vb_status st;
    vb_job *job;

    pthread_mutex_lock(&s->lock);
    while (s->tail - s->head == s->n_queue)
        pthread_cond_wait(&s->changed, &s->lock);
    st = s->status;
    pthread_mutex_unlock(&s->lock);
    if (st)
        return vb_fail(err, st, "%s", s->err.msg);
    job = &s->queue[s->tail % s->n_queue];
    job->place = place;
    job->frame_idx = frame_idx;
    for (int i = 0; i < s->c.n_objects; i++) {
        vb_mask *m = &job->masks[i];

        job->objects[i] = objects[i];
        if (objects[i].active)
            memcpy(m->bits, objects[i].mask->bits, (size_t)m->h * m->stride * sizeof *m->bits);
        else
            memset(m->bits, 0, (size_t)m->h * m->stride * sizeof *m->bits);
    }
    if (overlay_due(s, place_in(s->annotated, s->n_annotated, frame_idx))) {
        if (!(job->rgb = malloc(pixels * 3)))
            return vb_fail(err, VB_ENOMEM, "overlay of frame %d, %dx%d pixels", frame_idx, s->c.video->w, s->c.video->h);
        memcpy(job->rgb, rgb, pixels * 3);
    }
    pthread_mutex_lock(&s->lock);
    s->tail++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return VB_OK;
}

static void end_threads(vb_scoring *s)
{
    pthread_mutex_lock(&s->lock);
    s->ending = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    for (int i = 0; i < s->n_threads; i++) {
        if (s->threads[i].started)
            pthread_join(s->threads[i].thread, NULL);
        s->threads[i].started = false;
    }
}

vb_status vb_scoring_finish(vb_scoring *s, vb_trial *t, vb_err *err)
{
    end_threads(s);
    if (s->status)
        return vb_fail(err, s->status, "%s", s->err.msg);
    t->scores = vb_rows_take(&s->scores, &t->n_scores);
    t->masks = vb_rows_take(&s->masks, &t->n_masks);
    t->overlays = vb_rows_take(&s->overlays, &t->n_overlays);
    for (int i = 0; i < s->c.n_objects; i++) {
        vb_object_row *o = &t->objects[i];

        o->n_counted = s->progress[i].score.n;
        if (!vb_masklet_mean(&o->j, &o->f, &s->progress[i].score)) {
            o->n_counted = 0;
            o->j = o->f = NAN;
        }
    }
    return VB_OK;
}

void vb_scoring_close(vb_scoring *s)
{
    if (!s)
        return;
    end_threads(s);
    for (int q = 0; q < s->n_queue; q++) {
        vb_job *job = &s->queue[q];

        clear_job(s, job);
        for (int i = 0; i < s->c.n_objects && job->masks; i++)
            vb_mask_deinit(&job->masks[i]);
        free(job->objects);
        free(job->masks);
        free(job->scored);
    }
    for (size_t i = 0; i < s->masks.n; i++)
        free(((vb_mask_row *)s->masks.data)[i].rle);
    for (size_t i = 0; i < s->overlays.n; i++)
        free(((vb_overlay_row *)s->overlays.data)[i].png);
    vb_rows_deinit(&s->scores);
    vb_rows_deinit(&s->masks);
    vb_rows_deinit(&s->overlays);
    for (int i = 0; i < s->n_threads; i++)
        vb_scorer_free(s->threads[i].scorer);
    free(s->progress);
    free(s->annotated);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
