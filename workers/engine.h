/* Engine: the process that owns one device: takes blocks from its worker over a socket, runs them through the pipeline,
 * sends back progress, shards and failures. Links no MPI. Ends when the socket does, when its parent dies, or when the
 * pipeline says that the process is spent. */
#ifndef VB_ENGINE_H
#define VB_ENGINE_H

/* `savbench-engine serve [--fd N] [--parent PID] --run-id ID -- run OPTIONS...`: started by the worker alone. */
int vb_serve_main(int argc, char **argv);

#endif
