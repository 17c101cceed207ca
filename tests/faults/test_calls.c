/* Every call that changes a file, of a run of 20 videos: killed before it, torn in the middle of it, failing at it once and
 * from there on. Afterwards the same command completes it to the same rows, shards and report as an unbroken run.
 *
 * All calls are tried with SAVBENCH_FAULT_STRIDE=1; by default every 1201st, from a start that moves with the kind of fault.
 * SAVBENCH_FAULT_KIND=0..4: one kind alone. SAVBENCH_PART: a share of the points (sample.h). */
#include "driver.h"
#include "sample.h"
#include "shim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FINISHED = 0, CLEAN_ERROR = 10, DIFFERS = 11 };

static void quiet(void)
{
    if (!freopen("/dev/null", "w", stderr))
        abort();
}

/* Status of a child that runs into the fault. */
static int break_at(const char *out, shim_mode mode, long at, int error)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        vb_err err = {0};
        vb_status st;

        quiet();
        shim_begin(out, mode, at, error);
        st = driver_run(out, NULL, &err);
        shim_end();
        _exit(st == VB_OK ? FINISHED : err.msg[0] ? CLEAN_ERROR : DIFFERS);
    }
    waitpid(pid, &status, 0);
    return status;
}

/* Completes it in a process of its own, and compares. */
static int complete(const char *out, const char *expected)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        vb_err err = {0};
        char *got = NULL;

        if (driver_run(out, NULL, &err) == VB_OK)
            got = driver_snapshot(out, &err);
        if (got && !strcmp(got, expected))
            _exit(FINISHED);
        if (!got)
            printf("%s\n", err.msg);
        for (size_t i = 0; got; i++)
            if (got[i] != expected[i]) {
                i = i > 60 ? i - 60 : 0;
                printf("expected ...%.120s...\ngot ...%.120s...\n", expected + i, got + i);
                break;
            }
        fflush(stdout);
        _exit(DIFFERS);
    }
    waitpid(pid, &status, 0);
    return status;
}

static long count_calls(char **expected)
{
    char out[256];
    vb_err err = {0};
    long n;

    sample_folder(out);
    shim_begin(out, SHIM_COUNT, 0, 0);
    if (driver_run(out, NULL, &err) || (n = shim_calls(), shim_end(), !(*expected = driver_snapshot(out, &err)))) {
        printf("the unbroken run: %s\n", err.msg);
        exit(1);
    }
    sample_remove(out);
    return n;
}

int main(void)
{
    static const struct {
        const char *name;
        shim_mode mode;
        int error;
    } faults[] = {
        {"killed before a call", SHIM_KILL, 0},
        {"killed in the middle of a write", SHIM_TEAR, 0},
        {"EIO, once", SHIM_FAIL, EIO},
        {"disk full from there on", SHIM_BREAK, ENOSPC},
        {"read-only from there on", SHIM_BREAK, EROFS},
    };
    const char *told = getenv("SAVBENCH_FAULT_STRIDE"), *kind = getenv("SAVBENCH_FAULT_KIND");
    long stride = told ? strtol(told, NULL, 10) : 1201, calls, bad = 0;
    sample_share part = sample_part();
    char *expected;

    driver_prepare(DRIVER_TRIALS);
    calls = count_calls(&expected);
    if (!strstr(expected, "\n0 differences\n") || calls < 1000) {
        printf("the unbroken run: %ld calls, or verify finds something\n%s", calls, expected);
        return 1;
    }
    for (size_t k = 0; k < sizeof faults / sizeof *faults; k++) {
        long points = 0, broken = 0, same = 0, crashed = 0;

        if (kind && strtol(kind, NULL, 10) != (long)k)
            continue;
        for (long at = (long)k * 131 % stride + part.k * stride; at < calls; at += part.n * stride) {
            char out[256];
            int status;

            sample_folder(out);
            status = break_at(out, faults[k].mode, at, faults[k].error);
            points++;
            broken += status != 0;
            if (WIFSIGNALED(status) ? WTERMSIG(status) != SIGKILL : WEXITSTATUS(status) != FINISHED && WEXITSTATUS(status) != CLEAN_ERROR) {
                printf("%s %ld: status %d\n", faults[k].name, at, status);
                crashed++;
            }
            if (complete(out, expected) == 0)
                same++;
            else
                printf("%s %ld: not the same afterwards\n", faults[k].name, at);
            sample_remove(out);
        }
        printf("%s: %ld of %ld calls tried, %ld ended the run, %ld the same after it was run again, %ld crashes\n", faults[k].name,
               points, calls, broken, same, crashed);
        fflush(stdout);
        bad += points - same + crashed;
    }
    free(expected);
    return bad != 0;
}
