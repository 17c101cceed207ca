/* Names of the project's words, both ways; see types.h. */
#include "types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct {
    const char *name;
    int value;
} vb_word; /* the first word with a value is its name, later ones are aliases */

static const vb_word dtype_words[] = {{"float32", VB_FLOAT32},   {"tf32", VB_TF32},
                                      {"float16", VB_FLOAT16},   {"bfloat16", VB_BFLOAT16},
                                      {"fp32", VB_FLOAT32},      {"fp16", VB_FLOAT16},
                                      {"half", VB_FLOAT16},      {"bf16", VB_BFLOAT16},
                                      {"tensorfloat32", VB_TF32}, {NULL, 0}};
static const vb_word bank_words[] = {{"bfloat16", VB_BANK_BFLOAT16}, {"float32", VB_BANK_FLOAT32},
                                     {"float16", VB_BANK_FLOAT16},   {"autocast", VB_BANK_AUTOCAST},
                                     {"bf16", VB_BANK_BFLOAT16},     {"fp32", VB_BANK_FLOAT32},
                                     {"fp16", VB_BANK_FLOAT16},      {NULL, 0}};
static const vb_word mode_words[] = {{"stream", VB_STREAM}, {"offline", VB_OFFLINE}, {NULL, 0}};
static const vb_word prompt_words[] = {{"point", VB_PROMPT_POINT}, {"box", VB_PROMPT_BOX},
                                       {"mask", VB_PROMPT_MASK},   {"points", VB_PROMPT_POINT},
                                       {"bbox", VB_PROMPT_BOX},    {"masks", VB_PROMPT_MASK},
                                       {NULL, 0}};
static const vb_word rule_words[] = {
    {"center", VB_RULE_CENTER}, {"centroid", VB_RULE_CENTROID}, {NULL, 0}};
static const vb_word stage_words[] = {{"decode", VB_STAGE_DECODE},
                                      {"preprocess", VB_STAGE_PREPROCESS},
                                      {"encode", VB_STAGE_ENCODE},
                                      {"attend", VB_STAGE_ATTEND},
                                      {"mask_decode", VB_STAGE_MASK_DECODE},
                                      {"memorize", VB_STAGE_MEMORIZE},
                                      {"postprocess", VB_STAGE_POSTPROCESS},
                                      {"score", VB_STAGE_SCORE},
                                      {NULL, 0}};

static const char *name_of(const vb_word *w, int value)
{
    for (; w->name; w++)
        if (w->value == value)
            return w->name;
    return "?";
}

static vb_status parse(int *out, const vb_word *words, const char *what, const char *s, vb_err *err)
{
    char choices[128] = "";
    size_t used = 0;
    int named = -1;

    for (const vb_word *w = words; w->name; w++)
        if (!strcasecmp(w->name, s)) {
            *out = w->value;
            return VB_OK;
        }
    for (const vb_word *w = words; w->name && w->value > named; w++) {
        named = w->value; /* names come first, in order of their values */
        used += (size_t)snprintf(choices + used, sizeof choices - used, "%s%s", used ? ", " : "", w->name);
    }
    return vb_fail(err, VB_EARG, "unknown %s '%.64s': choose from %s", what, s, choices);
}

#define WORD_FUNCTIONS(type, fn, words, what)                         \
    const char *fn##_name(type v) { return name_of(words, (int)v); }  \
    vb_status fn##_parse(type *out, const char *s, vb_err *err)       \
    {                                                                 \
        int v;                                                        \
        vb_status st = parse(&v, words, what, s, err);                \
        if (st == VB_OK)                                              \
            *out = (type)v;                                           \
        return st;                                                    \
    }
WORD_FUNCTIONS(vb_dtype, vb_dtype, dtype_words, "dtype")
WORD_FUNCTIONS(vb_bank, vb_bank, bank_words, "bank dtype")
WORD_FUNCTIONS(vb_mode, vb_mode, mode_words, "mode")
WORD_FUNCTIONS(vb_prompt_kind, vb_prompt_kind, prompt_words, "prompt")
WORD_FUNCTIONS(vb_point_rule, vb_point_rule, rule_words, "point rule")

const char *vb_stage_name(vb_stage v) { return name_of(stage_words, (int)v); }

bool vb_setup_equal(const vb_setup *a, const vb_setup *b)
{
    return !strcmp(a->model, b->model) && a->prompt == b->prompt && a->image_size == b->image_size;
}

bool vb_trial_key_equal(const vb_trial_key *a, const vb_trial_key *b)
{
    return !strcmp(a->video, b->video) && vb_setup_equal(&a->variant.setup, &b->variant.setup) &&
           a->variant.dtype == b->variant.dtype && a->variant.bank == b->variant.bank &&
           a->variant.mode == b->variant.mode && a->repetition == b->repetition;
}

void vb_variant_tag(char out[VB_TAG_MAX], const vb_variant *v)
{
    snprintf(out, VB_TAG_MAX, "%s/%s/%d/%s/bank-%s/%s", v->setup.model,
             vb_prompt_kind_name(v->setup.prompt), v->setup.image_size, vb_dtype_name(v->dtype),
             vb_bank_name(v->bank), vb_mode_name(v->mode));
}

vb_status vb_variant_parse_tag(vb_variant *out, const char *tag, vb_err *err)
{
    char buf[VB_TAG_MAX], *save = NULL, *part[7], *end; /* one more part than a tag has */
    int n = 0;
    long size;
    vb_variant v = {0};

    if (strlen(tag) >= sizeof buf)
        return vb_fail(err, VB_EARG, "variant tag is too long: '%.64s...'", tag);
    strcpy(buf, tag);
    for (char *p = strtok_r(buf, "/", &save); p && n < 7; p = strtok_r(NULL, "/", &save))
        part[n++] = p;
    if (n != 6 || strlen(part[0]) >= sizeof v.setup.model ||
        strncmp(part[4], "bank-", 5))
        return vb_fail(err, VB_EARG, "'%s' is no variant tag (MODEL/PROMPT/SIZE/DTYPE/bank-DTYPE/MODE)", tag);
    strcpy(v.setup.model, part[0]);
    size = strtol(part[2], &end, 10);
    if (*end || size < 1 || size > VB_MAX_SIDE)
        return vb_fail(err, VB_EARG, "variant tag '%s': bad image size '%s'", tag, part[2]);
    v.setup.image_size = (int)size;
    if (vb_prompt_kind_parse(&v.setup.prompt, part[1], err) || vb_dtype_parse(&v.dtype, part[3], err) ||
        vb_bank_parse(&v.bank, part[4] + 5, err) || vb_mode_parse(&v.mode, part[5], err))
        return VB_EARG;
    *out = v;
    return VB_OK;
}

bool vb_name_ok(const char *name)
{
    size_t n = strlen(name);

    if (n == 0 || n >= VB_NAME_MAX || name[0] == '.' || name[0] == '-')
        return false;
    return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+-") == n;
}
