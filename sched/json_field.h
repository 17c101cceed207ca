/* Fields of JSON objects that came over the wire, each checked for type and range.
 * VB_EFORMAT names the message and the field. */
#ifndef VB_JSON_FIELD_H
#define VB_JSON_FIELD_H

#include "err.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* An object with exactly n_fields fields; *out is the caller's reference. */
vb_status vb_field_object(json_t **out, const char *text, size_t n, size_t n_fields, const char *what, vb_err *err);
vb_status vb_field_int(int *out, const json_t *o, const char *what, const char *key, int min, int max, vb_err *err);
vb_status vb_field_real(double *out, const json_t *o, const char *what, const char *key, double min, double max,
                       vb_err *err);
/* Into buf[n] with its NUL; a longer string is refused. */
vb_status vb_field_text(char *buf, size_t n, const json_t *o, const char *what, const char *key, vb_err *err);

#endif
