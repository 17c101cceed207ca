/* What is in a file of weights, as text or JSON; see checkpoint.h. */
#include "checkpoint_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

static int64_t count_elements(const vb_tensor *t)
{
    int64_t n = 1;

    for (int d = 0; d < t->ndim; d++)
        n *= t->shape[d];
    return n;
}

static void print_text(const vb_checkpoint *c, const char *path, const char *sha256, int64_t elements, FILE *to)
{
    const char *kind = vb_checkpoint_kind(c);

    fprintf(to, "file      %s\nformat    %s\nmodel     %s\nsha256    %s\ntensors   %zu\nelements  %" PRId64 "\n\n", path,
            c->format, kind ? kind : "unknown", sha256, c->n, elements);
    for (size_t i = 0; i < c->n; i++) {
        const vb_tensor *t = &c->tensors[i];

        fprintf(to, "%-8s  %s  [", vb_storage_type_name(t->type), t->key);
        for (int d = 0; d < t->ndim; d++)
            fprintf(to, "%s%" PRId64, d ? ", " : "", t->shape[d]);
        fputs("]\n", to);
    }
}

static vb_status print_json(const vb_checkpoint *c, const char *path, const char *sha256, int64_t elements, FILE *to,
                            vb_err *err)
{
    const char *kind = vb_checkpoint_kind(c);
    json_t *tensors = json_array(), *root;
    vb_status st = VB_OK;

    for (size_t i = 0; i < c->n; i++) {
        const vb_tensor *t = &c->tensors[i];
        json_t *shape = json_array();

        for (int d = 0; d < t->ndim; d++)
            json_array_append_new(shape, json_integer(t->shape[d]));
        json_array_append_new(tensors, json_pack("{s:s, s:s, s:o}", "key", t->key, "dtype",
                                                 vb_storage_type_name(t->type), "shape", shape));
    }
    root = json_pack("{s:o*, s:s, s:s?, s:s, s:I, s:o}", "file", json_string(path), "format", c->format, "model", kind,
                     "sha256", sha256, "elements", (json_int_t)elements, "tensors", tensors);
    if (!root || json_dumpf(root, to, JSON_INDENT(1)) != 0 || fputc('\n', to) == EOF)
        st = vb_fail(err, root ? VB_EIO : VB_ENOMEM, "checkpoint '%s': cannot write its description as JSON", c->label);
    json_decref(root);
    return st;
}

vb_status vb_checkpoint_print(vb_checkpoint *c, const char *path, bool json, FILE *to, vb_err *err)
{
    char sha256[65];
    int64_t elements = 0;
    vb_status st = vb_checkpoint_sha256(c, sha256, err);

    if (st != VB_OK)
        return st;
    for (size_t i = 0; i < c->n; i++)
        elements += count_elements(&c->tensors[i]);
    if (json)
        st = print_json(c, path, sha256, elements, to, err);
    else
        print_text(c, path, sha256, elements, to);
    if (st == VB_OK && (fflush(to) != 0 || ferror(to)))
        st = vb_fail(err, VB_EIO, "checkpoint '%s': cannot write its description: %s", c->label, strerror(errno));
    return st;
}
