/* Folders of masks to a table of scores: finds the videos and objects, spreads them over threads, takes the means.
 * What happens to one folder of frames is in score_object.c, the table's text in score_report.c. */
#include "score.h"

#include "listing.h"
#include "score_object.h"
#include "timing.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FAULTS_SHOWN = 20, THREADS_MAX = 1024 };

/* One folder of ground-truth frames: an object in the SA-V layout, a whole video of label images otherwise. */
typedef struct {
    char *video, *object; /* object NULL: label images */
    char *gt, *pred;
    vb_folder_score *score; /* after the work, when st is VB_OK */
    vb_status st;
    vb_err err;
} job;

typedef struct {
    job *jobs;
    size_t n, capacity;
    atomic_size_t next;
    bool score_ends;
    bool show_progress;
    pthread_mutex_t progress_lock;
    size_t done;
} job_list;

static char *join(const char *a, const char *b)
{
    char *s = malloc(strlen(a) + strlen(b) + 2);

    if (s)
        sprintf(s, "%s/%s", a, b);
    return s;
}

static void job_deinit(job *j)
{
    free(j->video);
    free(j->object);
    free(j->gt);
    free(j->pred);
    free(j->score);
}

static void job_list_deinit(job_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        job_deinit(&l->jobs[i]);
    free(l->jobs);
}

/* gt and pred are the video's folders; object NULL: label images. */
static vb_status add_job(job_list *l, const char *video, const char *gt, const char *pred, const char *object, vb_err *err)
{
    job *j;

    if (l->n == l->capacity) {
        const size_t capacity = l->capacity ? 2 * l->capacity : 64;
        job *grown = realloc(l->jobs, capacity * sizeof *grown);

        if (!grown)
            return vb_fail(err, VB_ENOMEM, "host memory for the list of objects");
        l->jobs = grown;
        l->capacity = capacity;
    }
    j = &l->jobs[l->n++];
    memset(j, 0, sizeof *j);
    j->video = strdup(video);
    j->object = object ? strdup(object) : NULL;
    j->gt = object ? join(gt, object) : strdup(gt);
    j->pred = object ? join(pred, object) : strdup(pred);
    if (!j->video || (object && !j->object) || !j->gt || !j->pred)
        return vb_fail(err, VB_ENOMEM, "host memory for the list of objects");
    return VB_OK;
}

/* Names go into a CSV. */
static bool printable(const char *name)
{
    for (const unsigned char *p = (const unsigned char *)name; *p; p++)
        if (*p < 32 || *p == 127 || *p == ',')
            return false;
    return true;
}

static vb_status add_video(job_list *l, const char *gt_root, const char *pred_root, const char *video, vb_err *err)
{
    char *gt = join(gt_root, video), *pred = join(pred_root, video);
    vb_listing entries = {0};
    size_t png = 0;
    vb_status st;

    if (!gt || !pred) {
        st = vb_fail(err, VB_ENOMEM, "host memory for the list of objects");
        goto out;
    }
    if ((st = vb_listing_read(&entries, gt, err)))
        goto out;
    for (size_t i = 0; i < entries.n; i++)
        png += vb_has_suffix(entries.names[i], ".png");
    if (png == entries.n) {
        st = add_job(l, video, gt, pred, NULL, err);
        goto out;
    }
    for (size_t i = 0; i < entries.n && st == VB_OK; i++)
        if (!vb_is_folder(gt, entries.names[i]))
            st = vb_fail(err, VB_EFORMAT, "'%s/%.100s' is neither an object's folder nor one of PNG files only", gt,
                         entries.names[i]);
        else if (!printable(entries.names[i]))
            st = vb_fail(err, VB_EFORMAT, "'%s': an object's name has a comma or control characters", gt);
        else
            st = add_job(l, video, gt, pred, entries.names[i], err);
out:
    vb_listing_deinit(&entries);
    free(gt);
    free(pred);
    return st;
}

static void keep_folders(vb_listing *l, const char *parent)
{
    size_t n = 0;

    for (size_t i = 0; i < l->n; i++)
        if (vb_is_folder(parent, l->names[i]))
            l->names[n++] = l->names[i];
        else
            free(l->names[i]);
    l->n = n;
}

/* Meta's courtesy: a root that has "Annotations" with folders in it is taken to mean that one. */
static vb_status enter_annotations(char **gt_root, vb_listing *gt, size_t n_pred, vb_err *err)
{
    vb_listing inner = {0};
    char *path;
    vb_status st;

    if (gt->n == n_pred || !vb_is_folder(*gt_root, "Annotations"))
        return VB_OK;
    if (!(path = join(*gt_root, "Annotations")))
        return vb_fail(err, VB_ENOMEM, "host memory for a path");
    if ((st = vb_listing_read(&inner, path, err)) || inner.n == 0 || vb_has_suffix(inner.names[0], ".png")) {
        vb_listing_deinit(&inner);
        free(path);
        return st;
    }
    vb_listing_deinit(gt);
    *gt = inner;
    free(*gt_root);
    *gt_root = path;
    return VB_OK;
}

/* Names what only one of the roots has; returns how many. Both are sorted. */
static size_t name_extras(const vb_listing *a, const char *a_root, const vb_listing *b, const char *b_root, FILE *log)
{
    size_t n = 0, k = 0;

    for (size_t i = 0; i < a->n; i++) {
        while (k < b->n && strcmp(b->names[k], a->names[i]) < 0)
            k++;
        if (k < b->n && !strcmp(b->names[k], a->names[i]))
            continue;
        if (log && n < FAULTS_SHOWN)
            fprintf(log, "video '%s' is in '%s' but not in '%s'\n", a->names[i], a_root, b_root);
        n++;
    }
    if (log && n > FAULTS_SHOWN)
        fprintf(log, "and %zu more in '%s' alone\n", n - FAULTS_SHOWN, a_root);
    return n;
}

static vb_status find_jobs(job_list *l, int *n_videos, const vb_score_options *opt, FILE *log, vb_err *err)
{
    char *gt_root = strdup(opt->gt_root);
    vb_listing gt = {0}, pred = {0};
    size_t extras = 0, k = 0;
    vb_status st;

    *n_videos = 0;
    if (!gt_root) {
        st = vb_fail(err, VB_ENOMEM, "host memory for a path");
        goto out;
    }
    if ((st = vb_listing_read(&gt, gt_root, err)) || (st = vb_listing_read(&pred, opt->pred_root, err)) ||
        (st = enter_annotations(&gt_root, &gt, pred.n, err)))
        goto out;
    keep_folders(&gt, gt_root);
    keep_folders(&pred, opt->pred_root);
    if (opt->strict) {
        extras = name_extras(&gt, gt_root, &pred, opt->pred_root, log) + name_extras(&pred, opt->pred_root, &gt, gt_root, log);
        if (extras) {
            st = vb_fail(err, VB_EARG, "strict: %zu videos are in one of '%s' and '%s' alone", extras, gt_root, opt->pred_root);
            goto out;
        }
    }
    for (size_t i = 0; i < gt.n && st == VB_OK; i++) {
        while (k < pred.n && strcmp(pred.names[k], gt.names[i]) < 0)
            k++;
        if (k == pred.n || strcmp(pred.names[k], gt.names[i]))
            continue;
        if (!printable(gt.names[i])) {
            st = vb_fail(err, VB_EFORMAT, "'%s': a video's name has a comma or control characters", gt_root);
            break;
        }
        ++*n_videos;
        st = add_video(l, gt_root, opt->pred_root, gt.names[i], err);
    }
    if (st == VB_OK && *n_videos == 0)
        st = vb_fail(err, VB_EARG, "no video folder of '%s' is also in '%s'", gt_root, opt->pred_root);
    if (st == VB_OK && log && !opt->quiet)
        fprintf(log, "Scoring %d videos of '%s', %s the first and last annotated frame of each object.\n", *n_videos, gt_root,
                opt->score_ends ? "with" : "without");
out:
    free(gt_root);
    vb_listing_deinit(&gt);
    vb_listing_deinit(&pred);
    return st;
}

static vb_status run_job(job *j, vb_score_scratch *scratch, bool score_ends, vb_err *err)
{
    vb_listing frames;
    vb_status st = vb_listing_read(&frames, j->gt, err);

    if (st)
        return st;
    if ((j->score = malloc(sizeof *j->score)))
        st = vb_score_folder(j->score, scratch, j->gt, j->pred, &frames, !j->object, score_ends, err);
    else
        st = vb_fail(err, VB_ENOMEM, "'%s': host memory", j->gt);
    vb_listing_deinit(&frames);
    return st;
}

static void *work(void *arg)
{
    job_list *l = arg;
    vb_score_scratch scratch = {0};
    size_t i;

    while ((i = atomic_fetch_add(&l->next, 1)) < l->n) {
        l->jobs[i].st = run_job(&l->jobs[i], &scratch, l->score_ends, &l->jobs[i].err);
        if (l->show_progress) {
            pthread_mutex_lock(&l->progress_lock);
            fprintf(stderr, "\r%zu/%zu", ++l->done, l->n);
            pthread_mutex_unlock(&l->progress_lock);
        }
    }
    vb_score_scratch_deinit(&scratch);
    return NULL;
}

static int count_cores(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
}

/* On as many threads as can be had; the calling one is among them. */
static void run_jobs(job_list *l, int threads)
{
    pthread_t other[THREADS_MAX];
    int started = 0;

    threads = threads > 0 ? threads : count_cores();
    threads = threads < THREADS_MAX ? threads : THREADS_MAX;
    while (started + 1 < threads && (size_t)started + 1 < l->n && !pthread_create(&other[started], NULL, work, l))
        started++;
    work(l);
    for (int i = 0; i < started; i++)
        pthread_join(other[i], NULL);
    if (l->show_progress)
        fputs("\r                    \r", stderr);
}

static vb_status report_faults(const job_list *l, FILE *log, vb_err *err)
{
    size_t faults = 0;
    vb_status st = VB_OK;

    for (size_t i = 0; i < l->n; i++) {
        const job *j = &l->jobs[i];

        if (j->st == VB_OK)
            continue;
        if (st == VB_OK)
            st = vb_fail(err, j->st, "%s", j->err.msg);
        if (log && faults < FAULTS_SHOWN)
            fprintf(log, "fault: %s\n", j->err.msg);
        faults++;
    }
    if (log && faults > FAULTS_SHOWN)
        fprintf(log, "and %zu more faults\n", faults - FAULTS_SHOWN);
    return st;
}

static vb_status add_object(vb_score_summary *s, const job *j, int label, FILE *log, vb_err *err)
{
    const vb_masklet_score *m = &j->score->label[label];
    vb_object_score *o = &s->objects[s->n_objects];
    char name[16];

    snprintf(name, sizeof name, "%03d", label);
    memset(o, 0, sizeof *o);
    o->video = strdup(j->video);
    o->obj_id = strdup(j->object ? j->object : name);
    s->n_objects++;
    if (!o->video || !o->obj_id)
        return vb_fail(err, VB_ENOMEM, "host memory for the table of scores");
    o->n_frames = m->n;
    if ((o->scored = vb_masklet_mean(&o->j, &o->f, m)))
        return VB_OK;
    s->n_left_out++;
    if (log)
        fprintf(log, "left out: video '%s', object '%s' has no ground truth in its scored frames\n", o->video, o->obj_id);
    return VB_OK;
}

static vb_status summarize(vb_score_summary *s, const job_list *l, FILE *log, vb_err *err)
{
    double sum_j = 0, sum_f = 0;
    size_t n = 0;
    vb_status st;

    for (size_t i = 0; i < l->n; i++)
        n += l->jobs[i].object ? 1 : 255;
    if (!(s->objects = malloc((n + 1) * sizeof *s->objects)))
        return vb_fail(err, VB_ENOMEM, "host memory for the table of scores");
    for (size_t i = 0; i < l->n; i++)
        for (int label = 1; label < (l->jobs[i].object ? 2 : 256); label++) {
            if (!l->jobs[i].object && !l->jobs[i].score->label[label].seen_gt)
                continue; /* a label image's object is one that its ground truth shows */
            if ((st = add_object(s, &l->jobs[i], label, log, err)))
                return st;
        }
    for (int i = 0; i < s->n_objects; i++) {
        sum_j += s->objects[i].j; /* 0 where left out */
        sum_f += s->objects[i].f;
    }
    if (s->n_objects == s->n_left_out)
        return vb_fail(err, VB_EFORMAT, "no object has ground truth in its scored frames");
    s->j = sum_j / (s->n_objects - s->n_left_out);
    s->f = sum_f / (s->n_objects - s->n_left_out);
    s->jf = (s->j + s->f) / 2;
    return VB_OK;
}

vb_status vb_score_folders(const vb_score_options *opt, FILE *log, vb_score_summary *out, vb_err *err)
{
    const double start_ms = vb_now_ms();
    job_list l = {.score_ends = opt->score_ends, .show_progress = log && !opt->quiet && isatty(STDERR_FILENO)};
    char *csv = opt->csv_path ? strdup(opt->csv_path) : join(opt->pred_root, "results.csv");
    vb_status st;

    memset(out, 0, sizeof *out);
    pthread_mutex_init(&l.progress_lock, NULL);
    if (!csv) {
        st = vb_fail(err, VB_ENOMEM, "host memory for a path");
        goto out;
    }
    if ((st = find_jobs(&l, &out->n_videos, opt, log, err)))
        goto out;
    run_jobs(&l, opt->threads);
    if ((st = report_faults(&l, log, err)) || (st = summarize(out, &l, log, err)))
        goto out;
    out->seconds = (vb_now_ms() - start_ms) / 1e3;
    if (log && !opt->quiet) {
        vb_score_print(log, out, ' ');
        fprintf(log, "\nSummary:\nGlobal score: J&F: %.1f J: %.1f F: %.1f\n", out->jf * 100, out->j * 100, out->f * 100);
        if (out->n_left_out)
            fprintf(log, "Objects left out: %d of %d\n", out->n_left_out, out->n_objects);
        fprintf(log, "Time taken: %.2fs\n", out->seconds);
    }
    if ((st = vb_score_write_csv(csv, out, err)))
        goto out;
    if (log)
        fprintf(log, "Results written to %s\n", csv);
out:
    if (st)
        vb_score_summary_deinit(out);
    pthread_mutex_destroy(&l.progress_lock);
    job_list_deinit(&l);
    free(csv);
    return st;
}

void vb_score_summary_deinit(vb_score_summary *s)
{
    for (int i = 0; i < s->n_objects; i++) {
        free(s->objects[i].video);
        free(s->objects[i].obj_id);
    }
    free(s->objects);
    memset(s, 0, sizeof *s);
}
