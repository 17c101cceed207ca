/* Plan; see plan.h. */
#include "plan.h"

#include "cost.h"
#include "random.h"

#include <stdlib.h>
#include <string.h>

static uint64_t block_seed(uint64_t seed, const char *video, const vb_setup *s)
{
    uint64_t h = vb_fnv1a(VB_FNV1A_START, video, strlen(video) + 1);
    int32_t numbers[2] = {(int32_t)s->prompt, s->image_size};

    h = vb_fnv1a(h, s->model, strlen(s->model) + 1);
    h = vb_fnv1a(h, numbers, sizeof numbers);
    return h ^ vb_splitmix64(&seed);
}

vb_status vb_block_make(vb_block *out, const vb_options *o, const char *video, const vb_setup *setup, vb_err *err)
{
    int64_t n = (int64_t)o->n_dtypes * o->n_banks * o->n_modes * o->repeats;
    vb_trial_key *t;

    memset(out, 0, sizeof *out);
    if (!vb_name_ok(video))
        return vb_fail(err, VB_EARG, "video name '%.80s': use letters, digits, '_', '.', '+', '-'", video);
    if (n < 1 || n > VB_BLOCK_MAX_TRIALS)
        return vb_fail(err, VB_EARG, "%lld trials per video and setup: between 1 and %d are possible; lower --repeats",
                       (long long)n, VB_BLOCK_MAX_TRIALS);
    if (!(out->trials = calloc((size_t)n, sizeof *out->trials)))
        return vb_fail(err, VB_ENOMEM, "plan: %lld trials", (long long)n);
    strcpy(out->video, video);
    out->setup = *setup;
    out->n_trials = (int)n;
    t = out->trials;
    for (int d = 0; d < o->n_dtypes; d++)
        for (int b = 0; b < o->n_banks; b++)
            for (int m = 0; m < o->n_modes; m++)
                for (int r = 0; r < o->repeats; r++, t++) {
                    strcpy(t->video, video);
                    t->variant = (vb_variant){*setup, o->dtypes[d], o->banks[b], o->modes[m]};
                    t->repetition = r;
                }
    vb_shuffle(out->trials, out->n_trials, sizeof *out->trials, block_seed(o->seed, video, setup));
    return VB_OK;
}

void vb_block_deinit(vb_block *b)
{
    free(b->trials);
    memset(b, 0, sizeof *b);
}

/* Neighbours go to different slices, both along the videos and along the setups: each slice has its share of every one. */
static bool in_slice(const vb_options *o, int video, int setup)
{
    return !o->n_slices || (video + setup) % o->n_slices == o->slice - 1;
}

/* place: of the video in the split, bad ones counted, so that all slices count alike. */
static vb_status add_video(vb_plan *p, const vb_options *o, const vb_video *v, int place, vb_err *err)
{
    for (int s = 0; s < o->n_setups; s++) {
        vb_block *b = &p->blocks[p->n_blocks];
        vb_status st;

        if (!in_slice(o, place, s))
            continue;
        if ((st = vb_block_make(b, o, v->name, &o->setups[s], err)))
            return st;
        b->id = p->n_blocks++;
        for (int t = 0; t < b->n_trials; t++)
            b->cost += vb_cost_trial(&b->trials[t].variant, v->n_frames, v->n_masklets);
        p->n_trials += b->n_trials;
    }
    return VB_OK;
}

vb_status vb_plan_make(vb_plan **out, const vb_options *o, const vb_dataset *d, vb_err *err)
{
    vb_plan *p = calloc(1, sizeof *p);
    size_t n = (size_t)d->n_videos;
    vb_status st = VB_OK;

    *out = NULL;
    if (!p || !(p->blocks = calloc(n * (size_t)o->n_setups + 1, sizeof *p->blocks)) ||
        !(p->bad = calloc(n + 1, sizeof *p->bad)) || !(p->videos = calloc(n + 1, sizeof *p->videos))) {
        st = vb_fail(err, VB_ENOMEM, "plan of %d videos", d->n_videos);
        goto out;
    }
    for (int i = 0; i < d->n_videos; i++) {
        vb_video *v = NULL;
        vb_err why = {0};

        st = vb_video_scan(&v, d, d->names[i], &why);
        if (st == VB_ENOMEM) {
            vb_fail(err, st, "%s", why.msg);
            goto out;
        }
        if (st && o->n_slices && o->slice != 1) /* told by the first slice */
            continue;
        if (st) {
            strcpy(p->bad[p->n_bad].video, d->names[i]);
            memcpy(p->bad[p->n_bad++].reason, why.msg, sizeof why.msg);
            continue;
        }
        p->videos[p->n_videos++] = v;
        if ((st = add_video(p, o, v, i, err)))
            goto out;
    }
    st = VB_OK;
    *out = p;
    p = NULL;
out:
    vb_plan_free(p);
    return st;
}

void vb_plan_free(vb_plan *p)
{
    if (!p)
        return;
    for (int i = 0; i < p->n_blocks; i++)
        vb_block_deinit(&p->blocks[i]);
    for (int i = 0; i < p->n_videos; i++)
        vb_video_free(p->videos[i]);
    free(p->blocks);
    free(p->bad);
    free(p->videos);
    free(p);
}
