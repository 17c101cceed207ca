/* What must hold among the values of a decoded shard, beyond the types of its tables. */
#ifndef VB_SHARD_CHECK_H
#define VB_SHARD_CHECK_H

#include "trial.h"

/* VB_EFORMAT names table, row and column. Masks' texts are not checked here: whoever decodes one does. */
vb_status vb_shard_check(const vb_trial *t, vb_err *err);

#endif
