/* `savbench plan`; see plan_command.h. */
#include "plan_command.h"

#include "cli.h"
#include "estimate.h"
#include "models.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct {
    vb_options run; /* first: rows of its own lie behind the run's (options.h) */
    bool json;
    double speed;
} plan_options;

static vb_status set_speed(void *p, const char *value, vb_err *err)
{
    plan_options *o = p;
    char *end;

    o->speed = strtod(value, &end);
    if (end == value || *end || !(o->speed > 0) || o->speed > 1e9)
        return vb_fail(err, VB_EARG, "--speed '%.32s': TFLOP/s that the device sustains in float32, for example 20", value);
    return VB_OK;
}

static json_t *get_speed(const void *p)
{
    return json_real(((const plan_options *)p)->speed);
}

static const vb_opt own[] = {
    VB_ROW_FLAG(plan_options, json, "json", NULL, "the plan as JSON"),
    VB_ROW_CALL(set_speed, get_speed, "speed", NULL, "N", "hours on a device that sustains N TFLOP/s in float32", .fixed = false),
};
enum { N_OWN = sizeof own / sizeof *own };

/* Everything that is printed, in one or the other form. */
typedef struct {
    const plan_options *o;
    const vb_plan *plan;
    const vb_estimate *e;
    int64_t data_bytes;
} findings;

static int64_t file_bytes(const char *path)
{
    struct stat s;

    return stat(path, &s) ? 0 : (int64_t)s.st_size; /* the scan has found it; if it went since, the run will say so */
}

/* Frames and masks of the plan's videos on disk, each once. */
static int64_t data_bytes(const vb_plan *p, const vb_dataset *d)
{
    char path[PATH_MAX];
    int64_t sum = 0;

    for (int i = 0; i < p->n_videos; i++) {
        const vb_video *v = p->videos[i];

        for (int t = 0; t < v->n_frames; t++) {
            vb_video_frame_path(path, sizeof path, d, v, v->frames[t]);
            sum += file_bytes(path);
        }
        for (int k = 0; k < v->n_masklets; k++)
            for (int t = 0; t < v->masklets[k].n_annotated; t++) {
                vb_video_mask_path(path, sizeof path, d, v, &v->masklets[k], v->masklets[k].annotated[t]);
                sum += file_bytes(path);
            }
    }
    return sum;
}

/* A setup's checkpoint, also where it is missing: then problem says what to do, else it is "". */
static void find_checkpoint(char path[PATH_MAX], vb_err *problem, const vb_options *o, const vb_setup *s)
{
    if (vb_options_checkpoint(path, PATH_MAX, o, s->model, problem) == VB_OK)
        problem->msg[0] = '\0';
}

/* What this build lacks for a setup; "": nothing. A plan is often made where no model runs. */
static void find_lack(vb_err *lack, const vb_setup *s)
{
    if (vb_model_check_built(vb_model_info_find(s->model), lack) == VB_OK)
        lack->msg[0] = '\0';
}

/* What a word of --models that is no canonical name means; prompt NULL: the word has none. */
typedef void meaning_fn(void *with, const char *word, const vb_model_info *const *m, int n, const char *prompt);

static void each_meaning(const vb_options *o, meaning_fn *call, void *with)
{
    char item[64];

    for (const char *cur = o->models; vb_cli_item(&cur, item, sizeof item);) {
        const vb_model_info *m[VB_MODEL_MAX];
        vb_prompt_kind kind = VB_PROMPT_POINT;
        bool has_prompt;
        int n;

        if (vb_model_expand(m, &n, &has_prompt, &kind, item, NULL) == VB_OK && (n > 1 || strcmp(m[0]->name, item) != 0))
            call(with, item, m, n, has_prompt ? vb_prompt_kind_name(kind) : NULL);
    }
}

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

static const char *hours_text(char out[24], double seconds)
{
    double h = seconds / 3600;

    if (h > 0 && h < 0.001)
        snprintf(out, 24, "<0.001");
    else
        snprintf(out, 24, "%.*f", h >= 99.95 ? 0 : h >= 9.995 ? 1 : h >= 0.9995 || h <= 0 ? 2 : 3, h);
    return out;
}

static void print_setups(const findings *f)
{
    const vb_options *o = &f->o->run;
    const vb_device_estimate *d = &f->e->devices[0];
    char checkpoint[PATH_MAX], hours[24], bytes[24];
    vb_err problem;

    printf("%-14s %-6s %5s %7s %8s %8s %8s %10s %9s %-8s %9s  %s\n", "model", "prompt", "size", "videos", "objects", "trials",
           "to do", "frames", "hours", "by", "results", "checkpoint");
    for (int i = 0; i < f->e->n_setups; i++) {
        const vb_setup_estimate *s = &f->e->setups[i];
        const vb_setup *setup = &o->setups[i];

        find_checkpoint(checkpoint, &problem, o, setup);
        printf("%-14s %-6s %5d %7d %8d %8lld %8lld %10lld %9s %-8s %9s  %s\n", setup->model, vb_prompt_kind_name(setup->prompt),
               setup->image_size, s->n_videos, s->n_objects, (long long)s->n_trials, (long long)s->n_left,
               (long long)s->n_frames_left, hours_text(hours, d->seconds[i]), vb_basis_name(d->basis[i]),
               bytes_text(bytes, s->result_bytes), problem.msg[0] ? "missing" : *checkpoint ? checkpoint : "none needed");
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
        find_checkpoint(checkpoint, &problem, o, &o->setups[i]);
        if (!said && problem.msg[0])
            printf("missing: %s\n", problem.msg);
        find_lack(&lack, &o->setups[i]);
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

static void print_hours(const findings *f, const vb_device_estimate *d)
{
    const char *folder = f->o->run.out_dir;
    char hours[24];
    bool partly = false;

    printf("hours: %s on one ", hours_text(hours, d->total_s));
    if (!*d->device) {
        printf("device that sustains %g TFLOP/s in float32, which is assumed", f->e->speed);
        if (!(f->o->speed > 0))
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

static void print_totals(const findings *f)
{
    const vb_estimate *e = f->e;
    int64_t done = 0, failed = 0, left = 0;
    char bytes[24];

    for (int i = 0; i < e->n_setups; i++) {
        done += e->setups[i].n_done;
        failed += e->setups[i].n_failed;
        left += e->setups[i].n_left;
    }
    printf("trials: %lld to do, %lld done in %s", (long long)left, (long long)done, f->o->run.out_dir);
    if (failed)
        printf(", %lld failed%s", (long long)failed, f->o->run.retry_failed ? " (run again)" : " (--retry-failed runs them again)");
    putchar('\n');
    for (int i = 0; i < e->n_devices; i++)
        print_hours(f, &e->devices[i]);
    printf("bytes: %s of frames and masks, read by each trial anew;", bytes_text(bytes, (double)f->data_bytes));
    printf(" about %s of results\n", bytes_text(bytes, e->result_bytes));
}

static void print_text(const findings *f)
{
    each_meaning(&f->o->run, print_meaning, NULL);
    print_setups(f);
    print_lacks(&f->o->run);
    print_axes(&f->o->run);
    print_totals(f);
    for (int i = 0; i < f->plan->n_bad; i++)
        printf("cannot be used: %s\n", f->plan->bad[i].reason);
}

static void add_meaning(void *with, const char *word, const vb_model_info *const *m, int n, const char *prompt)
{
    json_t *models = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(models, json_string(m[i]->name));
    json_array_append_new(with, json_pack("{s:s, s:o, s:s?}", "word", word, "models", models, "prompt", prompt));
}

static json_t *hours_of(const vb_estimate *e, int setup)
{
    json_t *all = json_array();

    for (int i = 0; i < e->n_devices; i++)
        json_array_append_new(all, json_pack("{s:f, s:s}", "hours", e->devices[i].seconds[setup] / 3600, "basis",
                                             vb_basis_name(e->devices[i].basis[setup])));
    return all;
}

static json_t *setups_json(const findings *f)
{
    json_t *all = json_array();

    for (int i = 0; i < f->e->n_setups; i++) {
        const vb_setup_estimate *s = &f->e->setups[i];
        const vb_setup *setup = &f->o->run.setups[i];
        char checkpoint[PATH_MAX];
        vb_err problem, lack;

        find_checkpoint(checkpoint, &problem, &f->o->run, setup);
        find_lack(&lack, setup);
        json_array_append_new(
            all, json_pack("{s:s, s:s, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:s?, s:s?, s:s?}", "model", setup->model,
                           "prompt", vb_prompt_kind_name(setup->prompt), "image_size", setup->image_size, "n_videos",
                           s->n_videos, "n_objects", s->n_objects, "n_trials", (json_int_t)s->n_trials, "n_done",
                           (json_int_t)s->n_done, "n_failed", (json_int_t)s->n_failed, "n_to_do", (json_int_t)s->n_left,
                           "n_frames", (json_int_t)s->n_frames, "n_frames_to_do", (json_int_t)s->n_frames_left,
                           "result_bytes", (json_int_t)s->result_bytes, "by_device", hours_of(f->e, i), "checkpoint",
                           *checkpoint ? checkpoint : NULL, "missing", problem.msg[0] ? problem.msg : NULL,
                           "build_lacks", lack.msg[0] ? lack.msg : NULL));
    }
    return all;
}

static json_t *devices_json(const findings *f)
{
    json_t *all = json_array();

    for (int i = 0; i < f->e->n_devices; i++) {
        const vb_device_estimate *d = &f->e->devices[i];

        json_array_append_new(all, json_pack("{s:s?, s:i, s:o, s:f}", "device", *d->device ? d->device : NULL, "n_records",
                                             d->n_records, "assumed_tflops", *d->device ? json_null() : json_real(f->e->speed),
                                             "hours", d->total_s / 3600));
    }
    return all;
}

static vb_status print_json(const findings *f, vb_err *err)
{
    const vb_options *o = &f->o->run;
    json_t *dtypes = json_array(), *banks = json_array(), *bad = json_array(), *words = json_array(), *all;
    vb_status st = VB_OK;

    each_meaning(o, add_meaning, words);
    for (int i = 0; i < o->n_dtypes; i++)
        json_array_append_new(dtypes, json_string(vb_dtype_name(o->dtypes[i])));
    for (int i = 0; i < o->n_banks; i++)
        json_array_append_new(banks, json_string(vb_bank_name(o->banks[i])));
    for (int i = 0; i < f->plan->n_bad; i++)
        json_array_append_new(bad, json_pack("{s:s, s:s}", "video", f->plan->bad[i].video, "reason", f->plan->bad[i].reason));
    all = json_pack("{s:o, s:o, s:o, s:i, s:o, s:o, s:I, s:I, s:o}", "words", words, "dtypes", dtypes, "bank_dtypes", banks,
                    "repeats", o->repeats, "devices", devices_json(f), "setups", setups_json(f), "data_bytes",
                    (json_int_t)f->data_bytes, "result_bytes", (json_int_t)f->e->result_bytes, "unusable", bad);
    if (!all || json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6)))
        st = vb_fail(err, VB_ENOMEM, "the plan as JSON");
    else
        putchar('\n');
    json_decref(all);
    return st;
}

static int help(void)
{
    vb_options_help_with(stdout, "plan --split-dir DIR --models LIST [options]",
                         "What run would do with the same options: trials, those that the results folder has already, hours\n"
                         "of one device, bytes, checkpoints. Hours come from the records in the results folder, where there\n"
                         "are any for the kind of device; column 'by' says how like them a setup is: records of the same\n"
                         "variant, of the same model, of other models on that device, or none (assumed).",
                         own, N_OWN);
    return VB_EXIT_OK;
}

int vb_plan_main(int argc, char **argv)
{
    plan_options o = {.json = false};
    vb_dataset *d = NULL;
    vb_plan *p = NULL;
    vb_estimate *e = NULL;
    vb_recorded *records = NULL;
    char *earlier = NULL;
    vb_err err;
    vb_status st;
    int n_records = 0;

    if (vb_cli_wants_help(argc, argv))
        return help();
    if ((st = vb_options_parse_with(&o.run, own, N_OWN, argc, argv, &err)) ||
        (st = vb_dataset_open(&d, o.run.split_dir, o.run.split_name, &o.run.limits, &err)) ||
        (st = vb_plan_make(&p, &o.run, d, &err)) || (st = vb_store_recorded(&records, &n_records, &earlier, o.run.out_dir, &err)) ||
        (earlier && (st = vb_options_same_fixed(&o.run, earlier, &err))) || /* as run would refuse */
        (st = vb_estimate_make(&e, p, &o.run, records, n_records, o.speed, &err)))
        goto out;
    {
        findings f = {.o = &o, .plan = p, .e = e, .data_bytes = data_bytes(p, d)};

        if (o.json)
            st = print_json(&f, &err);
        else
            print_text(&f);
    }
out:
    vb_estimate_free(e);
    free(records);
    free(earlier);
    vb_plan_free(p);
    vb_dataset_free(d);
    return st ? vb_cli_fail("plan", &err) : VB_EXIT_OK;
}
