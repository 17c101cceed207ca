/* Messages over MPI; see link.h. */
#include "link.h"

#include "timing.h"

#include "visible.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TAG = 7, MAX_INCOMING = 8, PATIENCE_MS = 4000 };

typedef struct {
    MPI_Request request;
    uint8_t *bytes; /* owned */
    int n, peer;
} transfer;

struct vb_link {
    MPI_Comm comm;
    int n_out, cap_out;
    transfer *out;
    int n_in; /* received in the order in which they were matched: a sender's messages do not overtake */
    transfer in[MAX_INCOMING];
};

static vb_status mpi_fail(vb_err *err, const char *what, int code)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int n = 0;

    MPI_Error_string(code, text, &n);
    return vb_fail(err, VB_EMPI, "%s: %s", what, text);
}

/* Slurm may give each task devices of its own: a worker's place counts among those that see the same ones. */
static vb_status share_devices(vb_place *p, MPI_Comm host, vb_err *err)
{
    uint64_t mine[2] = {(uint64_t)p->rank, vb_visible_devices_key()}, *all;
    int n, rc;

    MPI_Comm_size(host, &n);
    if (!(all = malloc((size_t)n * sizeof mine)))
        return vb_fail(err, VB_ENOMEM, "places of %d ranks", n);
    p->device_rank = p->device_size = 0;
    if ((rc = MPI_Allgather(mine, 2, MPI_UINT64_T, all, 2, MPI_UINT64_T, host)) == MPI_SUCCESS)
        for (int i = 0; i < n; i++)
            if (all[2 * i] != 0 && all[2 * i + 1] == mine[1]) {
                p->device_size++;
                p->device_rank += all[2 * i] < mine[0];
            }
    free(all);
    return rc ? mpi_fail(err, "MPI_Allgather", rc) : VB_OK;
}

/* Where the ranks lie, by shared memory; the workers of a host are numbered among themselves. */
static vb_status find_place(vb_place *p, MPI_Comm comm, vb_err *err)
{
    MPI_Comm host = MPI_COMM_NULL;
    MPI_Group all = MPI_GROUP_NULL, here = MPI_GROUP_NULL;
    int zero = 0, coordinator = MPI_UNDEFINED, rc;
    vb_status st;

    MPI_Comm_rank(comm, &p->rank);
    MPI_Comm_size(comm, &p->size);
    if ((rc = MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, p->rank, MPI_INFO_NULL, &host)))
        return mpi_fail(err, "MPI_Comm_split_type", rc);
    MPI_Comm_rank(host, &p->local_rank);
    MPI_Comm_size(host, &p->local_size);
    MPI_Comm_group(comm, &all);
    MPI_Comm_group(host, &here);
    MPI_Group_translate_ranks(all, 1, &zero, here, &coordinator);
    p->beside_coordinator = coordinator != MPI_UNDEFINED;
    p->local_rank -= p->beside_coordinator; /* ordered by rank: the coordinator is the first */
    p->local_size -= p->beside_coordinator;
    MPI_Group_free(&all);
    MPI_Group_free(&here);
    st = share_devices(p, host, err);
    MPI_Comm_free(&host);
    return st;
}

vb_status vb_link_open(vb_link **out, vb_place *place, vb_err *err)
{
    vb_link *l = calloc(1, sizeof *l);
    vb_status st;
    int rc, provided;

    *out = NULL;
    if (!l)
        return vb_fail(err, VB_ENOMEM, "link");
    /* Containers without ptrace refuse the one-copy transfer that Open MPI tries between processes of a host; messages
     * here are too few and small to miss it. What the user has set stays. */
    setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
    if ((rc = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided))) {
        free(l);
        return vb_fail(err, VB_EMPI, "MPI_Init_thread failed (%d)", rc);
    }
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    l->comm = MPI_COMM_WORLD;
    if ((st = find_place(place, l->comm, err))) {
        free(l);
        return st;
    }
    *out = l;
    return VB_OK;
}

static void nap_ms(int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};

    nanosleep(&t, NULL);
}

vb_status vb_link_close(vb_link *l, vb_err *err)
{
    double until = vb_now_ms() + PATIENCE_MS;
    MPI_Request all;
    int done = 0, rank = 0, rc;

    if (!l)
        return VB_OK;
    MPI_Comm_rank(l->comm, &rank);
    if ((rc = MPI_Ibarrier(l->comm, &all)))
        return mpi_fail(err, "MPI_Ibarrier at the job's end", rc);
    for (int idle = 0; !done; idle++) {
        if ((rc = MPI_Test(&all, &done, MPI_STATUS_IGNORE)))
            return mpi_fail(err, "MPI_Test at the job's end", rc);
        if (!done && rank == 0 && vb_now_ms() > until)
            return vb_fail(err, VB_EMPI, "a rank does not come to the job's end within %d s: frozen or lost; what is recorded stays", PATIENCE_MS / 1000);
        if (!done)
            nap_ms(vb_link_pause_ms(idle));
    }
    for (int i = 0; i < l->n_out; i++)
        MPI_Request_free(&l->out[i].request);
    MPI_Finalize();
    for (int i = 0; i < l->n_out; i++)
        free(l->out[i].bytes);
    for (int i = 0; i < l->n_in; i++)
        free(l->in[i].bytes);
    free(l->out);
    free(l);
    return VB_OK;
}

vb_status vb_link_send(vb_link *l, int peer, vb_msg_type type, uint64_t epoch, const void *head, size_t n_head,
                       const void *tail, size_t n_tail, vb_err *err)
{
    vb_msg m = {type, (uint32_t)(n_head + n_tail), epoch};
    transfer *t;
    int rc;

    if (n_head + n_tail > vb_msg_max() - VB_MSG_HEAD)
        return vb_fail(err, VB_EARG, "%s message of %zu bytes is too long", vb_msg_name(type), n_head + n_tail);
    if (l->n_out == l->cap_out) {
        int cap = l->cap_out ? 2 * l->cap_out : 16;
        transfer *more = realloc(l->out, (size_t)cap * sizeof *more);

        if (!more)
            return vb_fail(err, VB_ENOMEM, "queue of %d messages", cap);
        l->out = more;
        l->cap_out = cap;
    }
    t = &l->out[l->n_out];
    t->n = (int)(VB_MSG_HEAD + n_head + n_tail);
    t->peer = peer;
    if (!(t->bytes = malloc((size_t)t->n)))
        return vb_fail(err, VB_ENOMEM, "%s message of %d bytes", vb_msg_name(type), t->n);
    vb_msg_head_encode(t->bytes, &m);
    if (n_head)
        memcpy(t->bytes + VB_MSG_HEAD, head, n_head);
    if (n_tail)
        memcpy(t->bytes + VB_MSG_HEAD + n_head, tail, n_tail);
    if ((rc = MPI_Isend(t->bytes, t->n, MPI_BYTE, peer, TAG, l->comm, &t->request))) {
        free(t->bytes);
        return mpi_fail(err, "MPI_Isend", rc);
    }
    l->n_out++;
    return VB_OK;
}

int vb_link_unsent(const vb_link *l)
{
    return l->n_out;
}

static vb_status finish_sends(vb_link *l, vb_err *err)
{
    for (int i = 0; i < l->n_out;) {
        int done = 0, rc = MPI_Test(&l->out[i].request, &done, MPI_STATUS_IGNORE);

        if (rc)
            return mpi_fail(err, "MPI_Test", rc);
        if (!done) {
            i++;
            continue;
        }
        free(l->out[i].bytes);
        l->out[i] = l->out[--l->n_out];
    }
    return VB_OK;
}

/* Starts receiving what has arrived, as long as there is room. */
static vb_status match_incoming(vb_link *l, vb_err *err)
{
    while (l->n_in < MAX_INCOMING) {
        transfer *t = &l->in[l->n_in];
        MPI_Message message;
        MPI_Status status;
        int there = 0, rc;

        if ((rc = MPI_Improbe(MPI_ANY_SOURCE, TAG, l->comm, &there, &message, &status)))
            return mpi_fail(err, "MPI_Improbe", rc);
        if (!there)
            return VB_OK;
        t->peer = status.MPI_SOURCE;
        MPI_Get_count(&status, MPI_BYTE, &t->n);
        if (t->n < 0 || (size_t)t->n > vb_msg_max())
            return vb_fail(err, VB_EMPI, "rank %d sends a message of %d bytes; the limit is %zu", t->peer, t->n,
                           vb_msg_max());
        if (!(t->bytes = malloc((size_t)t->n + 1)))
            return vb_fail(err, VB_ENOMEM, "message of %d bytes", t->n);
        if ((rc = MPI_Imrecv(t->bytes, t->n, MPI_BYTE, &message, &t->request))) {
            free(t->bytes);
            return mpi_fail(err, "MPI_Imrecv", rc);
        }
        l->n_in++;
    }
    return VB_OK;
}

vb_status vb_link_receive(vb_link *l, bool *got, int *peer, vb_msg *msg, uint8_t **payload, vb_err *err)
{
    vb_status st;
    int done = 0, rc;
    transfer t;

    *got = false;
    *payload = NULL;
    if ((st = finish_sends(l, err)) || (st = match_incoming(l, err)) || l->n_in == 0)
        return st;
    if ((rc = MPI_Test(&l->in[0].request, &done, MPI_STATUS_IGNORE)))
        return mpi_fail(err, "MPI_Test", rc);
    if (!done)
        return VB_OK;
    t = l->in[0];
    memmove(&l->in[0], &l->in[1], (size_t)--l->n_in * sizeof t);
    *peer = t.peer;
    if ((st = vb_msg_head_decode(msg, t.bytes, (size_t)t.n, err))) {
        free(t.bytes);
        return st;
    }
    if (msg->length) {
        memmove(t.bytes, t.bytes + VB_MSG_HEAD, msg->length);
        t.bytes[msg->length] = '\0';
        *payload = t.bytes;
    } else {
        free(t.bytes);
    }
    *got = true;
    return VB_OK;
}

int vb_link_pause_ms(int idle)
{
    int ms = 1 + idle / 8;

    return ms < VB_LINK_MAX_PAUSE_MS ? ms : VB_LINK_MAX_PAUSE_MS;
}
