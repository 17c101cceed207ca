/* Pieces to shards; see intake.h. */
#include "intake.h"

#include "hash.h"

#include <stdlib.h>
#include <string.h>

void vb_intake_reset(vb_intake *in)
{
    free(in->bytes);
    memset(in, 0, sizeof *in);
}

static vb_status begin(vb_intake *in, uint64_t epoch, const vb_piece *p, vb_err *err)
{
    vb_intake_reset(in);
    if (!(in->bytes = malloc(p->total)))
        return vb_fail(err, VB_ENOMEM, "shard of %llu bytes", (unsigned long long)p->total);
    in->open = true;
    in->epoch = epoch;
    in->trial = p->trial;
    in->total = p->total;
    memcpy(in->sha256, p->sha256, sizeof in->sha256);
    return VB_OK;
}

vb_status vb_intake_add(vb_intake_state *state, vb_intake *in, uint64_t epoch, const vb_piece *p, vb_err *err)
{
    uint8_t sha[32];
    char hex[65];
    vb_status st;

    *state = VB_INTAKE_IGNORED;
    if (p->offset == 0 && (st = begin(in, epoch, p, err)))
        return st;
    if (!in->open)
        return VB_OK;
    *state = VB_INTAKE_DAMAGED;
    if (epoch != in->epoch || p->trial != in->trial || p->total != in->total || p->offset != in->have || p->n == 0 ||
        memcmp(p->sha256, in->sha256, sizeof in->sha256)) {
        vb_intake_reset(in);
        return VB_OK;
    }
    memcpy(in->bytes + in->have, p->bytes, p->n);
    in->have += p->n;
    if (in->have < in->total) {
        *state = VB_INTAKE_MORE;
        return VB_OK;
    }
    if ((st = vb_sha256(hex, in->bytes, in->total, err)) || (st = vb_sha_from_hex(sha, hex, err)))
        return st;
    if (memcmp(sha, in->sha256, sizeof sha))
        vb_intake_reset(in);
    else
        *state = VB_INTAKE_WHOLE;
    return VB_OK;
}
