/* Merging output folders; see merge.h. */
#include "merge.h"

#include "cli.h"
#include "json_whole.h"
#include "options.h"
#include "record.h"
#include "shard_file.h"
#include "store_impl.h"
#include "viewer.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    vb_store *to;
    const char *name; /* of the folder that is read */
    int dir;
    vb_db *db;
    vb_merge_counts *counts;
} merging;

typedef struct {
    vb_trial_key key;
    char status[16], shard[512], sha256[65], code[16], reason[512], host[64], device[96];
    int64_t bytes;
} source_row;

static vb_status read_rows(source_row *r, bool *row, sqlite3_stmt *q, const merging *m, vb_err *err)
{
    char tag[VB_TAG_MAX];
    vb_status st = vb_db_step(row, m->db, q, err);

    if (st || !*row)
        return st;
    vb_db_text(r->key.video, sizeof r->key.video, q, 0);
    vb_db_text(tag, sizeof tag, q, 1);
    r->key.repetition = sqlite3_column_int(q, 2);
    vb_db_text(r->status, sizeof r->status, q, 3);
    vb_db_text(r->shard, sizeof r->shard, q, 4);
    vb_db_text(r->sha256, sizeof r->sha256, q, 5);
    vb_db_text(r->code, sizeof r->code, q, 6);
    vb_db_text(r->reason, sizeof r->reason, q, 7);
    vb_db_text(r->host, sizeof r->host, q, 8);
    vb_db_text(r->device, sizeof r->device, q, 9);
    r->bytes = sqlite3_column_int64(q, 10);
    return vb_variant_parse_tag(&r->key.variant, tag, err);
}

/* A record that OUT has already: the same one, or another measurement of the same trial. */
static vb_status count_known(merging *m, const source_row *r, vb_err *err)
{
    char tag[VB_TAG_MAX];
    int64_t same = 0;
    vb_status st;

    vb_variant_tag(tag, &r->key.variant);
    st = vb_db_int(&same, NULL, m->to->db, err,
                   "SELECT count(*) FROM trial t JOIN video v USING (video_id) JOIN variant a USING (variant_id)"
                   " WHERE v.video = ?1 AND a.tag = ?2 AND t.repetition = ?3 AND t.shard_sha256 = ?4",
                   "ssis", r->key.video, tag, (int64_t)r->key.repetition, r->sha256);
    m->counts->known++;
    m->counts->differing += st == VB_OK && !same;
    return st;
}

static vb_status add_done(merging *m, const source_row *r, vb_err *err)
{
    vb_trial_status there;
    uint8_t *bytes = NULL;
    size_t n = 0;
    bool holds, fresh = false;
    vb_err why = {0};
    vb_status st;

    if ((st = vb_store_status(m->to, &r->key, &there, err)))
        return st;
    if (there == VB_TRIAL_DONE)
        return count_known(m, r, err);
    if ((st = vb_shard_file_check(&bytes, &n, &holds, m->dir, r->shard, r->sha256, r->bytes, err)))
        return st;
    if (holds)
        st = vb_store_commit(m->to, &r->key, bytes, n, r->sha256, &fresh, &why);
    if (!holds || st == VB_EFORMAT) {
        vb_log(&m->to->log, VB_LOG_WARN, "%s/%s is missing or not what was recorded: left out", m->name, r->shard);
        m->counts->refused++;
        st = VB_OK;
    } else if (st)
        vb_fail(err, st, "%s", why.msg);
    m->counts->added += fresh;
    free(bytes);
    return st;
}

static vb_status add_failed(merging *m, const source_row *r, vb_err *err)
{
    vb_trial_status there, status = strcmp(r->status, "quarantined") ? VB_TRIAL_FAILED : VB_TRIAL_QUARANTINED;
    vb_status st = vb_store_status(m->to, &r->key, &there, err);

    if (st || there != VB_TRIAL_MISSING)
        return st;
    m->counts->failed++;
    return vb_store_fail(m->to, &r->key, status, r->code, r->reason, r->host, r->device, err);
}

static vb_status add_trials(merging *m, vb_err *err)
{
    sqlite3_stmt *q;
    vb_status st = vb_db_query(&q, m->db, err,
                               "SELECT v.video, a.tag, t.repetition, t.status, t.shard, t.shard_sha256, t.code, t.reason,"
                               " t.failed_host, t.failed_device, t.shard_bytes FROM trial t JOIN video v USING (video_id)"
                               " JOIN variant a USING (variant_id) ORDER BY v.video, a.tag, t.repetition", "");
    source_row r = {.status = ""};
    bool row = false;

    while (st == VB_OK && (st = read_rows(&r, &row, q, m, err)) == VB_OK && row)
        st = strcmp(r.status, "done") ? add_failed(m, &r, err) : add_done(m, &r, err);
    sqlite3_reset(q);
    return st;
}

/* What is unusable in one folder and not in another is usable: records come from where it was. */
static vb_status add_video(merging *m, sqlite3_stmt *q, vb_err *err)
{
    char video[VB_NAME_MAX], error[512];
    int64_t usable = 0;
    vb_status st;

    vb_db_text(video, sizeof video, q, 0);
    vb_db_text(error, sizeof error, q, 5);
    if (*error && ((st = vb_db_int(&usable, NULL, m->to->db, err, "SELECT count(*) FROM video WHERE video = ?1 AND error IS NULL", "s", video)) ||
                   usable))
        return st;
    return vb_store_put_video(m->to, video, sqlite3_column_int(q, 1), sqlite3_column_int(q, 2), sqlite3_column_int(q, 3),
                              sqlite3_column_int(q, 4), *error ? error : NULL, err);
}

static vb_status add_videos(merging *m, vb_err *err)
{
    sqlite3_stmt *q;
    vb_status st = vb_db_query(&q, m->db, err, "SELECT video, coalesce(h, 0), coalesce(w, 0), coalesce(n_frames, 0),"
                               " coalesce(n_objects, 0), error FROM video", "");
    bool row = false;

    while (st == VB_OK && (st = vb_db_step(&row, m->db, q, err)) == VB_OK && row)
        st = add_video(m, q, err);
    sqlite3_reset(q);
    return st;
}

/* Runs keep their names and options; their epochs were of another folder. */
static vb_status add_runs(merging *m, vb_err *err)
{
    sqlite3_stmt *q;
    vb_status st = vb_db_query(&q, m->db, err, "SELECT run_id, started_utc, ended_utc, how, argv, options FROM run", "");
    bool row = false;

    while (st == VB_OK && (st = vb_db_step(&row, m->db, q, err)) == VB_OK && row) {
        const char *text[6];

        for (int i = 0; i < 6; i++)
            text[i] = (const char *)sqlite3_column_text(q, i);
        if ((st = vb_store_begin(m->to, err)))
            break;
        st = vb_db_run(m->to->db, err,
                       "INSERT INTO run (run_id, started_utc, ended_utc, how, argv, options) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
                       " ON CONFLICT (run_id) DO UPDATE SET ended_utc = ?3, how = ?4, argv = ?5, options = ?6",
                       "ssssss", text[0], text[1], text[2], text[3], text[4], text[5]);
        st = vb_store_end(m->to, st, err);
    }
    sqlite3_reset(q);
    return st;
}

/* Attempts that gave no result; the commit makes the rows of the others. */
static vb_status add_attempt(merging *m, sqlite3_stmt *q, vb_err *err)
{
    char video_name[VB_NAME_MAX], tag[VB_TAG_MAX];
    const char *text[7];
    vb_variant v;
    int64_t video, variant, known;
    vb_status st;

    vb_db_text(video_name, sizeof video_name, q, 0);
    vb_db_text(tag, sizeof tag, q, 1);
    for (int i = 0; i < 7; i++)
        text[i] = (const char *)sqlite3_column_text(q, 3 + i);
    if ((st = vb_variant_parse_tag(&v, tag, err)) || (st = vb_store_begin(m->to, err)))
        return st;
    if ((st = vb_record_video(&video, m->to->db, video_name, err)) == VB_OK &&
        (st = vb_record_variant(&variant, m->to->db, &v, err)) == VB_OK &&
        (st = vb_db_int(&known, NULL, m->to->db, err,
                        "SELECT count(*) FROM attempt WHERE video_id = ?1 AND variant_id = ?2 AND repetition = ?3 AND run_id IS ?4"
                        " AND ended_utc = ?5 AND outcome = ?6 AND detail = ?7 AND duration_ms IS ?8", /* several may end in a second */
                        "iiissssd", video, variant, sqlite3_column_int64(q, 2), text[0], text[1], text[4], text[5],
                        vb_db_real(q, 14))) == VB_OK &&
        !known)
        st = vb_db_run(m->to->db, err,
                       "INSERT INTO attempt (video_id, variant_id, repetition, run_id, epoch, ended_utc, host, device, outcome, detail,"
                       " log, signal, exit_code, last_frame, last_stage, duration_ms, counts)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, CAST(?12 AS INTEGER), CAST(?13 AS INTEGER),"
                       " CAST(?14 AS INTEGER), ?15, ?16, ?17)",
                       "iiisissssssdddsdi", video, variant, sqlite3_column_int64(q, 2), text[0], m->to->epoch, text[1], text[2],
                       text[3], text[4], text[5], text[6], vb_db_real(q, 10), vb_db_real(q, 11), vb_db_real(q, 12),
                       (const char *)sqlite3_column_text(q, 13), vb_db_real(q, 14), sqlite3_column_int64(q, 15));
    return vb_store_end(m->to, st, err);
}

static vb_status add_attempts(merging *m, vb_err *err)
{
    sqlite3_stmt *q;
    vb_status st = vb_db_query(&q, m->db, err,
                               "SELECT v.video, a.tag, t.repetition, t.run_id, t.ended_utc, t.host, t.device, t.outcome, t.detail, t.log,"
                               " t.signal, t.exit_code, t.last_frame, t.last_stage, t.duration_ms, t.counts FROM attempt t"
                               " JOIN video v USING (video_id) JOIN variant a USING (variant_id)"
                               " WHERE t.outcome NOT IN ('done', 'adopted') ORDER BY t.attempt_id", "");
    bool row = false;

    while (st == VB_OK && (st = vb_db_step(&row, m->db, q, err)) == VB_OK && row)
        st = add_attempt(m, q, err);
    sqlite3_reset(q);
    return st;
}

static vb_status open_source(vb_db **out, const char *name, vb_err *err)
{
    vb_err why;
    vb_status st = vb_viewer_open(out, name, &why);

    return st ? vb_fail(err, st, "%.400s; a state folder elsewhere is copied in by `savbench finalize`", why.msg) : VB_OK;
}

static vb_status merge_one(merging *m, vb_err *err)
{
    struct stat here, there;
    vb_status st;

    m->db = NULL;
    if ((m->dir = open(m->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return vb_fail(err, VB_EARG, "folder '%s': %s", m->name, strerror(errno));
    if (!fstat(m->dir, &here) && !fstat(m->to->dir, &there) && here.st_dev == there.st_dev && here.st_ino == there.st_ino) {
        st = vb_fail(err, VB_EARG, "'%s' is the folder that is merged into", m->name);
        goto out;
    }
    if ((st = open_source(&m->db, m->name, err)))
        goto out;
    if ((st = add_videos(m, err)) == VB_OK && (st = add_runs(m, err)) == VB_OK && (st = add_attempts(m, err)) == VB_OK)
        st = add_trials(m, err);
out:
    vb_db_close(m->db);
    close(m->dir);
    return st;
}

/* The record of options of a whole: what the parts have, without the slice. */
static vb_status whole_options(char **out, const char *part, vb_err *err)
{
    json_t *o = json_loads(part, 0, NULL);

    *out = NULL;
    if (o && (!json_object_get(o, "slice") || !json_object_set_new(o, "slice", json_null())))
        *out = vb_json_whole(o, JSON_COMPACT);
    json_decref(o);
    return *out ? VB_OK : vb_fail(err, VB_EFORMAT, "the record of a run's options is no JSON object");
}

/* All folders, and OUT where it has records, were run with options that let records be compared. */
static vb_status agree(char **options, vb_store *to, const char *const *in, int n, vb_err *err)
{
    vb_status st = vb_store_last_options(to, options, err);

    for (int i = 0; st == VB_OK && i < n; i++) {
        vb_err why = {0};
        vb_db *db = NULL;
        char *mine = NULL;

        if ((st = vb_viewer_open(&db, in[i], err)) == VB_OK && (st = vb_last_options(&mine, db, err)) == VB_OK && mine) {
            if (!*options)
                st = whole_options(options, mine, err);
            else if ((st = vb_options_same_fixed_records(*options, mine, &why)))
                vb_fail(err, st, "'%s' does not go with the others: %.380s", in[i], why.msg);
        }
        free(mine);
        vb_db_close(db);
    }
    return st;
}

/* Before OUT is made: a slip of the hand leaves no folder behind. */
static vb_status all_are_there(const char *const *in, int n, vb_err *err)
{
    vb_status st = VB_OK;

    for (int i = 0; i < n && st == VB_OK; i++) {
        vb_db *db = NULL;

        st = open_source(&db, in[i], err);
        vb_db_close(db);
    }
    return st;
}

vb_status vb_merge(vb_merge_counts *c, const char *out_dir, const char *const *in, int n, vb_err *err)
{
    char run_id[40], now[32], *options = NULL, argv[VB_PATH_MAX];
    merging m = {.counts = c};
    vb_recovery recovery;
    vb_status st;

    memset(c, 0, sizeof *c);
    vb_store_now(now);
    snprintf(run_id, sizeof run_id, "merge-%.20s-%d", now, (int)getpid());
    snprintf(argv, sizeof argv, "savbench merge %.3900s", out_dir);
    if ((st = all_are_there(in, n, err)) || (st = vb_store_open(&m.to, out_dir, NULL, err)))
        return st;
    if ((st = vb_store_recover(m.to, &recovery, err)) || (st = agree(&options, m.to, in, n, err)) ||
        (st = vb_store_begin_run(m.to, run_id, options ? options : "{}", argv, err)))
        goto out;
    for (int i = 0; i < n && st == VB_OK; i++) {
        m.name = in[i];
        st = merge_one(&m, err);
    }
    if (st == VB_OK)
        st = vb_store_end_run(m.to, run_id, "done", err);
out:
    free(options);
    vb_store_close(m.to);
    return st;
}

int vb_merge_main(int argc, char **argv)
{
    vb_merge_counts c;
    vb_err err = {0};
    int first;
    vb_status st;

    if (vb_cli_wants_help(argc, argv)) {
        vb_cli_help(stdout, "merge OUT FOLDER...",
                    "Adds the records of output folders to OUT (made where it is missing) and finalizes it: slices of a plan (--slice),\n"
                    "or runs that share no disk. Folders are only read, and may be running. Again adds what is new.", NULL, 0);
        return VB_EXIT_OK;
    }
    if (vb_cli_parse(NULL, 0, NULL, argc, argv, &first, &err))
        return vb_cli_fail("merge", &err);
    if (argc - first < 2) {
        vb_fail(&err, VB_EARG, "usage: savbench merge OUT FOLDER...");
        return vb_cli_fail("merge", &err);
    }
    st = vb_merge(&c, argv[first], (const char *const *)(argv + first + 1), argc - first - 1, &err);
    if (st == VB_OK)
        st = vb_finalize(argv[first], NULL, &err);
    if (st)
        return vb_cli_fail("merge", &err);
    printf("%s: %lld records added, %lld known, %lld failed ones added\n", argv[first], (long long)c.added, (long long)c.known,
           (long long)c.failed);
    if (c.differing)
        printf("%lld of the known ones were measured anew elsewhere: those of %s stay\n", (long long)c.differing, argv[first]);
    if (c.refused)
        printf("%lld left out: their shards are missing or altered; run their folder's command again\n", (long long)c.refused);
    return c.refused ? VB_EXIT_SOME_FAILED : VB_EXIT_OK;
}
