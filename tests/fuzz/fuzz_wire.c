/* Fuzz target: messages one after the other, as a coordinator or a worker takes them off its link: header, then the payload by
 * its type, pieces into one intake. A message is as long as its header says, or as what is left. */
#include "fuzz.h"

#include "control.h"
#include "intake.h"
#include "plan.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_SHARD = 1 << 16 };

static void piece(vb_intake *in, const vb_msg *m, const uint8_t *p)
{
    vb_piece got;
    vb_intake_state state;
    vb_err err = {.msg = ""};
    uint8_t head[VB_PIECE_HEAD];

    if (!fuzz_took(vb_piece_decode(&got, p, m->length, MAX_SHARD, &err), &err))
        return;
    vb_piece_encode(head, &got);
    fuzz_hold(memcmp(head, p, sizeof head) == 0, "a piece's head is written as it was");
    fuzz_hold(vb_intake_add(&state, in, m->epoch, &got, &err) == VB_OK, "a piece is taken or dropped");
    fuzz_hold(!in->open || (in->have <= in->total && in->total <= MAX_SHARD && in->epoch == m->epoch), "intake keeps its bounds");
    if (state == VB_INTAKE_WHOLE) {
        fuzz_hold(in->have == in->total, "whole is whole");
        vb_intake_reset(in);
    }
}

#define JSON(name)                                                       \
    do {                                                                 \
        vb_##name m_;                                                    \
        fuzz_took(vb_##name##_from_json(&m_, text, m->length, &err), &err); \
    } while (0)

static void payload(vb_intake *in, const vb_msg *m, const uint8_t *p)
{
    const char *text = (const char *)p;
    uint8_t again[VB_PROGRESS_BYTES];
    vb_progress progress;
    vb_verdict verdict;
    vb_block block;
    vb_err err = {.msg = ""};

    switch (m->type) {
    case VB_MSG_WELCOME:
        JSON(welcome);
        break;
    case VB_MSG_HELLO:
        JSON(hello);
        break;
    case VB_MSG_FAILED:
        JSON(failure);
        break;
    case VB_MSG_ATTEMPT:
        JSON(death);
        break;
    case VB_MSG_FAULT:
        JSON(fault);
        break;
    case VB_MSG_LEASE:
        if (fuzz_took(vb_block_from_json(&block, text, m->length, &err), &err))
            vb_block_deinit(&block);
        break;
    case VB_MSG_PROGRESS:
        if (fuzz_took(vb_progress_decode(&progress, p, m->length, &err), &err)) {
            vb_progress_encode(again, &progress);
            fuzz_hold(memcmp(again, p, VB_PROGRESS_BYTES) == 0, "progress is written as it was");
        }
        break;
    case VB_MSG_ACK:
    case VB_MSG_NACK:
        if (fuzz_took(vb_verdict_decode(&verdict, p, m->length, &err), &err)) {
            vb_verdict_encode(again, &verdict);
            fuzz_hold(memcmp(again, p, VB_VERDICT_BYTES) == 0, "a verdict is written as it was");
        }
        break;
    case VB_MSG_RESULT:
        piece(in, m, p);
        break;
    default:
        fuzz_hold(m->length == 0, "a message without a payload has none");
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vb_intake in = {.open = false};

    while (size) {
        uint32_t length = 0;
        size_t n = size;
        uint8_t *own, head[VB_MSG_HEAD];
        vb_msg m;
        vb_err err = {.msg = ""};

        if (size >= VB_MSG_HEAD) {
            for (int i = 0; i < 4; i++)
                length |= (uint32_t)data[8 + i] << (8 * i);
            if (length <= size - VB_MSG_HEAD)
                n = VB_MSG_HEAD + length;
        }
        own = malloc(n); /* of its own, so that a read past its end is seen */
        fuzz_hold(own != NULL, "memory for a message");
        memcpy(own, data, n);
        if (fuzz_took(vb_msg_head_decode(&m, own, n, &err), &err)) {
            vb_msg_head_encode(head, &m);
            fuzz_hold(memcmp(head, own, VB_MSG_HEAD) == 0, "a header is written as it was");
            payload(&in, &m, own + VB_MSG_HEAD);
        }
        free(own);
        data += n;
        size -= n;
    }
    vb_intake_reset(&in);
    return 0;
}
