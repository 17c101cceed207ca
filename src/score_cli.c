/* `savbench score`: options of Meta's evaluator, with --out added. */
#include "score.h"

#include "cli.h"

#include <stddef.h>

#define AT(field) offsetof(vb_score_options, field)

static const vb_opt options[] = {
    {.name = "gt-root", .arg = "DIR", .type = VB_OPT_TEXT, .offset = AT(gt_root),
     .help = "ground truth: <video>/<obj>/<frame>.png, or label images <video>/<frame>.png"},
    {.name = "pred-root", .arg = "DIR", .type = VB_OPT_TEXT, .offset = AT(pred_root), .help = "predictions, laid out alike"},
    {.name = "out", .arg = "FILE", .type = VB_OPT_TEXT, .offset = AT(csv_path),
     .help = "where the CSV goes (default: results.csv in the predictions' folder)"},
    {.name = "num-processes", .aliases = "n", .arg = "N", .type = VB_OPT_INT, .offset = AT(threads), .min = 1, .max = 1024,
     .help = "threads (default: one per core)"},
    {.name = "strict", .aliases = "s", .type = VB_OPT_FLAG, .offset = AT(strict),
     .help = "both folders must hold the same videos"},
    {.name = "quiet", .aliases = "q", .type = VB_OPT_FLAG, .offset = AT(quiet),
     .help = "print faults, left-out objects and the CSV's path alone"},
    {.name = "do-not-skip-first-and-last-frame", .type = VB_OPT_FLAG, .offset = AT(score_ends),
     .help = "score them too; SA-V and DAVIS drop them"},
};
enum { N_OPTIONS = sizeof options / sizeof *options };

int vb_score_main(int argc, char **argv)
{
    vb_score_options opt = {0};
    vb_score_summary summary;
    vb_err err = {0};
    int operand;

    if (vb_cli_wants_help(argc, argv)) {
        vb_cli_help(stdout, "score --gt-root DIR --pred-root DIR [options]",
                    "J, F and J&F of predicted masks, as Meta's SA-V evaluator computes them.", options, N_OPTIONS);
        return VB_EXIT_OK;
    }
    if (vb_cli_parse(options, N_OPTIONS, &opt, argc, argv, &operand, &err))
        return vb_cli_fail("score", &err);
    if (operand < argc)
        vb_fail(&err, VB_EARG, "'%.200s' is no option; folders go with --gt-root and --pred-root", argv[operand]);
    else if (!opt.gt_root || !opt.pred_root)
        vb_fail(&err, VB_EARG, "--gt-root and --pred-root are needed; --help tells more");
    else if (vb_score_folders(&opt, stdout, &summary, &err) == VB_OK) {
        vb_score_summary_deinit(&summary);
        return VB_EXIT_OK;
    }
    fflush(stdout);
    return vb_cli_fail("score", &err);
}
