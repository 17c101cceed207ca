/* Outbox: what a worker has to tell the coordinator, in order. Shards go in pieces, a few at a time, and stay here until
 * they are acknowledged; whatever stands behind one waits for that. */
#ifndef VB_OUTBOX_H
#define VB_OUTBOX_H

#include "link.h"

typedef struct vb_outbox vb_outbox;

vb_status vb_outbox_create(vb_outbox **out, vb_err *err);
void vb_outbox_free(vb_outbox *o);

/* payload is taken over (malloc'ed, or NULL), also on failure. */
vb_status vb_outbox_add(vb_outbox *o, vb_msg_type type, uint64_t epoch, uint8_t *payload, size_t n, vb_err *err);
/* A sealed memory file (channel.h) of p->total bytes; fd is taken over, also on failure. */
vb_status vb_outbox_add_shard(vb_outbox *o, uint64_t epoch, const vb_piece *p, int fd, vb_err *err);

/* Sends what can be sent now. */
vb_status vb_outbox_pump(vb_outbox *o, vb_link *l, vb_err *err);
/* The coordinator's answer to the shard in front. What matches nothing is ignored. */
vb_status vb_outbox_verdict(vb_outbox *o, uint64_t epoch, const vb_verdict *v, bool accepted, vb_err *err);
int vb_outbox_length(const vb_outbox *o);

#endif
