/* Shards from pieces: whole ones come out, damaged ones are noticed once, and what follows them is ignored. */
#include "test.h"

#include "hash.h"
#include "intake.h"

#include <stdlib.h>
#include <string.h>

enum { N = 1000, PIECE = 300 };

static uint8_t shard[N];

static vb_piece piece(uint64_t offset)
{
    vb_piece p = {.trial = 4, .total = N, .offset = offset, .n = offset + PIECE < N ? PIECE : (uint32_t)(N - offset)};
    char hex[65];

    assert_int_equal(vb_sha256(hex, shard, N, NULL), VB_OK);
    assert_int_equal(vb_sha_from_hex(p.sha256, hex, NULL), VB_OK);
    p.bytes = shard + offset;
    return p;
}

static vb_intake_state add(vb_intake *in, uint64_t epoch, vb_piece p)
{
    vb_intake_state s;

    assert_int_equal(vb_intake_add(&s, in, epoch, &p, NULL), VB_OK);
    return s;
}

static int setup(void **state)
{
    (void)state;
    for (int i = 0; i < N; i++)
        shard[i] = (uint8_t)(i * 7);
    return 0;
}

static void test_whole(void **state)
{
    vb_intake in = {0};

    (void)state;
    assert_int_equal(add(&in, 9, piece(0)), VB_INTAKE_MORE);
    assert_int_equal(add(&in, 9, piece(300)), VB_INTAKE_MORE);
    assert_int_equal(add(&in, 9, piece(600)), VB_INTAKE_MORE);
    assert_int_equal(add(&in, 9, piece(900)), VB_INTAKE_WHOLE);
    assert_int_equal(in.total, N);
    assert_memory_equal(in.bytes, shard, N);
    vb_intake_reset(&in);
    assert_null(in.bytes);
}

/* One piece lost: told once; the rest of it is ignored; the next sending comes through. */
static void test_gap(void **state)
{
    vb_intake in = {0};

    (void)state;
    assert_int_equal(add(&in, 9, piece(0)), VB_INTAKE_MORE);
    assert_int_equal(add(&in, 9, piece(600)), VB_INTAKE_DAMAGED);
    assert_int_equal(add(&in, 9, piece(900)), VB_INTAKE_IGNORED);
    assert_int_equal(add(&in, 9, piece(0)), VB_INTAKE_MORE);
    assert_int_equal(add(&in, 9, piece(300)), VB_INTAKE_MORE);
    assert_int_equal(add(&in, 9, piece(600)), VB_INTAKE_MORE);
    assert_int_equal(add(&in, 9, piece(900)), VB_INTAKE_WHOLE);
    vb_intake_reset(&in);
}

static void test_damage(void **state)
{
    vb_intake in = {0};
    uint8_t bad[PIECE];
    vb_piece p = piece(300);

    (void)state;
    memcpy(bad, shard + 300, PIECE);
    bad[17] ^= 1;
    p.bytes = bad;
    add(&in, 9, piece(0));
    add(&in, 9, p);
    add(&in, 9, piece(600));
    assert_int_equal(add(&in, 9, piece(900)), VB_INTAKE_DAMAGED);
    assert_null(in.bytes);
}

/* Pieces of another lease, trial, size or hash do not mix. */
static void test_mixed(void **state)
{
    vb_intake in = {0};
    vb_piece p;

    (void)state;
    add(&in, 9, piece(0));
    assert_int_equal(add(&in, 10, piece(300)), VB_INTAKE_DAMAGED);
    add(&in, 9, piece(0));
    p = piece(300);
    p.trial = 5;
    assert_int_equal(add(&in, 9, p), VB_INTAKE_DAMAGED);
    add(&in, 9, piece(0));
    p = piece(300);
    p.total++;
    assert_int_equal(add(&in, 9, p), VB_INTAKE_DAMAGED);
    add(&in, 9, piece(0));
    p = piece(300);
    p.sha256[0] ^= 1;
    assert_int_equal(add(&in, 9, p), VB_INTAKE_DAMAGED);
    add(&in, 9, piece(0));
    p = piece(300);
    p.n = 0; /* would go on for ever */
    assert_int_equal(add(&in, 9, p), VB_INTAKE_DAMAGED);
    vb_intake_reset(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole), cmocka_unit_test(test_gap),
                                       cmocka_unit_test(test_damage), cmocka_unit_test(test_mixed)};

    return cmocka_run_group_tests(tests, setup, NULL);
}
