/* Checked JSON fields; see json_field.h. */
#include "json_field.h"

#include <string.h>

vb_status vb_field_object(json_t **out, const char *text, size_t n, size_t n_fields, const char *what, vb_err *err)
{
    json_error_t why;
    json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);

    *out = NULL;
    if (!o)
        return vb_fail(err, VB_EFORMAT, "%s: no JSON: %s", what, why.text);
    if (!json_is_object(o) || json_object_size(o) != n_fields) {
        json_decref(o);
        return vb_fail(err, VB_EFORMAT, "%s: not a JSON object of %zu fields", what, n_fields);
    }
    *out = o;
    return VB_OK;
}

vb_status vb_field_int(int *out, const json_t *o, const char *what, const char *key, int min, int max, vb_err *err)
{
    const json_t *v = json_object_get(o, key);
    json_int_t i = json_integer_value(v);

    if (!json_is_integer(v) || i < min || i > max)
        return vb_fail(err, VB_EFORMAT, "%s: field '%s' is no integer between %d and %d", what, key, min, max);
    *out = (int)i;
    return VB_OK;
}

vb_status vb_field_real(double *out, const json_t *o, const char *what, const char *key, double min, double max,
                       vb_err *err)
{
    const json_t *v = json_object_get(o, key);
    double d = json_number_value(v);

    if (!json_is_number(v) || !(d >= min && d <= max))
        return vb_fail(err, VB_EFORMAT, "%s: field '%s' is no number between %g and %g", what, key, min, max);
    *out = d;
    return VB_OK;
}

vb_status vb_field_text(char *buf, size_t n, const json_t *o, const char *what, const char *key, vb_err *err)
{
    const json_t *v = json_object_get(o, key);
    size_t len = json_string_length(v);

    if (!json_is_string(v) || len >= n || memchr(json_string_value(v), '\0', len))
        return vb_fail(err, VB_EFORMAT, "%s: field '%s' is no text of at most %zu bytes", what, key, n - 1);
    memcpy(buf, json_string_value(v), len + 1);
    return VB_OK;
}
