/* Channel between worker and engine: messages, long ones, files; and what a broken engine may send. */
#include "test.h"

#include "channel.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
    vb_channel_event event;
    vb_msg msg;
    uint8_t *payload;
    int fd;
    vb_status st;
} received;

static int pair[2];

static int setup(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
}

static int teardown(void **state)
{
    (void)state;
    close(pair[0]);
    close(pair[1]);
    return 0;
}

static received receive(void)
{
    received r;

    r.st = vb_channel_receive(pair[1], false, &r.event, &r.msg, &r.payload, &r.fd, NULL);
    return r;
}

static void test_messages(void **state)
{
    bool sent;
    received r = receive();

    (void)state;
    assert_int_equal(r.st, VB_OK);
    assert_int_equal(r.event, VB_CHANNEL_NONE);
    assert_int_equal(vb_channel_send(pair[0], VB_MSG_DONE, 5, NULL, 0, -1, true, &sent, NULL), VB_OK);
    assert_int_equal(vb_channel_send(pair[0], VB_MSG_FAULT, 6, "{\"a\":1}", 7, -1, true, &sent, NULL), VB_OK);
    r = receive();
    assert_int_equal(r.event, VB_CHANNEL_MESSAGE);
    assert_int_equal(r.msg.type, VB_MSG_DONE);
    assert_int_equal(r.msg.epoch, 5);
    assert_null(r.payload);
    r = receive();
    assert_int_equal(r.msg.type, VB_MSG_FAULT);
    assert_string_equal((char *)r.payload, "{\"a\":1}");
    free(r.payload);
    close(pair[0]);
    pair[0] = -1;
    r = receive();
    assert_int_equal(r.event, VB_CHANNEL_EOF);
}

/* An engine that ends without having read its lease has said why: its last words arrive. */
static void test_last_words(void **state)
{
    bool sent;
    received r;

    (void)state;
    assert_int_equal(vb_channel_send(pair[1], VB_MSG_DONE, 1, NULL, 0, -1, true, &sent, NULL), VB_OK);
    assert_int_equal(vb_channel_send(pair[0], VB_MSG_FAULT, 0, "{}", 2, -1, true, &sent, NULL), VB_OK);
    close(pair[0]);
    pair[0] = -1;
    r = receive();
    assert_int_equal(r.event, VB_CHANNEL_MESSAGE);
    assert_int_equal(r.msg.type, VB_MSG_FAULT);
    free(r.payload);
    assert_int_equal(receive().event, VB_CHANNEL_EOF);
}

/* Longer than a packet: goes as a file, arrives as any other. */
static void test_long(void **state)
{
    size_t n = 3u << 20;
    char *text = malloc(n);
    bool sent;
    received r;

    (void)state;
    assert_non_null(text);
    memset(text, 'x', n);
    assert_int_equal(vb_channel_send(pair[0], VB_MSG_LEASE, 1, text, n, -1, false, &sent, NULL), VB_OK);
    assert_true(sent);
    r = receive();
    assert_int_equal(r.event, VB_CHANNEL_MESSAGE);
    assert_int_equal(r.msg.length, n);
    assert_memory_equal(r.payload, text, n);
    assert_int_equal(r.fd, -1);
    free(r.payload);
    free(text);
}

static void test_file(void **state)
{
    uint8_t head[VB_PIECE_HEAD];
    vb_piece p = {.trial = 1, .total = 5};
    const uint8_t *bytes;
    size_t n;
    int fd;
    bool sent;
    received r;

    (void)state;
    vb_piece_encode(head, &p);
    assert_int_equal(vb_sealed_create(&fd, "hello", 5, NULL), VB_OK);
    assert_int_equal(write(fd, "x", 1), -1); /* sealed */
    assert_int_equal(vb_channel_send(pair[0], VB_MSG_RESULT, 1, head, sizeof head, fd, true, &sent, NULL), VB_OK);
    close(fd);
    r = receive();
    assert_int_equal(r.event, VB_CHANNEL_MESSAGE);
    assert_true(r.fd >= 0);
    assert_int_equal(vb_sealed_map(&bytes, &n, r.fd, 4, NULL), VB_EFORMAT);
    assert_int_equal(vb_sealed_map(&bytes, &n, r.fd, 5, NULL), VB_OK);
    assert_int_equal(n, 5);
    assert_memory_equal(bytes, "hello", 5);
    munmap((void *)(uintptr_t)bytes, n);
    close(r.fd);
    free(r.payload);
}

/* A file that its sender could still change or cut is refused: reading it could fault. */
static void test_unsealed(void **state)
{
    const uint8_t *bytes;
    size_t n;
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bool sent;
    received r;

    (void)state;
    assert_int_equal(ftruncate(fd, 100), 0);
    assert_int_equal(vb_sealed_map(&bytes, &n, fd, 1000, NULL), VB_EFORMAT);
    assert_int_equal(vb_channel_send(pair[0], VB_MSG_DONE, 1, NULL, 0, fd, true, &sent, NULL), VB_OK);
    r = receive();
    assert_int_equal(r.st, VB_EFORMAT);
    assert_int_equal(r.fd, -1);
    close(fd);
}

static void test_nonsense(void **state)
{
    char big[VB_MSG_HEAD + VB_CHANNEL_INLINE + 100] = {0};
    received r;

    (void)state;
    assert_int_equal(send(pair[0], "short", 5, 0), 5);
    assert_int_equal(receive().st, VB_EFORMAT);
    assert_int_equal(send(pair[0], big, sizeof big, 0), sizeof big);
    assert_int_equal(receive().st, VB_EFORMAT);
    r = receive();
    assert_int_equal(r.st, VB_OK);
    assert_int_equal(r.event, VB_CHANNEL_NONE);
}

/* A full socket does not stop the frame loop. */
static void test_full(void **state)
{
    uint8_t bytes[VB_PROGRESS_BYTES] = {0};
    bool sent = true;
    int n = 0;

    (void)state;
    while (sent && n < 100000) {
        assert_int_equal(vb_channel_send(pair[0], VB_MSG_PROGRESS, 1, bytes, sizeof bytes, -1, false, &sent, NULL), VB_OK);
        n++;
    }
    assert_false(sent);
    close(pair[1]);
    pair[1] = -1;
    assert_int_equal(vb_channel_send(pair[0], VB_MSG_PROGRESS, 1, bytes, sizeof bytes, -1, true, &sent, NULL), VB_EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_messages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_last_words, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unsealed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nonsense, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
