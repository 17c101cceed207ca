/* `savbench-engine device`: which device an engine would get here and now, as one line of JSON for `savbench devices`. */
#ifndef VB_DEVICE_LINE_H
#define VB_DEVICE_LINE_H

int vb_device_line_main(int argc, char **argv);

#endif
