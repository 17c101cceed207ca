/* `savbench plan`; see plan_command.h. */
#include "plan_command.h"

#include "cli.h"
#include "plan_show.h"

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

void vb_plan_checkpoint(char path[PATH_MAX], vb_err *problem, const vb_options *o, const vb_setup *s)
{
    if (vb_options_checkpoint(path, PATH_MAX, o, s->model, problem) == VB_OK)
        problem->msg[0] = '\0';
}

void vb_plan_lack(vb_err *lack, const vb_setup *s)
{
    if (vb_model_check_built(vb_model_info_find(s->model), lack) == VB_OK)
        lack->msg[0] = '\0';
}

void vb_plan_meanings(const vb_options *o, vb_meaning_fn *call, void *with)
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
        vb_findings f = {.o = &o.run, .speed_given = o.speed > 0, .plan = p, .e = e, .data_bytes = data_bytes(p, d)};

        if (o.json)
            st = vb_plan_print_json(&f, &err);
        else
            vb_plan_print_text(&f);
    }
out:
    vb_estimate_free(e);
    free(records);
    free(earlier);
    vb_plan_free(p);
    vb_dataset_free(d);
    return st ? vb_cli_fail("plan", &err) : VB_EXIT_OK;
}
