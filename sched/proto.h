/* Wire: one header and few message types for both hops, engine <-> worker (SOCK_SEQPACKET) and worker <-> coordinator
 * (MPI). Little-endian, every field range-checked on decoding; nothing here does input or output.
 *
 *   header  0 magic u32 | 4 version u16 | 6 type u16 | 8 payload length u32 | 12 zero u32 | 16 epoch u64
 *
 * A shard goes over MPI as RESULT messages, each with a piece of at most VB_PIECE_MAX bytes; from the engine it goes as
 * one RESULT without bytes, its file beside the message (workers/channel.h). */
#ifndef VB_PROTO_H
#define VB_PROTO_H

#include "types.h"

#define VB_WIRE_MAGIC 0x77627673u /* "svbw" */
#define VB_WIRE_VERSION 1
#define VB_MSG_HEAD 24
#define VB_PIECE_MAX (1u << 20)
#define VB_BLOCK_TEXT_MAX (4u << 20)

/* The lower case letter says who sends: c coordinator, w worker, e engine. */
typedef enum {
    VB_MSG_WELCOME = 1, /* c->w JSON vb_welcome: the run that the worker is part of */
    VB_MSG_HELLO,       /* w->c, e->w JSON vb_hello: who is there */
    VB_MSG_REQUEST,     /* w->c empty: give me a block */
    VB_MSG_LEASE,       /* c->w->e block as JSON (plan.h), epoch of the lease */
    VB_MSG_PROGRESS,    /* e->w->c vb_progress */
    VB_MSG_RESULT,      /* e->w->c vb_piece and its bytes */
    VB_MSG_FAILED,      /* e->w->c JSON vb_failure: this trial failed, the block goes on */
    VB_MSG_DONE,        /* e->w->c empty: the block is through */
    VB_MSG_ATTEMPT,     /* w->c JSON vb_death: the engine was lost */
    VB_MSG_ACK,         /* c->w vb_verdict: it is on disk */
    VB_MSG_NACK,        /* c->w vb_verdict: refused, or arrived damaged */
    VB_MSG_CANCEL,      /* c->w empty: the lease is over, stop it */
    VB_MSG_FAULT,       /* e->w JSON vb_fault: why the engine is about to leave */
    VB_MSG_QUIT,        /* c->w, w->e empty: no more work */
    VB_MSG_DRAIN,       /* c->w->e empty: end the trial that runs, begin no other; w->c: so does this worker, told by a signal */
    VB_MSG_RETURNED,    /* e->w->c empty: drained; the lease's other trials were not begun */
    VB_MSG_TYPES
} vb_msg_type;

typedef struct {
    vb_msg_type type;
    uint32_t length; /* of the payload */
    uint64_t epoch;  /* of the lease; 0 where none is meant */
} vb_msg;

void vb_msg_head_encode(uint8_t out[VB_MSG_HEAD], const vb_msg *m);
/* n: bytes of the whole message. Checks magic, version, type, and length against n and the type's limits. */
vb_status vb_msg_head_decode(vb_msg *out, const uint8_t *bytes, size_t n, vb_err *err);
size_t vb_msg_max(void); /* the longest message of any type, header included */
const char *vb_msg_name(vb_msg_type t);

#define VB_PROGRESS_BYTES 20
typedef struct {
    int trial;     /* of the lease */
    int frame_idx; /* -1: weights are loaded, the model warms up */
    int n_frames;
    vb_stage stage;
    int trials_left; /* of the lease, this one included */
} vb_progress;
void vb_progress_encode(uint8_t out[VB_PROGRESS_BYTES], const vb_progress *p);
vb_status vb_progress_decode(vb_progress *out, const uint8_t *p, size_t n, vb_err *err);

#define VB_PIECE_HEAD 56
typedef struct {
    int trial; /* of the lease */
    uint64_t total, offset;
    uint8_t sha256[32]; /* of the whole shard */
    const uint8_t *bytes; /* borrowed from the message */
    uint32_t n;
} vb_piece;
void vb_piece_encode(uint8_t out[VB_PIECE_HEAD], const vb_piece *p); /* the bytes follow it */
/* total is at most max_total, and offset + n at most total. */
vb_status vb_piece_decode(vb_piece *out, const uint8_t *p, size_t n, uint64_t max_total, vb_err *err);

#define VB_VERDICT_BYTES 8
typedef struct {
    int trial;  /* of the lease */
    bool again; /* NACK: damaged on the way, send it once more; else forget it */
} vb_verdict;
void vb_verdict_encode(uint8_t out[VB_VERDICT_BYTES], const vb_verdict *v);
vb_status vb_verdict_decode(vb_verdict *out, const uint8_t *p, size_t n, vb_err *err);

void vb_sha_to_hex(char out[65], const uint8_t sha256[32]);
vb_status vb_sha_from_hex(uint8_t out[32], const char *hex, vb_err *err);

#endif
