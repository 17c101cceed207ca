/* A run of the store from start to end; see driver.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "driver.h"

#include "db.h"
#include "hash.h"
#include "merge.h"
#include "report.h"
#include "sample.h"
#include "shard.h"
#include "verify.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    vb_trial_key key;
    uint8_t *bytes;
    size_t n;
    char sha256[65];
} made_shard;

static made_shard shards[DRIVER_TRIALS];
static int n_shards;
static FILE *nowhere;

static void video_name(char name[8], int i)
{
    snprintf(name, 8, "v%02u", (unsigned)i % 100);
}

void driver_prepare(int trials)
{
    n_shards = trials;
    if (!(nowhere = fopen("/dev/null", "w")))
        abort();
    for (int i = 0; i < trials; i++) {
        char video[8];
        vb_trial t;

        video_name(video, i / 2);
        sample_trial(&t, video, i % 2 ? VB_BFLOAT16 : VB_FLOAT32, 0, (unsigned)(i % 7));
        shards[i].key = t.key;
        if (vb_shard_encode(&shards[i].bytes, &shards[i].n, &t, NULL) ||
            vb_sha256(shards[i].sha256, shards[i].bytes, shards[i].n, NULL))
            abort();
        vb_trial_deinit(&t);
    }
}

static vb_status put_plan(vb_store *s, vb_err *err)
{
    vb_status st = VB_OK;

    for (int i = 0; i < n_shards / 2 && st == VB_OK; i++) {
        char video[8];

        video_name(video, i);
        st = vb_store_put_video(s, video, 12, 70, 25, 2, NULL, err);
    }
    return st;
}

/* The odd ones: a trial that fails, and one that lost two engines before. Counted by what is recorded, as the desk does. */
static vb_status put_failures(vb_store *s, vb_err *err)
{
    vb_attempt a = {.host = "nano3", .device = "Orin Nano", .outcome = "signal", .detail = "killed", .signal = 9, .last_frame = 3,
                    .last_stage = "encode", .duration_ms = 10, .counts = true};
    vb_trial_key failing = sample_key("v00", VB_FLOAT16, 0);
    vb_trial_status status;
    int64_t n = 0;
    vb_status st = vb_store_kills(s, &shards[5].key, &n, err);

    for (; n < 2 && st == VB_OK; n++)
        st = vb_store_attempt(s, &shards[5].key, &a, err);
    if (st == VB_OK && (st = vb_store_status(s, &failing, &status, err)) == VB_OK && status == VB_TRIAL_MISSING)
        st = vb_store_fail(s, &failing, VB_TRIAL_FAILED, "EMODEL", "it did not fit", "nano3", "Orin Nano", err);
    return st;
}

/* Of every eight results the last four arrive together. */
static vb_status put_results(vb_store *s, void (*promised)(int trial), vb_err *err)
{
    vb_status st = VB_OK;

    for (int i = 0; i < n_shards && st == VB_OK; i++) {
        bool fresh, together = i % 8 >= 4, last = i % 8 == 7;

        if (i % 8 == 4)
            vb_store_group_begin(s);
        st = vb_store_commit(s, &shards[i].key, shards[i].bytes, shards[i].n, shards[i].sha256, &fresh, err);
        if (last || (together && st)) {
            vb_status written = vb_store_group_end(s, st ? NULL : err);

            st = st ? st : written;
        }
        for (int k = last ? i - 3 : i; k <= i && st == VB_OK && promised && (last || !together); k++)
            promised(k);
    }
    return st;
}

vb_status driver_run(const char *out, void (*promised)(int trial), vb_err *err)
{
    vb_recovery r;
    vb_store *s = NULL;
    vb_status st = vb_store_open(&s, out, NULL, err);

    if (st)
        return st;
    if ((st = vb_store_recover(s, &r, err)) == VB_OK && (st = vb_store_begin_run(s, "run-1", "{}", "savbench run", err)) == VB_OK &&
        (st = put_plan(s, err)) == VB_OK && (st = put_failures(s, err)) == VB_OK &&
        (st = put_results(s, promised, err)) == VB_OK)
        st = vb_store_end_run(s, "run-1", "done", err);
    vb_store_close(s);
    return st ? st : vb_finalize(out, NULL, err);
}

bool driver_keeps(const char *out, const bool *promised, char *why, size_t n)
{
    vb_recovery r;
    vb_err err = {0};
    vb_store *s = NULL;
    vb_trial_status status = VB_TRIAL_MISSING;
    bool good = vb_store_open(&s, out, NULL, &err) == VB_OK && vb_store_recover(s, &r, &err) == VB_OK;

    if (!good)
        snprintf(why, n, "%s", err.msg);
    for (int i = 0; i < n_shards && good; i++)
        if (promised[i] && (vb_store_status(s, &shards[i].key, &status, &err) || status != VB_TRIAL_DONE)) {
            snprintf(why, n, "trial %d was acknowledged and is %s %s", i, vb_trial_status_name(status), err.msg);
            good = false;
        }
    vb_store_close(s);
    return good;
}

static int visible(const struct dirent *e)
{
    return strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
}

static void list_files(FILE *to, const char *folder)
{
    struct dirent **all = NULL;
    int n = scandir(folder, &all, visible, alphasort);

    for (int i = 0; i < n; i++) {
        char path[1024];

        snprintf(path, sizeof path, "%s/%s", folder, all[i]->d_name);
        fprintf(to, "%s\n", all[i]->d_name);
        if (all[i]->d_type == DT_DIR)
            list_files(to, path);
        free(all[i]);
    }
    free(all);
}

/* Everything that is the same however often the run was cut off. */
static const char *const queries[] = {
    "SELECT v.video, a.tag, t.repetition, t.status, t.code, t.reason, t.shard, t.shard_sha256, t.jf, t.fps, t.n_frames FROM trial t"
    " JOIN video v USING (video_id) JOIN variant a USING (variant_id) ORDER BY 1, 2, 3",
    "SELECT v.video, a.tag, count(*), sum(o.jf) FROM trial_object o JOIN trial t USING (trial_id) JOIN video v USING (video_id)"
    " JOIN variant a USING (variant_id) GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT v.video, a.tag, count(*), sum(o.max_ms) FROM trial_stage o JOIN trial t USING (trial_id) JOIN video v USING (video_id)"
    " JOIN variant a USING (variant_id) GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT v.video, a.tag, CASE outcome WHEN 'adopted' THEN 'done' ELSE outcome END AS what, count(*), sum(counts) FROM attempt"
    " JOIN video v USING (video_id) JOIN variant a USING (variant_id) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    "SELECT video, h, w, n_frames, n_objects, error FROM video ORDER BY 1",
    "SELECT count(*), sum(n_masks), sum(jf_delta) FROM trial_pair",
    "SELECT a.tag, metric, n_videos, round(estimate, 9), round(low, 9), round(high, 9) FROM comparison JOIN variant a USING (variant_id) ORDER BY 1, 2",
};

static vb_status read_all(const char *out, FILE *to, vb_err *err)
{
    vb_verdict_on v = {0};
    vb_status st = VB_OK;

    for (size_t i = 0; i < sizeof queries / sizeof *queries && st == VB_OK; i++)
        st = vb_report_query(out, queries[i], VB_REPORT_CSV, to, err);
    if (st == VB_OK && (st = vb_report_dtypes(out, VB_REPORT_CSV, to, err)) == VB_OK && (st = vb_verify(&v, out, to, err)) == VB_OK)
        fprintf(to, "%lld differences\n", (long long)v.differences);
    vb_verify_deinit(&v);
    return st;
}

vb_status driver_read(const char *out, char **text, vb_err *err)
{
    size_t n;
    FILE *to = open_memstream(text, &n);
    vb_status st = to ? read_all(out, to, err) : vb_fail(err, VB_ENOMEM, "room for what is read");

    if (to && fclose(to) && st == VB_OK)
        st = vb_fail(err, VB_ENOMEM, "room for what is read");
    return st;
}

static vb_status print_all(const char *out, vb_err *err)
{
    vb_recorded *records = NULL;
    char *options = NULL;
    int n = 0;
    vb_status st = vb_store_recorded(&records, &n, &options, out, err);

    if (st == VB_OK && (st = vb_report_dtypes(out, VB_REPORT_TABLE, nowhere, err)) == VB_OK &&
        (st = vb_report_query(out, queries[0], VB_REPORT_TABLE, nowhere, err)) == VB_OK &&
        (st = vb_report_query(out, "SELECT x'00ff' AS b WHERE 0", VB_REPORT_JSON, nowhere, err)) == VB_OK)
        st = vb_report_export(out, "record", VB_REPORT_JSON, "/dev/null", err);
    free(records);
    free(options);
    return st;
}

vb_status driver_around(const char *out, const char *into, vb_err *err)
{
    vb_merge_counts counts;
    vb_status st = print_all(out, err);

    if (st == VB_OK && (st = vb_merge(&counts, into, &out, 1, err)) == VB_OK)
        st = vb_finalize(into, NULL, err);
    return st;
}

char *driver_snapshot(const char *out, vb_err *err)
{
    char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);
    vb_status st;

    list_files(to, out);
    st = read_all(out, to, err);
    fclose(to);
    if (st) {
        free(text);
        text = NULL;
    }
    return text;
}
