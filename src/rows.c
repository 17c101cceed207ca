/* A growing array; see rows.h. */
#include "rows.h"

#include <stdlib.h>
#include <string.h>

void vb_rows_init(vb_rows *r, size_t size)
{
    *r = (vb_rows){.size = size};
}

void vb_rows_deinit(vb_rows *r)
{
    free(r->data);
    *r = (vb_rows){.size = r->size};
}

vb_status vb_rows_add(vb_rows *r, const void *row, vb_err *err)
{
    if (r->n == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 64;
        void *data = r->n < INT32_MAX / 2 ? realloc(r->data, capacity * r->size) : NULL;

        if (!data)
            return vb_fail(err, VB_ENOMEM, "%zu rows of %zu bytes", capacity, r->size);
        r->data = data;
        r->capacity = capacity;
    }
    memcpy((char *)r->data + r->n++ * r->size, row, r->size);
    return VB_OK;
}

void *vb_rows_take(vb_rows *r, int32_t *n)
{
    void *data = r->data;

    *n = (int32_t)r->n;
    *r = (vb_rows){.size = r->size};
    return data;
}
