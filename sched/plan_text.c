/* The plan as text; see plan_show.h. */
#include "plan_show.h"

#include <string.h>

static void print_meaning(void *with, const char *word, const vb_model_info *const *m, int n, const char *prompt)
{
    (void)with;
    printf("%s means ", word);
    for (int i = 0; i < n; i++)
        printf("%s%s", i ? ", " : "", m[i]->name);
    printf("%s%s", prompt ? " with prompt " : "", prompt ? prompt : "");
    if (n == 1)
        printf(" (%s)", m[0]->long_name);
    putchar('\n');
}

static const char *bytes_text(char out[24], double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    int u = 0;

    for (; bytes >= 999.5 && u < 4; u++)
        bytes /= 1000;
    snprintf(out, 24, "%.*f %s", u && bytes < 99.95 ? 1 : 0, bytes, units[u]);
    return out;
}

/* "-": the setup takes none */
static const char *memory_text(char out[24], int64_t bytes)
{
    return bytes > 0 ? bytes_text(out, (double)bytes) : "-";
}

static const char *hours_text(char out[24], double seconds)
{
    double h = seconds / 3600;

    if (h > 0 && h < 0.001)
        snprintf(out, 24, "<0.001");
    else
        snprintf(out, 24, "%.*f", h >= 99.95 ? 0 : h >= 9.995 ? 1 : h >= 0.9995 || h <= 0 ? 2 : 3, h);
    return out;
}

static void print_setups(const vb_findings *f)
{
    const vb_options *o = f->o;
    const vb_device_estimate *d = &f->e->devices[0];
    char checkpoint[PATH_MAX], hours[24], bytes[24], cuda[24], cpu[24];
    vb_err problem;

    printf("%-14s %-6s %5s %7s %8s %8s %8s %10s %9s %-8s %9s %8s %8s  %s\n", "model", "prompt", "size", "videos", "objects", "trials",
           "to do", "frames", "hours", "by", "results", "CUDA", "CPU", "checkpoint");
    for (int i = 0; i < f->e->n_setups; i++) {
        const vb_setup_estimate *s = &f->e->setups[i];
        const vb_setup *setup = &o->setups[i];

        vb_plan_checkpoint(checkpoint, &problem, o, setup);
        printf("%-14s %-6s %5d %7d %8d %8lld %8lld %10lld %9s %-8s %9s %8s %8s  %s\n", setup->model, vb_prompt_kind_name(setup->prompt),
               setup->image_size, s->n_videos, s->n_objects, (long long)s->n_trials, (long long)s->n_left,
               (long long)s->n_frames_left, hours_text(hours, d->seconds[i]), vb_basis_name(d->basis[i]),
               bytes_text(bytes, s->result_bytes), memory_text(cuda, s->cuda_bytes), memory_text(cpu, s->cpu_bytes), problem.msg[0] ? "missing" : *checkpoint ? checkpoint : "none needed");
    }
}

/* What stands in the way of a run, each model's once. */
static void print_lacks(const vb_options *o)
{
    bool lacking = false;

    for (int i = 0; i < o->n_setups; i++) {
        char checkpoint[PATH_MAX];
        vb_err problem, lack;
        bool said = false;

        for (int k = 0; k < i; k++)
            said |= !strcmp(o->setups[k].model, o->setups[i].model);
        vb_plan_checkpoint(checkpoint, &problem, o, &o->setups[i]);
        if (!said && problem.msg[0])
            printf("missing: %s\n", problem.msg);
        vb_plan_lack(&lack, &o->setups[i]);
        if (!lacking && lack.msg[0])
            printf("not here: %s\n", lack.msg);
        lacking |= lack.msg[0] != '\0';
    }
}

static void print_axes(const vb_options *o)
{
    printf("dtypes:");
    for (int i = 0; i < o->n_dtypes; i++)
        printf(" %s", vb_dtype_name(o->dtypes[i]));
    printf("; bank:");
    for (int i = 0; i < o->n_banks; i++)
        printf(" %s", vb_bank_name(o->banks[i]));
    printf("; repetitions: %d\n", o->repeats);
}

static void print_hours(const vb_findings *f, const vb_device_estimate *d)
{
    const char *folder = f->o->out_dir;
    char hours[24];
    bool partly = false;

    printf("hours: %s on one ", hours_text(hours, d->total_s));
    if (!*d->device) {
        printf("device that sustains %g TFLOP/s in float32, which is assumed", f->e->speed);
        if (!(f->speed_given))
            printf(": nothing is recorded in %s yet; --speed N says your device's", folder);
    } else {
        printf("%s, by %d trials recorded in %s", d->device, d->n_records, folder);
        for (int i = 0; i < f->e->n_setups; i++)
            partly |= d->basis[i] == VB_BASIS_ASSUMED && f->e->setups[i].n_left > 0;
        if (partly)
            printf("; where nothing tells (assumed), at %g TFLOP/s in float32", f->e->speed);
    }
    putchar('\n');
}

static void print_totals(const vb_findings *f)
{
    const vb_estimate *e = f->e;
    int64_t done = 0, failed = 0, left = 0;
    char bytes[24];

    for (int i = 0; i < e->n_setups; i++) {
        done += e->setups[i].n_done;
        failed += e->setups[i].n_failed;
        left += e->setups[i].n_left;
    }
    printf("trials: %lld to do, %lld done in %s", (long long)left, (long long)done, f->o->out_dir);
    if (failed)
        printf(", %lld failed%s", (long long)failed, f->o->retry_failed ? " (run again)" : " (--retry-failed runs them again)");
    putchar('\n');
    for (int i = 0; i < e->n_devices; i++)
        print_hours(f, &e->devices[i]);
    printf("bytes: %s of frames and masks, read by each trial anew;", bytes_text(bytes, (double)f->data_bytes));
    printf(" about %s of results\n", bytes_text(bytes, e->result_bytes));
    puts("memory: CUDA, of the device, and CPU, of the host, are what the largest trial of a setup takes, as far as can be told before");
}

void vb_plan_print_text(const vb_findings *f)
{
    vb_plan_meanings(f->o, print_meaning, NULL);
    print_setups(f);
    print_lacks(f->o);
    print_axes(f->o);
    print_totals(f);
    for (int i = 0; i < f->plan->n_bad; i++)
        printf("cannot be used: %s\n", f->plan->bad[i].reason);
}
