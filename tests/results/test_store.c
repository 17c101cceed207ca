/* The store: what is acknowledged stays, what is half goes, a second writer is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "db.h"
#include "hash.h"
#include "paths.h"
#include "record.h"
#include "sample.h"
#include "schema.h"
#include "shard.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHARD_OF(video, dtype) "shards/" video "/edgetam,point,512," dtype ",bank-bfloat16,stream_r0.h5"

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

static vb_trial_status status_of(vb_store *s, const char *video, vb_dtype dtype)
{
    vb_trial_key k = sample_key(video, dtype, 0);
    vb_trial_status st;

    OK(vb_store_status(s, &k, &st, &err));
    return st;
}

static int64_t ask(const char *folder, const char *sql)
{
    char path[300];
    vb_db *db;
    int64_t v = -1;

    snprintf(path, sizeof path, "%s/summary.db", folder);
    OK(vb_db_open(&db, path, VB_DB_READ, &err));
    OK(vb_db_int(&v, NULL, db, &err, sql, ""));
    vb_db_close(db);
    return v;
}

static void commit(vb_store *s, const char *video, vb_dtype dtype, unsigned seed)
{
    vb_trial t;

    sample_trial(&t, video, dtype, 0, seed);
    sample_commit(s, &t);
    vb_trial_deinit(&t);
}

static bool exists(const char *folder, const char *name)
{
    char path[600];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static void spoil(const char *folder, const char *name)
{
    char path[600], c;
    int fd;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_true((fd = open(path, O_RDWR)) >= 0);
    assert_int_equal(pread(fd, &c, 1, 3000), 1);
    c ^= 4;
    assert_int_equal(pwrite(fd, &c, 1, 3000), 1);
    close(fd);
}

static void commit_makes_shard_and_rows(void **state)
{
    const char *out = *state;
    char *options;
    vb_store *s;

    OK(vb_store_open(&s, out, NULL, &err));
    OK(vb_store_begin_run(s, "run-1", "{\"seed\": 1}", "savbench run", &err));
    OK(vb_store_last_options(s, &options, &err));
    assert_null(options); /* nothing is written yet */
    assert_int_equal(status_of(s, "v1", VB_FLOAT32), VB_TRIAL_MISSING);
    commit(s, "v1", VB_FLOAT32, 1);
    assert_int_equal(status_of(s, "v1", VB_FLOAT32), VB_TRIAL_DONE);
    assert_true(exists(out, "overlays/v1/edgetam,point,512,float32,bank-bfloat16,stream_r0_00004.png"));
    OK(vb_store_end_run(s, "run-1", "done", &err));
    OK(vb_store_last_options(s, &options, &err));
    assert_string_equal(options, "{\"seed\": 1}");
    free(options);
    vb_store_close(s);
    assert_true(exists(out, SHARD_OF("v1", "float32")));
    assert_int_equal(ask(out, "SELECT count(*) FROM trial"), 1);
    assert_int_equal(ask(out, "SELECT count(*) FROM run WHERE how = 'done' AND argv = 'savbench run' AND epoch = 1"), 1);
    assert_int_equal(ask(out, "SELECT count(*) FROM trial_object WHERE abs(jf - (j + f) / 2) < 1e-12"), 2);
    /* 24 frames after the first: latencies 42 .. 65, nearest rank; memories stored 0.5 i ms after the masks of frame i. */
    assert_int_equal(ask(out, "SELECT median_ms = 53 AND p95_ms = 64 AND max_ms = 65 AND p99_ms IS NULL AND n = 24"
                              " FROM trial_stage WHERE stage = 'latency'"), 1);
    assert_int_equal(ask(out, "SELECT n_timed = 24 AND timed_ms = 1434 AND abs(fps - 24000.0 / 1434) < 1e-9 AND nonfinite = 1 AND clicks = 3 AND holes_filled = 8 AND sprinkles_removed = 12"
                              " AND peak_device_bytes = 300 * 1048576 FROM trial"), 1);
    assert_int_equal(ask(out, "SELECT count(*) FROM device_class WHERE label = 'Orin Nano, MAXN' AND threads = 0"), 1);
}

static void committing_twice_keeps_the_first(void **state)
{
    vb_store *s;
    vb_trial t;
    uint8_t *bytes;
    char hash[65];
    size_t n;
    bool fresh = true;

    OK(vb_store_open(&s, *state, NULL, &err));
    commit(s, "v1", VB_FLOAT32, 1);
    sample_trial(&t, "v1", VB_FLOAT32, 0, 2);
    OK(vb_shard_encode(&bytes, &n, &t, &err));
    OK(vb_sha256(hash, bytes, n, &err));
    OK(vb_store_commit(s, &t.key, bytes, n, hash, &fresh, &err));
    assert_false(fresh);
    vb_store_close(s);
    assert_int_equal(ask(*state, "SELECT count(*) FROM trial WHERE order_in_block = 1"), 1);
    free(bytes);
    vb_trial_deinit(&t);
}

static void wrong_shards_are_refused(void **state)
{
    vb_trial_key other = sample_key("v2", VB_FLOAT32, 0);
    vb_store *s;
    vb_trial t;
    uint8_t *bytes;
    char hash[65];
    size_t n;
    bool fresh;
    vb_err err;

    OK(vb_store_open(&s, *state, NULL, &err));
    sample_trial(&t, "v1", VB_FLOAT32, 0, 1);
    OK(vb_shard_encode(&bytes, &n, &t, &err));
    OK(vb_sha256(hash, bytes, n, &err));
    assert_int_equal(vb_store_commit(s, &other, bytes, n, hash, &fresh, &err), VB_EFORMAT);
    assert_non_null(strstr(err.msg, "another trial"));
    bytes[n / 2] ^= 1;
    assert_int_equal(vb_store_commit(s, &t.key, bytes, n, hash, &fresh, &err), VB_EFORMAT);
    strcpy(other.video, "..");
    assert_int_equal(vb_store_commit(s, &other, bytes, n, hash, &fresh, &err), VB_EARG);
    vb_store_close(s);
    assert_false(exists(*state, "shards"));
    free(bytes);
    vb_trial_deinit(&t);
}

static void failure_is_a_record_until_a_commit(void **state)
{
    vb_trial_key k = sample_key("v1", VB_FLOAT16, 0), other = sample_key("v1", VB_BFLOAT16, 0);
    vb_store *s;

    OK(vb_store_open(&s, *state, NULL, &err));
    OK(vb_store_fail(s, &k, VB_TRIAL_QUARANTINED, "ENOMEM", "device memory", "nano3", "Orin Nano", &err));
    assert_int_equal(status_of(s, "v1", VB_FLOAT16), VB_TRIAL_QUARANTINED);
    OK(vb_store_fail(s, &other, VB_TRIAL_FAILED, "EMODEL", "it did not fit", "nano3", "Orin Nano", &err));
    OK(vb_store_forget_failed(s, &k, &err));
    assert_int_equal(status_of(s, "v1", VB_BFLOAT16), VB_TRIAL_FAILED);
    assert_int_equal(status_of(s, "v1", VB_FLOAT16), VB_TRIAL_MISSING);
    OK(vb_store_fail(s, &k, VB_TRIAL_FAILED, "EMODEL", "it did not fit", "nano3", "Orin Nano", &err));
    commit(s, "v1", VB_FLOAT16, 1);
    assert_int_equal(status_of(s, "v1", VB_FLOAT16), VB_TRIAL_DONE);
    OK(vb_store_fail(s, &k, VB_TRIAL_FAILED, "EMODEL", "too late", "nano3", "Orin Nano", &err));
    assert_int_equal(status_of(s, "v1", VB_FLOAT16), VB_TRIAL_DONE);
    vb_store_close(s);
}

static void attempts_are_rows(void **state)
{
    vb_trial_key k = sample_key("v1", VB_FLOAT16, 0);
    vb_attempt a = {"nano3", "Orin Nano", "signal", "killed", 9, 0, 17, "encode", 1234.5, "last words", true};
    vb_store *s;
    int64_t n = -1;

    OK(vb_store_open(&s, *state, NULL, &err));
    OK(vb_store_kills(s, NULL, &n, &err));
    assert_int_equal(n, 0);
    OK(vb_store_attempt(s, &k, &a, &err));
    vb_store_close(s);
    assert_int_equal(ask(*state, "SELECT signal = 9 AND exit_code IS NULL AND last_frame = 17 AND outcome = 'signal'"
                                 " AND log = 'last words' FROM attempt"), 1);
    /* Counted over all runs, until failures are forgotten. */
    OK(vb_store_open(&s, *state, NULL, &err));
    a.counts = false;
    OK(vb_store_attempt(s, &k, &a, &err));
    OK(vb_store_kills(s, &k, &n, &err));
    assert_int_equal(n, 1);
    k.repetition = 1;
    OK(vb_store_kills(s, &k, &n, &err));
    assert_int_equal(n, 0);
    OK(vb_store_fail(s, &k, VB_TRIAL_FAILED, "EMODEL", "x", "nano3", "Orin Nano", &err));
    OK(vb_store_attempt(s, &k, &a, &err));
    OK(vb_store_forget_failed(s, &k, &err));
    OK(vb_store_kills(s, &k, &n, &err));
    assert_int_equal(n, 0);
    OK(vb_store_kills(s, NULL, &n, &err)); /* those of the other repetition count on */
    assert_int_equal(n, 1);
    vb_store_close(s);
}

static void results_have_attempts(void **state)
{
    vb_store *s;

    OK(vb_store_open(&s, *state, NULL, &err));
    commit(s, "v1", VB_FLOAT32, 1);
    vb_store_close(s);
    assert_int_equal(ask(*state, "SELECT count(*) FROM attempt JOIN trial USING (video_id, variant_id, repetition, run_id)"
                                 " WHERE outcome = 'done' AND duration_ms = warmup_ms + wall_ms AND counts = 0"), 1);
}

/* Nothing of a group is there before its end; one write of it that fails takes no other with it. */
static void a_group_is_one_write(void **state)
{
    vb_trial_key k = sample_key("v2", VB_FLOAT16, 0), bad = sample_key("..", VB_FLOAT16, 0);
    vb_store *s;
    vb_err err;

    OK(vb_store_open(&s, *state, NULL, &err));
    commit(s, "v1", VB_FLOAT32, 1);
    vb_store_group_begin(s);
    commit(s, "v2", VB_FLOAT32, 1);
    OK(vb_store_fail(s, &k, VB_TRIAL_FAILED, "EMODEL", "x", "nano3", "Orin Nano", &err));
    assert_int_equal(vb_store_fail(s, &bad, VB_TRIAL_FAILED, "EMODEL", "x", "nano3", "Orin Nano", &err), VB_EARG);
    assert_int_equal(ask(*state, "SELECT count(*) FROM trial"), 1);
    assert_int_equal(status_of(s, "v2", VB_FLOAT32), VB_TRIAL_DONE);
    OK(vb_store_group_end(s, &err));
    assert_int_equal(ask(*state, "SELECT count(*) FROM trial"), 3);
    commit(s, "v3", VB_FLOAT32, 1);
    assert_int_equal(ask(*state, "SELECT count(*) FROM trial"), 4);
    vb_store_close(s);
}

static void second_writer_is_refused_by_name(void **state)
{
    vb_store *s, *second;
    char me[32];
    vb_err err;

    snprintf(me, sizeof me, "%ld@", (long)getpid());
    OK(vb_store_open(&s, *state, NULL, &err));
    commit(s, "v1", VB_FLOAT32, 1);
    assert_int_equal(vb_store_open(&second, *state, NULL, &err), VB_ESTORE);
    assert_non_null(strstr(err.msg, me));
    vb_store_close(s);
    OK(vb_store_open(&second, *state, NULL, &err));
    vb_store_close(second);
}

static void older_epoch_is_refused(void **state)
{
    char path[300];
    vb_store *s;
    vb_db *db;
    vb_trial_key k = sample_key("v1", VB_FLOAT16, 0);
    vb_err err;

    OK(vb_store_open(&s, *state, NULL, &err));
    commit(s, "v1", VB_FLOAT32, 1);
    snprintf(path, sizeof path, "%s/summary.db", (char *)*state);
    OK(vb_db_open(&db, path, VB_DB_WRITE, &err));
    OK(vb_db_exec(db, "UPDATE store SET epoch = epoch + 1", &err)); /* as a coordinator elsewhere would */
    vb_db_close(db);
    assert_int_equal(vb_store_fail(s, &k, VB_TRIAL_FAILED, "EIO", "x", "h", "d", &err), VB_ESTORE);
    assert_non_null(strstr(err.msg, "taken over"));
    assert_int_equal(status_of(s, "v1", VB_FLOAT16), VB_TRIAL_MISSING);
    vb_store_close(s);
}

static void recovery_makes_folder_and_rows_agree(void **state)
{
    const char *out = *state;
    char path[600];
    vb_recovery r;
    vb_store *s;
    vb_db *db;
    int fd;

    OK(vb_store_open(&s, out, NULL, &err));
    commit(s, "v1", VB_FLOAT32, 1);
    commit(s, "v2", VB_FLOAT32, 1);
    commit(s, "v3", VB_FLOAT32, 1);
    commit(s, "v4", VB_FLOAT32, 1);
    commit(s, "v5", VB_FLOAT32, 1);
    vb_store_close(s);
    /* v1: shard lost. v2: shard altered. v3: row lost. v4: row lost and shard altered. v5: sound. */
    snprintf(path, sizeof path, "%s/" SHARD_OF("v1", "float32"), out);
    assert_int_equal(unlink(path), 0);
    spoil(out, SHARD_OF("v2", "float32"));
    spoil(out, SHARD_OF("v4", "float32"));
    snprintf(path, sizeof path, "%s/summary.db", out);
    OK(vb_db_open(&db, path, VB_DB_WRITE, &err));
    OK(vb_db_exec(db, "DELETE FROM trial WHERE video_id IN (SELECT video_id FROM video WHERE video IN ('v3', 'v4'))", &err));
    vb_db_close(db);
    snprintf(path, sizeof path, "%s/shards/v5/.tmp-x.h5", out);
    assert_true((fd = open(path, O_CREAT | O_WRONLY, 0666)) >= 0);
    close(fd);
    snprintf(path, sizeof path, "%s/overlays/v5/.tmp-x.png", out);
    assert_true((fd = open(path, O_CREAT | O_WRONLY, 0666)) >= 0);
    close(fd);

    OK(vb_store_open(&s, out, NULL, &err));
    OK(vb_store_recover(s, &r, &err));
    assert_int_equal(r.redone, 2);
    assert_int_equal(r.adopted, 1);
    assert_int_equal(r.refused, 2); /* v2's altered shard has no row any more */
    assert_int_equal(r.temporaries, 2);
    assert_int_equal(status_of(s, "v1", VB_FLOAT32), VB_TRIAL_MISSING);
    assert_int_equal(status_of(s, "v2", VB_FLOAT32), VB_TRIAL_MISSING);
    assert_int_equal(status_of(s, "v3", VB_FLOAT32), VB_TRIAL_DONE);
    assert_int_equal(status_of(s, "v4", VB_FLOAT32), VB_TRIAL_MISSING);
    assert_int_equal(status_of(s, "v5", VB_FLOAT32), VB_TRIAL_DONE);
    OK(vb_store_recover(s, &r, &err));
    assert_int_equal(r.redone + r.adopted + r.refused + r.temporaries, 0);
    vb_store_close(s);
    assert_false(exists(out, SHARD_OF("v4", "float32")));
    assert_false(exists(out, "shards/v5/.tmp-x.h5"));
    assert_false(exists(out, "overlays/v5/.tmp-x.png"));
}

static void links_in_the_folder_are_not_followed(void **state)
{
    const char *out = *state;
    char elsewhere[256], path[600], victim[600];
    vb_recovery r;
    vb_store *s;

    OK(vb_store_open(&s, out, NULL, &err));
    commit(s, "v1", VB_FLOAT32, 1);
    vb_store_close(s);
    sample_folder(elsewhere);
    snprintf(path, sizeof path, "%s/" SHARD_OF("v1", "float32"), out);
    snprintf(victim, sizeof victim, "%s/other.h5", elsewhere);
    assert_int_equal(rename(path, victim), 0);
    assert_int_equal(symlink(victim, path), 0);
    OK(vb_store_open(&s, out, NULL, &err));
    OK(vb_store_recover(s, &r, &err));
    assert_int_equal(r.redone, 1);
    assert_int_equal(status_of(s, "v1", VB_FLOAT32), VB_TRIAL_MISSING);
    vb_store_close(s);
    assert_int_equal(access(victim, F_OK), 0);
    sample_remove(elsewhere);
}

static void unusable_videos_are_kept(void **state)
{
    vb_store *s;

    OK(vb_store_open(&s, *state, NULL, &err));
    OK(vb_store_put_video(s, "bad", 0, 0, 0, 0, "frame 00003.jpg is missing", &err));
    OK(vb_store_put_video(s, "v1", 12, 70, 25, 2, NULL, &err));
    vb_store_close(s);
    assert_int_equal(ask(*state, "SELECT count(*) FROM video WHERE (video = 'bad' AND error LIKE 'frame%' AND h IS NULL)"
                                 " OR (video = 'v1' AND error IS NULL AND w = 70)"), 2);
    /* One that became so keeps its sizes, as its records do. */
    OK(vb_store_open(&s, *state, NULL, &err));
    OK(vb_store_put_video(s, "v1", 0, 0, 0, 0, "frame 00003.jpg is missing", &err));
    vb_store_close(s);
    assert_int_equal(ask(*state, "SELECT h = 12 AND w = 70 AND n_frames = 25 AND n_objects = 2 AND error IS NOT NULL FROM video WHERE video = 'v1'"), 1);
}

static void opening_alone_changes_no_file(void **state)
{
    const vb_trial_key done = sample_key("v1", VB_FLOAT32, 0);
    struct stat before, after;
    char path[300];
    vb_recovery r;
    vb_store *s;

    OK(vb_store_open(&s, *state, NULL, &err));
    OK(vb_store_begin_run(s, "run-1", "{}", "savbench run", &err));
    OK(vb_store_put_video(s, "v1", 12, 70, 25, 2, NULL, &err));
    commit(s, "v1", VB_FLOAT32, 1);
    vb_store_close(s);
    OK(vb_finalize(*state, NULL, &err));
    snprintf(path, sizeof path, "%s/summary.db", (char *)*state);
    assert_int_equal(stat(path, &before), 0);
    OK(vb_store_open(&s, *state, NULL, &err));
    OK(vb_store_recover(s, &r, &err));
    OK(vb_store_begin_run(s, "run-2", "{}", "savbench run", &err));
    OK(vb_store_put_video(s, "v1", 12, 70, 25, 2, NULL, &err));
    assert_int_equal(status_of(s, "v1", VB_FLOAT32), VB_TRIAL_DONE);
    OK(vb_store_forget_failed(s, &done, &err));
    OK(vb_store_end_run(s, "run-2", "done", &err));
    vb_store_close(s);
    assert_int_equal(stat(path, &after), 0);
    assert_true(before.st_mtim.tv_sec == after.st_mtim.tv_sec && before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
    assert_int_equal(ask(*state, "SELECT count(*) FROM run"), 1);
}

static void state_folder_is_found_again(void **state)
{
    char elsewhere[256];
    vb_store *s;

    sample_folder(elsewhere);
    OK(vb_store_open(&s, *state, elsewhere, &err));
    commit(s, "v1", VB_FLOAT32, 1);
    vb_store_close(s);
    assert_false(exists(*state, "summary.db"));
    OK(vb_store_open(&s, *state, NULL, &err));
    assert_int_equal(status_of(s, "v1", VB_FLOAT32), VB_TRIAL_DONE);
    vb_store_close(s);
    sample_remove(elsewhere);
}

static void folders_that_cannot_be_are_refused(void **state)
{
    const char *out = *state;
    char longest[VB_PATH_MAX + 1], file[300], below[320];
    vb_store *s;
    vb_err err;

    memset(longest, 'x', VB_PATH_MAX);
    longest[VB_PATH_MAX] = '\0';
    assert_int_equal(vb_store_open(&s, "", NULL, &err), VB_EARG);
    assert_int_equal(vb_store_open(&s, longest, NULL, &err), VB_EARG);
    assert_int_equal(vb_store_open(&s, out, longest, &err), VB_EARG);
    snprintf(file, sizeof file, "%s/file", out);
    snprintf(below, sizeof below, "%s/folder", file);
    assert_int_equal(close(open(file, O_WRONLY | O_CREAT, 0666)), 0);
    assert_int_equal(vb_store_open(&s, below, NULL, &err), VB_EIO);
    assert_non_null(strstr(err.msg, "make folder"));
    assert_int_equal(vb_store_open(&s, out, below, &err), VB_EIO);
    assert_int_equal(vb_finalize(below, NULL, &err), VB_EARG);
    assert_int_equal(vb_finalize(out, below, &err), VB_EARG); /* it makes none */
    assert_non_null(strstr(err.msg, "state folder"));
    assert_true(vb_path_is_remote(below)); /* what cannot be found out is treated with care */
    assert_false(exists(out, "summary.db"));
}

/* More statements than are kept at a time: the oldest goes that nobody reads. */
static void statements_make_room(void **state)
{
    static char sql[200][32];
    sqlite3_stmt *first, *q;
    vb_db *db;
    bool row;

    (void)state;
    OK(vb_db_open(&db, NULL, VB_DB_MEMORY, &err));
    OK(vb_db_query(&first, db, &err, "VALUES (1), (2)", ""));
    OK(vb_db_step(&row, db, first, &err));
    for (int i = 0; i < 200; i++) {
        snprintf(sql[i], sizeof sql[i], "SELECT %d", i);
        OK(vb_db_query(&q, db, &err, sql[i], ""));
        OK(vb_db_step(&row, db, q, &err));
        assert_int_equal(sqlite3_column_int(q, 0), i);
        sqlite3_reset(q);
    }
    OK(vb_db_step(&row, db, first, &err));
    assert_true(row && sqlite3_column_int(first, 0) == 2);
    vb_db_close(db);
}

static void foreign_database_is_left_alone(void **state)
{
    char path[300];
    vb_store *s;
    vb_db *db;
    vb_err err;

    snprintf(path, sizeof path, "%s/summary.db", (char *)*state);
    OK(vb_db_open(&db, path, VB_DB_WRITE, &err));
    OK(vb_db_exec(db, "CREATE TABLE theirs (x)", &err));
    vb_db_close(db);
    assert_int_equal(vb_store_open(&s, *state, NULL, &err), VB_ESTORE);
    assert_non_null(strstr(err.msg, "another program"));
    OK(vb_db_open(&db, path, VB_DB_WRITE, &err));
    OK(vb_db_exec(db, "DROP TABLE theirs; PRAGMA application_id = 1396790850; PRAGMA user_version = 99", &err));
    vb_db_close(db);
    assert_int_equal(vb_store_open(&s, *state, NULL, &err), VB_ESTORE);
    assert_non_null(strstr(err.msg, "newer"));
}

/* Columns came within schema 1 while it was made: a folder from then is refused by name, and its shards stay. */
static void database_of_another_build_is_left_alone(void **state)
{
    static const char *const changes[][2] = {{"ALTER TABLE run DROP COLUMN how", "it lacks run.how)"},
                                             {"ALTER TABLE run ADD COLUMN how TEXT; ALTER TABLE trial ADD COLUMN mood TEXT", "only it has trial.mood)"}};
    vb_store *s;
    vb_db *db;
    vb_err err;
    char path[300];

    OK(vb_store_open(&s, *state, NULL, &err));
    commit(s, "v1", VB_FLOAT32, 1);
    vb_store_close(s);
    snprintf(path, sizeof path, "%s/summary.db", (char *)*state);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        OK(vb_db_open(&db, path, VB_DB_WRITE, &err));
        OK(vb_db_exec(db, changes[i][0], &err));
        assert_int_equal(vb_schema_check(db, path, &err), VB_ESTORE);
        vb_db_close(db);
        assert_int_equal(vb_store_open(&s, *state, NULL, &err), VB_ESTORE);
        assert_non_null(strstr(err.msg, changes[i][1]));
        assert_non_null(strstr(err.msg, "use the build that wrote it"));
    }
}

/* Storing a memory is the device's work unless the next frame was there already and waits for it itself. */
static void a_frame_lasts_until_its_memory_is_stored(void **state)
{
    vb_frame_row frames[] = {
        {.first = 1, .start_ms = 0, .end_ms = 50, .stored_ms = 60},
        {.start_ms = 60, .end_ms = 70, .stored_ms = 74, .latency_ms = 10}, /* the next one comes at once: 10 */
        {.start_ms = 70, .end_ms = 80, .stored_ms = 84, .latency_ms = 10}, /* the next one comes late: 14 */
        {.start_ms = 90, .end_ms = 95, .stored_ms = 99, .latency_ms = 5},  /* the last: 9 */
    };
    vb_trial t = {.frames = frames, .n_frames = 4};
    int64_t n;
    double ms;

    (void)state;
    vb_record_timed(&t, &n, &ms);
    assert_int_equal(n, 3);
    assert_float_equal(ms, 33, 1e-9);
    t.key.variant.mode = VB_OFFLINE;
    vb_record_timed(&t, &n, &ms);
    assert_float_equal(ms, 45, 1e-9); /* from one end to the other */
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(commit_makes_shard_and_rows),
        TEST(committing_twice_keeps_the_first),
        TEST(wrong_shards_are_refused),
        TEST(failure_is_a_record_until_a_commit),
        TEST(attempts_are_rows),
        TEST(results_have_attempts),
        TEST(a_group_is_one_write),
        TEST(second_writer_is_refused_by_name),
        TEST(older_epoch_is_refused),
        TEST(recovery_makes_folder_and_rows_agree),
        TEST(links_in_the_folder_are_not_followed),
        TEST(unusable_videos_are_kept),
        TEST(opening_alone_changes_no_file),
        TEST(state_folder_is_found_again),
        TEST(folders_that_cannot_be_are_refused),
        cmocka_unit_test(statements_make_room),
        TEST(foreign_database_is_left_alone),
        TEST(database_of_another_build_is_left_alone),
        cmocka_unit_test(a_frame_lasts_until_its_memory_is_stored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
