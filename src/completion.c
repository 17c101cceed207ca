/* Completion for bash; see completion.h. Commands and options are asked of the program's own help, which is made from its
 * tables: the script lists none. */
#include "completion.h"

#include "cli.h"

#include <string.h>

static const char bash[] =
    "# bash completion for savbench: eval \"$(savbench completion bash)\", or as a file in bash-completion's folder\n"
    "_savbench() {\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]} command=${COMP_WORDS[1]} list=\n"
    "    COMPREPLY=()\n"
    "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
    "        list=$(\"$program\" --help 2>/dev/null | sed -n 's/^  \\([a-z-]*\\) .*/\\1/p')\n"
    "    elif [ \"$command\" = completion ]; then\n"
    "        list=bash\n"
    "    elif [ \"${word#-}\" != \"$word\" ]; then\n"
    "        list=$(\"$program\" \"$command\" --help 2>/dev/null | sed -n 's/^  \\(--[a-z0-9-]*\\).*/\\1/p')\n"
    "    fi\n"
    "    [ -z \"$list\" ] || COMPREPLY=($(compgen -W \"$list\" -- \"$word\"))\n"
    "} && complete -o bashdefault -o default -F _savbench savbench\n";

int vb_completion_main(int argc, char **argv)
{
    vb_err err;

    if (vb_cli_wants_help(argc, argv)) {
        vb_cli_help(stdout, "completion bash", "Prints the completion script: eval \"$(savbench completion bash)\".", NULL, 0);
        return VB_EXIT_OK;
    }
    if (argc != 2 || strcmp(argv[1], "bash")) {
        vb_fail(&err, VB_EARG, "usage: savbench completion bash");
        return vb_cli_fail("completion", &err);
    }
    fputs(bash, stdout);
    return VB_EXIT_OK;
}
