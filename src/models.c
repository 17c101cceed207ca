/* Table of models and the words that name them; see models.h. */
#include "models.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* GFLOP: counted on upstream at 1024 with one object and a full bank (docs/PERFORMANCE.md).
 * Trunks: sam2@2b90b9f sam2/configs/ and sam2/modeling/backbones/hieradet.py:171-200 (b+ has its defaults). */
const vb_model_info vb_models[] = {
    {"edgetam", VB_FAMILY_EDGETAM, "edgetam.pt", "EdgeTAM", 144, 0, 0},
    {"sam2.1_t", VB_FAMILY_SAM21, "sam2.1_hiera_tiny.pt", "SAM 2.1 tiny", 913, 96, 12},
    {"sam2.1_s", VB_FAMILY_SAM21, "sam2.1_hiera_small.pt", "SAM 2.1 small", 981, 96, 16},
    {"sam2.1_b+", VB_FAMILY_SAM21, "sam2.1_hiera_base_plus.pt", "SAM 2.1 base+", 1268, 112, 24},
    {"sam2.1_l", VB_FAMILY_SAM21, "sam2.1_hiera_large.pt", "SAM 2.1 large", 2444, 144, 48},
    {"sam2_t", VB_FAMILY_SAM2, "sam2_hiera_tiny.pt", "SAM 2 tiny", 913, 96, 12},
    {"sam2_s", VB_FAMILY_SAM2, "sam2_hiera_small.pt", "SAM 2 small", 981, 96, 16},
    {"sam2_b+", VB_FAMILY_SAM2, "sam2_hiera_base_plus.pt", "SAM 2 base+", 1268, 112, 24},
    {"sam2_l", VB_FAMILY_SAM2, "sam2_hiera_large.pt", "SAM 2 large", 2444, 144, 48},
    {"stub", VB_FAMILY_STUB, NULL, "stub (the prompt's mask for every frame)", 0, 0, 0},
};
const size_t vb_model_count = sizeof vb_models / sizeof *vb_models;
_Static_assert(sizeof vb_models / sizeof *vb_models <= VB_MODEL_MAX, "VB_MODEL_MAX");

/* Other names of a model. The ancestor's library loaded SAM 2.1 files for its sam2_{tiny,small,base,large}. */
static const struct {
    const char *alias, *name;
} aliases[] = {
    {"sam2_tiny", "sam2.1_t"},           {"sam2_small", "sam2.1_s"},
    {"sam2_base", "sam2.1_b+"},          {"sam2_large", "sam2.1_l"},
    {"sam2.1_tiny", "sam2.1_t"},         {"sam2.1_small", "sam2.1_s"},
    {"sam2.1_base", "sam2.1_b+"},        {"sam2.1_base_plus", "sam2.1_b+"},
    {"sam2.1_large", "sam2.1_l"},        {"sam2.1_b", "sam2.1_b+"},
    {"sam2_b", "sam2_b+"},               {"sam2.1_hiera_t", "sam2.1_t"},
    {"sam2.1_hiera_s", "sam2.1_s"},      {"sam2.1_hiera_b+", "sam2.1_b+"},
    {"sam2.1_hiera_l", "sam2.1_l"},      {"sam2.1_hiera_tiny", "sam2.1_t"},
    {"sam2.1_hiera_small", "sam2.1_s"},  {"sam2.1_hiera_base_plus", "sam2.1_b+"},
    {"sam2.1_hiera_large", "sam2.1_l"},  {"sam2_hiera_t", "sam2_t"},
    {"sam2_hiera_s", "sam2_s"},          {"sam2_hiera_b+", "sam2_b+"},
    {"sam2_hiera_l", "sam2_l"},          {"sam2_hiera_tiny", "sam2_t"},
    {"sam2_hiera_small", "sam2_s"},      {"sam2_hiera_base_plus", "sam2_b+"},
    {"sam2_hiera_large", "sam2_l"},
};

static const struct {
    const char *suffix;
    vb_prompt_kind kind;
} suffixes[] = {{"_points", VB_PROMPT_POINT}, {"_point", VB_PROMPT_POINT}, {"_bbox", VB_PROMPT_BOX},
                {"_box", VB_PROMPT_BOX},      {"_mask", VB_PROMPT_MASK},   {"_masks", VB_PROMPT_MASK}};

const vb_model_info *vb_model_info_find(const char *canonical)
{
    for (size_t i = 0; i < vb_model_count; i++)
        if (!strcmp(vb_models[i].name, canonical))
            return &vb_models[i];
    return NULL;
}

static const vb_model_info *find_any(const char *word)
{
    for (size_t i = 0; i < vb_model_count; i++)
        if (!strcasecmp(vb_models[i].name, word))
            return &vb_models[i];
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (!strcasecmp(aliases[i].alias, word))
            return vb_model_info_find(aliases[i].name);
    return NULL;
}

/* The i-th way to read a word: as it is, then without each prompt suffix that it ends in. false: none is left. */
static bool reading(char base[64], bool *has_prompt, vb_prompt_kind *prompt, const char *word, size_t *i)
{
    size_t n = strlen(word);

    for (; *i <= sizeof suffixes / sizeof *suffixes; ++*i) {
        const char *suffix = *i ? suffixes[*i - 1].suffix : "";
        size_t s = strlen(suffix);

        if (n <= s || n - s >= 64 || strcasecmp(word + n - s, suffix))
            continue;
        memcpy(base, word, n - s);
        base[n - s] = '\0';
        if ((*has_prompt = *i > 0))
            *prompt = suffixes[*i - 1].kind;
        ++*i;
        return true;
    }
    *has_prompt = false;
    return false;
}

static vb_status unknown(const char *what, const char *word, vb_err *err)
{
    char names[256] = "";
    size_t used = 0;

    for (size_t i = 0; i < vb_model_count && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", vb_models[i].name);
    return vb_fail(err, VB_EARG, "%s '%.64s': choose from %s, each with _point, _box or _mask if you like", what, word, names);
}

vb_status vb_model_parse(const vb_model_info **out, bool *has_prompt, vb_prompt_kind *prompt, const char *word, vb_err *err)
{
    char base[64];

    for (size_t i = 0; reading(base, has_prompt, prompt, word, &i);)
        if ((*out = find_any(base)))
            return VB_OK;
    *out = NULL;
    return unknown("unknown model", word, err);
}

static int match(const vb_model_info *out[VB_MODEL_MAX], const char *glob)
{
    int n = 0;

    for (size_t i = 0; i < vb_model_count; i++)
        if (vb_models[i].family != VB_FAMILY_STUB && !fnmatch(glob, vb_models[i].name, FNM_CASEFOLD))
            out[n++] = &vb_models[i];
    return n;
}

vb_status vb_model_expand(const vb_model_info *out[VB_MODEL_MAX], int *n, bool *has_prompt, vb_prompt_kind *prompt,
                          const char *word, vb_err *err)
{
    char base[64];

    for (size_t i = 0; reading(base, has_prompt, prompt, word, &i);) {
        bool all = !strcasecmp(base, "all");

        if ((all || strpbrk(base, "*?[")) && (*n = match(out, all ? "*" : base)) > 0)
            return VB_OK;
    }
    *n = 1;
    if (strpbrk(word, "*?["))
        return unknown("no model matches", word, err);
    return vb_model_parse(out, has_prompt, prompt, word, err);
}

vb_status vb_model_check_built(const vb_model_info *m, vb_err *err)
{
#ifdef VB_HAVE_TORCH
    (void)m;
    (void)err;
#else
    if (m->family != VB_FAMILY_STUB)
        return vb_fail(err, VB_EARG, "model '%s' needs libtorch and this build has none: configure with -DVB_TORCH=ON, or use --models stub", m->name);
#endif
    return VB_OK;
}

vb_status vb_model_check_size(const vb_model_info *m, int size, vb_err *err)
{
    switch (m->family) {
    case VB_FAMILY_EDGETAM:
        /* The perceiver cuts size/16 into 16 windows a side: EdgeTAM@9cc44bf sam2/modeling/perceiver.py:298-312 */
        if (size < 256 || size > 4096 || size % 256)
            return vb_fail(err, VB_EARG, "%s at image size %d: its spatial perceiver needs a multiple of 256 from 256 to 4096 (256, 512, 768, 1024, ...)", m->name, size);
        break;
    case VB_FAMILY_SAM2:
    case VB_FAMILY_SAM21:
        if (size < 96 || size > 4096 || size % 32)
            return vb_fail(err, VB_EARG, "%s at image size %d: its encoder needs a multiple of 32 from 96 to 4096", m->name, size);
        break;
    case VB_FAMILY_STUB:
        if (size < 1 || size > VB_MAX_SIDE)
            return vb_fail(err, VB_EARG, "image size %d: 1 to %d", size, VB_MAX_SIDE);
        break;
    }
    return VB_OK;
}
