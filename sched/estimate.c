/* Estimate; see estimate.h. */
#include "estimate.h"

#include "cost.h"
#include "memory_estimate.h"
#include "models.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of results: shards, results.h5 and summary.db together, as measured on folders of this version; METRICS.md has the
 * formula. */
enum {
    FOLDER_BYTES = 300000,
    TRIAL_BYTES = 15000,
    FRAME_BYTES = 170,
    OBJECT_BYTES = 400,
    SCORE_BYTES = 90,
    MASK_BYTES = 50,
};
#define MASK_SIDE 4.5 /* of RLE text by the square root of a picture's pixels: natural outlines */
#define OVERLAY_PIXEL 2 /* PNG of a photograph */

/* A record read once: what it cost by the model, and what it took. */
typedef struct {
    bool counts; /* done, with a readable tag */
    vb_variant variant;
    int device;
    double cost;
} measured;

const char *vb_basis_name(vb_basis b)
{
    static const char *const names[] = {"variant", "model", "device", "assumed"};

    return names[b];
}

static bool is_stub(const char *model)
{
    const vb_model_info *m = vb_model_info_find(model);

    return m && m->family == VB_FAMILY_STUB;
}

static int most_records_first(const void *a, const void *b)
{
    const vb_device_estimate *x = a, *y = b;

    if ((*x->device == '\0') != (*y->device == '\0'))
        return *x->device ? 1 : -1;
    return x->n_records != y->n_records ? (x->n_records < y->n_records ? 1 : -1) : strcmp(x->device, y->device);
}

static vb_status add_device(vb_estimate *e, const char *label, vb_err *err)
{
    vb_device_estimate *grown = realloc(e->devices, (size_t)(e->n_devices + 1) * sizeof *grown), *d;

    if (!grown)
        return vb_fail(err, VB_ENOMEM, "estimate of %d kinds of device", e->n_devices + 1);
    e->devices = grown;
    d = &grown[e->n_devices];
    memset(d, 0, sizeof *d);
    snprintf(d->device, sizeof d->device, "%s", label);
    d->seconds = calloc((size_t)e->n_setups + 1, sizeof *d->seconds);
    d->basis = calloc((size_t)e->n_setups + 1, sizeof *d->basis);
    e->n_devices++;
    return d->seconds && d->basis ? VB_OK : vb_fail(err, VB_ENOMEM, "estimate of %d setups", e->n_setups);
}

static int find_device(const vb_estimate *e, const char *label)
{
    for (int i = 0; i < e->n_devices; i++)
        if (!strcmp(e->devices[i].device, label))
            return i;
    return -1;
}

/* The kinds of device, and each record's. */
static vb_status take_records(measured *m, vb_estimate *e, const vb_recorded *records, int n, bool assumed, vb_err *err)
{
    vb_status st = VB_OK;

    for (int i = 0; i < n && st == VB_OK; i++) {
        const vb_recorded *r = &records[i];
        int d;

        if (r->status != VB_TRIAL_DONE || !*r->device || !(r->seconds > 0) || vb_variant_parse_tag(&m[i].variant, r->tag, NULL))
            continue;
        if ((d = find_device(e, r->device)) < 0 && (st = add_device(e, r->device, err)) == VB_OK)
            d = e->n_devices - 1;
        if (st)
            break;
        e->devices[d].n_records++;
        m[i].counts = true;
        m[i].cost = vb_cost_trial(&m[i].variant, r->n_frames, r->n_objects);
    }
    if (st == VB_OK && (assumed || e->n_devices == 0))
        st = add_device(e, "", err);
    if (st)
        return st;
    qsort(e->devices, (size_t)e->n_devices, sizeof *e->devices, most_records_first);
    for (int i = 0; i < n; i++)
        if (m[i].counts)
            m[i].device = find_device(e, records[i].device);
    return VB_OK;
}

/* Seconds per unit of cost on device d, from the records most like the setup in this dtype. */
static double pace(vb_basis *basis, const vb_estimate *e, int d, const vb_setup *s, vb_dtype dtype, const measured *m,
                   const vb_recorded *records, int n)
{
    double seconds[VB_BASIS_ASSUMED] = {0}, cost[VB_BASIS_ASSUMED] = {0};

    for (int i = 0; i < n; i++) {
        const vb_variant *v = &m[i].variant;
        bool model, alike;

        if (!m[i].counts || m[i].device != d || is_stub(v->setup.model) != is_stub(s->model))
            continue;
        model = !strcmp(v->setup.model, s->model);
        alike = model && v->dtype == dtype && v->setup.image_size == s->image_size;
        for (vb_basis b = alike ? VB_BASIS_VARIANT : model ? VB_BASIS_MODEL : VB_BASIS_DEVICE; b < VB_BASIS_ASSUMED; b++) {
            seconds[b] += records[i].seconds;
            cost[b] += m[i].cost;
        }
    }
    for (*basis = VB_BASIS_VARIANT; *basis < VB_BASIS_ASSUMED; ++*basis)
        if (cost[*basis] > 0)
            return seconds[*basis] / cost[*basis];
    return 1 / e->speed;
}

static double trial_bytes(const vb_video *v, const vb_options *o)
{
    double side = sqrt((double)v->h * v->w), n_scores = 0, n_masks = 0;

    for (int k = 0; k < v->n_masklets; k++) {
        const vb_masklet *m = &v->masklets[k];

        n_scores += m->n_annotated;
        for (int t = 0; o->save_masks == VB_SAVE_ALL && m->n_annotated > 0 && t < v->n_frames; t++)
            n_masks += v->frames[t] >= m->annotated[0];
    }
    if (o->save_masks == VB_SAVE_ANNOTATED)
        n_masks = n_scores;
    return TRIAL_BYTES + (double)FRAME_BYTES * v->n_frames + (double)OBJECT_BYTES * v->n_masklets + SCORE_BYTES * n_scores +
           n_masks * (MASK_BYTES + MASK_SIDE * side) + (double)o->save_overlays * OVERLAY_PIXEL * v->h * v->w;
}

static int by_key(const void *a, const void *b)
{
    const vb_recorded *x = a, *y = b;
    int c = strcmp(x->video, y->video);

    if (c || (c = strcmp(x->tag, y->tag)))
        return c;
    return (x->repetition > y->repetition) - (x->repetition < y->repetition);
}

static vb_trial_status status_of(const vb_trial_key *key, const vb_recorded *records, int n)
{
    vb_recorded wanted = {.repetition = key->repetition};
    const vb_recorded *r;

    strcpy(wanted.video, key->video);
    vb_variant_tag(wanted.tag, &key->variant);
    r = n ? bsearch(&wanted, records, (size_t)n, sizeof *records, by_key) : NULL;
    return r ? r->status : VB_TRIAL_MISSING;
}

static int setup_of(const vb_options *o, const vb_setup *s)
{
    int i = 0;

    while (i < o->n_setups - 1 && !vb_setup_equal(&o->setups[i], s))
        i++;
    return i;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void add_memory(vb_setup_estimate *s, const vb_variant *t, const vb_video *v, const vb_options *o)
{
    vb_memory_case c = {.model = t->setup.model, .image_size = t->setup.image_size, .dtype = t->dtype, .bank = t->bank, .cuda = true,
                        .h = v->h, .w = v->w, .n_frames = v->n_frames, .n_objects = v->n_masklets,
                        .max_batch = vb_options_batch(o, true, v->n_masklets), .batch_frames = vb_options_batch_frames(o, true, t->mode)};
    vb_memory_estimate e = vb_memory_estimate_of(&c);

    s->cuda_bytes = larger(s->cuda_bytes, e.device_bytes);
    s->cuda_host_bytes = larger(s->cuda_host_bytes, e.rss_bytes);
    c.cuda = false;
    c.max_batch = vb_options_batch(o, false, v->n_masklets);
    c.batch_frames = vb_options_batch_frames(o, false, t->mode);
    s->cpu_bytes = larger(s->cpu_bytes, vb_memory_estimate_of(&c).rss_bytes);
}

/* Counts of one block and, in cost[setup][dtype], what is left of it. */
static void add_block(vb_setup_estimate *s, double cost[VB_DTYPE_COUNT], const vb_block *b, const vb_video *v,
                      const vb_options *o, const vb_recorded *records, int n)
{
    double bytes = trial_bytes(v, o);

    s->n_videos++;
    s->n_objects += v->n_masklets;
    for (int t = 0; t < b->n_trials; t++) {
        vb_trial_status status = status_of(&b->trials[t], records, n);
        bool failed = status == VB_TRIAL_FAILED || status == VB_TRIAL_QUARANTINED;

        add_memory(s, &b->trials[t].variant, v, o);
        s->n_trials++;
        s->n_frames += v->n_frames;
        s->n_done += status == VB_TRIAL_DONE;
        s->n_failed += failed;
        if (status == VB_TRIAL_DONE || (failed && !o->retry_failed))
            continue;
        s->n_left++;
        s->n_frames_left += v->n_frames;
        s->result_bytes += bytes;
        cost[b->trials[t].variant.dtype] += vb_cost_trial(&b->trials[t].variant, v->n_frames, v->n_masklets);
    }
}

static void scale(vb_estimate *e, double (*cost)[VB_DTYPE_COUNT], const vb_options *o, const measured *m,
                  const vb_recorded *records, int n)
{
    for (int d = 0; d < e->n_devices; d++) {
        vb_device_estimate *on = &e->devices[d];

        for (int s = 0; s < e->n_setups; s++)
            for (int k = 0; k < o->n_dtypes; k++) {
                vb_basis basis;
                double p = pace(&basis, e, d, &o->setups[s], o->dtypes[k], m, records, n);

                on->seconds[s] += cost[s][o->dtypes[k]] * p;
                on->basis[s] = basis > on->basis[s] ? basis : on->basis[s];
            }
        for (int s = 0; s < e->n_setups; s++)
            on->total_s += on->seconds[s];
    }
}

vb_status vb_estimate_make(vb_estimate **out, const vb_plan *p, const vb_options *o, const vb_recorded *records,
                           int n_records, double speed, vb_err *err)
{
    vb_estimate *e = calloc(1, sizeof *e);
    measured *m = calloc((size_t)n_records + 1, sizeof *m);
    double (*cost)[VB_DTYPE_COUNT] = calloc((size_t)o->n_setups + 1, sizeof *cost);
    vb_status st;

    *out = NULL;
    if (!e || !m || !cost || !(e->setups = calloc((size_t)o->n_setups + 1, sizeof *e->setups))) {
        st = vb_fail(err, VB_ENOMEM, "estimate of %d records", n_records);
        goto out;
    }
    e->n_setups = o->n_setups;
    e->speed = speed > 0 ? speed : 1;
    if ((st = take_records(m, e, records, n_records, speed > 0, err)))
        goto out;
    for (int b = 0, v = 0; b < p->n_blocks; b++) { /* blocks lie in the order of the videos */
        int s = setup_of(o, &p->blocks[b].setup);

        while (v < p->n_videos - 1 && strcmp(p->videos[v]->name, p->blocks[b].video) != 0)
            v++;
        add_block(&e->setups[s], cost[s], &p->blocks[b], p->videos[v], o, records, n_records);
    }
    scale(e, cost, o, m, records, n_records);
    for (int s = 0; s < e->n_setups; s++)
        e->result_bytes += e->setups[s].result_bytes;
    if (n_records == 0)
        e->result_bytes += FOLDER_BYTES;
    *out = e;
    e = NULL;
out:
    vb_estimate_free(e);
    free(m);
    free(cost);
    return st;
}

void vb_estimate_free(vb_estimate *e)
{
    if (!e)
        return;
    for (int d = 0; d < e->n_devices; d++) {
        free(e->devices[d].seconds);
        free(e->devices[d].basis);
    }
    free(e->devices);
    free(e->setups);
    free(e);
}
