/* Control payloads: the JSON messages of proto.h as structs, and back. Texts are cut to their fields on encoding and
 * refused when they are longer on decoding. */
#ifndef VB_CONTROL_H
#define VB_CONTROL_H

#include "proto.h"

typedef struct {
    char run_id[40];
    char host[64]; /* the coordinator's: a worker elsewhere tells its manifest */
} vb_welcome;

typedef struct {
    char host[64];
    char device[96];  /* from the engine; "" from a worker whose engine has not started yet */
    char manifest[65]; /* vb_dataset_manifest; "" on the coordinator's host, and from the engine */
    int pid;
} vb_hello;

typedef struct {
    int trial; /* of the lease */
    char code[16]; /* vb_status_name */
    char reason[512];
    char device[96];
    int last_frame; /* -1: none */
    char last_stage[16];
    double duration_ms;
} vb_failure;

typedef struct {
    int trial;        /* of the lease, the one that ran; -1: the engine never came up */
    char outcome[24]; /* of outcome.h; or "usage": it refused the options, which ends the run */
    char detail[512];
    int signal, exit_code; /* 0: none */
    int last_frame;        /* -1: none */
    char last_stage[16];
    double duration_ms;
    char device[96];
    char log[512]; /* the last that the engine printed */
} vb_death;

typedef struct {
    char code[16];
    char reason[512];
} vb_fault;

/* *text malloc'ed. */
vb_status vb_welcome_to_json(char **text, const vb_welcome *m, vb_err *err);
vb_status vb_welcome_from_json(vb_welcome *m, const char *text, size_t n, vb_err *err);
vb_status vb_hello_to_json(char **text, const vb_hello *m, vb_err *err);
vb_status vb_hello_from_json(vb_hello *m, const char *text, size_t n, vb_err *err);
vb_status vb_failure_to_json(char **text, const vb_failure *m, vb_err *err);
vb_status vb_failure_from_json(vb_failure *m, const char *text, size_t n, vb_err *err);
vb_status vb_death_to_json(char **text, const vb_death *m, vb_err *err);
vb_status vb_death_from_json(vb_death *m, const char *text, size_t n, vb_err *err);
vb_status vb_fault_to_json(char **text, const vb_fault *m, vb_err *err);
vb_status vb_fault_from_json(vb_fault *m, const char *text, size_t n, vb_err *err);

#endif
