/* A checkpoint against what a model expects; see checkpoint.h. */
#include "checkpoint_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One kind of fault: how many, and the first few by name. */
typedef struct {
    const char *what;
    size_t n;
    char names[112];
} fault;

static void note(fault *f, const char *text)
{
    size_t used = strlen(f->names), len = strlen(text);

    if (f->n++ == 0 && len >= sizeof f->names - 2)
        snprintf(f->names, sizeof f->names, "...%s", text + len - (sizeof f->names - 4)); /* keys differ at their ends */
    else if (f->n <= 3 && used + len + 3 < sizeof f->names)
        snprintf(f->names + used, sizeof f->names - used, "%s%s", used ? ", " : "", text);
}

static bool fits(const vb_tensor *t, const vb_tensor_spec *spec)
{
    if (t->ndim != spec->ndim)
        return false;
    for (int d = 0; d < t->ndim; d++)
        if (t->shape[d] != spec->shape[d])
            return false;
    return true;
}

static void shape_text(char *buf, size_t n, const int64_t *shape, int ndim)
{
    size_t used = 0;

    for (int d = 0; d < ndim && used < n; d++)
        used += (size_t)snprintf(buf + used, n - used, "%s%" PRId64, d ? "x" : "", shape[d]);
    if (!ndim)
        snprintf(buf, n, "scalar");
}

static void note_shape(fault *f, const vb_tensor *t, const vb_tensor_spec *spec)
{
    char text[320], have[80], want[80];

    shape_text(have, sizeof have, t->shape, t->ndim);
    shape_text(want, sizeof want, spec->shape, spec->ndim);
    snprintf(text, sizeof text, "%s is %s, not %s", t->key, have, want);
    note(f, text);
}

static int by_spec_key(const void *a, const void *b)
{
    return strcmp((*(const vb_tensor_spec *const *)a)->key, (*(const vb_tensor_spec *const *)b)->key);
}

/* Keys that no spec has. */
static vb_status find_unexpected(fault *f, const vb_checkpoint *c, const vb_tensor_spec *specs, size_t n, vb_err *err)
{
    const vb_tensor_spec **sorted = malloc((n + 1) * sizeof *sorted);

    if (!sorted)
        return vb_fail(err, VB_ENOMEM, "checkpoint '%s': host memory for %zu keys", c->label, n);
    for (size_t i = 0; i < n; i++)
        sorted[i] = &specs[i];
    qsort(sorted, n, sizeof *sorted, by_spec_key);
    for (size_t i = 0; i < c->n; i++) {
        vb_tensor_spec wanted = {.key = c->tensors[i].key};
        const vb_tensor_spec *p = &wanted;

        if (!bsearch(&p, sorted, n, sizeof *sorted, by_spec_key))
            note(f, c->tensors[i].key);
    }
    free(sorted);
    return VB_OK;
}

vb_status vb_checkpoint_check(const vb_checkpoint *c, const vb_tensor_spec *specs, size_t n, const char *model, vb_err *err)
{
    enum { MISSING, UNEXPECTED, MISSHAPEN, MISTYPED, N_FAULTS };
    fault f[N_FAULTS] = {{.what = "missing"}, {.what = "unexpected"}, {.what = "misshapen"}, {.what = "of a wrong type"}};
    const char *kind = vb_checkpoint_kind(c);
    char text[480] = "";
    size_t used = 0, total = 0;
    vb_status st;

    for (size_t i = 0; i < n; i++) {
        const vb_tensor *t = vb_checkpoint_find(c, specs[i].key);

        if (!t) {
            if (!specs[i].optional)
                note(&f[MISSING], specs[i].key);
        } else if (!fits(t, &specs[i])) {
            note_shape(&f[MISSHAPEN], t, &specs[i]);
        } else if (vb_storage_type_floats(t->type) == specs[i].integer) {
            note(&f[MISTYPED], t->key);
        }
    }
    if ((st = find_unexpected(&f[UNEXPECTED], c, specs, n, err)) != VB_OK)
        return st;
    for (int i = 0; i < N_FAULTS; i++) {
        total += f[i].n;
        if (f[i].n && used < sizeof text)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%zu %s (%s%s)", used ? ", " : "", f[i].n, f[i].what,
                                     f[i].names, f[i].n > 1 ? ", ..." : "");
    }
    if (!total)
        return VB_OK;
    if (kind && strcmp(kind, model) != 0)
        return vb_fail(err, VB_EFORMAT, "checkpoint '%s': holds weights of %s, not of %s: %.240s", c->label, kind, model,
                       text);
    return vb_fail(err, VB_EFORMAT, "checkpoint '%s': keys do not fit %s: %.300s", c->label, model, text);
}
