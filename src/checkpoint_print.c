/* `savbench inspect`: what is in a file of weights, as text or JSON; see checkpoint.h. */
#include "checkpoint_impl.h"

#include <errno.h>
#include <getopt.h>
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

static vb_status print_text(const vb_checkpoint *c, const char *path, const char *sha256, int64_t elements, FILE *to)
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
    return VB_OK;
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
    st = json ? print_json(c, path, sha256, elements, to, err) : print_text(c, path, sha256, elements, to);
    if (st == VB_OK && (fflush(to) != 0 || ferror(to)))
        st = vb_fail(err, VB_EIO, "checkpoint '%s': cannot write its description: %s", c->label, strerror(errno));
    return st;
}

static const char usage[] =
    "usage: savbench inspect FILE [--json] [--verify]\n"
    "Shows the model, keys, shapes, dtypes and SHA-256 of a file of weights (.pt as torch.save writes it, or\n"
    ".safetensors). Nothing in the file is executed.\n"
    "  --json     one JSON object\n"
    "  --verify   read all data and compare it with the checksums in the file\n";

static int run_inspect(const char *path, bool json, bool verify)
{
    vb_checkpoint *c = NULL;
    vb_err err;
    size_t n_checked;
    vb_status st = vb_checkpoint_open(&c, path, &err);

    if (st == VB_OK && verify && (st = vb_checkpoint_verify(c, &n_checked, &err)) == VB_OK)
        fprintf(stderr, n_checked ? "verified: %zu records match their checksums\n"
                                  : "verified: structure alone, the file holds %zu checksums\n", n_checked);
    if (st == VB_OK)
        st = vb_checkpoint_print(c, path, json, stdout, &err);
    if (st != VB_OK)
        fprintf(stderr, "savbench inspect: %s\n", err.msg);
    vb_checkpoint_free(c);
    return st == VB_OK ? 0 : 3;
}

int vb_inspect_main(int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"verify", no_argument, NULL, 'v'}, {"help", no_argument, NULL, 'h'}, {0}};
    bool json = false, verify = false;
    int o;

    optind = 0; /* glibc: start over, also when another command line was parsed before */
    while ((o = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (o == 'j') {
            json = true;
        } else if (o == 'v') {
            verify = true;
        } else {
            fputs(usage, o == 'h' ? stdout : stderr);
            return o == 'h' ? 0 : 2;
        }
    }
    if (optind != argc - 1) {
        fprintf(stderr, "savbench inspect: expected one FILE\n%s", usage);
        return 2;
    }
    return run_inspect(argv[optind], json, verify);
}
