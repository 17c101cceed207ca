/* The n-th allocation, SQL statement and HDF5 call fails, once and it and all after it, while a run is recorded, while a finished one is
 * read, while recovery takes up shards without rows, and in what is done around them (tables printed, folders merged): always a clean
 * error or none, nothing allocated or open afterwards, no shard removed, and the same command completes it to the same as an unbroken
 * run. Where HDF5 lacks memory it may end the process (1.10.8 recurses without end while it notes the error, or calls exit): then the
 * latter alone. File calls: test_calls.c; shards by themselves: test_shard_failures.c; the ranks of a job: tests/cli/failing_calls.sh.
 *
 * All n are tried with SAVBENCH_FAIL_STRIDE=1; by default some of each kind. SAVBENCH_FAIL_KIND=0..5: one kind alone;
 * SAVBENCH_FAIL_AT=N: with it, the N-th alone, in this process, for a debugger; SAVBENCH_FAIL_READ, SAVBENCH_FAIL_ADOPT,
 * SAVBENCH_FAIL_AROUND, SAVBENCH_FAIL_EVER: while reading; in recovery; around them; it and all after it. SAVBENCH_PART: a share of the
 * points (sample.h). */
#include "driver.h"
#include "fail.h"
#include "sample.h"

#include <dirent.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TRIALS = 8, DEFAULT_POINTS = 8, TRIED_KINDS = FAIL_HDF5 + 1 };
/* How a process ended that ran into a failure. */
enum { FINISHED = 0, CLEAN_ERROR = 10, NO_MESSAGE, HOLDS_MEMORY, HOLDS_FILES, DIFFERS };

static const long adopt_points[TRIED_KINDS] = {4, 4, 30, 4, 4, 10};

typedef struct {
    fail_kind kind;
    bool ever;
    long at;
} order;

static int n_files(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

static void say_where(const void *by)
{
    extern const char __executable_start;

    printf("allocated at 0x%lx of this program\n", (long)((const char *)by - &__executable_start));
    fflush(stdout);
}

static int judge(vb_status st, const vb_err *err, int files)
{
    const void *by = NULL;
    long held = fail_held(&by);

    if (st && !err->msg[0])
        return NO_MESSAGE;
    if (held) {
        printf("%ld blocks are held after '%s'\n", held, err->msg);
        say_where(by);
        return HOLDS_MEMORY;
    }
    if (n_files() != files)
        return HOLDS_FILES;
    return st ? CLEAN_ERROR : FINISHED;
}

static int record(const char *out, const order *o)
{
    int files = n_files();
    vb_err err = {0};
    vb_status st;

    fail_begin(o->kind, o->at, o->ever);
    st = driver_run(out, NULL, &err);
    fail_end();
    return judge(st, &err, files);
}

static int read_back(const char *out, const order *o, const char *expected)
{
    int files = n_files(), how;
    vb_err err = {0};
    char *text = NULL;
    vb_status st;

    fail_begin(o->kind, o->at, o->ever);
    st = driver_read(out, &text, &err);
    fail_end();
    if (st == VB_OK && !text)
        st = vb_fail(&err, VB_ENOMEM, "the C library did not tell of it");
    how = st == VB_OK && strcmp(text, expected) ? DIFFERS : FINISHED;
    if (how && !strstr(text, "\n0 differences\n"))
        printf("%s", strstr(text, "nonfinite\n") ? strstr(text, "nonfinite\n") : text);
    free(text); /* the C library's, so not counted */
    return how ? how : judge(st, &err, files);
}

static size_t count_shards(const char *out)
{
    char pattern[300];
    glob_t found = {0};
    size_t n;

    snprintf(pattern, sizeof pattern, "%s/shards/*/*.h5", out);
    glob(pattern, 0, NULL, &found);
    n = found.gl_pathc;
    globfree(&found);
    return n;
}

static void forget_rows(const char *out)
{
    static const char *const parts[] = {"", "-wal", "-shm", "-journal"};
    char path[300];

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(path, sizeof path, "%s/summary.db%s", out, parts[i]);
        unlink(path);
    }
}

/* Shards without rows are taken up, or an error says why not. They are there afterwards in any case: asked by the caller, since
 * HDF5 may end the process. */
static int adopt(const char *out, const order *o)
{
    int files;
    vb_recovery r = {0};
    vb_store *s = NULL;
    vb_err err = {0};
    vb_status st;

    forget_rows(out);
    files = n_files();
    fail_begin(o->kind, o->at, o->ever);
    if ((st = vb_store_open(&s, out, NULL, &err)) == VB_OK)
        st = vb_store_recover(s, &r, &err);
    vb_store_close(s);
    fail_end();
    if (st == VB_OK && r.adopted != TRIALS)
        return DIFFERS;
    return judge(st, &err, files);
}

static int around(const char *finished, const char *into, const order *o)
{
    int files = n_files();
    vb_err err = {0};
    vb_status st;

    fail_begin(o->kind, o->at, o->ever);
    st = driver_around(finished, into, &err);
    fail_end();
    return judge(st, &err, files);
}

static int merge_again(const char *finished, const char *into, const char *expected)
{
    vb_err err = {0};
    char *got = driver_around(finished, into, &err) == VB_OK ? driver_snapshot(into, &err) : NULL;

    if (got && !strcmp(got, expected))
        return FINISHED;
    printf("%s\n", got ? got : err.msg);
    return DIFFERS;
}

static int complete(const char *out, const char *expected)
{
    vb_err err = {0};
    char *got = driver_run(out, NULL, &err) == VB_OK ? driver_snapshot(out, &err) : NULL;

    if (got && !strcmp(got, expected))
        return FINISHED;
    printf("%s\n", got ? got : err.msg);
    return DIFFERS;
}

/* What stands between fork and the child's end is one of those above. */
#define IN_A_CHILD(status, call)                        \
    do {                                                \
        pid_t pid;                                      \
                                                        \
        fflush(stdout);                                 \
        if ((pid = fork()) == 0) {                      \
            int how;                                    \
                                                        \
            if (!freopen("/dev/null", "w", stderr))     \
                abort();                                \
            how = (call);                               \
            fflush(stdout);                             \
            _exit(how);                                 \
        }                                               \
        waitpid(pid, &(status), 0);                     \
    } while (0)

typedef struct {
    long points, errors, bad;
    long ended; /* by HDF5 */
} tally;

static void count(tally *t, const order *o, const char *doing, int status)
{
    bool good = WIFEXITED(status) && (WEXITSTATUS(status) == FINISHED || WEXITSTATUS(status) == CLEAN_ERROR);

    t->points++;
    t->errors += good && WEXITSTATUS(status) == CLEAN_ERROR;
    if (good)
        return;
    if (o->kind == FAIL_MEMORY_HDF5 && (WIFSIGNALED(status) || WEXITSTATUS(status) == 255 || WEXITSTATUS(status) == 1)) {
        t->ended++; /* by a signal, exit(-1), or AddressSanitizer, which exits with 1 */
        return;
    }
    t->bad++;
    printf("%s, %s %ld %s: %s %d\n", doing, fail_name(o->kind), o->at, o->ever ? "and all after it" : "once",
           WIFSIGNALED(status) ? "signal" : "ended as", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* How many calls of a kind there are in each of the four. */
typedef struct {
    long recording, reading, adopting, around;
} calls;

static void try_around(tally *t, order o, long stride, long n, const char *finished, const char *snapshot)
{
    sample_share part = sample_part();

    for (o.at = o.kind * 7919 % stride + part.k * stride; o.at < n; o.at += part.n * stride) {
        char into[256];
        int status;

        sample_folder(into);
        IN_A_CHILD(status, around(finished, into, &o));
        count(t, &o, "around", status);
        IN_A_CHILD(status, merge_again(finished, into, snapshot));
        if (status) {
            t->bad++;
            printf("around, %s %ld: not the same after it was merged again\n", fail_name(o.kind), o.at);
        }
        sample_remove(into);
    }
}

/* All the points of one kind. finished: a folder to read, which says text, and merged gives the second snapshot; bare: one to adopt. */
static tally try_kind(order o, long stride, const calls *n, const char *finished, const char *text, const char *bare,
                      const char *const snapshots[2])
{
    sample_share part = sample_part();
    long first = o.kind * 7919 % stride + part.k * stride;
    tally t = {0};

    for (o.at = first; o.at < n->recording; o.at += part.n * stride) {
        char out[256];
        int status;

        sample_folder(out);
        IN_A_CHILD(status, record(out, &o));
        count(&t, &o, "recording", status);
        IN_A_CHILD(status, complete(out, snapshots[0]));
        if (status) {
            t.bad++;
            printf("recording, %s %ld: not the same after it was run again\n", fail_name(o.kind), o.at);
        }
        sample_remove(out);
    }
    for (o.at = first; o.at < n->reading; o.at += part.n * stride) {
        int status;

        IN_A_CHILD(status, read_back(finished, &o, text));
        count(&t, &o, "reading", status);
    }
    try_around(&t, o, stride, n->around, finished, snapshots[1]);
    /* By default more of its points than of the other two: what is taken for a broken shard here is lost. */
    if (stride > 1 + n->adopting / adopt_points[o.kind])
        stride = 1 + n->adopting / adopt_points[o.kind];
    for (o.at = o.kind * 7919 % stride + part.k * stride; o.at < n->adopting; o.at += part.n * stride) {
        int status;

        IN_A_CHILD(status, adopt(bare, &o));
        count(&t, &o, "adopting", status);
        if (count_shards(bare) != TRIALS) {
            t.bad++;
            printf("adopting, %s %ld: a sound shard was removed\n", fail_name(o.kind), o.at);
            IN_A_CHILD(status, driver_run(bare, NULL, NULL));
        }
    }
    return t;
}

int main(void)
{
    const char *told = getenv("SAVBENCH_FAIL_STRIDE"), *only = getenv("SAVBENCH_FAIL_KIND"), *at = getenv("SAVBENCH_FAIL_AT");
    char finished[256], bare[256], merged[256], *text, *snapshots[2];
    vb_err err = {0};
    long bad = 0;

    driver_prepare(TRIALS);
    sample_folder(finished);
    sample_folder(bare);
    sample_folder(merged);
    if (driver_run(bare, NULL, &err) || driver_run(finished, NULL, &err) || !(snapshots[0] = driver_snapshot(finished, &err)) ||
        driver_around(finished, merged, &err) || !(snapshots[1] = driver_snapshot(merged, &err))) {
        printf("the unbroken run: %s\n", err.msg);
        return 1;
    }
    sample_relay_results(finished); /* so that it is read, too */
    if (driver_read(finished, &text, &err) || !strstr(text, "\n0 differences\n")) {
        printf("the unbroken run, read: %s\n", err.msg);
        return 1;
    }
    for (int k = 0; k < TRIED_KINDS; k++) {
        order none = {(fail_kind)k, false, -1};
        char out[256];
        calls n;
        long all, stride;

        if (only && strtol(only, NULL, 10) != k)
            continue;
        sample_folder(out);
        if (record(out, &none) != FINISHED) {
            printf("unbroken, %s: something is held at the end\n", fail_name(none.kind));
            bad++;
        }
        n.recording = fail_end();
        if (read_back(finished, &none, text) != FINISHED) {
            printf("unbroken, %s: something is held after reading\n", fail_name(none.kind));
            bad++;
        }
        n.reading = fail_end();
        if (adopt(bare, &none) != FINISHED) {
            printf("unbroken, %s: something is held after recovery\n", fail_name(none.kind));
            bad++;
        }
        n.adopting = fail_end();
        sample_remove(merged);
        if (around(finished, merged, &none) != FINISHED) {
            printf("unbroken, %s: something is held after what is done around\n", fail_name(none.kind));
            bad++;
        }
        n.around = fail_end();
        sample_remove(out);
        if (at) { /* here, where the processes that try it begin: HDF5 keeps what it has allocated */
            order this = {(fail_kind)k, getenv("SAVBENCH_FAIL_EVER") != NULL, strtol(at, NULL, 10)};

            return getenv("SAVBENCH_FAIL_READ") ? read_back(finished, &this, text)
                   : getenv("SAVBENCH_FAIL_ADOPT") ? adopt(bare, &this)
                   : getenv("SAVBENCH_FAIL_AROUND") ? around(finished, merged, &this) : record(out, &this);
        }
        all = n.recording + n.reading + n.adopting + n.around;
        stride = told ? strtol(told, NULL, 10) : 1 + all / DEFAULT_POINTS;
        for (int ever = 0; ever < 2; ever++) {
            order o = {(fail_kind)k, ever, 0};
            tally t = try_kind(o, stride, &n, finished, text, bare, (const char *const *)snapshots);

            printf("%s, %s: %ld of %ld tried, %ld ended with an error, %ld by HDF5, %ld did harm\n", fail_name(o.kind),
                   ever ? "it and all after it" : "once", t.points, all, t.errors, t.ended, t.bad);
            fflush(stdout);
            bad += t.bad;
        }
    }
    sample_remove(finished);
    sample_remove(bare);
    sample_remove(merged);
    free(text);
    free(snapshots[0]);
    free(snapshots[1]);
    return bad != 0;
}
