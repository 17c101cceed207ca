/* Wire encoding; see proto.h. */
#include "proto.h"

#include "plan.h"

#include <stdio.h>
#include <string.h>

#define JSON_MAX 8192

static const struct {
    const char *name;
    uint32_t min, max; /* payload bytes */
} types[VB_MSG_TYPES] = {
    [VB_MSG_WELCOME] = {"WELCOME", 2, JSON_MAX},
    [VB_MSG_HELLO] = {"HELLO", 2, JSON_MAX},
    [VB_MSG_REQUEST] = {"REQUEST", 0, 0},
    [VB_MSG_LEASE] = {"LEASE", 2, VB_BLOCK_TEXT_MAX},
    [VB_MSG_PROGRESS] = {"PROGRESS", VB_PROGRESS_BYTES, VB_PROGRESS_BYTES},
    [VB_MSG_RESULT] = {"RESULT", VB_PIECE_HEAD, VB_PIECE_HEAD + VB_PIECE_MAX},
    [VB_MSG_FAILED] = {"FAILED", 2, JSON_MAX},
    [VB_MSG_DONE] = {"DONE", 0, 0},
    [VB_MSG_ATTEMPT] = {"ATTEMPT", 2, JSON_MAX},
    [VB_MSG_ACK] = {"ACK", VB_VERDICT_BYTES, VB_VERDICT_BYTES},
    [VB_MSG_NACK] = {"NACK", VB_VERDICT_BYTES, VB_VERDICT_BYTES},
    [VB_MSG_CANCEL] = {"CANCEL", 0, 0},
    [VB_MSG_FAULT] = {"FAULT", 2, JSON_MAX},
    [VB_MSG_QUIT] = {"QUIT", 0, 0},
    [VB_MSG_DRAIN] = {"DRAIN", 0, 0},
    [VB_MSG_RETURNED] = {"RETURNED", 0, 0},
};

static uint8_t *put(uint8_t *p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *p++ = (uint8_t)(v >> (8 * i));
    return p;
}

static uint64_t get(const uint8_t **p, int bytes)
{
    uint64_t v = 0;

    for (int i = 0; i < bytes; i++)
        v |= (uint64_t) * (*p)++ << (8 * i);
    return v;
}

static int get_i32(const uint8_t **p)
{
    return (int)(int32_t)(uint32_t)get(p, 4);
}

size_t vb_msg_max(void)
{
    return VB_MSG_HEAD + VB_BLOCK_TEXT_MAX;
}

const char *vb_msg_name(vb_msg_type t)
{
    return t > 0 && t < VB_MSG_TYPES ? types[t].name : "?";
}

void vb_msg_head_encode(uint8_t out[VB_MSG_HEAD], const vb_msg *m)
{
    uint8_t *p = put(out, VB_WIRE_MAGIC, 4);

    p = put(p, VB_WIRE_VERSION, 2);
    p = put(p, (uint64_t)m->type, 2);
    p = put(p, m->length, 4);
    p = put(p, 0, 4);
    put(p, m->epoch, 8);
}

vb_status vb_msg_head_decode(vb_msg *out, const uint8_t *bytes, size_t n, vb_err *err)
{
    const uint8_t *p = bytes;
    unsigned version, type;
    uint32_t length, zero;

    if (n < VB_MSG_HEAD)
        return vb_fail(err, VB_EFORMAT, "message of %zu bytes: shorter than its header", n);
    if ((uint32_t)get(&p, 4) != VB_WIRE_MAGIC)
        return vb_fail(err, VB_EFORMAT, "message without savbench's magic number");
    version = (unsigned)get(&p, 2);
    type = (unsigned)get(&p, 2);
    length = (uint32_t)get(&p, 4);
    zero = (uint32_t)get(&p, 4);
    if (version != VB_WIRE_VERSION)
        return vb_fail(err, VB_EFORMAT, "message of wire version %u, this is %d: install one version on all nodes",
                       version, VB_WIRE_VERSION);
    if (type == 0 || type >= VB_MSG_TYPES || zero)
        return vb_fail(err, VB_EFORMAT, "message of unknown type %u", type);
    if (length != n - VB_MSG_HEAD || length < types[type].min || length > types[type].max)
        return vb_fail(err, VB_EFORMAT, "%s message: length %u does not fit", types[type].name, length);
    out->type = (vb_msg_type)type;
    out->length = length;
    out->epoch = get(&p, 8);
    return VB_OK;
}

void vb_progress_encode(uint8_t out[VB_PROGRESS_BYTES], const vb_progress *m)
{
    uint8_t *p = put(out, (uint32_t)m->trial, 4);

    p = put(p, (uint32_t)m->frame_idx, 4);
    p = put(p, (uint32_t)m->n_frames, 4);
    p = put(p, (uint32_t)m->stage, 4);
    put(p, (uint32_t)m->trials_left, 4);
}

vb_status vb_progress_decode(vb_progress *out, const uint8_t *p, size_t n, vb_err *err)
{
    int stage;

    if (n != VB_PROGRESS_BYTES)
        return vb_fail(err, VB_EFORMAT, "PROGRESS of %zu bytes", n);
    out->trial = get_i32(&p);
    out->frame_idx = get_i32(&p);
    out->n_frames = get_i32(&p);
    stage = get_i32(&p);
    out->trials_left = get_i32(&p);
    if (out->trial < 0 || out->trial >= VB_BLOCK_MAX_TRIALS || out->frame_idx < -1 || out->n_frames < 0 || stage < 0 ||
        stage >= VB_STAGE_COUNT || out->trials_left < 0 || out->trials_left > VB_BLOCK_MAX_TRIALS)
        return vb_fail(err, VB_EFORMAT, "PROGRESS: trial %d, frame %d of %d, stage %d are out of range", out->trial,
                       out->frame_idx, out->n_frames, stage);
    out->stage = (vb_stage)stage;
    return VB_OK;
}

void vb_piece_encode(uint8_t out[VB_PIECE_HEAD], const vb_piece *m)
{
    uint8_t *p = put(out, (uint32_t)m->trial, 4);

    p = put(p, m->n, 4);
    p = put(p, m->total, 8);
    p = put(p, m->offset, 8);
    memcpy(p, m->sha256, 32);
}

vb_status vb_piece_decode(vb_piece *out, const uint8_t *p, size_t n, uint64_t max_total, vb_err *err)
{
    const uint8_t *end = p + n;

    if (n < VB_PIECE_HEAD)
        return vb_fail(err, VB_EFORMAT, "RESULT of %zu bytes", n);
    out->trial = get_i32(&p);
    out->n = (uint32_t)get(&p, 4);
    out->total = get(&p, 8);
    out->offset = get(&p, 8);
    memcpy(out->sha256, p, 32);
    out->bytes = p + 32;
    if (out->trial < 0 || out->trial >= VB_BLOCK_MAX_TRIALS)
        return vb_fail(err, VB_EFORMAT, "RESULT: trial %d is out of range", out->trial);
    if (out->total == 0 || out->total > max_total)
        return vb_fail(err, VB_EFORMAT, "RESULT: a shard of %llu bytes; the limit is %llu",
                       (unsigned long long)out->total, (unsigned long long)max_total);
    if (out->n != (size_t)(end - out->bytes) || out->offset > out->total || out->n > out->total - out->offset)
        return vb_fail(err, VB_EFORMAT, "RESULT: piece of %u bytes at %llu of %llu does not fit", out->n,
                       (unsigned long long)out->offset, (unsigned long long)out->total);
    return VB_OK;
}

void vb_verdict_encode(uint8_t out[VB_VERDICT_BYTES], const vb_verdict *v)
{
    put(put(out, (uint32_t)v->trial, 4), v->again, 4);
}

vb_status vb_verdict_decode(vb_verdict *out, const uint8_t *p, size_t n, vb_err *err)
{
    int again;

    if (n != VB_VERDICT_BYTES)
        return vb_fail(err, VB_EFORMAT, "verdict of %zu bytes", n);
    out->trial = get_i32(&p);
    again = get_i32(&p);
    if (out->trial < 0 || out->trial >= VB_BLOCK_MAX_TRIALS || again < 0 || again > 1)
        return vb_fail(err, VB_EFORMAT, "verdict on trial %d is out of range", out->trial);
    out->again = again;
    return VB_OK;
}

void vb_sha_to_hex(char out[65], const uint8_t sha256[32])
{
    for (int i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", sha256[i]);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

vb_status vb_sha_from_hex(uint8_t out[32], const char *hex, vb_err *err)
{
    if (strlen(hex) != 64)
        return vb_fail(err, VB_EFORMAT, "SHA-256 of %zu digits", strlen(hex));
    for (int i = 0; i < 32; i++) {
        int hi = hex_digit(hex[2 * i]), lo = hex_digit(hex[2 * i + 1]);

        if (hi < 0 || lo < 0)
            return vb_fail(err, VB_EFORMAT, "SHA-256 '%s' is not hexadecimal", hex);
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    return VB_OK;
}
