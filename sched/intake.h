/* Intake: one shard being put together from its pieces, per worker. No MPI. */
#ifndef VB_INTAKE_H
#define VB_INTAKE_H

#include "proto.h"

typedef struct {
    bool open;
    uint64_t epoch;
    int trial;
    uint64_t total, have;
    uint8_t sha256[32];
    uint8_t *bytes; /* [total], owned */
} vb_intake;

typedef enum {
    VB_INTAKE_MORE,    /* more pieces must come */
    VB_INTAKE_WHOLE,   /* bytes[total] are here and their hash is right: use them, then reset */
    VB_INTAKE_DAMAGED, /* a piece is missing or the hash is wrong: it was dropped, ask for it again */
    VB_INTAKE_IGNORED  /* rest of what was dropped before */
} vb_intake_state;

/* A first piece (offset 0) begins anew, whatever was there. VB_ENOMEM. */
vb_status vb_intake_add(vb_intake_state *state, vb_intake *in, uint64_t epoch, const vb_piece *p, vb_err *err);
void vb_intake_reset(vb_intake *in); /* takes a zeroed struct too */

#endif
