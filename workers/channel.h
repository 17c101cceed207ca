/* Channel: messages of proto.h between worker and engine over a SOCK_SEQPACKET socket, and sealed memory files beside
 * them. A payload longer than VB_CHANNEL_INLINE travels as such a file, unseen by the caller; the file of a RESULT is
 * the shard and is handed out. */
#ifndef VB_CHANNEL_H
#define VB_CHANNEL_H

#include "proto.h"

#define VB_CHANNEL_INLINE (48u << 10) /* a sequenced packet must fit the socket's buffer */

/* A memory file with these bytes that nobody can change any more; *fd is the caller's. */
vb_status vb_sealed_create(int *fd, const void *bytes, size_t n, vb_err *err);
/* Maps one that came from elsewhere: refused unless fully sealed and of 1 to max bytes. Unmap with munmap. */
vb_status vb_sealed_map(const uint8_t **bytes, size_t *n, int fd, size_t max, vb_err *err);

/* fd: passed beside the message, stays the caller's; -1: none. wait: block while the peer's buffer is full; else a
 * full buffer is VB_OK with *sent false. VB_EIO: the peer is gone. */
vb_status vb_channel_send(int sock, vb_msg_type type, uint64_t epoch, const void *payload, size_t n, int fd, bool wait,
                          bool *sent, vb_err *err);

typedef enum { VB_CHANNEL_NONE, VB_CHANNEL_MESSAGE, VB_CHANNEL_EOF } vb_channel_event;

/* wait false: VB_CHANNEL_NONE when nothing is there. *payload is malloc'ed with a NUL behind it (NULL when empty), *fd
 * is the caller's or -1. VB_EFORMAT: a message that cannot be. */
vb_status vb_channel_receive(int sock, bool wait, vb_channel_event *event, vb_msg *msg, uint8_t **payload, int *fd,
                             vb_err *err);

#endif
