/* Messages and files over a socket; see channel.h. */
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

vb_status vb_sealed_create(int *out, const void *bytes, size_t n, vb_err *err)
{
    int fd = memfd_create("savbench", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    *out = -1;
    if (fd < 0)
        return vb_fail(err, VB_EIO, "memory file: %s", strerror(errno));
    for (size_t done = 0; done < n;) {
        ssize_t w = write(fd, (const char *)bytes + done, n - done);

        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0) {
            vb_fail(err, VB_ENOMEM, "memory file of %zu bytes: %s", n, strerror(errno));
            close(fd);
            return VB_ENOMEM;
        }
        done += (size_t)w;
    }
    if (fcntl(fd, F_ADD_SEALS, ALL_SEALS)) {
        vb_fail(err, VB_EIO, "memory file: sealing: %s", strerror(errno));
        close(fd);
        return VB_EIO;
    }
    *out = fd;
    return VB_OK;
}

static vb_status sealed_size(size_t *n, int fd, size_t max, vb_err *err)
{
    struct stat s;
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0 || (seals & ALL_SEALS) != ALL_SEALS)
        return vb_fail(err, VB_EFORMAT, "a file that is not sealed came with a message");
    if (fstat(fd, &s) || s.st_size < 1 || (uint64_t)s.st_size > max)
        return vb_fail(err, VB_EFORMAT, "a file of %lld bytes came with a message; the limit is %zu",
                       (long long)s.st_size, max);
    *n = (size_t)s.st_size;
    return VB_OK;
}

vb_status vb_sealed_map(const uint8_t **bytes, size_t *n, int fd, size_t max, vb_err *err)
{
    vb_status st = sealed_size(n, fd, max, err);
    void *p;

    if (st)
        return st;
    if ((p = mmap(NULL, *n, PROT_READ, MAP_SHARED, fd, 0)) == MAP_FAILED)
        return vb_fail(err, VB_EIO, "mapping %zu bytes: %s", *n, strerror(errno));
    *bytes = p;
    return VB_OK;
}

vb_status vb_channel_send(int sock, vb_msg_type type, uint64_t epoch, const void *payload, size_t n, int fd, bool wait,
                          bool *sent, vb_err *err)
{
    uint8_t head[VB_MSG_HEAD];
    vb_msg m = {type, (uint32_t)n, epoch};
    struct iovec parts[2] = {{head, sizeof head}, {(void *)(uintptr_t)payload, n}};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr h = {.msg_iov = parts, .msg_iovlen = n ? 2 : 1};
    int file = -1;
    vb_status st = VB_OK;
    ssize_t w;

    *sent = false;
    vb_msg_head_encode(head, &m);
    if (n > VB_CHANNEL_INLINE) {
        if ((st = vb_sealed_create(&file, payload, n, err)))
            return st;
        fd = file;
        h.msg_iovlen = 1;
    }
    if (fd >= 0) {
        struct cmsghdr *c = &control.align;

        h.msg_control = control.bytes;
        h.msg_controllen = sizeof control.bytes;
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    do
        w = sendmsg(sock, &h, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
    while (w < 0 && errno == EINTR);
    if (w >= 0)
        *sent = true;
    else if (wait || (errno != EAGAIN && errno != EWOULDBLOCK))
        st = vb_fail(err, VB_EIO, "%s message to the other end: %s", vb_msg_name(type), strerror(errno));
    if (file >= 0)
        close(file);
    return st;
}

/* The one file that may come beside a message; any more are closed. */
static int take_file(struct msghdr *h)
{
    int fd = -1;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; CMSG_LEN((i + 1) * sizeof(int)) <= c->cmsg_len; i++) {
            int got;

            memcpy(&got, CMSG_DATA(c) + i * sizeof got, sizeof got);
            if (fd < 0)
                fd = got;
            else
                close(got);
        }
    }
    return fd;
}

/* The payload from a file: the header is checked as if it had come inline. */
static vb_status read_file(uint8_t **payload, vb_msg *msg, const uint8_t *head, int fd, vb_err *err)
{
    const uint8_t *bytes;
    uint8_t *whole;
    size_t n;
    vb_status st;

    if ((st = vb_sealed_map(&bytes, &n, fd, vb_msg_max() - VB_MSG_HEAD, err)))
        return st;
    if (!(whole = malloc(n + 1)))
        st = vb_fail(err, VB_ENOMEM, "message of %zu bytes", n);
    else if ((st = vb_msg_head_decode(msg, head, VB_MSG_HEAD + n, err)) == VB_OK) {
        memcpy(whole, bytes, n);
        whole[n] = '\0';
        *payload = whole;
        whole = NULL;
    }
    free(whole);
    munmap((void *)(uintptr_t)bytes, n);
    return st;
}

vb_status vb_channel_receive(int sock, bool wait, vb_channel_event *event, vb_msg *msg, uint8_t **payload, int *fd,
                             vb_err *err)
{
    size_t cap = VB_MSG_HEAD + VB_CHANNEL_INLINE;
    uint8_t *buf = malloc(cap + 1);
    struct iovec part = {buf, cap};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(4 * sizeof(int))];
    } control = {0};
    struct msghdr h = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    bool reset = false;
    vb_status st;
    ssize_t r;

    *event = VB_CHANNEL_NONE;
    *payload = NULL;
    *fd = -1;
    if (!buf)
        return vb_fail(err, VB_ENOMEM, "message");
    do { /* a peer that left a message unread is a reset, once, before what it said itself */
        r = recvmsg(sock, &h, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
    } while (r < 0 && (errno == EINTR || (errno == ECONNRESET && !reset && (reset = true))));
    if (r < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        free(buf);
        return VB_OK;
    }
    if (r <= 0) { /* a reset is an end like any other */
        *event = VB_CHANNEL_EOF;
        free(buf);
        return VB_OK;
    }
    *fd = take_file(&h);
    if (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        st = vb_fail(err, VB_EFORMAT, "a message longer than %zu bytes", cap);
    } else if (*fd >= 0 && r == VB_MSG_HEAD) {
        st = read_file(payload, msg, buf, *fd, err);
        close(*fd);
        *fd = -1;
    } else if ((st = vb_msg_head_decode(msg, buf, (size_t)r, err)) == VB_OK && msg->length) {
        memmove(buf, buf + VB_MSG_HEAD, msg->length);
        buf[msg->length] = '\0';
        *payload = buf;
        buf = NULL;
    }
    free(buf);
    if (st == VB_OK) {
        *event = VB_CHANNEL_MESSAGE;
    } else if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    return st;
}
