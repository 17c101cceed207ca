/* The plan as JSON; see plan_show.h. */
#include "plan_show.h"

/* An entry that cannot be made is an error: a list without it would say that there is none. *err keeps the first one. */
static void append(json_t *all, json_t *entry, const char *what, const char *name, vb_err *err)
{
    if (json_array_append_new(all, entry) && !err->code) /* fails without an entry too */
        vb_fail(err, VB_ENOMEM, "%s '%.300s' cannot be written as JSON: out of memory, or it is no UTF-8; without --json it is shown", what, name);
}

typedef struct {
    json_t *all;
    vb_err *err;
} meanings;

static void add_meaning(void *with, const char *word, const vb_model_info *const *m, int n, const char *prompt)
{
    const meanings *to = with;
    json_t *models = json_array();

    for (int i = 0; i < n; i++)
        append(models, json_string(m[i]->name), "model", m[i]->name, to->err);
    append(to->all, json_pack("{s:s, s:o, s:s?}", "word", word, "models", models, "prompt", prompt), "--models", word, to->err);
}

static json_t *hours_of(const vb_estimate *e, int setup, vb_err *err)
{
    json_t *all = json_array();

    for (int i = 0; i < e->n_devices; i++)
        append(all, json_pack("{s:f, s:s}", "hours", e->devices[i].seconds[setup] / 3600, "basis", vb_basis_name(e->devices[i].basis[setup])),
               "device", e->devices[i].device, err);
    return all;
}

static json_t *setups_json(const vb_findings *f, vb_err *err)
{
    json_t *all = json_array();

    for (int i = 0; i < f->e->n_setups; i++) {
        const vb_setup_estimate *s = &f->e->setups[i];
        const vb_setup *setup = &f->o->setups[i];
        char checkpoint[PATH_MAX];
        vb_err problem, lack;

        vb_plan_checkpoint(checkpoint, &problem, f->o, setup);
        vb_plan_lack(&lack, setup);
        append(all,
               json_pack("{s:s, s:s, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:s?, s:s?, s:s?}", "model", setup->model,
                         "prompt", vb_prompt_kind_name(setup->prompt), "image_size", setup->image_size, "n_videos",
                         s->n_videos, "n_objects", s->n_objects, "n_trials", (json_int_t)s->n_trials, "n_done",
                         (json_int_t)s->n_done, "n_failed", (json_int_t)s->n_failed, "n_to_do", (json_int_t)s->n_left,
                         "n_frames", (json_int_t)s->n_frames, "n_frames_to_do", (json_int_t)s->n_frames_left,
                         "result_bytes", (json_int_t)s->result_bytes, "cuda_bytes",
                         (json_int_t)s->cuda_bytes, "cuda_host_bytes", (json_int_t)s->cuda_host_bytes, "cpu_bytes",
                         (json_int_t)s->cpu_bytes, "by_device", hours_of(f->e, i, err), "checkpoint",
                         *checkpoint ? checkpoint : NULL, "missing", problem.msg[0] ? problem.msg : NULL,
                         "build_lacks", lack.msg[0] ? lack.msg : NULL),
               "checkpoint", checkpoint, err);
    }
    return all;
}

static json_t *devices_json(const vb_findings *f, vb_err *err)
{
    json_t *all = json_array();

    for (int i = 0; i < f->e->n_devices; i++) {
        const vb_device_estimate *d = &f->e->devices[i];

        append(all,
               json_pack("{s:s?, s:i, s:o, s:f}", "device", *d->device ? d->device : NULL, "n_records", d->n_records,
                         "assumed_tflops", *d->device ? json_null() : json_real(f->e->speed), "hours", d->total_s / 3600),
               "device", d->device, err);
    }
    return all;
}

vb_status vb_plan_print_json(const vb_findings *f, vb_err *err)
{
    const vb_options *o = f->o;
    json_t *dtypes = json_array(), *banks = json_array(), *bad = json_array(), *words = json_array(), *all;
    meanings to = {words, err};

    err->code = VB_OK;
    vb_plan_meanings(o, add_meaning, &to);
    for (int i = 0; i < o->n_dtypes; i++)
        append(dtypes, json_string(vb_dtype_name(o->dtypes[i])), "dtype", vb_dtype_name(o->dtypes[i]), err);
    for (int i = 0; i < o->n_banks; i++)
        append(banks, json_string(vb_bank_name(o->banks[i])), "bank dtype", vb_bank_name(o->banks[i]), err);
    for (int i = 0; i < f->plan->n_bad; i++)
        append(bad, json_pack("{s:s, s:s}", "video", f->plan->bad[i].video, "reason", f->plan->bad[i].reason), "reason",
               f->plan->bad[i].reason, err);
    all = json_pack("{s:o, s:o, s:o, s:i, s:o, s:o, s:I, s:I, s:o}", "words", words, "dtypes", dtypes, "bank_dtypes", banks,
                    "repeats", o->repeats, "devices", devices_json(f, err), "setups", setups_json(f, err), "data_bytes",
                    (json_int_t)f->data_bytes, "result_bytes", (json_int_t)f->e->result_bytes, "unusable", bad);
    if (!err->code && (!all || json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6))))
        vb_fail(err, VB_ENOMEM, "the plan as JSON");
    if (!err->code)
        putchar('\n');
    json_decref(all);
    return err->code;
}
