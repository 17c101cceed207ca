/* Link: messages of proto.h over MPI, without ever blocking in it: Open MPI's blocking calls spin, and a spinning rank
 * takes the core, and on a Jetson the watts, of the engine beside it.
 *
 * Sends are queued and complete in vb_link_receive; a message is probed and its length checked before it is received.
 * One thread. */
#ifndef VB_LINK_H
#define VB_LINK_H

#include "proto.h"

typedef struct {
    int rank, size;
    int local_rank, local_size; /* among the engines' owners (ranks > 0) of this host; -1 on rank 0 */
    int device_rank, device_size; /* among those of them that may use the same devices */
    bool beside_coordinator;    /* rank 0 runs on this host */
} vb_place;

typedef struct vb_link vb_link;

/* MPI_Init and who we are. Call once, from the main thread. */
vb_status vb_link_open(vb_link **out, vb_place *place, vb_err *err);
/* Waits for all ranks, asleep, and ends MPI. Rank 0, who comes last, has little patience with one that is frozen or lost. On an
 * error MPI goes on: whoever calls is to abort the job. A link that was not opened (NULL) is left alone. */
vb_status vb_link_close(vb_link *l, vb_err *err);

/* Queues a message; the payload (in up to two parts, the second may be NULL) is copied. */
vb_status vb_link_send(vb_link *l, int peer, vb_msg_type type, uint64_t epoch, const void *head, size_t n_head,
                       const void *tail, size_t n_tail, vb_err *err);
int vb_link_unsent(const vb_link *l);

/* The next message that is complete, if there is one: *got. *payload is malloc'ed for the caller (NULL when empty).
 * VB_EFORMAT: a message from *peer that cannot be; it is dropped and the link goes on. VB_EMPI: the link is broken. */
vb_status vb_link_receive(vb_link *l, bool *got, int *peer, vb_msg *msg, uint8_t **payload, vb_err *err);

/* A pause for loops that poll a link: short after something happened, longer and longer while nothing does.
 * idle: rounds without work so far. Milliseconds. */
#define VB_LINK_MAX_PAUSE_MS 20
int vb_link_pause_ms(int idle);

#endif
