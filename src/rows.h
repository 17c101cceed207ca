/* Rows: a growing array of fixed-size rows. */
#ifndef VB_ROWS_H
#define VB_ROWS_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    size_t size, n, capacity;
    void *data; /* [n] rows of size bytes, owned */
} vb_rows;

void vb_rows_init(vb_rows *r, size_t size);
void vb_rows_deinit(vb_rows *r);
vb_status vb_rows_add(vb_rows *r, const void *row, vb_err *err); /* VB_ENOMEM */
void *vb_rows_take(vb_rows *r, int32_t *n); /* gives the array away (NULL when empty) and empties r */

#endif
