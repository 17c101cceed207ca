/* `savbench status`: how far the job in an output folder is, from another terminal; read-only. */
#ifndef VB_STATUS_H
#define VB_STATUS_H

int vb_status_main(int argc, char **argv); /* status [--json] OUT */

#endif
