/* store_bench FOLDER: how fast results become durable there, beside what the disk itself can do, and how fast leases are
 * granted. Not a test: figures of the machine that it runs on.
 *
 *   fsync       4 KiB added to a file and synced, one after the other; in place: written over what is there, which spares the
 *               file system its journal
 *   commit N    N results that arrived together, in one transaction; 1: shard, folder, row, each durable before the next
 *               syncs N: its system calls alone, as many bytes written and synced in the same order, without HDF5, SQLite and
 *               SHA-256; cpu: of a commit, measured in the process
 *   lease       blocks granted and finished by 64 workers, 1 000 by turns, in the table alone
 *
 * A disk that others share is not as fast in one second as in the next: the four take turns, a few milliseconds each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hash.h"
#include "lease.h"
#include "sample.h"
#include "shard.h"
#include "timing.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS = 12, FSYNCS = 4, BLOCKS = 100000, WORKERS = 64, MOST = 64, WAL_PAGES = 13 /* of a commit, by strace */ };

static void need(vb_status st, const vb_err *err)
{
    if (st == VB_OK)
        return;
    fprintf(stderr, "store_bench: %s\n", err->msg);
    exit(1);
}

static void must(bool good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(1);
}

static void put_file(int dir, const char *name, const void *bytes, size_t n, bool sync)
{
    int fd = openat(dir, name, O_CREAT | O_TRUNC | O_WRONLY, 0666);

    must(fd >= 0 && write(fd, bytes, n) == (ssize_t)n && (!sync || fsync(fd) == 0) && close(fd) == 0, name);
}

/* How often something was done, and how long it took in all. */
typedef struct {
    double ms;
    long n;
} meter;

static double per_second(const meter *m)
{
    return 1000.0 * (double)m->n / m->ms;
}

static void fsyncs(meter *m, int dir, bool in_place)
{
    static const char block[4096];
    int fd = openat(dir, in_place ? "in_place" : "grows", O_CREAT | O_WRONLY, 0666);
    double start;

    must(fd >= 0 && (!in_place || (ftruncate(fd, FSYNCS * (off_t)sizeof block) == 0 && fsync(fd) == 0)), "fsync");
    start = vb_now_ms();
    for (long i = 0; i < FSYNCS; i++, m->n++)
        must(pwrite(fd, block, sizeof block, (in_place ? i : m->n) * (off_t)sizeof block) == sizeof block && fsync(fd) == 0, "fsync");
    m->ms += vb_now_ms() - start;
    close(fd);
}

/* What the disk allows of commit(): the same calls on files of the same sizes. */
static void bare_syncs(meter *m, int dir, int together, int bytes)
{
    static uint8_t shard[1 << 20], page[4096 + 24];
    char name[32], temporary[40];
    int log = openat(dir, "log", O_CREAT | O_WRONLY, 0666);
    double start = vb_now_ms();

    must(log >= 0, "log");
    for (int i = 0; i < together; i++) {
        snprintf(temporary, sizeof temporary, "t%ld", m->n + i);
        put_file(dir, temporary, shard, (size_t)bytes, together < 3);
    }
    if (together >= 3)
        must(syncfs(dir) == 0, "syncfs");
    for (int i = 0; i < together; i++, m->n++) {
        snprintf(temporary, sizeof temporary, "t%ld", m->n);
        snprintf(name, sizeof name, "s%ld", m->n);
        must(renameat(dir, temporary, dir, name) == 0, name);
    }
    must((together >= 3 ? syncfs(dir) : fsync(dir)) == 0, "folder");
    for (int i = 0; i < WAL_PAGES * together; i++)
        must(pwrite(log, page, sizeof page, (off_t)(i + m->n * WAL_PAGES) % 1000 * (off_t)sizeof page) == sizeof page, "log");
    must(fdatasync(log) == 0, "log");
    m->ms += vb_now_ms() - start;
    close(log);
}

static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

/* One group. The shards are made first: an engine's work, not the store's. */
static void commit(meter *m, double *cpu, int *bytes, vb_store *s, int together)
{
    static int video;
    struct {
        vb_trial t;
        uint8_t *shard;
        size_t size;
        char sha[65];
    } made[MOST] = {0};
    double start, from;
    vb_err err;
    bool fresh;

    for (int i = 0; i < together; i++) {
        char name[24];

        snprintf(name, sizeof name, "v%06d", video++ / 8);
        sample_trial(&made[i].t, name, VB_FLOAT32, video % 8, 0);
        while (made[i].t.n_overlays) /* only by --save-overlays; each is two syncs more */
            free(made[i].t.overlays[--made[i].t.n_overlays].png);
        need(vb_shard_encode(&made[i].shard, &made[i].size, &made[i].t, &err), &err);
        need(vb_sha256(made[i].sha, made[i].shard, made[i].size, &err), &err);
    }
    start = vb_now_ms();
    from = cpu_ms();
    if (together > 1)
        vb_store_group_begin(s);
    for (int i = 0; i < together; i++, m->n++)
        need(vb_store_commit(s, &made[i].t.key, made[i].shard, made[i].size, made[i].sha, &fresh, &err), &err);
    if (together > 1)
        need(vb_store_group_end(s, &err), &err);
    m->ms += vb_now_ms() - start;
    *cpu += cpu_ms() - from;
    *bytes = (int)made[0].size;
    for (int i = 0; i < together; i++) {
        vb_trial_deinit(&made[i].t);
        free(made[i].shard);
    }
}

static void compare(const char *folder, int together)
{
    meter grown = {0}, in_place = {0}, commits = {0}, bare = {0};
    char out[600], beside[600];
    double start = vb_now_ms(), cpu = 0;
    vb_err err;
    vb_store *s;
    int dir, bytes;

    snprintf(out, sizeof out, "%s/out", folder);
    snprintf(beside, sizeof beside, "%s/bare", folder);
    need(vb_store_open(&s, out, NULL, &err), &err);
    must(mkdir(beside, 0777) == 0 && (dir = open(beside, O_RDONLY | O_DIRECTORY)) >= 0, beside);
    while (vb_now_ms() - start < 1000.0 * SECONDS) {
        fsyncs(&grown, dir, false);
        fsyncs(&in_place, dir, true);
        commit(&commits, &cpu, &bytes, s, together);
        bare_syncs(&bare, dir, together, bytes);
    }
    printf("%-2d together: commit %5.0f /s; fsync %5.0f /s, of which it is %3.0f %%, in place %5.0f /s, %3.0f %%; syncs %5.0f /s, %3.0f %%;"
           " cpu %.2f ms; %d bytes; %ld commits\n",
           together, per_second(&commits), per_second(&grown), 100 * per_second(&commits) / per_second(&grown), per_second(&in_place),
           100 * per_second(&commits) / per_second(&in_place), per_second(&bare), 100 * per_second(&commits) / per_second(&bare),
           cpu / (double)commits.n, bytes, commits.n);
    fflush(stdout);
    vb_store_close(s);
    close(dir);
    sample_remove(out);
    sample_remove(beside);
}

static double leases(void)
{
    vb_plan p = {.n_blocks = BLOCKS, .blocks = calloc(BLOCKS, sizeof *p.blocks)};
    vb_lease_table *t;
    vb_lease l;
    vb_err err;
    double start;
    long n = 0;

    if (!p.blocks)
        exit(1);
    for (int i = 0; i < BLOCKS; i++) {
        p.blocks[i].setup.image_size = 256 * (1 + i % 9);
        p.blocks[i].n_trials = 1;
        p.blocks[i].cost = 1 + i * 7919 % 1000;
    }
    need(vb_lease_create(&t, &p, WORKERS, &err), &err);
    start = vb_now_ms();
    for (int w = 0; vb_lease_take(t, w, 0, 10, &l); w = (w + 1) % WORKERS, n++) {
        vb_lease_finish(t, l.block, 0, VB_LEASE_DONE);
        vb_lease_release(t, w, 1, true);
    }
    start = vb_now_ms() - start;
    vb_lease_free(t);
    free(p.blocks);
    return 1000.0 * (double)n / start;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: store_bench FOLDER\n", stderr);
        return 2;
    }
    for (int together = 1; together <= MOST; together *= 4)
        compare(argv[1], together);
    printf("lease %9.0f /s, %d blocks of 9 setups, %d workers\n", leases(), BLOCKS, WORKERS);
    return 0;
}
