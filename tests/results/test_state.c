/* State folders: a new one goes on from the database before, one of another output folder is refused, and whoever writes says
 * so in the output folder: before that readers are not led away, after it an older coordinator writes no more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "db.h"
#include "paths.h"
#include "sample.h"
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Three empty folders. */
static struct {
    char out[256], one[256], two[256];
} f;

static int make_folders(void **state)
{
    (void)state;
    sample_folder(f.out);
    sample_folder(f.one);
    sample_folder(f.two);
    return 0;
}

static int remove_folders(void **state)
{
    (void)state;
    sample_remove(f.out);
    sample_remove(f.one);
    sample_remove(f.two);
    return 0;
}

static vb_status commit(vb_store *s, const char *video, vb_err *err)
{
    vb_trial_key key = sample_key(video, VB_FLOAT32, 0);

    return vb_store_fail(s, &key, VB_TRIAL_FAILED, "EIO", "no such thing", "nano3", "cuda:0", err);
}

static vb_trial_status status_of(vb_store *s, const char *video)
{
    vb_trial_key k = sample_key(video, VB_FLOAT32, 0);
    vb_trial_status st;

    OK(vb_store_status(s, &k, &st, &err));
    return st;
}

/* A run with one failed trial of that video and an attempt at it. */
static void run(const char *out, const char *state_dir, const char *run_id, const char *video)
{
    vb_attempt a = {.host = "nano3", .outcome = "signal", .detail = "killed", .signal = 9, .last_frame = 3, .duration_ms = 10, .counts = true};
    vb_trial_key key = sample_key(video, VB_FLOAT32, 0);
    vb_store *s;

    OK(vb_store_open(&s, out, state_dir, &err));
    OK(vb_store_begin_run(s, run_id, "{\"seed\": 1}", "savbench run", &err));
    OK(vb_store_attempt(s, &key, &a, &err));
    OK(commit(s, video, &err));
    OK(vb_store_end_run(s, run_id, "failed", &err));
    vb_store_close(s);
}

/* What an output folder's store holds: failed trials, and the options of the last run. */
static void holds(const char *out, const char *state_dir, int failed)
{
    static const char *const videos[] = {"v1", "v2", "v3", "v4"};
    char *options;
    int64_t attempts;
    vb_store *s;
    int n = 0;

    OK(vb_store_open(&s, out, state_dir, &err));
    for (size_t i = 0; i < sizeof videos / sizeof *videos; i++)
        n += status_of(s, videos[i]) == VB_TRIAL_FAILED;
    assert_int_equal(n, failed);
    OK(vb_store_kills(s, NULL, &attempts, &err));
    assert_int_equal(attempts, failed);
    OK(vb_store_last_options(s, &options, &err));
    assert_string_equal(options, "{\"seed\": 1}");
    free(options);
    vb_store_close(s);
}

static void leads_to(const char *out, const char *state_dir)
{
    char linked[VB_PATH_MAX];

    OK(vb_state_linked(linked, out, &err));
    assert_string_equal(linked, state_dir);
}

static bool exists(const char *folder, const char *name)
{
    char path[600];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static void remove_from(const char *folder, const char *name)
{
    char path[600];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(unlink(path), 0);
}

static void a_new_state_folder_goes_on_from_the_one_before(void **state)
{
    FILE *stale;
    char path[600];

    (void)state;
    run(f.out, NULL, "run-1", "v1");
    leads_to(f.out, "");
    snprintf(path, sizeof path, "%s/summary.db-wal", f.one); /* of a database that is gone */
    assert_non_null(stale = fopen(path, "w"));
    fclose(stale);
    holds(f.out, f.one, 1); /* from OUT's own */
    leads_to(f.out, "");    /* nothing is written yet that readers had to look for there */
    run(f.out, f.one, "run-2", "v2");
    leads_to(f.out, f.one);
    run(f.out, f.two, "run-3", "v3"); /* from that of the run before, which OUT has no copy of */
    leads_to(f.out, f.two);
    holds(f.out, NULL, 3);
    OK(vb_finalize(f.out, NULL, &err));
    holds(f.out, f.two, 3);
    remove_from(f.out, "summary.db");
    run(f.out, f.out, "run-4", "v4"); /* and back */
    leads_to(f.out, "");
    assert_false(exists(f.out, ".state-dir"));
    holds(f.out, NULL, 4);
}

static void a_state_folder_has_one_output_folder(void **state)
{
    char other[300], moved[300], copy[700];
    vb_store *s;
    vb_err err;

    (void)state;
    snprintf(other, sizeof other, "%s/other", f.two);
    snprintf(moved, sizeof moved, "%s/moved", f.two);
    run(f.out, f.one, "run-1", "v1");
    assert_int_equal(vb_store_open(&s, other, f.one, &err), VB_EARG);
    assert_non_null(strstr(err.msg, f.out));
    assert_non_null(strstr(err.msg, other));
    assert_non_null(strstr(err.msg, "--state-dir of its own"));
    holds(f.out, f.one, 1);
    /* One of a time when state folders did not say whose they are. */
    remove_from(f.one, ".out-dir");
    run(f.out, f.one, "run-2", "v2");
    assert_true(exists(f.one, ".out-dir"));
    /* The output folder under another name, and what is new under its old one. */
    assert_int_equal(rename(f.out, moved), 0);
    holds(moved, NULL, 2);
    run(moved, NULL, "run-3", "v3");
    assert_int_equal(vb_store_open(&s, f.out, f.one, &err), VB_EARG);
    assert_non_null(strstr(err.msg, moved));
    /* A link in a copy of an output folder leads to what is not the copy's. */
    run(other, other, "run-1", "v1");
    snprintf(copy, sizeof copy, "cp %s/.state-dir %s/", moved, other);
    assert_int_equal(system(copy), 0);
    leads_to(moved, f.one);
    leads_to(other, "");
    holds(other, NULL, 1);
}

static void who_is_refused_leads_nobody_away(void **state)
{
    vb_store *s, *second;
    vb_err err;

    (void)state;
    OK(vb_store_open(&s, f.out, f.one, &err));
    OK(commit(s, "v1", &err));
    assert_int_equal(vb_store_open(&second, f.out, f.two, &err), VB_ESTORE);
    leads_to(f.out, f.one);
    assert_false(exists(f.two, "summary.db"));
    OK(commit(s, "v2", &err));
    vb_store_close(s);
}

/* first writes; second takes over although first lives, as where locks do not work. */
static void is_fenced(const char *first, const char *second)
{
    vb_store *s, *newer;
    vb_err err = {0};

    OK(vb_store_open(&s, f.out, first, &err));
    OK(commit(s, "v1", &err));
    remove_from(f.out, ".lock");
    OK(vb_store_open(&newer, f.out, second, &err));
    OK(commit(s, "v2", &err)); /* which has written nothing yet */
    OK(commit(newer, "v3", &err));
    assert_int_equal(commit(s, "v4", &err), VB_ESTORE);
    assert_non_null(strstr(err.msg, "another savbench has taken over"));
    OK(commit(newer, "v4", &err));
    vb_store_close(s);
    vb_store_close(newer);
}

static void a_newer_one_elsewhere_fences_the_older(void **state)
{
    (void)state;
    is_fenced(f.one, f.two);
    is_fenced(f.two, f.out);
    is_fenced(f.out, f.one);
}

/* The same path on another host is another folder. */
static void a_newer_one_on_another_host_fences_the_older(void **state)
{
    char path[600];
    FILE *link;
    vb_store *s;
    vb_err err;

    (void)state;
    OK(vb_store_open(&s, f.out, f.one, &err));
    OK(commit(s, "v1", &err));
    snprintf(path, sizeof path, "%s/.state-dir", f.out);
    assert_non_null(link = fopen(path, "w"));
    fprintf(link, "%s\n17@elsewhere\n", f.one);
    fclose(link);
    assert_int_equal(commit(s, "v2", &err), VB_ESTORE);
    assert_non_null(strstr(err.msg, "another savbench has taken over"));
    vb_store_close(s);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folders, remove_folders)
    const struct CMUnitTest tests[] = {
        TEST(a_new_state_folder_goes_on_from_the_one_before),
        TEST(a_state_folder_has_one_output_folder),
        TEST(who_is_refused_leads_nobody_away),
        TEST(a_newer_one_elsewhere_fences_the_older),
        TEST(a_newer_one_on_another_host_fences_the_older),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
