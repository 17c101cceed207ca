/* Queue towards the coordinator; see outbox.h. */
#include "outbox.h"

#include "channel.h"
#include "control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { COORDINATOR = 0, MAX_UNSENT = 4, MAX_SENDINGS = 3 };

typedef struct item {
    struct item *next;
    vb_msg_type type;
    uint64_t epoch;
    uint8_t *payload; /* owned; NULL for a shard */
    size_t n;
    /* a shard */
    const uint8_t *bytes; /* mapped */
    vb_piece piece;
    int sendings;
} item;

struct vb_outbox {
    item *first, **last;
    int length;
};

vb_status vb_outbox_create(vb_outbox **out, vb_err *err)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return vb_fail(err, VB_ENOMEM, "outbox");
    (*out)->last = &(*out)->first;
    return VB_OK;
}

static void item_free(item *i)
{
    if (i && i->bytes)
        munmap((void *)(uintptr_t)i->bytes, i->piece.total);
    if (i)
        free(i->payload);
    free(i);
}

static void pop(vb_outbox *o)
{
    item *i = o->first;

    o->first = i->next;
    if (!o->first)
        o->last = &o->first;
    o->length--;
    item_free(i);
}

void vb_outbox_free(vb_outbox *o)
{
    while (o && o->first)
        pop(o);
    free(o);
}

static void push(vb_outbox *o, item *i)
{
    *o->last = i;
    o->last = &i->next;
    o->length++;
}

vb_status vb_outbox_add(vb_outbox *o, vb_msg_type type, uint64_t epoch, uint8_t *payload, size_t n, vb_err *err)
{
    item *i = calloc(1, sizeof *i);

    if (!i) {
        free(payload);
        return vb_fail(err, VB_ENOMEM, "outbox");
    }
    i->type = type;
    i->epoch = epoch;
    i->payload = payload;
    i->n = n;
    push(o, i);
    return VB_OK;
}

vb_status vb_outbox_add_shard(vb_outbox *o, uint64_t epoch, const vb_piece *p, int fd, vb_err *err)
{
    item *i = calloc(1, sizeof *i);
    vb_status st = i ? VB_OK : vb_fail(err, VB_ENOMEM, "outbox");
    size_t n = 0;

    if (i && (st = vb_sealed_map(&i->bytes, &n, fd, p->total, err)) == VB_OK && n != p->total)
        st = vb_fail(err, VB_EFORMAT, "a shard of %zu bytes was announced as %llu", n, (unsigned long long)p->total);
    close(fd);
    if (st) {
        if (i && i->bytes)
            munmap((void *)(uintptr_t)i->bytes, n);
        free(i);
        return st;
    }
    i->type = VB_MSG_RESULT;
    i->epoch = epoch;
    i->piece = *p;
    i->piece.offset = 0;
    i->sendings = 1;
    push(o, i);
    return VB_OK;
}

vb_status vb_outbox_pump(vb_outbox *o, vb_link *l, vb_err *err)
{
    vb_status st = VB_OK;

    while (o->first && st == VB_OK && vb_link_unsent(l) < MAX_UNSENT) {
        item *i = o->first;

        if (!i->bytes) {
            st = vb_link_send(l, COORDINATOR, i->type, i->epoch, i->payload, i->n, NULL, 0, err);
            pop(o);
            continue;
        }
        if (i->piece.offset == i->piece.total)
            return VB_OK; /* waits for its verdict */
        uint64_t left = i->piece.total - i->piece.offset;
        uint8_t head[VB_PIECE_HEAD];

        i->piece.n = (uint32_t)(left < VB_PIECE_MAX ? left : VB_PIECE_MAX);
        vb_piece_encode(head, &i->piece);
        st = vb_link_send(l, COORDINATOR, VB_MSG_RESULT, i->epoch, head, sizeof head, i->bytes + i->piece.offset,
                          i->piece.n, err);
        i->piece.offset += i->piece.n;
    }
    return st;
}

/* In place of a shard that will not arrive whole: its trial failed. */
static vb_status give_up(vb_outbox *o, vb_err *err)
{
    item *i = o->first;
    vb_failure f = {.trial = i->piece.trial, .last_frame = -1};
    char *text;
    vb_status st;

    snprintf(f.code, sizeof f.code, "%s", vb_status_name(VB_EIO));
    snprintf(f.reason, sizeof f.reason, "the shard arrived damaged %d times: check the network or memory of this host",
             MAX_SENDINGS);
    if ((st = vb_failure_to_json(&text, &f, err)))
        return st;
    munmap((void *)(uintptr_t)i->bytes, i->piece.total);
    i->bytes = NULL;
    i->type = VB_MSG_FAILED;
    i->payload = (uint8_t *)text;
    i->n = strlen(text);
    return VB_OK;
}

vb_status vb_outbox_verdict(vb_outbox *o, uint64_t epoch, const vb_verdict *v, bool accepted, vb_err *err)
{
    item *i = o->first;

    if (!i || !i->bytes || i->epoch != epoch || i->piece.trial != v->trial)
        return VB_OK;
    if (accepted || !v->again)
        pop(o);
    else if (i->sendings == MAX_SENDINGS)
        return give_up(o, err);
    else {
        i->sendings++;
        i->piece.offset = 0;
    }
    return VB_OK;
}

int vb_outbox_length(const vb_outbox *o)
{
    return o->length;
}
