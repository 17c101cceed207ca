/* State of an output folder: its records, its last run, and the job that is at it; see status.h. */
#include "status.h"

#include "cli.h"
#include "grid.h"
#include "progress.h"
#include "text_safe.h"
#include "viewer.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { SILENT_S = 20 }; /* a job writes its progress every other second */

typedef struct {
    int64_t done, failed, quarantined, lost;
    char run_id[48], started[32], ended[32], how[16];
    json_t *job; /* NULL: none has left word */
    double age_s;
} state;

typedef struct {
    bool json;
} arguments;

/* Deaths have a signal or a code, or one of these names: error, cuda, out of memory may also be what a living engine said of its trial. */
static const char lost_engines[] =
    "SELECT count(*) FROM attempt WHERE signal IS NOT NULL OR exit_code IS NOT NULL OR outcome IN ('signal', 'exit', 'hang', 'no_start')";

static vb_status read_records(state *s, const char *out_dir, vb_err *err)
{
    vb_db *db = NULL;
    sqlite3_stmt *q;
    bool row;
    vb_status st;

    if ((st = vb_viewer_open(&db, out_dir, err)) ||
        (st = vb_db_int(&s->done, NULL, db, err, "SELECT count(*) FROM trial WHERE status = 'done'", "")) ||
        (st = vb_db_int(&s->failed, NULL, db, err, "SELECT count(*) FROM trial WHERE status = 'failed'", "")) ||
        (st = vb_db_int(&s->quarantined, NULL, db, err, "SELECT count(*) FROM trial WHERE status = 'quarantined'", "")) ||
        (st = vb_db_int(&s->lost, NULL, db, err, lost_engines, "")) ||
        (st = vb_db_query(&q, db, err, "SELECT run_id, started_utc, ended_utc, how FROM run ORDER BY epoch DESC, started_utc DESC LIMIT 1", "")) ||
        (st = vb_db_step(&row, db, q, err)))
        goto out;
    if (row) {
        vb_db_text(s->run_id, sizeof s->run_id, q, 0);
        vb_db_text(s->started, sizeof s->started, q, 1);
        vb_db_text(s->ended, sizeof s->ended, q, 2);
        vb_db_text(s->how, sizeof s->how, q, 3);
        sqlite3_reset(q);
    }
out:
    vb_db_close(db);
    return st;
}

static vb_status read_job(state *s, const char *out_dir, vb_err *err)
{
    char *text = NULL;
    vb_status st = vb_progress_read(&text, &s->age_s, out_dir, err);

    if (text)
        s->job = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    return st;
}

static const char *job_state(const state *s)
{
    const char *told = json_string_value(json_object_get(s->job, "state"));

    if (!s->job)
        return s->run_id[0] && !s->ended[0] ? "none; the last run was cut off" : "none";
    if (told && strcmp(told, "running") == 0 && s->age_s > SILENT_S)
        return "silent";
    return told ? told : "unknown";
}

static int64_t whole(const json_t *o, const char *key)
{
    return (int64_t)json_integer_value(json_object_get(o, key));
}

static vb_status cell(vb_grid *g, const char *text, bool right, vb_err *err)
{
    return vb_grid_add(g, text ? text : "", right, err);
}

static vb_status print_workers(const json_t *workers, vb_err *err)
{
    static const char *const heads[] = {"rank", "host", "device", "video", "variant", "frame"};
    static const char *const keys[] = {NULL, "host", "device", "video", "variant"};
    vb_grid *g = NULL;
    vb_status st = vb_grid_create(&g, 6, err);

    for (int i = 0; i < 6 && st == VB_OK; i++)
        st = cell(g, heads[i], i == 0 || i == 5, err);
    for (size_t i = 0; i < json_array_size(workers) && st == VB_OK; i++) {
        const json_t *w = json_array_get(workers, i);
        char text[48];

        snprintf(text, sizeof text, "%lld", (long long)whole(w, "rank"));
        st = cell(g, text, true, err);
        for (int k = 1; k < 5 && st == VB_OK; k++)
            st = cell(g, json_string_value(json_object_get(w, keys[k])), false, err);
        snprintf(text, sizeof text, "%lld of %lld", (long long)whole(w, "frame") + 1, (long long)whole(w, "n_frames"));
        if (st == VB_OK)
            st = cell(g, json_object_get(w, "frame") ? text : "", true, err);
    }
    if (st == VB_OK)
        vb_grid_print(g, "  ", stdout);
    vb_grid_free(g);
    return st;
}

static vb_status print_text(const state *s, const char *out_dir, vb_err *err)
{
    const json_t *workers = json_object_get(s->job, "workers");
    double left_s = json_number_value(json_object_get(s->job, "left_s"));

    printf("%s: %lld done, %lld failed, %lld quarantined; %lld engines lost\n", out_dir, (long long)s->done,
           (long long)s->failed, (long long)s->quarantined, (long long)s->lost);
    if (s->run_id[0])
        printf("last run: %s, from %s%s%s%s%s\n", s->run_id, s->started, s->ended[0] ? " to " : "", s->ended,
               s->how[0] ? ": " : "", s->how);
    printf("job: %s", job_state(s));
    if (s->job) {
        char *host = vb_text_printable(json_string_value(json_object_get(s->job, "host")) ? json_string_value(json_object_get(s->job, "host")) : "?");

        printf(" on %s (process %lld), %lld of %lld trials", host ? host : "?", (long long)whole(s->job, "pid"),
               (long long)(whole(s->job, "done") + whole(s->job, "failed")), (long long)whole(s->job, "total"));
        if (left_s > 0)
            printf(", ETA %ld:%02ld:%02ld", (long)left_s / 3600, (long)left_s / 60 % 60, (long)left_s % 60);
        if (s->age_s > SILENT_S)
            printf(", last heard %.0f s ago", s->age_s);
        free(host);
    }
    putchar('\n');
    return json_array_size(workers) ? print_workers(workers, err) : VB_OK;
}

static vb_status print_json(const state *s, vb_err *err)
{
    json_t *all = json_pack("{s:I, s:I, s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:f, s:O?}", "done", (json_int_t)s->done, "failed",
                            (json_int_t)s->failed, "quarantined", (json_int_t)s->quarantined, "engines_lost",
                            (json_int_t)s->lost, "run_id", s->run_id, "started_utc", s->started, "ended_utc", s->ended, "how",
                            s->how, "state", job_state(s), "age_s", s->age_s, "job", s->job);
    int rc = all ? json_dumpf(all, stdout, JSON_INDENT(2)) : -1;

    json_decref(all);
    putchar('\n');
    return rc ? vb_fail(err, VB_ENOMEM, "state as JSON") : VB_OK;
}

int vb_status_main(int argc, char **argv)
{
    static const vb_opt opts[] = {VB_ROW_FLAG(arguments, json, "json", NULL, "as JSON")};
    static const char usage[] = "status [--json] OUT";
    arguments a = {0};
    state s = {0};
    vb_err err = {VB_OK, ""};
    int first = argc;
    vb_status st;

    if (vb_cli_wants_help(argc, argv)) {
        vb_cli_help(stdout, usage, "What is recorded in a results folder, and how far the job is that writes it.", opts, 1);
        return VB_EXIT_OK;
    }
    if (vb_cli_parse(opts, 1, &a, argc, argv, &first, &err))
        return vb_cli_fail("status", &err);
    if (argc - first != 1) {
        vb_fail(&err, VB_EARG, "usage: savbench %s", usage);
        return vb_cli_fail("status", &err);
    }
    if ((st = read_records(&s, argv[first], &err)) == VB_OK && (st = read_job(&s, argv[first], &err)) == VB_OK)
        st = a.json ? print_json(&s, &err) : print_text(&s, argv[first], &err);
    json_decref(s.job);
    return st ? vb_cli_fail("status", &err) : VB_EXIT_OK;
}
