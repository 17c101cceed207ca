/* Power cuts: a run of 20 videos is written down call by call; then the disk is made as a cut at any point may leave it, from
 * what had been synced and an arbitrary part of what had not, whole, torn or not at all. The database is never corrupt, no
 * result that had been acknowledged is lost, and the same command completes it to the same as an unbroken run.
 *
 * Two kinds of file systems: ordered (names change in the order of the calls, the last ones perhaps not yet) and strict (each
 * folder for itself: what was not synced with it may be missing although later changes elsewhere are there).
 * SAVBENCH_POWER_CUTS=N cuts (default 32; every eighth is completed and compared, the others are opened and recovered);
 * SAVBENCH_SEED=S: others; SAVBENCH_PART: a share of them (sample.h). */
#include "driver.h"
#include "sample.h"
#include "shim.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECTOR = 512, MOST_CALLS = 100000 };

static uint64_t noise;

static uint64_t draw(uint64_t below)
{
    noise ^= noise << 13;
    noise ^= noise >> 7;
    noise ^= noise << 17;
    return noise % below;
}

static void must(bool good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(3);
}

/* The folder that a name lies in: two names of one folder compare equal. */
static size_t folder_of(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash ? (size_t)(slash - name) : 0;
}

static bool same_folder(const char *a, const char *folder, bool folder_itself)
{
    size_t n = folder_of(a);

    return folder_itself ? strlen(folder) == n && !strncmp(a, folder, n) : folder_of(folder) == n && !strncmp(a, folder, n);
}

static bool changes_names(const shim_op *op)
{
    return op->kind == OP_CREATE || op->kind == OP_RENAME || op->kind == OP_UNLINK || op->kind == OP_MKDIR;
}

/* Which changes of names a cut before call cut leaves: kept[i]. */
static void choose_names(bool *kept, const shim_op *log, long cut, bool strict)
{
    long last = -1, until;

    for (long i = 0; i < cut; i++) {
        kept[i] = false;
        if (!changes_names(&log[i]))
            continue;
        for (long k = i + 1; k < cut; k++)
            if (log[k].kind == OP_SYNC_ALL || (log[k].kind == OP_SYNC_FOLDER && same_folder(log[i].name, log[k].name, true))) {
                kept[i] = true;
                last = i;
                break;
            }
    }
    until = last + 1 + (long)draw((uint64_t)(cut - last));
    for (long i = 0; i < cut; i++) {
        if (!changes_names(&log[i]) || kept[i])
            continue;
        if (!strict)
            kept[i] = i < until;
        else { /* as far as the same folder's earlier changes are kept */
            bool before = true;

            for (long k = 0; k < i && before; k++)
                before = !changes_names(&log[k]) || !same_folder(log[k].name, log[i].name, false) || kept[k];
            kept[i] = before && draw(2);
        }
    }
}

/* Content of an inode after the cut. */
static void write_inode(int fd, const shim_op *log, long cut, int inode)
{
    long synced = -1;

    for (long i = 0; i < cut; i++)
        if (log[i].kind == OP_SYNC_ALL || (log[i].kind == OP_SYNC && log[i].inode == inode))
            synced = i;
    for (long i = 0; i < cut; i++) {
        const shim_op *op = &log[i];
        int64_t from = 0, to = op->length;
        uint64_t fate = i < synced ? 0 : draw(4); /* 0, 1: whole; 2: torn; 3: not at all */

        if (op->inode != inode || fate == 3)
            continue;
        if (op->kind == OP_TRUNCATE)
            must(ftruncate(fd, op->length) == 0, "ftruncate");
        if (op->kind != OP_WRITE)
            continue;
        if (fate == 2 && to > SECTOR) { /* some sectors of it */
            from = (int64_t)draw((uint64_t)(to / SECTOR)) * SECTOR;
            to = from + SECTOR * (1 + (int64_t)draw((uint64_t)((to - from) / SECTOR + 1)));
            to = to > op->length ? op->length : to;
        }
        must(pwrite(fd, op->bytes + from, (size_t)(to - from), op->offset + from) == to - from, "pwrite");
    }
}

/* Makes folder as the cut left it. */
static void make_disk(const char *folder, const shim_op *log, long cut, bool strict)
{
    static bool kept[MOST_CALLS];
    char path[600], to[600];

    choose_names(kept, log, cut, strict);
    for (long i = 0; i < cut; i++) {
        const shim_op *op = &log[i];
        int fd;

        if (!kept[i])
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, op->name);
        snprintf(to, sizeof to, "%s/%s", folder, op->to);
        switch (op->kind) { /* a step whose folder or file is missing after the cut has no effect */
        case OP_MKDIR:
            mkdir(path, 0777);
            break;
        case OP_CREATE:
            if ((fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0666)) >= 0) {
                write_inode(fd, log, cut, op->inode);
                close(fd);
            }
            break;
        case OP_RENAME:
            rename(path, to);
            break;
        case OP_UNLINK:
            unlink(path);
            break;
        default:
            break;
        }
    }
}

static void promise(int trial)
{
    shim_mark(trial);
}

/* In a process of its own: opens, recovers, and (whole) completes and compares. */
static int judge(const char *out, const bool *promised, const char *expected, bool whole)
{
    pid_t pid;
    int status = 0;

    fflush(stdout);
    if ((pid = fork()) == 0) {
        char why[600] = "", *got;
        vb_err err = {0};

        if (!freopen("/dev/null", "w", stderr))
            abort();
        if (!driver_keeps(out, promised, why, sizeof why)) {
            printf("%s\n", why);
            fflush(stdout);
            _exit(1);
        }
        if (!whole)
            _exit(0);
        if (driver_run(out, NULL, &err) || !(got = driver_snapshot(out, &err)) || strcmp(got, expected)) {
            printf("not the same after it was run again: %s\n", err.msg);
            fflush(stdout);
            _exit(2);
        }
        free(got); /* memcheck looks at the child too */
        _exit(0);
    }
    waitpid(pid, &status, 0);
    return status;
}

int main(void)
{
    const char *told = getenv("SAVBENCH_POWER_CUTS"), *seed = getenv("SAVBENCH_SEED");
    long cuts = told ? strtol(told, NULL, 10) : 32, n, bad = 0, kept = 0, completed = 0, tried = 0;
    sample_share part = sample_part();
    uint64_t first = seed ? strtoull(seed, NULL, 10) : 1;
    const shim_op *log;
    char out[256], *expected;
    vb_err err = {0};

    driver_prepare(DRIVER_TRIALS);
    sample_folder(out);
    shim_begin(out, SHIM_LOG, 0, 0);
    if (driver_run(out, promise, &err) || (shim_end(), !(expected = driver_snapshot(out, &err)))) {
        printf("the unbroken run: %s\n", err.msg);
        return 1;
    }
    sample_remove(out);
    log = shim_log(&n);
    if (n < 1000 || n > MOST_CALLS)
        return 1;
    for (long i = part.k; i < cuts; i += part.n) {
        bool promised[DRIVER_TRIALS] = {false}, strict = tried & 1, whole = tried % 8 == 7;
        long cut;

        noise = 88172645463325252u ^ (first + (uint64_t)i) * 0x9e3779b97f4a7c15u;
        draw(2);
        cut = 1 + (long)draw((uint64_t)n);
        for (long k = 0; k < cut; k++)
            if (log[k].kind == OP_MARK) {
                promised[log[k].length] = true;
                kept++;
            }
        sample_folder(out);
        make_disk(out, log, cut, strict);
        if (judge(out, promised, expected, whole)) {
            printf("cut %ld (seed %llu, before call %ld of %ld, %s)\n", i, (unsigned long long)first, cut, n, strict ? "strict" : "ordered");
            bad++;
        }
        completed += whole;
        tried++;
        sample_remove(out);
    }
    printf("%ld power cuts in a run of %ld calls: %ld acknowledged results looked for, %ld runs completed and compared, %ld cuts did harm\n",
           tried, n, kept, completed, bad);
    free(expected);
    return bad != 0;
}
