/* The models that the project knows, whether or not this build can run them (that is vb_model_find's answer):
 * one table of canonical name, aliases, checkpoint file, image sizes and what tells their weights apart.
 *
 * A model is named canonically (sam2.1_b+), by an alias, or with a prompt appended as the ancestor did:
 * edgetam_points, sam2_base_bbox. The ancestor's sam2_{tiny,small,base,large} meant SAM 2.1 (the checkpoints of its
 * library), so these four are aliases of sam2.1_*; upstream's own names of SAM 2.0 (sam2_hiera_tiny, sam2_hiera_t)
 * mean SAM 2.0.
 *
 * Image sizes (side of the square input, pixels):
 *   sam2, sam2.1   multiples of 32 from 96 on: the encoder halves the side five times
 *   edgetam        multiples of 256: its perceiver cuts the side / 16 into 16 windows a side
 *   stub           any from 16 on
 * up to 4096 for all. Upstream's default is 1024. */
#ifndef VB_MODELS_H
#define VB_MODELS_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { VB_FAMILY_SAM2, VB_FAMILY_SAM21, VB_FAMILY_EDGETAM, VB_FAMILY_STUB } vb_model_family;

#define VB_MODEL_DEFAULT_SIZE 1024

typedef struct {
    const char *name;       /* canonical: "sam2.1_b+" */
    const char *checkpoint; /* upstream's file name, "sam2.1_hiera_base_plus.pt"; NULL: needs none */
    vb_model_family family;
    int trunk_dim, trunk_blocks; /* SAM 2: width and number of Hiera's blocks, by which weights are told apart */
    const char *aliases[8];      /* NULL-terminated */
} vb_model_info;

/* All models in table order; NULL past the end. */
const vb_model_info *vb_models_at(size_t i);
/* By canonical name or alias (case matters not); NULL: unknown. */
const vb_model_info *vb_models_find(const char *name);

/* One word of --models. */
typedef struct {
    const vb_model_info *model;
    char word[48]; /* as given; differs from model->name where an alias or a glob was used */
    bool has_prompt;
    vb_prompt_kind prompt; /* where has_prompt: from the word's suffix */
} vb_model_choice;

/* A word: canonical name, alias, either with _PROMPT (point, points, box, bbox, mask) at its end.
 * VB_EARG lists the models. */
vb_status vb_models_parse(vb_model_choice *out, const char *word, vb_err *err);

/* A comma-separated list of words and globs ("sam2.1_*", "*"; globs run over canonical names, the stub excepted, and
 * take _PROMPT behind them too: "sam2.1_*_points"). Repeated choices are dropped. *out is malloc'ed, [*n]. */
vb_status vb_models_parse_list(vb_model_choice **out, size_t *n, const char *list, vb_err *err);

/* VB_EARG names the rule and the nearest size that fits. */
vb_status vb_models_check_size(const vb_model_info *m, int image_size, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
