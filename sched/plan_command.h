/* `savbench plan`: what a run with the same options would do, what it would take and what stands in its way; writes nothing. */
#ifndef VB_PLAN_COMMAND_H
#define VB_PLAN_COMMAND_H

int vb_plan_main(int argc, char **argv);

#endif
