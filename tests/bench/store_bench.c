/* store_bench FOLDER: how fast results become durable there, beside what the disk itself can do, and how fast leases are
 * granted. Not a test: figures of the machine that it runs on.
 *
 *   fsync       4 KiB written and synced, one after the other
 *   commit      results one at a time: shard, folder, row, each durable before the next
 *   commit N    N results that arrived together, in one transaction
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
#include <unistd.h>

enum { SECONDS = 3, BLOCKS = 100000, WORKERS = 64 };

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

static double commits(const char *folder, int together, int *bytes)
{
    static int video;
    double start, spent;
    char out[600];
    vb_err err;
    vb_store *s;
    long n = 0;

    snprintf(out, sizeof out, "%s/out_%d", folder, together);
    need(vb_store_open(&s, out, NULL, &err), &err);
    start = vb_now_ms();
    while ((spent = vb_now_ms() - start) < 1000.0 * SECONDS) {
        if (together > 1)
            vb_store_group_begin(s);
        for (int i = 0; i < together; i++, n++) {
            char name[24], sha[65];
            uint8_t *shard;
            size_t size;
            bool fresh;
            double made = vb_now_ms();
            vb_trial t;

            snprintf(name, sizeof name, "v%06d", video++ / 8);
            sample_trial(&t, name, VB_FLOAT32, video % 8, 0);
            need(vb_shard_encode(&shard, &size, &t, &err), &err);
            need(vb_sha256(sha, shard, size, &err), &err);
            start += vb_now_ms() - made; /* an engine's work, not the store's */
            need(vb_store_commit(s, &t.key, shard, size, sha, &fresh, &err), &err);
            *bytes = (int)size;
            vb_trial_deinit(&t);
            free(shard);
        }
        if (together > 1)
            need(vb_store_group_end(s, &err), &err);
    }
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
        double c = commits(argv[1], together, &bytes);

        printf("commit %-3d %9.0f /s  %4.0f %% of the fsync rate, shards of %d bytes\n", together, c, 100 * c / rate, bytes);
    }
    printf("lease      %9.0f /s, %d blocks of 9 setups, %d workers\n", leases(), BLOCKS, WORKERS);
    return 0;
}
