/* Commit and recovery where every call of theirs may fail: files, memory, SQL. One small folder that has everything recovery knows
 * (an altered shard, one without a row, one under a wrong name, no shard at all, a link, temporary files) is recovered and gets
 * results, singly and in a group; the n-th call of our code fails, for all n. Then: an error with words or none at all, and
 * the same again without failure makes a folder in which verify finds nothing.
 *
 * So is a store whose database goes to a new state folder.
 *
 * What only a larger folder reaches, and what other processes may do meanwhile, is tried for the calls that it concerns.
 *
 * What fails are calls of our own objects (the linker's --wrap); inside of SQLite and HDF5: tests/faults/test_failures.c.
 * SAVBENCH_STORE_STRIDE=1 tries all n; by default every 61st. SAVBENCH_STORE_WAY=0..3: one way of failing alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hash.h"
#include "publish.h"
#include "sample.h"
#include "shard.h"
#include "store_impl.h"
#include "verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- calls that fail ------------------------------------------------------------------------------------------------- */

static long calls, fails_at; /* fails_at < 0: none */
static int fails_with;
static bool ever, remote;
static const char *only; /* the one function that is counted and fails; NULL: all */

static bool fails(const char *name)
{
    if (fails_at < 0 || (only && strcmp(only, name) != 0))
        return false;
    calls++;
    if (calls - 1 != fails_at && !(ever && calls - 1 > fails_at))
        return false;
    errno = fails_with;
    return true;
}

#define WRAP(type, name, failed, parameters, arguments)                  \
    type __real_##name parameters;                                       \
    type __wrap_##name parameters;                                       \
    type __wrap_##name parameters { return fails(#name) ? failed : __real_##name arguments; }
WRAP(int, fsync, -1, (int fd), (fd))
WRAP(int, syncfs, -1, (int fd), (fd))
WRAP(int, sync_file_range, -1, (int fd, off64_t at, off64_t n, unsigned how), (fd, at, n, how))
WRAP(int, fstat, -1, (int fd, struct stat *s), (fd, s))
WRAP(int, renameat, -1, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP(int, unlinkat, -1, (int d, const char *p, int f), (d, p, f))
WRAP(int, dup, -1, (int fd), (fd))
WRAP(int, flock, -1, (int fd, int what), (fd, what))
WRAP(int, ftruncate, -1, (int fd, off_t n), (fd, n))
WRAP(ssize_t, write, -1, (int fd, const void *p, size_t n), (fd, p, n))
WRAP(ssize_t, pwrite, -1, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
WRAP(ssize_t, read, fails_with ? -1 : 0, (int fd, void *p, size_t n), (fd, p, n)) /* 0: the file has become shorter */
WRAP(DIR *, fdopendir, NULL, (int fd), (fd))
WRAP(void *, malloc, NULL, (size_t n), (n))
WRAP(void *, calloc, NULL, (size_t n, size_t m), (n, m))
WRAP(void *, realloc, NULL, (void *p, size_t n), (p, n))
WRAP(char *, strdup, NULL, (const char *s), (s))
WRAP(int, sqlite3_step, SQLITE_IOERR, (sqlite3_stmt *s), (s))
WRAP(int, sqlite3_prepare_v3, SQLITE_IOERR, (sqlite3 *db, const char *sql, int n, unsigned how, sqlite3_stmt **s, const char **end),
     (db, sql, n, how, s, end))
WRAP(int, sqlite3_exec, SQLITE_IOERR, (sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *ctx, char **m),
     (db, sql, row, ctx, m))

int __real_mkdirat(int dir, const char *path, mode_t mode);
int __wrap_mkdirat(int dir, const char *path, mode_t mode);
int __wrap_mkdirat(int dir, const char *path, mode_t mode)
{
    if (!fails("mkdirat"))
        return __real_mkdirat(dir, path, mode);
    if (fails_with == EEXIST) { /* another process was faster */
        __real_mkdirat(dir, path, mode);
        errno = EEXIST;
    }
    return -1;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    return fails("open") ? -1 : __real_open(path, flags, 0666);
}

int __real_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...)
{
    return fails("openat") ? -1 : __real_openat(dir, path, flags, 0666);
}

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd) /* which closes all the same */
{
    const bool failed = fails("close");
    const int why = errno, rc = __real_close(fd);

    if (!failed)
        return rc;
    errno = why;
    return -1;
}

bool __real_vb_path_is_remote(const char *path);
bool __wrap_vb_path_is_remote(const char *path);
bool __wrap_vb_path_is_remote(const char *path) { return remote || __real_vb_path_is_remote(path); }

/* --- the folder ------------------------------------------------------------------------------------------------------ */

typedef struct {
    vb_trial_key key;
    uint8_t *bytes;
    size_t n;
    char sha256[65];
} result;

enum { BEFORE, LOOSE, SINGLE, GROUP, CROWD = GROUP + 4, N_RESULTS = CROWD + 6 };
static result results[N_RESULTS];
static bool crowded; /* a larger group */

static void make_results(void)
{
    static const struct {
        const char *video;
        vb_dtype dtype;
    } of[] = {{"v1", VB_FLOAT32}, {"v1", VB_TF32},  {"v2", VB_FLOAT32}, {"v3", VB_FLOAT32},
              {"v3", VB_TF32},    {"v4", VB_FLOAT32}, {"v4", VB_TF32},  {"v5", VB_FLOAT32}};

    for (int i = 0; i < N_RESULTS; i++) {
        vb_trial t;
        vb_err err = {0};

        sample_trial(&t, of[i < CROWD ? i : CROWD].video, of[i < CROWD ? i : CROWD].dtype, i < CROWD ? 0 : i - CROWD, (unsigned)i);
        results[i].key = t.key;
        if (vb_shard_encode(&results[i].bytes, &results[i].n, &t, &err) || vb_sha256(results[i].sha256, results[i].bytes, results[i].n, &err))
            abort();
        vb_trial_deinit(&t);
    }
}

static void put_file(const char *out, const char *name, const void *bytes, size_t n)
{
    char path[1024];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", out, name);
    assert_non_null(f = fopen(path, "wb"));
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static vb_status commit(vb_store *s, const result *r, vb_err *err)
{
    bool fresh;

    return vb_store_commit(s, &r->key, r->bytes, r->n, r->sha256, &fresh, err);
}

/* What a crash, a failing disk and a person may have left. */
static void make_folder(char out[256])
{
    const bool is_remote = remote;
    char name[VB_SHARD_PATH_MAX], path[700];
    vb_store *s;

    remote = false;
    sample_folder(out);
    OK(vb_store_open(&s, out, NULL, &err));
    OK(vb_store_begin_run(s, "run-0", "{}", "savbench run", &err));
    OK(commit(s, &results[BEFORE], &err));
    vb_store_close(s);
    OK(vb_store_shard_name(name, &results[BEFORE].key, &err));
    snprintf(path, sizeof path, "shards/v1/%s", name);
    put_file(out, path, "altered", 7);
    OK(vb_store_shard_name(name, &results[LOOSE].key, &err));
    snprintf(path, sizeof path, "shards/v1/%s", name);
    put_file(out, path, results[LOOSE].bytes, results[LOOSE].n);
    put_file(out, "shards/v1/wrong_r0.h5", results[LOOSE].bytes, results[LOOSE].n);
    put_file(out, "shards/v1/none_r0.h5", "none", 4);
    put_file(out, "shards/v1/notes.txt", "left alone", 10);
    put_file(out, "shards/v1/" VB_TEMPORARY_PREFIX "x.h5", "half", 4);
    put_file(out, VB_TEMPORARY_PREFIX "y", "half", 4);
    snprintf(path, sizeof path, "%s/shards/v1/link_r0.h5", out);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    remote = is_remote;
}

/* Everything that a job does to its store. */
static vb_status do_work(const char *out, vb_err *err)
{
    vb_store *s = NULL;
    vb_recovery r;
    vb_trial_key failed = sample_key("v9", VB_FLOAT16, 0);
    vb_status st = vb_store_open(&s, out, NULL, err);

    if (st)
        return st;
    if ((st = vb_store_recover(s, &r, err)) || (st = vb_store_begin_run(s, "run-1", "{}", "savbench run", err)) ||
        (st = vb_store_put_video(s, "v2", 12, 70, 25, 2, NULL, err)) ||
        (st = commit(s, &results[SINGLE], err)) || (st = commit(s, &results[BEFORE], err)))
        goto out;
    vb_store_group_begin(s);
    for (int i = GROUP; i < (crowded ? N_RESULTS : CROWD) && st == VB_OK; i++)
        st = commit(s, &results[i], err);
    if (st == VB_OK)
        st = vb_store_group_end(s, err);
    else
        vb_store_group_end(s, NULL);
    if (st == VB_OK)
        st = vb_store_fail(s, &failed, VB_TRIAL_FAILED, "EIO", "no frame", "nano3", "cpu", err);
    if (st == VB_OK && (st = vb_store_put_video(s, "v8", 0, 0, 0, 0, "no frames", err)) == VB_OK)
        st = vb_store_end_run(s, "run-1", "done", err);
out:
    vb_store_close(s);
    return st;
}

/* Without what recovery says of the folder, over and over. */
static vb_status work(const char *out, vb_err *err)
{
    const long at = fails_at;
    const int nowhere = __real_open("/dev/null", O_WRONLY), kept = __real_dup(2);
    vb_status st;

    dup2(nowhere, 2);
    __real_close(nowhere);
    st = do_work(out, err);
    fails_at = -1;
    dup2(kept, 2);
    __real_close(kept);
    fails_at = at;
    return st;
}

static void is_whole(const char *out)
{
    FILE *to = tmpfile();
    char said[2000] = "", path[700];
    vb_verdict_on v;

    snprintf(path, sizeof path, "%s/shards/v1/notes.txt", out); /* recovery leaves it, verify tells of it */
    unlink(path);
    OK(vb_verify(&v, out, to, &err));
    rewind(to);
    said[fread(said, 1, sizeof said - 1, to)] = '\0';
    fclose(to);
    if (v.differences)
        fail_msg("%lld differences: %s", (long long)v.differences, said);
    vb_verify_deinit(&v);
}

static long count(void)
{
    char out[256];

    make_folder(out);
    calls = 0;
    fails_at = INT32_MAX;
    OK(work(out, &err));
    fails_at = -1;
    is_whole(out);
    sample_remove(out);
    return calls;
}

static void every_call_may_fail(void **state)
{
    const char *told = getenv("SAVBENCH_STORE_STRIDE"), *only = getenv("SAVBENCH_STORE_WAY");
    const long stride = told ? strtol(told, NULL, 10) : 61;
    static const struct {
        const char *name;
        int error;
        bool ever, remote;
    } ways[] = {{"once, EIO", EIO, false, false}, {"from there on, no space", ENOSPC, true, false}, {"once, interrupted", EINTR, false, false},
                {"once, on a network file system", EIO, false, true}};

    (void)state;
    for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
        long n, tried = 0, errors = 0;

        if (only && strtol(only, NULL, 10) != (long)k)
            continue;
        remote = ways[k].remote;
        n = count();
        for (long at = stride > 1 ? (long)k * 7 % stride : 0; at < n; at += stride) {
            char out[256];
            vb_err err = {0};
            vb_status st;

            make_folder(out);
            calls = 0;
            fails_at = at;
            fails_with = ways[k].error;
            ever = ways[k].ever;
            st = work(out, &err);
            fails_at = -1;
            tried++;
            errors += st != VB_OK;
            if (st && (!err.msg[0] || err.code != st))
                fail_msg("%s, call %ld: an error without words", ways[k].name, at);
            OK(work(out, &err));
            is_whole(out);
            sample_remove(out);
        }
        remote = false;
        print_message("%s: %ld of %ld calls failed, %ld ended the work, all were whole after it was done again\n", ways[k].name, tried, n, errors);
    }
}

/* --- a new state folder ---------------------------------------------------------------------------------------------- */

static vb_status move_state(const char *out, const char *to, vb_err *err)
{
    vb_trial_key key = sample_key("v8", VB_FLOAT16, 0);
    vb_store *s;
    vb_status st = vb_store_open(&s, out, to, err);

    if (st)
        return st;
    st = vb_store_fail(s, &key, VB_TRIAL_FAILED, "EIO", "no frame", "nano3", "cpu", err);
    vb_store_close(s);
    return st;
}

/* What only the database knows goes along, or the old state folder stays the one that is read. */
static void a_new_state_folder_has_all_or_is_none(void **state)
{
    vb_trial_key key = sample_key("v9", VB_FLOAT16, 0);
    vb_trial_status status;
    vb_store *s;
    long errors = 0, at = 0;

    (void)state;
    fails_with = EIO;
    for (bool reached = true; reached; at++) {
        char out[256], to[256];
        vb_err err = {0};
        vb_status st;

        sample_folder(out);
        sample_folder(to);
        OK(vb_store_open(&s, out, NULL, &err));
        OK(vb_store_fail(s, &key, VB_TRIAL_FAILED, "EIO", "no frame", "nano3", "cpu", &err));
        vb_store_close(s);
        calls = 0;
        fails_at = at;
        st = move_state(out, to, &err);
        fails_at = -1;
        reached = calls > at;
        errors += st != VB_OK;
        if (st && (!err.msg[0] || err.code != st))
            fail_msg("call %ld: an error without words", at);
        OK(vb_store_open(&s, out, NULL, &err)); /* what OUT leads to */
        OK(vb_store_status(s, &key, &status, &err));
        vb_store_close(s);
        assert_int_equal(status, VB_TRIAL_FAILED);
        OK(move_state(out, to, &err));
        OK(vb_store_open(&s, out, to, &err));
        OK(vb_store_status(s, &key, &status, &err));
        vb_store_close(s);
        assert_int_equal(status, VB_TRIAL_FAILED);
        sample_remove(out);
        sample_remove(to);
    }
    print_message("a new state folder: %ld calls failed, %ld ended the work\n", at - 1, errors);
}

/* --- a larger folder, and others at work in it ----------------------------------------------------------------------- */

static const char *const strangers[] = {"shards/v1/README", "shards/v1/.hidden.h5"};

static void crowd(const char *out)
{
    char path[700], name[VB_SHARD_PATH_MAX];

    for (int i = 0; i < 70; i++) {
        snprintf(path, sizeof path, "shards/v1/" VB_TEMPORARY_PREFIX "%d", i);
        put_file(out, path, "half", 4);
    }
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
        put_file(out, strangers[i], "left alone", 10);
    snprintf(path, sizeof path, "%s/shards/v7", out); /* a shard that someone has moved */
    assert_int_equal(__real_mkdirat(AT_FDCWD, path, 0777), 0);
    OK(vb_store_shard_name(name, &results[SINGLE].key, &err));
    snprintf(path, sizeof path, "shards/v7/%s", name);
    put_file(out, path, results[SINGLE].bytes, results[SINGLE].n);
    snprintf(path, sizeof path, "%s/shards/.git", out); /* no video's name */
    assert_int_equal(__real_mkdirat(AT_FDCWD, path, 0777), 0);
}

static void is_whole_but_for_strangers(const char *out)
{
    char path[700];

    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        snprintf(path, sizeof path, "%s/%s", out, strangers[i]);
        assert_int_equal(unlink(path), 0); /* which says that they were left */
    }
    is_whole(out);
}

static void a_crowded_folder_with_others_in_it(void **state)
{
    static const struct {
        const char *call;
        int error;
        bool ever;
        long most; /* points; later calls are like these */
        bool harmless;
        const char *said;
    } ways[] = {
        {"realloc", ENOMEM, false, 100, false, NULL}, {"unlinkat", EACCES, false, 3, false, NULL},
        {"write", EDQUOT, true, 1, false, "; free some space and run the command again"},
        {"mkdirat", EEXIST, false, 100, true, NULL}, {"read", EINTR, false, 3, true, NULL},
        {"read", 0, false, 3, false, "it became shorter"}, {"open", EACCES, false, 3, false, NULL},
        {"sync_file_range", EIO, false, 3, false, "fsync '" VB_TEMPORARY_PREFIX},
    };

    (void)state;
    crowded = true;
    for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
        long at = 0, errors = 0;
        bool reached = true, said = ways[k].said == NULL;

        fails_with = ways[k].error;
        ever = ways[k].ever;
        for (; reached && at < ways[k].most; at++) {
            char out[256];
            vb_err err = {0};
            vb_status st;

            make_folder(out);
            crowd(out);
            calls = 0;
            only = ways[k].call;
            fails_at = at;
            st = work(out, &err);
            fails_at = -1;
            only = NULL;
            reached = calls > at;
            errors += st != VB_OK;
            said = said || strstr(err.msg, ways[k].said);
            if (st && (!err.msg[0] || ways[k].harmless))
                fail_msg("%s, call %ld: %s", ways[k].call, at, err.msg[0] ? err.msg : "an error without words");
            OK(work(out, &err));
            is_whole_but_for_strangers(out);
            sample_remove(out);
        }
        assert_true(at > 1 || ways[k].most == 1);
        assert_true(said);
        assert_true(errors > 0 || ways[k].harmless);
        print_message("crowded, %s: %ld calls failed, %ld ended the work\n", ways[k].call, at - !reached, errors);
    }
    crowded = false;
}

/* --- what is refused before anything is written ---------------------------------------------------------------------- */

static void what_cannot_be_is_refused(void **state)
{
    char out[256], longest[VB_SHARD_PATH_MAX + 8], path[700];
    vb_trial_key key = results[SINGLE].key, bad = key;
    vb_trial t;
    vb_err err = {0};
    uint8_t *bytes;
    size_t n;
    bool found;
    vb_store *s;
    int dir;

    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    vb_store_close(NULL);
    assert_string_equal(vb_trial_status_name((vb_trial_status)99), "?");
    sample_folder(out);
    OK(vb_store_open(&s, out, NULL, &err));
    assert_int_equal(vb_store_begin_run(s, "", "{}", "", &err), VB_EARG);
    assert_int_equal(vb_store_begin_run(s, longest, "{}", "", &err), VB_EARG);
    assert_int_equal(vb_store_put_video(s, "../v", 1, 1, 1, 1, NULL, &err), VB_EARG);
    assert_int_equal(vb_store_fail(s, &key, VB_TRIAL_DONE, "", "", "", "", &err), VB_EARG);
    strcpy(bad.video, "a/b");
    assert_int_equal(vb_store_fail(s, &bad, VB_TRIAL_FAILED, "", "", "", "", &err), VB_EARG);
    bad = key;
    strcpy(bad.variant.setup.model, "..");
    assert_int_equal(vb_store_fail(s, &bad, VB_TRIAL_FAILED, "", "", "", "", &err), VB_EARG);
    bad = key;
    bad.repetition = -1;
    assert_int_equal(vb_store_fail(s, &bad, VB_TRIAL_FAILED, "", "", "", "", &err), VB_EARG);
    sample_trial(&t, "v2", VB_FLOAT32, 0, 0);
    strcpy(t.key.video, "a/b");
    assert_int_equal(vb_store_publish_overlays(s, &t, &err), VB_EARG);
    vb_trial_deinit(&t);
    /* Where the folder of shards cannot be made, nothing is recorded. */
    put_file(out, "shards", "x", 1);
    assert_int_equal(commit(s, &results[SINGLE], &err), VB_EIO);
    snprintf(path, sizeof path, "%s/shards", out);
    assert_int_equal(unlink(path), 0);
    is_whole(out);
    /* A group that is not ended is written all the same when the store is closed. */
    OK(vb_store_begin_run(s, "run-1", "{}", "savbench run", &err));
    vb_store_group_begin(s);
    OK(commit(s, &results[SINGLE], &err));
    vb_store_close(s);
    is_whole(out);
    /* Files: names that lead elsewhere, and what is no plain file of a sane size. */
    assert_true((dir = open(out, O_RDONLY | O_DIRECTORY)) >= 0);
    assert_int_equal(vb_publish(dir, "a/b", (const uint8_t *)"x", 1, &err), VB_EARG);
    assert_int_equal(vb_publish_stage(dir, "..hidden", (const uint8_t *)"x", 1, &err), VB_EARG);
    assert_int_equal(vb_publish_sync(dir, "", &err), VB_EARG);
    assert_int_equal(vb_publish_rename(dir, "..", &err), VB_EARG);
    vb_publish_unstage(dir, "../x");
    assert_int_equal(vb_publish(dir, longest, (const uint8_t *)"x", 1, &err), VB_EARG);
    assert_int_equal(vb_publish_written(dir, "nobody_wrote_it", &err), VB_EIO);
    assert_int_equal(vb_read_file(&bytes, &n, &found, dir, "shards", 100, &err), VB_EFORMAT);
    put_file(out, "large", longest, 20);
    assert_int_equal(vb_read_file(&bytes, &n, &found, dir, "large", 10, &err), VB_EFORMAT);
    snprintf(path, sizeof path, "%s/link", out);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    OK(vb_read_file(&bytes, &n, &found, dir, "link", 1 << 20, &err));
    assert_false(found);
    close(dir);
    sample_remove(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_may_fail),
        cmocka_unit_test(a_new_state_folder_has_all_or_is_none),
        cmocka_unit_test(a_crowded_folder_with_others_in_it),
        cmocka_unit_test(what_cannot_be_is_refused),
    };

    fails_at = -1;
    make_results();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
