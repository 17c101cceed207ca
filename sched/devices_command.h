/* `savbench devices`: what each rank of a job would get, before a run: by the same steps, on the same hosts. */
#ifndef VB_DEVICES_COMMAND_H
#define VB_DEVICES_COMMAND_H

int vb_devices_main(int argc, char **argv);

#endif
