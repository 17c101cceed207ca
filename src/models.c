/* The table of models and its look-ups; see models.h.
 * Checkpoint names: sam2@2b90b9f sam2/build_sam.py:30-63; EdgeTAM@9cc44bf README.md.
 * Trunks: sam2@2b90b9f sam2/configs/ and sam2/modeling/backbones/hieradet.py:171-200 (b+ has its defaults). */
#include "models.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const vb_model_info models[] = {
    {"edgetam", "edgetam.pt", VB_FAMILY_EDGETAM, 0, 0, {NULL}},
    {"sam2.1_t", "sam2.1_hiera_tiny.pt", VB_FAMILY_SAM21, 96, 12,
     {"sam2_tiny", "sam2.1_tiny", "sam2.1_hiera_t", "sam2.1_hiera_tiny", NULL}},
    {"sam2.1_s", "sam2.1_hiera_small.pt", VB_FAMILY_SAM21, 96, 16,
     {"sam2_small", "sam2.1_small", "sam2.1_hiera_s", "sam2.1_hiera_small", NULL}},
    {"sam2.1_b+", "sam2.1_hiera_base_plus.pt", VB_FAMILY_SAM21, 112, 24,
     {"sam2_base", "sam2.1_base", "sam2.1_hiera_b+", "sam2.1_hiera_base_plus", "sam2.1_b", "sam2.1_base_plus", NULL}},
    {"sam2.1_l", "sam2.1_hiera_large.pt", VB_FAMILY_SAM21, 144, 48,
     {"sam2_large", "sam2.1_large", "sam2.1_hiera_l", "sam2.1_hiera_large", NULL}},
    {"sam2_t", "sam2_hiera_tiny.pt", VB_FAMILY_SAM2, 96, 12, {"sam2_hiera_t", "sam2_hiera_tiny", NULL}},
    {"sam2_s", "sam2_hiera_small.pt", VB_FAMILY_SAM2, 96, 16, {"sam2_hiera_s", "sam2_hiera_small", NULL}},
    {"sam2_b+", "sam2_hiera_base_plus.pt", VB_FAMILY_SAM2, 112, 24,
     {"sam2_hiera_b+", "sam2_hiera_base_plus", "sam2_b", NULL}},
    {"sam2_l", "sam2_hiera_large.pt", VB_FAMILY_SAM2, 144, 48, {"sam2_hiera_l", "sam2_hiera_large", NULL}},
    {"stub", NULL, VB_FAMILY_STUB, 0, 0, {NULL}},
};
enum { N_MODELS = sizeof models / sizeof *models, MAX_IMAGE_SIZE = 4096 };

static const struct {
    int step, least;
    const char *rule;
} sizes[] = {
    [VB_FAMILY_SAM2] = {32, 96, "a multiple of 32 from 96 on"},
    [VB_FAMILY_SAM21] = {32, 96, "a multiple of 32 from 96 on"},
    [VB_FAMILY_EDGETAM] = {256, 256, "a multiple of 256"},
    [VB_FAMILY_STUB] = {1, 16, "at least 16"},
};

const vb_model_info *vb_models_at(size_t i) { return i < N_MODELS ? &models[i] : NULL; }

static const vb_model_info *find(const char *name, size_t n)
{
    for (size_t i = 0; i < N_MODELS; i++) {
        if (strlen(models[i].name) == n && !strncasecmp(models[i].name, name, n))
            return &models[i];
        for (const char *const *a = models[i].aliases; *a; a++)
            if (strlen(*a) == n && !strncasecmp(*a, name, n))
                return &models[i];
    }
    return NULL;
}

const vb_model_info *vb_models_find(const char *name) { return find(name, strlen(name)); }

/* Cuts a prompt off the end of word [*n]; "sam2_b" has none, as "b" is no prompt. */
static bool cut_prompt(vb_prompt_kind *kind, const char *word, size_t *n)
{
    for (size_t i = *n; i-- > 1;) {
        if (word[i] != '_')
            continue;
        char suffix[16];
        size_t len = *n - i - 1;

        if (len >= sizeof suffix)
            return false;
        memcpy(suffix, word + i + 1, len);
        suffix[len] = '\0';
        if (vb_prompt_kind_parse(kind, suffix, NULL) != VB_OK)
            return false;
        *n = i;
        return true;
    }
    return false;
}

static vb_status unknown(const char *word, vb_err *err)
{
    char names[160] = "";
    size_t used = 0;

    for (size_t i = 0; i < N_MODELS && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", models[i].name);
    return vb_fail(err, VB_EARG, "model '%.60s' is unknown; models: %s, each with _points, _bbox or _mask appended if "
                   "wanted", word, names);
}

static vb_status remember(vb_model_choice *out, const char *word, vb_err *err)
{
    if (strlen(word) >= sizeof out->word)
        return unknown(word, err);
    memcpy(out->word, word, strlen(word) + 1);
    return VB_OK;
}

vb_status vb_models_parse(vb_model_choice *out, const char *word, vb_err *err)
{
    size_t n = strlen(word);

    memset(out, 0, sizeof *out);
    if (!(out->model = find(word, n))) {
        out->has_prompt = cut_prompt(&out->prompt, word, &n);
        if (!out->has_prompt || !(out->model = find(word, n)))
            return unknown(word, err);
    }
    return remember(out, word, err);
}

/* Appends, unless the same model and prompt are there; out has room. */
static void append(vb_model_choice *out, size_t *n, const vb_model_choice *choice)
{
    for (size_t i = 0; i < *n; i++)
        if (out[i].model == choice->model && out[i].has_prompt == choice->has_prompt &&
            (!choice->has_prompt || out[i].prompt == choice->prompt))
            return;
    out[(*n)++] = *choice;
}

static vb_status expand(vb_model_choice *out, size_t *n, const char *word, vb_err *err)
{
    vb_model_choice choice = {.model = NULL};
    char pattern[48];
    size_t len = strlen(word), before = *n;
    vb_status st;

    if (!strpbrk(word, "*?[")) {
        if ((st = vb_models_parse(&choice, word, err)) == VB_OK)
            append(out, n, &choice);
        return st;
    }
    if ((st = remember(&choice, word, err)) != VB_OK)
        return st;
    choice.has_prompt = cut_prompt(&choice.prompt, word, &len);
    memcpy(pattern, word, len);
    pattern[len] = '\0';
    for (size_t i = 0; i < N_MODELS; i++) {
        if (models[i].family == VB_FAMILY_STUB || fnmatch(pattern, models[i].name, 0) != 0)
            continue;
        choice.model = &models[i];
        append(out, n, &choice);
        before = 0;
    }
    return before == *n && *n == before && !choice.model ? unknown(word, err) : VB_OK;
}

vb_status vb_models_parse_list(vb_model_choice **out, size_t *n, const char *list, vb_err *err)
{
    char *copy = strdup(list), *rest = copy, *word;
    vb_model_choice *choices = NULL;
    vb_status st = VB_ENOMEM;
    size_t words = 1;

    *out = NULL;
    *n = 0;
    for (const char *p = list; *p; p++)
        words += *p == ',';
    if (!copy || !(choices = calloc(words * N_MODELS, sizeof *choices))) {
        vb_fail(err, st, "list of models: host memory");
        goto out;
    }
    while ((word = strsep(&rest, ",")))
        if ((st = expand(choices, n, word, err)) != VB_OK)
            goto out;
    *out = choices;
    choices = NULL;
out:
    free(choices);
    free(copy);
    return st;
}

vb_status vb_models_check_size(const vb_model_info *m, int image_size, vb_err *err)
{
    int step = sizes[m->family].step, least = sizes[m->family].least, nearest;

    if (image_size >= least && image_size <= MAX_IMAGE_SIZE && image_size % step == 0)
        return VB_OK;
    if (image_size < least)
        nearest = least;
    else if (image_size > MAX_IMAGE_SIZE)
        nearest = MAX_IMAGE_SIZE;
    else
        nearest = (image_size + step / 2) / step * step;
    return vb_fail(err, VB_EARG, "image size %d: %s needs %s, up to %d; the nearest is %d", image_size, m->name,
                   sizes[m->family].rule, MAX_IMAGE_SIZE, nearest);
}
