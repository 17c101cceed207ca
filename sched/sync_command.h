/* `savbench sync`: what each host of a host file lacks of the dataset and the weights; brought there by rsync when asked. */
#ifndef VB_SYNC_COMMAND_H
#define VB_SYNC_COMMAND_H

int vb_sync_main(int argc, char **argv);

#endif
