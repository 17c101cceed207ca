/* The command `savbench inspect`: opens a file of weights and says what is in it; see checkpoint.h. */
#include "checkpoint.h"
#include "cli.h"

#include <stddef.h>

typedef struct {
    bool json, verify;
} inspect_options;

static const vb_opt table[] = {
    {.name = "json", .help = "one JSON object", .type = VB_OPT_FLAG, .offset = offsetof(inspect_options, json)},
    {.name = "verify", .help = "read all data and compare it with the checksums in the file", .type = VB_OPT_FLAG,
     .offset = offsetof(inspect_options, verify)},
};
enum { N_OPTIONS = sizeof table / sizeof *table };

static vb_status verify(const vb_checkpoint *c, vb_err *err)
{
    size_t n;
    vb_status st = vb_checkpoint_verify(c, &n, err);

    if (st == VB_OK)
        fprintf(stderr, n ? "verified: %zu records match their checksums\n"
                          : "verified: the structure alone; the file holds %zu checksums\n", n);
    return st;
}

int vb_inspect_main(int argc, char **argv)
{
    inspect_options o = {.json = false};
    vb_checkpoint *c = NULL;
    vb_err err;
    vb_status st;
    int at;

    if (vb_cli_wants_help(argc, argv)) {
        vb_cli_help(stdout, "inspect FILE [options]",
                    "Shows the model, keys, shapes, dtypes and SHA-256 of a file of weights: .pt as torch.save writes\n"
                    "it, or .safetensors. Nothing in the file is executed.", table, N_OPTIONS);
        return VB_EXIT_OK;
    }
    if ((st = vb_cli_parse(table, N_OPTIONS, &o, argc, argv, &at, &err)) != VB_OK)
        goto out;
    if (at != argc - 1) {
        st = vb_fail(&err, VB_EARG, "expected one FILE; see --help");
        goto out;
    }
    if ((st = vb_checkpoint_open(&c, argv[at], &err)) != VB_OK || (o.verify && (st = verify(c, &err)) != VB_OK))
        goto out;
    st = vb_checkpoint_print(c, argv[at], o.json, stdout, &err);
out:
    vb_checkpoint_free(c);
    return st == VB_OK ? VB_EXIT_OK : vb_cli_fail("inspect", &err);
}
