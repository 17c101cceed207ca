/* A block as JSON and back; see plan.h. A trial is [dtype, bank, mode, repetition]: what its block does not say. */
#include "json_field.h"
#include "json_whole.h"
#include "plan.h"

#include <stdlib.h>
#include <string.h>

static const char what[] = "block";

vb_status vb_block_to_json(char **text, const vb_block *b, vb_err *err)
{
    json_t *trials = json_array(), *o = NULL;

    *text = NULL;
    for (int i = 0; trials && i < b->n_trials; i++) {
        const vb_variant *v = &b->trials[i].variant;
        json_t *t = json_pack("[s,s,s,i]", vb_dtype_name(v->dtype), vb_bank_name(v->bank), vb_mode_name(v->mode),
                              b->trials[i].repetition);

        if (!t || json_array_append_new(trials, t))
            goto out;
    }
    o = json_pack("{s:i,s:s,s:s,s:s,s:i,s:f,s:O}", "id", b->id, "video", b->video, "model", b->setup.model, "prompt",
                  vb_prompt_kind_name(b->setup.prompt), "image_size", b->setup.image_size, "cost", b->cost, "trials",
                  trials);
    if (o)
        *text = vb_json_whole(o, JSON_COMPACT);
out:
    json_decref(o);
    json_decref(trials);
    return *text ? VB_OK : vb_fail(err, VB_ENOMEM, "block '%s': JSON of %d trials", b->video, b->n_trials);
}

static vb_status read_trial(vb_trial_key *k, const vb_block *b, const json_t *t, vb_err *err)
{
    const char *dtype = json_string_value(json_array_get(t, 0)), *bank = json_string_value(json_array_get(t, 1));
    const char *mode = json_string_value(json_array_get(t, 2));
    const json_t *rep = json_array_get(t, 3);

    if (json_array_size(t) != 4 || !dtype || !bank || !mode || !json_is_integer(rep) || json_integer_value(rep) < 0 ||
        json_integer_value(rep) >= VB_BLOCK_MAX_TRIALS)
        return vb_fail(err, VB_EFORMAT, "%s: a trial is [dtype, bank, mode, repetition]", what);
    strcpy(k->video, b->video);
    k->variant.setup = b->setup;
    k->repetition = (int)json_integer_value(rep);
    if (vb_dtype_parse(&k->variant.dtype, dtype, NULL) || vb_bank_parse(&k->variant.bank, bank, NULL) ||
        vb_mode_parse(&k->variant.mode, mode, NULL))
        return vb_fail(err, VB_EFORMAT, "%s: a trial of dtype '%.32s', bank '%.32s', mode '%.32s'", what, dtype, bank, mode);
    return VB_OK;
}

vb_status vb_block_from_json(vb_block *out, const char *text, size_t n, vb_err *err)
{
    vb_status st;
    json_t *o = NULL, *trials;
    char prompt[16];
    size_t count;

    memset(out, 0, sizeof *out);
    if ((st = vb_field_object(&o, text, n, 7, what, err)) ||
        (st = vb_field_int(&out->id, o, what, "id", 0, INT32_MAX, err)) ||
        (st = vb_field_text(out->video, sizeof out->video, o, what, "video", err)) ||
        (st = vb_field_text(out->setup.model, sizeof out->setup.model, o, what, "model", err)) ||
        (st = vb_field_text(prompt, sizeof prompt, o, what, "prompt", err)) ||
        (st = vb_field_int(&out->setup.image_size, o, what, "image_size", 1, VB_MAX_SIDE, err)) ||
        (st = vb_field_real(&out->cost, o, what, "cost", 0, 1e12, err)))
        goto out;
    st = VB_EFORMAT;
    trials = json_object_get(o, "trials");
    count = json_array_size(trials);
    if (!vb_name_ok(out->video) || !vb_name_ok(out->setup.model)) {
        vb_fail(err, st, "%s: video and model must be names", what);
        goto out;
    }
    if (vb_prompt_kind_parse(&out->setup.prompt, prompt, NULL)) {
        vb_fail(err, st, "%s: no prompt is called '%s'", what, prompt);
        goto out;
    }
    if (!count || count > VB_BLOCK_MAX_TRIALS) {
        vb_fail(err, st, "%s: %zu trials; between 1 and %d are possible", what, count, VB_BLOCK_MAX_TRIALS);
        goto out;
    }
    if (!(out->trials = calloc(count, sizeof *out->trials))) {
        st = vb_fail(err, VB_ENOMEM, "%s: %zu trials", what, count);
        goto out;
    }
    for (size_t i = 0; i < count; i++)
        if ((st = read_trial(&out->trials[i], out, json_array_get(trials, i), err)))
            goto out;
    out->n_trials = (int)count;
    st = VB_OK;
out:
    if (st)
        vb_block_deinit(out);
    json_decref(o);
    return st;
}
