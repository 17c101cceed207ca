/* The models by name: one table of canonical names, aliases, official checkpoint files, allowed image sizes and what
 * tells their weights apart.
 *
 * The ancestor's sam2_{tiny,small,base,large} meant SAM 2.1 (the checkpoints of its library), so these are aliases
 * of sam2.1_*; upstream's own names of SAM 2.0 (sam2_hiera_tiny, sam2_hiera_t) mean SAM 2.0.
 *
 * Image sizes (side of the square input, pixels), up to 4096:
 *   sam2, sam2.1   multiples of 32 from 96 on: the encoder halves the side five times
 *   edgetam        multiples of 256: its perceiver cuts side / 16 into 16 windows a side */
#ifndef VB_MODELS_H
#define VB_MODELS_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { VB_FAMILY_STUB, VB_FAMILY_EDGETAM, VB_FAMILY_SAM2, VB_FAMILY_SAM21 } vb_family;

typedef struct {
    const char *name;       /* canonical: "sam2.1_b+" */
    vb_family family;
    const char *checkpoint; /* official file name; NULL: the model has no weights */
    const char *long_name;  /* "SAM 2.1 base+" */
    double gflop_1024;      /* per frame, one object, full memory bank; 0: none. For estimates alone. */
    int trunk_dim;          /* width of Hiera's first stage; 0: the model has another encoder */
    int trunk_blocks;       /* and how many blocks it has: together they tell the sizes apart */
} vb_model_info;

extern const vb_model_info vb_models[];
extern const size_t vb_model_count;

const vb_model_info *vb_model_info_find(const char *canonical); /* NULL: none */

/* A word of --models: a canonical name, an official or ancestor's name, with or without a prompt suffix
 * ("edgetam_points", "sam2_base_bbox": the ancestor's sam2_* are sam2.1_*). *has_prompt tells whether the word
 * carried one. VB_EARG lists the names. */
vb_status vb_model_parse(const vb_model_info **out, bool *has_prompt, vb_prompt_kind *prompt, const char *word, vb_err *err);

#define VB_MODEL_MAX 16 /* the table has at most so many models */

/* A word of --models that may name several: as vb_model_parse, or "all", or a glob (*, ?, [abc]) over the canonical
 * names, each with or without a prompt suffix ("sam2.1_*", "sam2*_points", "all_box"). out[0 .. *n-1] are in the
 * table's order; the stub is named by its own name alone. VB_EARG: no model matches. */
vb_status vb_model_expand(const vb_model_info *out[VB_MODEL_MAX], int *n, bool *has_prompt, vb_prompt_kind *prompt,
                          const char *word, vb_err *err);

/* Whether this build can run it. VB_EARG names the model and what to do. */
vb_status vb_model_check_built(const vb_model_info *m, vb_err *err);

/* Whether upstream's mathematics allows the size for this family. VB_EARG gives the rule. */
vb_status vb_model_check_size(const vb_model_info *m, int image_size, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
