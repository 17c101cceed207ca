/* store_bench FOLDER: how fast results become durable there, beside what the disk itself can do, and how fast leases are
 * granted. Not a test: figures of the machine that it runs on.
 *
 *   fsync       4 KiB written and synced, one after the other
 *   commit N    N results that arrived together, in one transaction; 1: shard, folder, row, each durable before the next
 *               syncs N: its system calls alone, as many bytes written and synced in the same order, without HDF5, SQLite and
 *               SHA-256; cpu: of a commit, measured in the process
 *   lease       blocks granted and finished by 64 workers, 1 000 by turns, in the table alone */
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

enum { SECONDS = 3, BLOCKS = 100000, WORKERS = 64, WAL_PAGES = 13 /* of a commit, by strace */ };

static void need(vb_status st, const vb_err *err)
{
    if (st == VB_OK)
        return;
    fprintf(stderr, "store_bench: %s\n", err->msg);
    exit(1);
}

static double fsyncs(const char *folder)
{
    static const char block[4096];
    double start = vb_now_ms();
    char path[600];
    long n = 0;
    int fd;

    snprintf(path, sizeof path, "%s/fsync", folder);
    if ((fd = open(path, O_CREAT | O_WRONLY, 0666)) < 0) {
        perror(path);
        exit(1);
    }
    for (; vb_now_ms() - start < 1000.0 * SECONDS; n++)
        if (pwrite(fd, block, sizeof block, (n % 256) * (off_t)sizeof block) != sizeof block || fsync(fd))
            exit(1);
    close(fd);
    unlink(path);
    return (double)n / SECONDS;
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

/* What the disk allows of commits(): the same calls on files of the same sizes. */
static double bare_syncs(const char *folder, int together, int bytes)
{
    static uint8_t shard[1 << 20], page[4096 + 24];
    double start = vb_now_ms(), spent;
    char path[600], name[32], temporary[40];
    int dir, log;
    long n = 0;

    snprintf(path, sizeof path, "%s/bare", folder);
    must(mkdir(path, 0777) == 0 && (dir = open(path, O_RDONLY | O_DIRECTORY)) >= 0, path);
    must((log = openat(dir, "log", O_CREAT | O_WRONLY, 0666)) >= 0, "log");
    while ((spent = vb_now_ms() - start) < 1000.0 * SECONDS) {
        for (int i = 0; i < together; i++) {
            snprintf(temporary, sizeof temporary, "t%ld", n + i);
            put_file(dir, temporary, shard, (size_t)bytes, together < 3);
        }
        if (together >= 3)
            must(syncfs(dir) == 0, "syncfs");
        for (int i = 0; i < together; i++, n++) {
            snprintf(temporary, sizeof temporary, "t%ld", n);
            snprintf(name, sizeof name, "s%ld", n);
            must(renameat(dir, temporary, dir, name) == 0, name);
        }
        must((together >= 3 ? syncfs(dir) : fsync(dir)) == 0, "folder");
        for (int i = 0; i < WAL_PAGES * together; i++)
            must(pwrite(log, page, sizeof page, (off_t)(i + n * WAL_PAGES) % 1000 * (off_t)sizeof page) == sizeof page, "log");
        must(fdatasync(log) == 0, "log");
    }
    close(log);
    close(dir);
    sample_remove(path);
    return 1000.0 * (double)n / spent;
}

static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static double commits(const char *folder, int together, int *bytes, double *cpu)
{
    static int video;
    double start, spent, used = 0, from = 0;
    char out[600];
    vb_err err;
    vb_store *s;
    long n = 0;

    snprintf(out, sizeof out, "%s/out_%d", folder, together);
    need(vb_store_open(&s, out, NULL, &err), &err);
    start = vb_now_ms();
    while ((spent = vb_now_ms() - start) < 1000.0 * SECONDS) {
        from = cpu_ms();
        if (together > 1)
            vb_store_group_begin(s);
        for (int i = 0; i < together; i++, n++) {
            char name[24], sha[65];
            uint8_t *shard;
            size_t size;
            bool fresh;
            double made = vb_now_ms(), made_cpu = cpu_ms();
            vb_trial t;

            snprintf(name, sizeof name, "v%06d", video++ / 8);
            sample_trial(&t, name, VB_FLOAT32, video % 8, 0);
            while (t.n_overlays) /* only by --save-overlays; each is two syncs more */
                free(t.overlays[--t.n_overlays].png);
            need(vb_shard_encode(&shard, &size, &t, &err), &err);
            need(vb_sha256(sha, shard, size, &err), &err);
            start += vb_now_ms() - made; /* an engine's work, not the store's */
            used -= cpu_ms() - made_cpu;
            need(vb_store_commit(s, &t.key, shard, size, sha, &fresh, &err), &err);
            *bytes = (int)size;
            vb_trial_deinit(&t);
            free(shard);
        }
        if (together > 1)
            need(vb_store_group_end(s, &err), &err);
        used += cpu_ms() - from;
    }
    *cpu = used / (double)n;
    vb_store_close(s);
    sample_remove(out);
    return 1000.0 * (double)n / spent;
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
    int bytes = 0;
    double rate;

    if (argc != 2) {
        fputs("usage: store_bench FOLDER\n", stderr);
        return 2;
    }
    rate = fsyncs(argv[1]);
    printf("fsync      %9.0f /s\n", rate);
    for (int together = 1; together <= 64; together *= 4) {
        double cpu, c = commits(argv[1], together, &bytes, &cpu), bare = bare_syncs(argv[1], together, bytes);

        printf("commit %-3d %9.0f /s  %4.0f %% of the fsync rate; syncs %-3d %7.0f /s, of which it is %3.0f %%; cpu %.2f ms; %d bytes\n",
               together, c, 100 * c / rate, together, bare, 100 * c / bare, cpu, bytes);
        fflush(stdout);
    }
    printf("lease      %9.0f /s, %d blocks of 9 setups, %d workers\n", leases(), BLOCKS, WORKERS);
    return 0;
}
