/* `savbench plan`: what a run with the same options would do, without doing it. */
#ifndef VB_PLAN_COMMAND_H
#define VB_PLAN_COMMAND_H

int vb_plan_main(int argc, char **argv);

#endif
