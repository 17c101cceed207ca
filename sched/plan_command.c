/* `savbench plan`; see plan_command.h. */
#include "plan_command.h"

#include "cli.h"
#include "models.h"
#include "plan.h"

#include <string.h>

/* Frames that the plan's videos have, all trials counted. */
static long long planned_frames(const vb_plan *p, const vb_setup *setup, int *n_videos, long long *n_trials)
{
    long long frames = 0;

    *n_videos = 0;
    *n_trials = 0;
    for (int i = 0; i < p->n_blocks; i++) {
        const vb_block *b = &p->blocks[i];

        if (!vb_setup_equal(&b->setup, setup))
            continue;
        ++*n_videos;
        *n_trials += b->n_trials;
        for (int v = 0; v < p->n_videos; v++)
            if (!strcmp(p->videos[v]->name, b->video))
                frames += (long long)p->videos[v]->n_frames * b->n_trials;
    }
    return frames;
}

static void print_names(const vb_options *o)
{
    char item[64];

    for (const char *cur = o->models; vb_cli_item(&cur, item, sizeof item);) {
        const vb_model_info *m;
        vb_prompt_kind kind;
        bool own;

        if (vb_model_parse(&m, &own, &kind, item, NULL) == VB_OK && strcmp(m->name, item))
            printf("%s means %s%s%s (%s)\n", item, m->name, own ? " with prompt " : "", own ? vb_prompt_kind_name(kind) : "", m->long_name);
    }
}

static void print_plan(const vb_plan *p, const vb_options *o)
{
    print_names(o);
    printf("%-14s %-6s %5s %7s %9s %8s %10s  %s\n", "model", "prompt", "size", "videos", "trials", "objects", "frames", "checkpoint");
    for (int s = 0; s < o->n_setups; s++) {
        const vb_setup *setup = &o->setups[s];
        int n_videos, n_objects = 0;
        long long n_trials, frames = planned_frames(p, setup, &n_videos, &n_trials);
        char checkpoint[4096];
        vb_err err;

        for (int v = 0; v < p->n_videos; v++)
            n_objects += p->videos[v]->n_masklets;
        if (vb_options_checkpoint(checkpoint, sizeof checkpoint, o, setup->model, &err))
            snprintf(checkpoint, sizeof checkpoint, "missing: %s", err.msg);
        printf("%-14s %-6s %5d %7d %9lld %8d %10lld  %s\n", setup->model, vb_prompt_kind_name(setup->prompt),
               setup->image_size, n_videos, n_trials, n_objects, frames, checkpoint);
    }
    printf("dtypes:");
    for (int i = 0; i < o->n_dtypes; i++)
        printf(" %s", vb_dtype_name(o->dtypes[i]));
    printf("; bank:");
    for (int i = 0; i < o->n_banks; i++)
        printf(" %s", vb_bank_name(o->banks[i]));
    printf("; repetitions: %d\n", o->repeats);
    for (int i = 0; i < p->n_bad; i++)
        printf("cannot be used: %s\n", p->bad[i].reason);
}

int vb_plan_main(int argc, char **argv)
{
    vb_options o;
    vb_dataset *d = NULL;
    vb_plan *p = NULL;
    vb_err err;
    int rc = VB_EXIT_OK;

    if (vb_cli_wants_help(argc, argv)) {
        vb_options_help(stdout, "plan");
        return VB_EXIT_OK;
    }
    if (vb_options_parse(&o, argc, argv, &err) || vb_dataset_open(&d, o.split_dir, o.split_name, &o.limits, &err) ||
        vb_plan_make(&p, &o, d, &err))
        rc = vb_cli_fail("plan", &err);
    else
        print_plan(p, &o);
    vb_plan_free(p);
    vb_dataset_free(d);
    return rc;
}
