/* `savbench completion bash`: the completion script, on standard output. */
#ifndef VB_COMPLETION_H
#define VB_COMPLETION_H

int vb_completion_main(int argc, char **argv);

#endif
