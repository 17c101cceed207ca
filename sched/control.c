/* Control payloads, by one table of fields per struct; see control.h. */
#include "control.h"

#include "json_field.h"
#include "json_whole.h"
#include "plan.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *key;
    enum { TEXT, INT, REAL } type;
    size_t offset, size; /* size: of a text's buffer */
    int min, max;
} field;

#define TEXT_FIELD(s, f) {#f, TEXT, offsetof(s, f), sizeof((s *)0)->f, 0, 0}
#define INT_FIELD(s, f, min, max) {#f, INT, offsetof(s, f), 0, min, max}
#define REAL_FIELD(s, f) {#f, REAL, offsetof(s, f), 0, 0, 0}
#define MAX_TRIAL (VB_BLOCK_MAX_TRIALS - 1)

static const field welcome_fields[] = {TEXT_FIELD(vb_welcome, run_id), TEXT_FIELD(vb_welcome, host)};
static const field hello_fields[] = {TEXT_FIELD(vb_hello, host), TEXT_FIELD(vb_hello, device),
                                     TEXT_FIELD(vb_hello, manifest), INT_FIELD(vb_hello, pid, 0, INT32_MAX)};
static const field failure_fields[] = {INT_FIELD(vb_failure, trial, 0, MAX_TRIAL), TEXT_FIELD(vb_failure, code),
                                       TEXT_FIELD(vb_failure, reason), TEXT_FIELD(vb_failure, device),
                                       INT_FIELD(vb_failure, last_frame, -1, INT32_MAX),
                                       TEXT_FIELD(vb_failure, last_stage), REAL_FIELD(vb_failure, duration_ms)};
static const field death_fields[] = {
    INT_FIELD(vb_death, trial, -1, MAX_TRIAL),     TEXT_FIELD(vb_death, outcome),
    TEXT_FIELD(vb_death, detail),                  INT_FIELD(vb_death, signal, 0, 128),
    INT_FIELD(vb_death, exit_code, 0, 255),        INT_FIELD(vb_death, last_frame, -1, INT32_MAX),
    TEXT_FIELD(vb_death, last_stage),              REAL_FIELD(vb_death, duration_ms),
    TEXT_FIELD(vb_death, device),                  TEXT_FIELD(vb_death, log)};
static const field fault_fields[] = {TEXT_FIELD(vb_fault, code), TEXT_FIELD(vb_fault, reason)};

/* Text from logs and libraries may be no UTF-8, which JSON cannot carry: such bytes become '?'. */
static json_t *text_value(const char *s, size_t size)
{
    size_t n = strnlen(s, size);
    json_t *v = json_stringn(s, n);

    if (!v) {
        char *clean = strndup(s, n);

        for (size_t i = 0; clean && i < n; i++)
            if ((unsigned char)clean[i] >= 0x80)
                clean[i] = '?';
        v = clean ? json_stringn(clean, n) : NULL;
        free(clean);
    }
    return v;
}

static vb_status to_json(char **text, const field *f, size_t n, const void *m, const char *what, vb_err *err)
{
    json_t *o = json_object();

    *text = NULL;
    for (; o && n; n--, f++) {
        const char *at = (const char *)m + f->offset;
        json_t *v = f->type == TEXT  ? text_value(at, f->size)
                    : f->type == INT ? json_integer(*(const int *)(const void *)at)
                                     : json_real(*(const double *)(const void *)at);

        if (json_object_set_new(o, f->key, v)) {
            json_decref(o);
            o = NULL;
        }
    }
    if (o)
        *text = vb_json_whole(o, JSON_COMPACT);
    json_decref(o);
    return *text ? VB_OK : vb_fail(err, VB_ENOMEM, "%s message: JSON", what);
}

static vb_status from_json(void *m, const field *f, size_t n, const char *text, size_t len, const char *what,
                           vb_err *err)
{
    json_t *o = NULL;
    vb_status st = vb_field_object(&o, text, len, n, what, err);

    for (; st == VB_OK && n; n--, f++) {
        char *at = (char *)m + f->offset;

        if (f->type == TEXT)
            st = vb_field_text(at, f->size, o, what, f->key, err);
        else if (f->type == INT)
            st = vb_field_int((int *)(void *)at, o, what, f->key, f->min, f->max, err);
        else
            st = vb_field_real((double *)(void *)at, o, what, f->key, 0, 1e15, err);
    }
    json_decref(o);
    return st;
}

#define CONTROL_FUNCTIONS(name, what)                                                            \
    vb_status vb_##name##_to_json(char **text, const vb_##name *m, vb_err *err)                  \
    {                                                                                            \
        return to_json(text, name##_fields, sizeof name##_fields / sizeof(field), m, what, err); \
    }                                                                                            \
    vb_status vb_##name##_from_json(vb_##name *m, const char *text, size_t n, vb_err *err)       \
    {                                                                                            \
        memset(m, 0, sizeof *m);                                                                 \
        return from_json(m, name##_fields, sizeof name##_fields / sizeof(field), text, n, what, err); \
    }

CONTROL_FUNCTIONS(welcome, "WELCOME")
CONTROL_FUNCTIONS(hello, "HELLO")
CONTROL_FUNCTIONS(failure, "FAILED")
CONTROL_FUNCTIONS(death, "ATTEMPT")
CONTROL_FUNCTIONS(fault, "FAULT")
