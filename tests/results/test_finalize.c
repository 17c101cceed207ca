/* Finalize, report, query, export on a folder of real records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "db.h"
#include "hash.h"
#include "report.h"
#include "sample.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_folder(void **state)
{
    static char path[256];

    sample_folder(path);
    *state = path;
    return 0;
}

static int remove_folder(void **state)
{
    sample_remove(*state);
    return 0;
}

static void commit(vb_store *s, const char *video, vb_dtype dtype, int repetition, unsigned seed)
{
    vb_trial t;

    sample_trial(&t, video, dtype, repetition, seed);
    sample_commit(s, &t);
    vb_trial_deinit(&t);
}

/* On that device of the samples' kind, with those weights. */
static void commit_as(vb_store *s, const char *video, vb_dtype dtype, int repetition, unsigned seed, const char *device, const char *weights)
{
    vb_trial t;

    sample_trial(&t, video, dtype, repetition, seed);
    strcpy(t.from.device_uuid, device);
    strcpy(t.from.checkpoint_sha256, weights);
    sample_commit(s, &t);
    vb_trial_deinit(&t);
}

/* Two videos in float32 and bfloat16; float16 on the first alone, as its sibling on the second failed. */
static void fill(const char *out)
{
    vb_trial_key k = sample_key("v2", VB_FLOAT16, 0);
    vb_store *s;

    OK(vb_store_open(&s, out, NULL, &err));
    OK(vb_store_begin_run(s, "run-1", "{}", "savbench run", &err));
    commit(s, "v2", VB_BFLOAT16, 0, 4);
    commit(s, "v1", VB_FLOAT32, 0, 0);
    commit(s, "v1", VB_BFLOAT16, 0, 2);
    commit(s, "v2", VB_FLOAT32, 0, 1);
    commit(s, "v1", VB_FLOAT16, 0, 0);
    OK(vb_store_fail(s, &k, VB_TRIAL_FAILED, "ENOMEM", "device memory: \033[31m1 GiB wanted", "nano3", "cuda:0", &err));
    OK(vb_store_end_run(s, "run-1", "failed", &err));
    vb_store_close(s);
}

/* What a reader of the output folder is told. */
static char *ask(const char *out, const char *sql, vb_status *st)
{
    char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);
    vb_err err = {0};

    *st = vb_report_query(out, sql, VB_REPORT_CSV, to, &err);
    fclose(to);
    return text;
}

static void answers(const char *out, const char *sql, const char *want)
{
    vb_status st;
    char *text = ask(out, sql, &st);

    assert_int_equal(st, VB_OK);
    assert_string_equal(text, want);
    free(text);
}

static char *report(const char *out, vb_report_format format)
{
    FILE *to = tmpfile();
    char *text;
    long n;

    OK(vb_report_dtypes(out, format, to, &err));
    n = ftell(to);
    rewind(to);
    text = calloc(1, (size_t)n + 1);
    assert_int_equal(fread(text, 1, (size_t)n, to), n);
    fclose(to);
    return text;
}

static bool says(const char *out, vb_report_format format, const char *words)
{
    char *text = report(out, format);
    bool found = strstr(text, words) != NULL;

    free(text);
    return found;
}

static void hash_and_time(const char *out, const char *name, char hash[65], struct timespec *when)
{
    char path[400];
    struct stat info;

    snprintf(path, sizeof path, "%s/%s", out, name);
    OK(vb_sha256_file(hash, path, &err));
    assert_int_equal(stat(path, &info), 0);
    *when = info.st_mtim;
}

static void second_finalize_changes_nothing(void **state)
{
    static const char *const files[] = {"results.h5", "summary.db", ".lock"};
    const char *out = *state;
    char before[3][65], after[65], path[400];
    struct timespec then[3], now;

    fill(out);
    OK(vb_finalize(out, NULL, &err));
    for (int i = 0; i < 3; i++)
        hash_and_time(out, files[i], before[i], &then[i]);
    OK(vb_finalize(out, NULL, &err));
    for (int i = 0; i < 3; i++) {
        hash_and_time(out, files[i], after, &now);
        assert_string_equal(before[i], after);
        assert_true(now.tv_sec == then[i].tv_sec && now.tv_nsec == then[i].tv_nsec);
    }
    snprintf(path, sizeof path, "%s/summary.db-wal", out);
    assert_int_not_equal(access(path, F_OK), 0);
    /* Made anew from the same records, it is the same file. */
    snprintf(path, sizeof path, "%s/results.h5", out);
    assert_int_equal(unlink(path), 0);
    OK(vb_finalize(out, NULL, &err));
    hash_and_time(out, "results.h5", after, &now);
    assert_string_equal(before[0], after);
}

static void order_of_commits_does_not_matter(void **state)
{
    const char *out = *state;
    char first[65], second[65], other[256];
    struct timespec unused;
    vb_store *s;

    fill(out);
    OK(vb_finalize(out, NULL, &err));
    hash_and_time(out, "results.h5", first, &unused);
    sample_folder(other);
    OK(vb_store_open(&s, other, NULL, &err));
    commit(s, "v1", VB_FLOAT16, 0, 0);
    commit(s, "v1", VB_BFLOAT16, 0, 2);
    commit(s, "v1", VB_FLOAT32, 0, 0);
    commit(s, "v2", VB_FLOAT32, 0, 1);
    commit(s, "v2", VB_BFLOAT16, 0, 4);
    vb_store_close(s);
    OK(vb_finalize(other, NULL, &err));
    hash_and_time(other, "results.h5", second, &unused);
    assert_string_equal(first, second);
    sample_remove(other);
}

static void derived_numbers_come_from_the_shards(void **state)
{
    const char *out = *state;

    fill(out);
    OK(vb_finalize(out, NULL, &err));
    /* float16 on v1 is float32's equal: 7 frames x 2 objects, IoU 1. The boxes of bfloat16 (seed 2) are 12 wide for 10. */
    answers(out, "SELECT dtype, n_masks, mask_iou, mask_iou_min, speedup, n_paired_videos, n_failed FROM dtype_comparison"
                 " WHERE dtype = 'float16'",
            "dtype,n_masks,mask_iou,mask_iou_min,speedup,n_paired_videos,n_failed\r\nfloat16,14,1,1,1,1,1\r\n");
    answers(out, "SELECT round(mask_iou * 12, 9) AS iou FROM trial_pair JOIN record USING (trial_id) WHERE video = 'v1' AND tag LIKE '%/bfloat16/%'",
            "iou\r\n10\r\n");
    /* Latencies 41 .. 64 + seed, seeds 0 and 1: 48 frames; nearest ranks 24 and 46. */
    answers(out, "SELECT n, median_ms, p95_ms, p99_ms, max_ms FROM variant_stage JOIN variant USING (variant_id)"
                 " WHERE dtype = 'float32' AND stage = 'latency'",
            "n,median_ms,p95_ms,p99_ms,max_ms\r\n48,53,64,,65\r\n");
}

/* Masks are compared with the float32 sibling's of the same object and size, where there is one. */
static void masks_are_paired_by_object_and_size(void **state)
{
    static const char *const cases[] = {"whole", "renamed", "turned", "none", "alone"};
    const char *out = *state;
    vb_store *s;

    OK(vb_store_open(&s, out, NULL, &err));
    for (int i = 0; i < 5; i++)
        for (int baseline = 1; baseline >= 0; baseline--) {
            vb_trial t;

            sample_trial(&t, cases[i], baseline ? VB_FLOAT32 : VB_BFLOAT16, 0, 1);
            if (i == 1 && !baseline)
                strcpy(t.objects[1].obj_id, "999");
            if (i == 2 && !baseline) {
                int h = t.h;

                t.h = t.w;
                t.w = h;
            }
            while (t.n_masks && (i == 3 || (i == 4 && baseline)))
                free(t.masks[--t.n_masks].rle);
            sample_commit(s, &t);
            vb_trial_deinit(&t);
        }
    vb_store_close(s);
    OK(vb_finalize(out, NULL, &err));
    answers(out, "SELECT video, n_masks, mask_iou FROM trial_pair JOIN record USING (trial_id) ORDER BY 1",
            "video,n_masks,mask_iou\r\nalone,0,\r\nnone,0,\r\nrenamed,7,1\r\nturned,0,\r\nwhole,14,1\r\n");
}

static void noisy_trials_are_marked(void **state)
{
    const char *out = *state;
    char *text;

    fill(out);
    /* Steady are frames 7 .. 24: latencies 47 .. 64 + seed, nearest ranks 5, 9, 14; thirds of six. Warm-up of seed 0: fixed. */
    answers(out, "SELECT n_steady, round(latency_spread * 55, 9) AS spread, round(latency_drift * 55, 9) AS drift, noisy, warmup_frames,"
                 " warmup_frames_ms, warmup_converged FROM noise WHERE video = 'v1' AND tag LIKE '%/float32/%'",
            "n_steady,spread,drift,noisy,warmup_frames,warmup_frames_ms,warmup_converged\r\n18,9,12,1,9,700.25,\r\n");
    text = report(out, VB_REPORT_TABLE);
    assert_non_null(strstr(text, "53.0 ~"));
    assert_non_null(strstr(text, "/float32/bank-bfloat16/stream on "));
    assert_non_null(strstr(text, ": 2 of 2 trials are noisy: frame times spread by up to 16 % and drift by up to 22 % (view noise)"));
    free(text);
}

static int64_t length_of(hid_t f, const char *name)
{
    hid_t set = H5Dopen2(f, name, H5P_DEFAULT), space = H5I_INVALID_HID;
    hsize_t n = 0;

    assert_true(set >= 0 && (space = H5Dget_space(set)) >= 0 && H5Sget_simple_extent_dims(space, &n, NULL) == 1);
    H5Sclose(space);
    H5Dclose(set);
    return (int64_t)n;
}

static void read_ints(hid_t f, const char *name, int64_t *v)
{
    hid_t set = H5Dopen2(f, name, H5P_DEFAULT);

    assert_true(set >= 0 && H5Dread(set, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, v) >= 0);
    H5Dclose(set);
}

static void results_file_holds_every_row(void **state)
{
    static const char *const columns[] = {"/frames/latency_ms", "/scores/j", "/objects/obj_id", "/masks/rle_start", "/attention/site",
                                          "/agreement/mask_iou"};
    static const int64_t rows[] = {5 * 25, 5 * 14, 5 * 2, 5 * 14, 5, 3 * 14};
    int64_t start[5], count[5], trial[125], baseline[42], latency[125];
    const char *out = *state;
    char path[400];
    hid_t f;

    fill(out);
    OK(vb_finalize(out, NULL, &err));
    snprintf(path, sizeof path, "%s/results.h5", out);
    assert_true((f = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT)) >= 0);
    assert_int_equal(length_of(f, "/trials/video"), 5);
    assert_int_equal(length_of(f, "/trials/peak_rss_bytes"), 5);
    for (int i = 0; i < 6; i++)
        assert_int_equal(length_of(f, columns[i]), rows[i]);
    read_ints(f, "/trials/frames_start", start);
    read_ints(f, "/trials/frames_count", count);
    read_ints(f, "/frames/trial", trial);
    read_ints(f, "/frames/latency_ms", latency);
    for (int t = 0; t < 5; t++)
        for (int64_t i = start[t]; i < start[t] + count[t]; i++)
            assert_int_equal(trial[i], t);
    /* By tag, then video: bfloat16 v1, v2, float16 v1, float32 v1, v2. The second trial is bfloat16 of v2, seed 4. */
    assert_int_equal(latency[start[1] + 1], 45);
    read_ints(f, "/agreement/baseline_trial", baseline);
    assert_int_equal(baseline[0], 3);
    assert_int_equal(baseline[14], 4);
    assert_int_equal(baseline[28], 3);
    H5Fclose(f);
}

static void report_is_the_same_before_and_after(void **state)
{
    const char *out = *state;
    char *before, *after, *note;
    vb_store *s;

    fill(out);
    before = report(out, VB_REPORT_TABLE);
    note = strstr(before, "from the 5 records so far");
    assert_non_null(note);
    OK(vb_finalize(out, NULL, &err));
    after = report(out, VB_REPORT_TABLE);
    assert_int_equal(strncmp(before, after, strlen(after)), 0);
    assert_int_equal((size_t)(note - before), strlen(after));
    assert_non_null(strstr(after, "device memory: \\x1B[31m1 GiB"));
    assert_null(strchr(after, '\033'));
    free(before);
    free(after);
    /* While a writer has it open, too. */
    OK(vb_store_open(&s, out, NULL, &err));
    commit(s, "v3", VB_BFLOAT16, 0, 1);
    before = report(out, VB_REPORT_TABLE);
    assert_non_null(strstr(before, "from the 6 records so far"));
    free(before);
    vb_store_close(s);
}

/* One run over two kinds of board, and over two power modes of one: no pair, mean or line of a report mixes them. */
static void devices_are_separate(void **state)
{
    vb_trial_key k = sample_key("v5", VB_BFLOAT16, 0), other = sample_key("v6", VB_BFLOAT16, 0);
    static const struct {
        const char *device, *mode, *video;
    } boards[] = {{"Orin NX", "MAXN", "v3"}, {"Orin Nano", "15W", "v4"}};
    const char *out = *state;
    char *text;
    vb_store *s;

    fill(out); /* on an Orin Nano in MAXN */
    OK(vb_store_open(&s, out, NULL, &err));
    for (size_t b = 0; b < sizeof boards / sizeof *boards; b++)
        for (int dtype = 0; dtype < 2; dtype++) {
            vb_trial t;

            sample_trial(&t, boards[b].video, dtype ? VB_BFLOAT16 : VB_FLOAT32, 0, 5 + (unsigned)b);
            strcpy(t.from.device, boards[b].device);
            strcpy(t.from.power_mode, boards[b].mode);
            snprintf(t.from.device_uuid, sizeof t.from.device_uuid, "GPU-2-%zu", b);
            sample_commit(s, &t);
            vb_trial_deinit(&t);
        }
    /* In which power mode the Orin Nano was is not known. */
    OK(vb_store_fail(s, &k, VB_TRIAL_FAILED, "EMODEL", "stopped", "nano3", "Orin Nano", &err));
    OK(vb_store_fail(s, &other, VB_TRIAL_FAILED, "EMODEL", "stopped", "nano3", "Orin NX", &err));
    vb_store_close(s);
    OK(vb_finalize(out, NULL, &err));
    answers(out, "SELECT device, n_videos, n_failed FROM dtype_comparison WHERE dtype = 'bfloat16' ORDER BY 1",
            "device,n_videos,n_failed\r\n\"Orin NX, MAXN\",1,1\r\nOrin Nano,0,1\r\n\"Orin Nano, 15W\",1,0\r\n\"Orin Nano, MAXN\",2,0\r\n");
    answers(out, "SELECT count(DISTINCT device) AS n FROM leaderboard", "n\r\n3\r\n");
    text = report(out, VB_REPORT_TABLE);
    for (size_t b = 0; b < sizeof boards / sizeof *boards; b++)
        assert_non_null(strstr(text, boards[b].device));
    assert_non_null(strstr(text, "Orin Nano, 15W\n"));
    assert_non_null(strstr(text, "Orin Nano, MAXN\n"));
    free(text);
}

static void report_says_what_is_missing(void **state)
{
    const char *out = *state;
    vb_store *s;

    OK(vb_store_open(&s, out, NULL, &err));
    vb_store_close(s);
    assert_true(says(out, VB_REPORT_TABLE, "no trial is recorded yet"));
    OK(vb_store_open(&s, out, NULL, &err));
    commit(s, "v1", VB_BFLOAT16, 0, 1);
    commit(s, "v1", VB_FLOAT16, 0, 1);
    vb_store_close(s);
    assert_true(says(out, VB_REPORT_TABLE, "--dtype float32,float16,bfloat16"));
    assert_true(says(out, VB_REPORT_JSON, "\"baseline\": null"));
}

static void report_says_of_how_many_videos_a_difference_is(void **state)
{
    const char *out = *state;
    vb_store *s;

    OK(vb_store_open(&s, out, NULL, &err));
    commit_as(s, "v1", VB_BFLOAT16, 0, 2, "GPU-1", "c0ffee");
    commit_as(s, "v2", VB_BFLOAT16, 0, 2, "GPU-2", "c0ffee");
    assert_true(says(out, VB_REPORT_TABLE, "--dtype float32,bfloat16 and another --out-dir has both"));
    commit_as(s, "v2", VB_FLOAT32, 0, 0, "GPU-1", "c0ffee");
    assert_true(says(out, VB_REPORT_TABLE, "compared with float32 on 0 of 2 videos"));
    commit_as(s, "v1", VB_FLOAT32, 0, 0, "GPU-1", "c0ffee");
    assert_true(says(out, VB_REPORT_TABLE, "compared with float32 on 1 of 2 videos"));
    commit_as(s, "v2", VB_FLOAT32, 1, 0, "GPU-2", "c0ffee");
    vb_store_close(s);
    assert_false(says(out, VB_REPORT_TABLE, "compared with float32 on"));
}

/* v1 was paired on two devices of a kind, v2 on one: each object and video counts once. J&F differs by 0.001, 0.002 and 0.003. */
static void pairs_of_a_video_are_one_unit(void **state)
{
    const char *out = *state;
    vb_store *s;

    OK(vb_store_open(&s, out, NULL, &err));
    commit_as(s, "v1", VB_FLOAT32, 0, 0, "GPU-1", "c0ffee");
    commit_as(s, "v1", VB_BFLOAT16, 0, 2, "GPU-1", "c0ffee");
    commit_as(s, "v1", VB_FLOAT32, 1, 0, "GPU-2", "c0ffee");
    commit_as(s, "v1", VB_BFLOAT16, 1, 4, "GPU-2", "c0ffee");
    commit_as(s, "v2", VB_FLOAT32, 0, 0, "GPU-1", "c0ffee");
    commit_as(s, "v2", VB_BFLOAT16, 0, 6, "GPU-1", "c0ffee");
    vb_store_close(s);
    OK(vb_finalize(out, NULL, &err));
    answers(out, "SELECT metric, n_videos, n_units, round(estimate, 9) AS estimate FROM comparison WHERE metric IN ('jf', 'latency_median_ms')",
            "metric,n_videos,n_units,estimate\r\njf,2,4,0.00225\r\nlatency_median_ms,2,2,4.5\r\n");
    answers(out, "SELECT n_objects, n_paired_objects,"
                 " abs(speedup * speedup * speedup * speedup * 54.5 * 56.5 * 58.5 * 58.5 / (52.5 * 52.5 * 52.5 * 52.5) - 1) < 1e-9 AS geometric"
                 " FROM dtype_comparison WHERE dtype = 'bfloat16'",
            "n_objects,n_paired_objects,geometric\r\n4,4,1\r\n");
}

/* Repetitions of a video with other weights: pairs are of the same weights, and the report says that figures are of both. */
static void weights_are_kept_apart_or_told(void **state)
{
    const char *out = *state;
    vb_store *s;

    OK(vb_store_open(&s, out, NULL, &err));
    commit_as(s, "v1", VB_FLOAT32, 0, 0, "GPU-1", "seed:1");
    commit_as(s, "v1", VB_BFLOAT16, 0, 2, "GPU-1", "seed:1");
    assert_false(says(out, VB_REPORT_TABLE, "different weights"));
    commit_as(s, "v1", VB_FLOAT32, 1, 6, "GPU-1", "seed:2");
    commit_as(s, "v1", VB_BFLOAT16, 1, 2, "GPU-1", "seed:2");
    commit_as(s, "v1", VB_BFLOAT16, 2, 2, "GPU-1", "seed:3");
    vb_store_close(s);
    OK(vb_finalize(out, NULL, &err));
    answers(out, "SELECT n_repetitions, round(jf_delta, 9) AS jf_delta, latency_median_delta_ms FROM video_comparison"
                 " WHERE dtype = 'bfloat16' ORDER BY jf_delta",
            "n_repetitions,jf_delta,latency_median_delta_ms\r\n1,,\r\n1,-0.002,-4\r\n1,0.001,2\r\n");
    assert_true(says(out, VB_REPORT_TABLE, "edgetam: trials with 3 different weights"));
}

static void query_only_reads(void **state)
{
    static const char *const refused[] = {
        "DELETE FROM trial", "UPDATE store SET epoch = 9", "DROP TABLE trial", "CREATE TABLE x (y)", "ATTACH 'x.db' AS x",
        "PRAGMA journal_mode = WAL", "PRAGMA user_version", "VACUUM", "SELECT load_extension('x.so')", "BEGIN", "SELECT 1; SELECT 2",
        "SELECT 1; DELETE FROM trial", "", "-- nothing", "SELECT nope FROM trial", "SELECT writefile('x', 'y')",
        "WITH x AS (SELECT 1) INSERT INTO store SELECT 2, 3, '', ''", "EXPLAIN DELETE FROM trial"};
    const char *out = *state;
    vb_status st;

    fill(out);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char *text = ask(out, refused[i], &st);

        if (st != VB_EARG)
            fail_msg("'%s' gave status %d", refused[i], st);
        free(text);
    }
    /* Memory and temporary files are bounded as well: this would sort 600 MB. */
    free(ask(out, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)"
                  " SELECT length(hex(zeroblob(5000000)) || i) FROM n ORDER BY hex(zeroblob(5000000)) || i", &st));
    assert_int_not_equal(st, VB_OK);
    answers(out, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT sum(i) AS s FROM n; -- end", "s\r\n6\r\n");
    answers(out, "SELECT count(*) AS n FROM trial", "n\r\n6\r\n");
}

static char *text_of(const char *file)
{
    static char text[1 << 16];
    FILE *f = fopen(file, "r");

    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

static void export_gives_whole_views(void **state)
{
    const char *out = *state;
    char file[600], path[700];
    vb_err err;
    vb_db *db;

    fill(out);
    snprintf(file, sizeof file, "%s/export", out);
    OK(vb_report_export(out, NULL, VB_REPORT_CSV, file, &err));
    assert_non_null(strstr(text_of(file), "dtype_comparison,view\r\n"));
    OK(vb_report_export(out, "failures", VB_REPORT_JSON, file, &err));
    /* what cannot be exported, or not to its last row, leaves the file as it was */
    snprintf(path, sizeof path, "%s/summary.db", out);
    OK(vb_db_open(&db, path, VB_DB_WRITE, &err));
    OK(vb_db_exec(db, "CREATE VIEW breaks AS SELECT 1 AS n UNION ALL SELECT abs(-9223372036854775807 - 1)", &err));
    vb_db_close(db);
    assert_int_not_equal(vb_report_export(out, "breaks", VB_REPORT_CSV, file, &err), VB_OK);
    snprintf(path, sizeof path, "%s.%ld.tmp", file, (long)getpid());
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(vb_report_export(out, "no\"such", VB_REPORT_CSV, file, &err), VB_EARG);
    assert_int_equal(vb_report_export("/nonexistent", "trial", VB_REPORT_CSV, file, &err), VB_EARG);
    assert_non_null(strstr(text_of(file), "\"reason\": \"device memory: \\u001b[31m1 GiB wanted\""));
}

static void lost_shard_is_named(void **state)
{
    const char *out = *state;
    char path[600];
    vb_err err;

    fill(out);
    snprintf(path, sizeof path, "%s/shards/v1/edgetam,point,512,float16,bank-bfloat16,stream_r0.h5", out);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(vb_finalize(out, NULL, &err), VB_ESTORE);
    assert_non_null(strstr(err.msg, "float16"));
    snprintf(path, sizeof path, "%s/.tmp-results.h5", out);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void state_folder_gives_a_copy(void **state)
{
    const char *out = *state;
    char elsewhere[256], before[65], after[65];
    struct timespec unused;
    vb_store *s;

    sample_folder(elsewhere);
    OK(vb_store_open(&s, out, elsewhere, &err));
    commit(s, "v1", VB_FLOAT32, 0, 1);
    vb_store_close(s);
    OK(vb_finalize(out, elsewhere, &err));
    hash_and_time(out, "summary.db", before, &unused);
    OK(vb_finalize(out, NULL, &err));
    hash_and_time(out, "summary.db", after, &unused);
    assert_string_equal(before, after);
    sample_remove(elsewhere); /* the copy stands alone */
    answers(out, "SELECT count(*) AS n FROM record", "n\r\n1\r\n");
}

/* A link where finalize puts a file is replaced or refused, and what it leads to stays; the folder itself may lie behind one. */
static void links_are_not_written_through(void **state)
{
    static const char *const names[] = {".tmp-results.h5", "results.h5", ".tmp-summary.db", "summary.db"};
    const char *out = *state;
    char elsewhere[256], victim[300], path[600], text[32];
    vb_store *s;
    vb_err err;
    FILE *f;

    sample_folder(elsewhere);
    snprintf(victim, sizeof victim, "%s/victim", elsewhere);
    assert_non_null(f = fopen(victim, "w"));
    fputs("of value", f);
    fclose(f);
    OK(vb_store_open(&s, out, elsewhere, &err));
    commit(s, "v1", VB_FLOAT32, 0, 1);
    vb_store_close(s);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", out, names[i]);
        assert_int_equal(symlink(victim, path), 0);
    }
    OK(vb_finalize(out, NULL, &err));
    assert_non_null(f = fopen(victim, "r"));
    assert_non_null(fgets(text, sizeof text, f));
    fclose(f);
    assert_string_equal(text, "of value");
    sample_remove(elsewhere);
    snprintf(path, sizeof path, "%s-link", out);
    assert_int_equal(symlink(out, path), 0);
    answers(path, "SELECT count(*) AS n FROM record", "n\r\n1\r\n");
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof path, "%s/summary.db", out);
    snprintf(victim, sizeof victim, "%s/real.db", out);
    assert_int_equal(rename(path, victim), 0);
    assert_int_equal(symlink(victim, path), 0);
    assert_int_equal(vb_store_open(&s, out, NULL, &err), VB_ESTORE);
    assert_non_null(strstr(err.msg, "symbolic link"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(second_finalize_changes_nothing),
        TEST(order_of_commits_does_not_matter),
        TEST(derived_numbers_come_from_the_shards),
        TEST(results_file_holds_every_row),
        TEST(report_is_the_same_before_and_after),
        TEST(devices_are_separate),
        TEST(report_says_what_is_missing),
        TEST(report_says_of_how_many_videos_a_difference_is),
        TEST(pairs_of_a_video_are_one_unit),
        TEST(weights_are_kept_apart_or_told),
        TEST(query_only_reads),
        TEST(export_gives_whole_views),
        TEST(lost_shard_is_named),
        TEST(state_folder_gives_a_copy),
        TEST(links_are_not_written_through),
        TEST(masks_are_paired_by_object_and_size),
        TEST(noisy_trials_are_marked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
