/* The project's words as types: dtype, bank, mode, prompt kind, stage, setup, variant, trial.
 *
 * Each enumeration has one table of names (types.c); options, SQL, HDF5 attributes and
 * reports print through it and parse through it. */
#ifndef VB_TYPES_H
#define VB_TYPES_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VB_NAME_MAX 64    /* a video's or object's name with its NUL; longer ones are refused */
#define VB_TAG_MAX 128    /* a variant's tag with its NUL */
#define VB_MAX_SIDE 16384 /* largest image side that any decoder accepts, pixels */

typedef enum { VB_FLOAT32, VB_TF32, VB_FLOAT16, VB_BFLOAT16, VB_DTYPE_COUNT } vb_dtype;
typedef enum {
    VB_BANK_BFLOAT16, /* upstream's, whatever the dtype */
    VB_BANK_FLOAT32,
    VB_BANK_FLOAT16,
    VB_BANK_AUTOCAST, /* the dtype that autocast gives the memory encoder's output */
    VB_BANK_COUNT
} vb_bank;
typedef enum { VB_STREAM, VB_OFFLINE, VB_MODE_COUNT } vb_mode;
typedef enum { VB_PROMPT_POINT, VB_PROMPT_BOX, VB_PROMPT_MASK, VB_PROMPT_COUNT } vb_prompt_kind;
typedef enum { VB_RULE_CENTER, VB_RULE_CENTROID, VB_RULE_COUNT } vb_point_rule;

/* Stages of one frame, in the order in which they run. METRICS.md defines each. */
typedef enum {
    VB_STAGE_DECODE,
    VB_STAGE_PREPROCESS,
    VB_STAGE_ENCODE,
    VB_STAGE_ATTEND,
    VB_STAGE_MASK_DECODE,
    VB_STAGE_MEMORIZE,
    VB_STAGE_POSTPROCESS,
    VB_STAGE_SCORE,
    VB_STAGE_COUNT
} vb_stage;

/* Names; "?" for a value out of range. */
const char *vb_dtype_name(vb_dtype v);
const char *vb_bank_name(vb_bank v);
const char *vb_mode_name(vb_mode v);
const char *vb_prompt_kind_name(vb_prompt_kind v);
const char *vb_point_rule_name(vb_point_rule v);
const char *vb_stage_name(vb_stage v);

/* Parsing; aliases are accepted ("fp16", "half", "bf16", "points", "bbox"). VB_EARG names the choices. */
vb_status vb_dtype_parse(vb_dtype *out, const char *s, vb_err *err);
vb_status vb_bank_parse(vb_bank *out, const char *s, vb_err *err);
vb_status vb_mode_parse(vb_mode *out, const char *s, vb_err *err);
vb_status vb_prompt_kind_parse(vb_prompt_kind *out, const char *s, vb_err *err);
vb_status vb_point_rule_parse(vb_point_rule *out, const char *s, vb_err *err);

/* What an engine holds in memory at one time. */
typedef struct {
    char model[32]; /* canonical: "edgetam", "sam2.1_b+", "stub" */
    vb_prompt_kind prompt;
    int image_size; /* side of the square network input, pixels */
} vb_setup;

/* One column of a comparison. */
typedef struct {
    vb_setup setup;
    vb_dtype dtype;
    vb_bank bank;
    vb_mode mode;
} vb_variant;

/* The unit of result and of resume. */
typedef struct {
    char video[VB_NAME_MAX];
    vb_variant variant;
    int repetition; /* 0, 1, ... */
} vb_trial_key;

bool vb_setup_equal(const vb_setup *a, const vb_setup *b);
bool vb_trial_key_equal(const vb_trial_key *a, const vb_trial_key *b);

/* "edgetam/point/1024/bfloat16/bank-bfloat16/stream" into out[VB_TAG_MAX]; and back (VB_EARG). */
void vb_variant_tag(char out[VB_TAG_MAX], const vb_variant *v);
vb_status vb_variant_parse_tag(vb_variant *out, const char *tag, vb_err *err);

/* A name that is safe as one path component: [A-Za-z0-9_.+-], not starting with '.' or '-',
 * 1 to VB_NAME_MAX-1 bytes. */
bool vb_name_ok(const char *name);

#ifdef __cplusplus
}
#endif
#endif
