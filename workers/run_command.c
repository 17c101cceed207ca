/* `savbench run`; see run_command.h. */
#include "run_command.h"

#include "cli.h"
#include "options.h"
#include "supervisor.h"
#include "worker.h"

#include <stdlib.h>
#include <string.h>

int vb_run_main(int argc, char **argv)
{
    char **given; /* parsing moves operands about; ranks and engines get the line as it was */
    vb_options o;
    vb_err err;
    int code;

    if (vb_cli_wants_help(argc, argv)) {
        vb_options_help(stdout, "run");
        return VB_EXIT_OK;
    }
    if (!(given = calloc((size_t)argc + 1, sizeof *given))) {
        vb_fail(&err, VB_ENOMEM, "command line");
        return vb_cli_fail("run", &err);
    }
    memcpy(given, argv, (size_t)argc * sizeof *given);
    given[0] = "run";
    if (vb_options_parse(&o, argc, argv, &err))
        code = vb_cli_fail("run", &err);
    else
        code = vb_rank_started() ? vb_rank_main(&o, argc, given, vb_worker_run) : vb_supervisor_main(&o, argc, given);
    free(given);
    return code;
}
