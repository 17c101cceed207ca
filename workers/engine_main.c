/* savbench-engine: the commands that need a model and its device, by table. `savbench` starts it for each of them. */
#include "cli.h"
#include "device_line.h"
#include "doctor.h"
#include "engine.h"
#include "track.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} commands[] = {
    {"serve", vb_serve_main, "an engine of `savbench run`; started by its worker"},
    {"track", vb_track_main, "one video, given prompts, to masks"},
    {"device", vb_device_line_main, "the device that an engine would get, as JSON; for `savbench devices`"},
    {"doctor", vb_doctor_main, "what this machine and build can run"},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

int main(int argc, char **argv)
{
    for (int i = 0; i < N_COMMANDS; i++)
        if (argc > 1 && !strcmp(argv[1], commands[i].name))
            return commands[i].run(argc - 1, argv + 1);
    fputs("usage: savbench-engine COMMAND [options]; savbench itself starts it\n", stderr);
    for (int i = 0; i < N_COMMANDS; i++)
        fprintf(stderr, "  %-8s %s\n", commands[i].name, commands[i].what);
    return VB_EXIT_USAGE;
}
