/* Wire: round trips, and hostile bytes of every kind refused without a read beyond them. */
#include "test.h"

#include "control.h"
#include "plan.h"

#include <stdlib.h>
#include <string.h>

static void test_head(void **state)
{
    uint8_t bytes[VB_MSG_HEAD + VB_PROGRESS_BYTES] = {0};
    vb_msg m = {VB_MSG_PROGRESS, VB_PROGRESS_BYTES, 0x1122334455667788u}, got;

    (void)state;
    vb_msg_head_encode(bytes, &m);
    assert_int_equal(vb_msg_head_decode(&got, bytes, sizeof bytes, NULL), VB_OK);
    assert_int_equal(got.type, m.type);
    assert_int_equal(got.length, m.length);
    assert_true(got.epoch == m.epoch);
    for (size_t n = 0; n < sizeof bytes; n++)
        assert_int_equal(vb_msg_head_decode(&got, bytes, n, NULL), VB_EFORMAT);
    /* each bit of the first 16 bytes means something; one of the type alone may lead to another type */
    for (int bit = 0; bit < 128; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (vb_msg_head_decode(&got, bytes, sizeof bytes, NULL) == VB_OK && (bit / 16 != 3 || got.type == m.type))
            fail_msg("bit %d is not checked", bit);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

/* The bytes themselves: hosts of two kinds of processor take part in one job. The same on each; changed only with VB_WIRE_VERSION. */
static void test_bytes(void **state)
{
    uint8_t b[VB_MSG_HEAD + VB_PIECE_HEAD + VB_PROGRESS_BYTES + VB_VERDICT_BYTES];
    char hex[2 * sizeof b + 1];
    vb_msg m = {VB_MSG_RESULT, 0x00012345, 0x1122334455667788u};
    vb_piece piece = {.trial = 258, .total = 0x0102030405060708u, .offset = 0xfffffffffeu, .n = 0x80000001u};
    vb_progress progress = {3, -1, 37, VB_STAGE_ATTEND, 513};
    vb_verdict verdict = {.trial = 65535, .again = true};
    uint8_t *at = b;

    (void)state;
    for (int i = 0; i < 32; i++)
        piece.sha256[i] = (uint8_t)(0xf0 - i);
    vb_msg_head_encode(at, &m);
    vb_piece_encode(at += VB_MSG_HEAD, &piece);
    vb_progress_encode(at += VB_PIECE_HEAD, &progress);
    vb_verdict_encode(at + VB_PROGRESS_BYTES, &verdict);
    for (size_t i = 0; i < sizeof b; i++)
        snprintf(hex + 2 * i, 3, "%02x", b[i]);
    assert_string_equal(hex, "73766277" "0100" "0600" "45230100" "00000000" "8877665544332211"
                             "02010000" "01000080" "0807060504030201" "feffffffff000000"
                             "f0efeeedecebeae9e8e7e6e5e4e3e2e1e0dfdedddcdbdad9d8d7d6d5d4d3d2d1"
                             "03000000" "ffffffff" "25000000" "03000000" "01020000"
                             "ffff0000" "01000000");
}

static void test_limits(void **state)
{
    size_t n = vb_msg_max() + 1;
    uint8_t *bytes = calloc(1, n);
    vb_msg m = {VB_MSG_LEASE, 0, 0}, got;

    (void)state;
    assert_non_null(bytes);
    m.length = (uint32_t)(n - VB_MSG_HEAD);
    vb_msg_head_encode(bytes, &m);
    assert_int_equal(vb_msg_head_decode(&got, bytes, n, NULL), VB_EFORMAT);
    m.length--;
    vb_msg_head_encode(bytes, &m);
    assert_int_equal(vb_msg_head_decode(&got, bytes, n - 1, NULL), VB_OK);
    m.type = VB_MSG_QUIT;
    vb_msg_head_encode(bytes, &m);
    assert_int_equal(vb_msg_head_decode(&got, bytes, n - 1, NULL), VB_EFORMAT);
    free(bytes);
}

static void test_progress(void **state)
{
    static const vb_progress bad[] = {
        {-1, 0, 0, VB_STAGE_DECODE, 0},      {VB_BLOCK_MAX_TRIALS, 0, 0, VB_STAGE_DECODE, 0},
        {0, -2, 0, VB_STAGE_DECODE, 0},      {0, 0, -1, VB_STAGE_DECODE, 0},
        {0, 0, 0, VB_STAGE_COUNT, 0},        {0, 0, 0, VB_STAGE_DECODE, -1},
    };
    vb_progress p = {3, -1, 37, VB_STAGE_ATTEND, 9}, got;
    uint8_t bytes[VB_PROGRESS_BYTES];

    (void)state;
    vb_progress_encode(bytes, &p);
    assert_int_equal(vb_progress_decode(&got, bytes, sizeof bytes, NULL), VB_OK);
    assert_int_equal(got.trial, 3);
    assert_int_equal(got.frame_idx, -1);
    assert_int_equal(got.n_frames, 37);
    assert_int_equal(got.stage, VB_STAGE_ATTEND);
    assert_int_equal(got.trials_left, 9);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vb_progress_encode(bytes, &bad[i]);
        assert_int_equal(vb_progress_decode(&got, bytes, sizeof bytes, NULL), VB_EFORMAT);
    }
}

static void test_piece(void **state)
{
    uint8_t bytes[VB_PIECE_HEAD + 5];
    vb_piece p = {.trial = 2, .total = 100, .offset = 95, .n = 5}, got;
    struct {
        int trial;
        uint64_t total, offset;
        uint32_t n;
    } bad[] = {
        {-1, 100, 95, 5}, {VB_BLOCK_MAX_TRIALS, 100, 95, 5}, {0, 0, 0, 5},    {0, 1001, 0, 5},
        {0, 100, 96, 5},  {0, 100, UINT64_MAX, 5},           {0, 100, 95, 4}, {0, 100, 0, UINT32_MAX},
    };

    (void)state;
    memset(p.sha256, 0xab, 32);
    vb_piece_encode(bytes, &p);
    memcpy(bytes + VB_PIECE_HEAD, "hello", 5);
    assert_int_equal(vb_piece_decode(&got, bytes, sizeof bytes, 1000, NULL), VB_OK);
    assert_int_equal(got.trial, 2);
    assert_true(got.total == 100 && got.offset == 95 && got.n == 5);
    assert_memory_equal(got.sha256, p.sha256, 32);
    assert_memory_equal(got.bytes, "hello", 5);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        p = (vb_piece){.trial = bad[i].trial, .total = bad[i].total, .offset = bad[i].offset, .n = bad[i].n};
        vb_piece_encode(bytes, &p);
        if (vb_piece_decode(&got, bytes, sizeof bytes, 1000, NULL) == VB_OK)
            fail_msg("bad piece %zu taken", i);
    }
    assert_int_equal(vb_piece_decode(&got, bytes, VB_PIECE_HEAD - 1, 1000, NULL), VB_EFORMAT);
}

static void test_verdict_and_sha(void **state)
{
    uint8_t bytes[VB_VERDICT_BYTES], sha[32];
    vb_verdict v = {7, true}, got;
    char hex[65], text[65];

    (void)state;
    vb_verdict_encode(bytes, &v);
    assert_int_equal(vb_verdict_decode(&got, bytes, sizeof bytes, NULL), VB_OK);
    assert_int_equal(got.trial, 7);
    assert_true(got.again);
    assert_string_equal(vb_msg_name((vb_msg_type)0), "?");
    assert_string_equal(vb_msg_name(VB_MSG_TYPES), "?");
    bytes[4] = 2;
    assert_int_equal(vb_verdict_decode(&got, bytes, sizeof bytes, NULL), VB_EFORMAT);
    assert_int_equal(vb_verdict_decode(&got, bytes, 7, NULL), VB_EFORMAT);
    memset(hex, 'a', 64);
    hex[64] = '\0';
    memcpy(hex, "0123456789", 11);
    hex[10] = 'f';
    hex[12] = '/'; /* before the digits, between them and the letters, before and behind those */
    assert_int_equal(vb_sha_from_hex(sha, hex, NULL), VB_EFORMAT);
    hex[12] = ':';
    assert_int_equal(vb_sha_from_hex(sha, hex, NULL), VB_EFORMAT);
    hex[12] = '`';
    assert_int_equal(vb_sha_from_hex(sha, hex, NULL), VB_EFORMAT);
    hex[12] = 'a';
    assert_int_equal(vb_sha_from_hex(sha, hex, NULL), VB_OK);
    vb_sha_to_hex(text, sha);
    assert_string_equal(text, hex);
    hex[63] = 'g';
    assert_int_equal(vb_sha_from_hex(sha, hex, NULL), VB_EFORMAT);
    hex[63] = '\0';
    assert_int_equal(vb_sha_from_hex(sha, hex, NULL), VB_EFORMAT);
}

static void test_control(void **state)
{
    vb_death d = {.trial = -1,
                  .outcome = "signal",
                  .detail = "killed \"by\" a\tsignal",
                  .signal = 9,
                  .last_frame = 4,
                  .last_stage = "attend",
                  .duration_ms = 12.5,
                  .device = "cpu"},
             got;
    vb_hello h = {.host = "nano3", .pid = 42}, h2;
    char *text;

    (void)state;
    assert_int_equal(vb_death_to_json(&text, &d, NULL), VB_OK);
    assert_int_equal(vb_death_from_json(&got, text, strlen(text), NULL), VB_OK);
    assert_memory_equal(&got, &d, sizeof d);
    for (size_t n = 0; n < strlen(text); n++)
        assert_int_equal(vb_death_from_json(&got, text, n, NULL), VB_EFORMAT);
    free(text);
    assert_int_equal(vb_hello_to_json(&text, &h, NULL), VB_OK);
    assert_int_equal(vb_hello_from_json(&h2, text, strlen(text), NULL), VB_OK);
    assert_string_equal(h2.host, "nano3");
    assert_int_equal(h2.pid, 42);
    assert_int_equal(vb_death_from_json(&got, text, strlen(text), NULL), VB_EFORMAT);
    free(text);
}

/* A log's last lines may be cut within a character, or be no text at all: still one message within its limit. */
static void test_control_bytes(void **state)
{
    vb_fault f = {.code = "EMODEL"}, got;
    char *text;
    uint8_t head[VB_MSG_HEAD];

    (void)state;
    memset(f.reason, 0xc3, sizeof f.reason - 1);
    assert_int_equal(vb_fault_to_json(&text, &f, NULL), VB_OK);
    assert_int_equal(vb_fault_from_json(&got, text, strlen(text), NULL), VB_OK);
    assert_int_equal(strlen(got.reason), sizeof f.reason - 1);
    free(text);
    memset(f.reason, 1, sizeof f.reason - 1); /* six bytes each in JSON */
    assert_int_equal(vb_fault_to_json(&text, &f, NULL), VB_OK);
    vb_msg m = {VB_MSG_FAULT, (uint32_t)strlen(text), 0}, decoded;
    uint8_t *whole = calloc(1, VB_MSG_HEAD + strlen(text));
    assert_non_null(whole);
    vb_msg_head_encode(head, &m);
    memcpy(whole, head, sizeof head);
    assert_int_equal(vb_msg_head_decode(&decoded, whole, VB_MSG_HEAD + strlen(text), NULL), VB_OK);
    free(whole);
    free(text);
}

/* Noise never gets through, and never reads beyond its end (sanitizers watch). */
static void test_noise(void **state)
{
    unsigned seed = 1;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        uint8_t *bytes;
        size_t n;
        vb_msg m;
        vb_progress p;
        vb_piece piece;
        vb_verdict v;

        seed = seed * 1103515245u + 12345;
        n = (seed >> 16) % 80;
        bytes = malloc(n + 1);
        assert_non_null(bytes);
        for (size_t i = 0; i < n; i++) {
            seed = seed * 1103515245u + 12345;
            bytes[i] = (uint8_t)(seed >> 16);
        }
        assert_int_equal(vb_msg_head_decode(&m, bytes, n, NULL), VB_EFORMAT);
        (void)vb_progress_decode(&p, bytes, n, NULL);
        (void)vb_piece_decode(&piece, bytes, n, 1000, NULL);
        (void)vb_verdict_decode(&v, bytes, n, NULL);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head),            cmocka_unit_test(test_bytes),           cmocka_unit_test(test_limits),  cmocka_unit_test(test_progress),
        cmocka_unit_test(test_piece),           cmocka_unit_test(test_verdict_and_sha),
        cmocka_unit_test(test_control),         cmocka_unit_test(test_control_bytes),
        cmocka_unit_test(test_noise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
