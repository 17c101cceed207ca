/* What `savbench plan` found, as text and as JSON: the same facts in both. */
#ifndef VB_PLAN_SHOW_H
#define VB_PLAN_SHOW_H

#include "estimate.h"
#include "models.h"

#include <limits.h>

/* Everything borrowed. */
typedef struct {
    const vb_options *o;
    bool speed_given; /* e->speed is the user's */
    const vb_plan *plan;
    const vb_estimate *e;
    int64_t data_bytes; /* frames and masks of the plan's videos, each file once */
} vb_findings;

void vb_plan_print_text(const vb_findings *f);
vb_status vb_plan_print_json(const vb_findings *f, vb_err *err); /* VB_ENOMEM: also what is no UTF-8; nothing is printed then */

/* A setup's checkpoint, also where it is missing: then problem says what to do, else it is "". */
void vb_plan_checkpoint(char path[PATH_MAX], vb_err *problem, const vb_options *o, const vb_setup *s);

/* What this build lacks for a setup; "": nothing. A plan is often made where no model runs. */
void vb_plan_lack(vb_err *lack, const vb_setup *s);

/* Each word of --models that is no canonical name, and what it means; prompt NULL: the word has none. */
typedef void vb_meaning_fn(void *with, const char *word, const vb_model_info *const *m, int n, const char *prompt);
void vb_plan_meanings(const vb_options *o, vb_meaning_fn *call, void *with);

#endif
