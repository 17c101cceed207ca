/* What one database says against what another says: rows by key, column by column. */
#ifndef VB_ROW_COMPARE_H
#define VB_ROW_COMPARE_H

#include "db.h"

/* A difference: the row's key, the column ("" where one side lacks the row), and both values as text ("-": lacking). id:
 * the second column of the row in told, 0 where told lacks it. Texts are borrowed and may hold anything. */
typedef struct {
    const char *key, *column, *told, *made;
    int64_t id;
} vb_difference;
typedef void (*vb_on_difference)(void *ctx, const vb_difference *d);

/* sql, on both: a literal that gives a key as text, in ascending order and without repeats; an id; then what is to be the
 * same to the last bit. Columns that end in "_id" (run_id apart) number rows within a database and are left out. */
vb_status vb_rows_compare(vb_db *told, vb_db *made, const char *sql, vb_on_difference on_difference, void *ctx, vb_err *err);

#endif
