/* The table `comparison`: paired differences to float32 with their intervals, from the rows of the database alone.
 * Needs trial_pair (derive.h) for the agreement of masks. Used within a transaction. */
#ifndef VB_COMPARE_H
#define VB_COMPARE_H

#include "db.h"

vb_status vb_compare(vb_db *db, vb_err *err);

#endif
