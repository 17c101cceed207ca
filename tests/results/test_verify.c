/* Verify and repair: a sound folder has no differences; every single bit that is turned over, in a shard, in any column that
 * a shard or finalize makes, or in results.h5, is told; and repair mends what can be mended.
 *
 * SAVBENCH_FLIPS=N turns over N bits each of rows, shards and results.h5 (by default one in every fifth column, 500 and
 * 40); SAVBENCH_PART: a share of them (sample.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "columnar.h"
#include "db.h"
#include "sample.h"
#include "shard_file.h"
#include "verify.h"
#include "viewer.h"

#include <fcntl.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHARD "shards/v1/edgetam,point,512,float32,bank-bfloat16,stream_r0.h5"

static uint64_t noise = 88172645463325252u;

static uint64_t draw(uint64_t below)
{
    noise ^= noise << 13;
    noise ^= noise >> 7;
    noise ^= noise << 17;
    return noise % below;
}

static long flips(long fallback)
{
    const char *told = getenv("SAVBENCH_FLIPS");

    return told ? strtol(told, NULL, 10) / sample_part().n : fallback;
}

static void add(vb_store *s, const char *video, vb_dtype dtype, unsigned seed)
{
    vb_trial t;

    sample_trial(&t, video, dtype, 0, seed);
    sample_commit(s, &t);
    vb_trial_deinit(&t);
}

static int make_folder(void **state)
{
    static char out[256];
    vb_store *s;

    sample_folder(out);
    *state = out;
    OK(vb_store_open(&s, out, NULL, &err));
    OK(vb_store_begin_run(s, "run-1", "{}", "savbench run", &err));
    add(s, "v1", VB_FLOAT32, 0);
    add(s, "v1", VB_BFLOAT16, 1);
    add(s, "v2", VB_FLOAT32, 2);
    add(s, "v2", VB_BFLOAT16, 3);
    OK(vb_store_end_run(s, "run-1", "done", &err));
    vb_store_close(s);
    OK(vb_finalize(out, NULL, &err));
    return 0;
}

static int remove_folder(void **state)
{
    sample_remove(*state);
    return 0;
}

/* Differences, and what was said about them (NULL: not wanted). */
static int64_t differences(const char *out, char **said)
{
    char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);
    vb_verdict_on v;
    int64_t found;

    OK(vb_verify(&v, out, to, &err));
    fclose(to);
    found = v.differences;
    vb_verify_deinit(&v);
    if (said)
        *said = text;
    else
        free(text);
    return found;
}

/* As many rows must be taken back; -1: not said. */
static void repair_rows(const char *out, long rows)
{
    char *text = NULL, expected[64];
    size_t n;
    FILE *nowhere = fopen("/dev/null", "w"), *to = open_memstream(&text, &n);
    vb_verdict_on v;

    assert_non_null(nowhere);
    OK(vb_verify(&v, out, nowhere, &err));
    OK(vb_repair(&v, out, to, &err));
    vb_verify_deinit(&v);
    fclose(nowhere);
    fclose(to);
    snprintf(expected, sizeof expected, "repair: %ld rows taken back, %ld shards adopted,", rows, rows);
    if (rows >= 0 && !strstr(text, expected))
        fail_msg("%s, not %s", text, expected);
    free(text);
}

static void repair(const char *out) { repair_rows(out, -1); }

/* A connection that may write anything: what a failing disk or a person would do. */
static vb_db *open_for_harm(const char *out)
{
    char path[300];
    vb_db *db;

    snprintf(path, sizeof path, "%s/summary.db", out);
    OK(vb_db_open(&db, path, VB_DB_WRITE, &err));
    OK(vb_db_exec(db, "PRAGMA foreign_keys=OFF; PRAGMA ignore_check_constraints=ON; PRAGMA synchronous=OFF", &err));
    return db;
}

static void harm(const char *out, const char *sql)
{
    vb_db *db = open_for_harm(out);

    OK(vb_db_exec(db, sql, &err));
    vb_db_close(db);
}

static void turn_over(const char *out, const char *name, long byte, int bit)
{
    char path[600];
    FILE *f;
    int c;

    snprintf(path, sizeof path, "%s/%s", out, name);
    f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, byte, SEEK_SET), 0);
    c = fgetc(f);
    assert_int_not_equal(c, EOF);
    assert_int_equal(fseek(f, byte, SEEK_SET), 0);
    fputc(c ^ 1 << bit, f);
    assert_int_equal(fclose(f), 0);
}

static long size_of(const char *out, const char *name)
{
    char path[600];
    struct stat info;

    snprintf(path, sizeof path, "%s/%s", out, name);
    assert_int_equal(stat(path, &info), 0);
    return (long)info.st_size;
}

static void a_sound_folder_has_no_differences(void **state)
{
    char *said;

    assert_int_equal(differences(*state, &said), 0);
    assert_string_equal(said, "");
    free(said);
}

static void every_bit_of_a_shard_counts(void **state)
{
    long n = flips(500), size = size_of(*state, SHARD);
    int dir = open(*state, O_RDONLY | O_DIRECTORY);
    char sha[80] = "", *said;
    vb_db *db = open_for_harm(*state);
    sqlite3_stmt *q;
    bool row, holds;

    OK(vb_db_query(&q, db, &err, "SELECT shard_sha256 FROM trial WHERE shard = ?1", "s", SHARD));
    OK(vb_db_step(&row, db, q, &err));
    vb_db_text(sha, sizeof sha, q, 0);
    sqlite3_reset(q);
    vb_db_close(db);
    OK(vb_shard_file_check(NULL, NULL, &holds, dir, SHARD, sha, size, &err));
    assert_true(holds);
    for (long i = 0; i < n; i++) { /* what verify asks of each file */
        long byte = (long)draw((uint64_t)size);
        int bit = (int)draw(8);

        turn_over(*state, SHARD, byte, bit);
        OK(vb_shard_file_check(NULL, NULL, &holds, dir, SHARD, sha, size, &err));
        assert_false(holds);
        turn_over(*state, SHARD, byte, bit);
    }
    close(dir);
    turn_over(*state, SHARD, 700, 3);
    assert_int_equal(differences(*state, &said), 1);
    assert_non_null(strstr(said, "float32,bank-bfloat16,stream_r0.h5: missing or altered"));
    free(said);
    printf("shard: %ld bits turned over, all told\n", n);
}

typedef struct {
    char table[40], column[40], keys[120];
} place;

/* Columns that a shard or finalize makes, but for those that say when and in which epoch a row was written. */
static int find_places(place *out, int room, vb_db *db)
{
    static const char *const sql =
        "SELECT m.name, c.name, (SELECT group_concat(k.name) FROM pragma_table_info(m.name) k WHERE k.pk > 0)"
        " FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name IN ('trial', 'trial_object',"
        " 'trial_stage', 'attention', 'trial_pair', 'variant_stage', 'comparison', 'host', 'device_class', 'device', 'variant',"
        " 'provenance', 'object') AND NOT (m.name = 'trial' AND c.name IN ('epoch', 'recorded_utc'))"
        /* numbers of rows: what refers to them is tried */
        " AND NOT (c.pk > 0 AND c.name LIKE '%\\_id' ESCAPE '\\' AND c.name = m.name || '_id') ORDER BY 1, 2";
    sqlite3_stmt *q;
    bool row;
    int n = 0;

    OK(vb_db_query(&q, db, &err, sql, ""));
    for (;;) {
        OK(vb_db_step(&row, db, q, &err));
        if (!row)
            return n;
        assert_true(n < room);
        vb_db_text(out[n].table, sizeof out[n].table, q, 0);
        vb_db_text(out[n].column, sizeof out[n].column, q, 1);
        vb_db_text(out[n++].keys, sizeof out[0].keys, q, 2);
    }
}

/* The value with one bit turned over, bound to place ?1 of change. */
static void bind_changed(sqlite3_stmt *change, sqlite3_stmt *now)
{
    int64_t i;
    double d;
    char text[4096];
    int n;

    switch (sqlite3_column_type(now, 0)) {
    case SQLITE_INTEGER:
        sqlite3_bind_int64(change, 1, sqlite3_column_int64(now, 0) ^ (int64_t)1 << draw(63));
        return;
    case SQLITE_FLOAT:
        d = sqlite3_column_double(now, 0);
        do {
            double turned = d;

            memcpy(&i, &turned, sizeof i);
            i ^= (int64_t)1 << draw(64);
            memcpy(&turned, &i, sizeof i);
            if (turned == turned && turned != d) { /* SQLite has no NaN, and one zero */
                sqlite3_bind_double(change, 1, turned);
                return;
            }
        } while (true);
    case SQLITE_NULL:
        sqlite3_bind_int64(change, 1, 1);
        return;
    default:
        n = snprintf(text, sizeof text, "%s", (const char *)sqlite3_column_text(now, 0));
        if (n == 0)
            strcpy(text, "x");
        else
            text[draw((uint64_t)n)] ^= (char)(1 << draw(7));
        sqlite3_bind_text(change, 1, text, -1, SQLITE_TRANSIENT);
    }
}

typedef struct {
    uint8_t *bytes;
    size_t n;
    char path[300];
} saved_file;

static void save(saved_file *f, const char *out, const char *name)
{
    FILE *in;

    f->n = (size_t)size_of(out, name);
    snprintf(f->path, sizeof f->path, "%s/%s", out, name);
    assert_non_null(f->bytes = malloc(f->n));
    assert_non_null(in = fopen(f->path, "rb"));
    assert_int_equal(fread(f->bytes, 1, f->n, in), f->n);
    fclose(in);
}

static void put_back(const saved_file *f)
{
    FILE *to = fopen(f->path, "wb");

    assert_non_null(to);
    assert_int_equal(fwrite(f->bytes, 1, f->n, to), f->n);
    assert_int_equal(fclose(to), 0);
}

/* false: the database does not let it stand (STRICT, UNIQUE). */
static bool change_one(const char *out, const place *p)
{
    vb_db *db = open_for_harm(out);
    sqlite3 *handle = vb_db_handle(db);
    sqlite3_stmt *now, *change;
    char sql[1200], where[500];
    bool stands;

    snprintf(where, sizeof where, "(SELECT %s FROM \"%s\" ORDER BY %s LIMIT 1 OFFSET abs(%lld) %% (SELECT count(*) FROM \"%s\"))",
             p->keys, p->table, p->keys, (long long)draw(1000), p->table);
    snprintf(sql, sizeof sql, "SELECT \"%s\" FROM \"%s\" WHERE (%s) = %s", p->column, p->table, p->keys, where);
    assert_int_equal(sqlite3_prepare_v2(handle, sql, -1, &now, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(now), SQLITE_ROW);
    snprintf(sql, sizeof sql, "UPDATE \"%s\" SET \"%s\" = ?1 WHERE (%s) = %s", p->table, p->column, p->keys, where);
    assert_int_equal(sqlite3_prepare_v2(handle, sql, -1, &change, NULL), SQLITE_OK);
    bind_changed(change, now);
    sqlite3_finalize(now);
    stands = sqlite3_step(change) == SQLITE_DONE;
    sqlite3_finalize(change);
    vb_db_close(db);
    return stands;
}

static void every_column_counts(void **state)
{
    static place places[300];
    vb_db *db = open_for_harm(*state);
    int n_places = find_places(places, 300, db), missed = 0;
    long n = flips(0), told = 0, refused = 0, step = n ? 1 : 5;
    saved_file before;

    vb_db_close(db);
    save(&before, *state, "summary.db");
    assert_true(n_places > 100);
    for (long i = 0; i < n || i < n_places; i += step) {
        const place *p = &places[i % n_places];

        if (!change_one(*state, p))
            refused++;
        else if (differences(*state, NULL))
            told++;
        else {
            missed++;
            print_message("%s.%s: a change was not told\n", p->table, p->column);
        }
        put_back(&before);
    }
    free(before.bytes);
    assert_int_equal(missed, 0);
    assert_int_equal(differences(*state, NULL), 0);
    printf("rows: %ld bits turned over, in every %s of %d columns: %ld told, %ld refused by the database itself\n", told + refused,
           step == 1 ? "one" : "fifth", n_places, told, refused);
}

static void every_bit_of_results_h5_counts(void **state)
{
    long size = size_of(*state, "results.h5"), n = flips(40);
    char *said;

    for (long i = 0; i < n; i++) {
        long byte = (long)draw((uint64_t)size);
        int bit = (int)draw(8);

        turn_over(*state, "results.h5", byte, bit);
        assert_int_equal(differences(*state, &said), 1);
        assert_string_equal(said, "results.h5: not what finalize wrote: `savbench finalize` makes it anew\n");
        free(said);
        turn_over(*state, "results.h5", byte, bit);
    }
    harm(*state, "UPDATE store SET results_sha256 = NULL");
    assert_int_equal(differences(*state, NULL), 1);
    repair(*state);
    assert_int_equal(differences(*state, NULL), 0);
    printf("results.h5: %ld bits turned over, all told\n", n);
}

static void finalize_makes_a_damaged_results_h5_anew(void **state)
{
    char before[65], after[65], path[300];

    snprintf(path, sizeof path, "%s/results.h5", (char *)*state);
    OK(vb_columnar_hash(before, path, &err));
    assert_int_equal(truncate(path, 2000), 0);
    OK(vb_finalize(*state, NULL, &err));
    OK(vb_columnar_hash(after, path, &err));
    assert_string_equal(after, before);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(differences(*state, NULL), 1);
    OK(vb_finalize(*state, NULL, &err));
    assert_int_equal(differences(*state, NULL), 0);
}

/* A results.h5 that another HDF5 library made is compared by content; what it says is wrong by name, though finalize wrote it so. */
static void results_h5_is_compared_by_content(void **state)
{
    double all[100] = {0};
    char path[300], *said;
    hid_t file, set;

    sample_relay_results(*state);
    assert_int_equal(differences(*state, &said), 0);
    assert_string_equal(said, "");
    free(said);
    snprintf(path, sizeof path, "%s/results.h5", (char *)*state);
    assert_true((file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT)) >= 0);
    assert_true((set = H5Dopen2(file, "/frames/latency_ms", H5P_DEFAULT)) >= 0);
    assert_true(H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, all) >= 0);
    all[99]++;
    assert_true(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, all) >= 0 && H5Dclose(set) >= 0 && H5Fclose(file) >= 0);
    sample_record_results(*state);
    assert_int_equal(differences(*state, &said), 1);
    assert_string_equal(said, "results.h5: /frames/latency_ms\n");
    free(said);
    assert_true((file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT)) >= 0);
    assert_true(H5Ldelete(file, "/agreement", H5P_DEFAULT) >= 0 && H5Fclose(file) >= 0);
    sample_record_results(*state);
    assert_int_equal(differences(*state, &said), 1);
    assert_string_equal(said, "results.h5: /agreement\n");
    free(said);
}

static void files_without_rows_are_told(void **state)
{
    char *said, path[600];
    FILE *f;

    snprintf(path, sizeof path, "%s/shards/v1/.tmp-x.h5", (char *)*state);
    assert_non_null(f = fopen(path, "wb"));
    fclose(f);
    harm(*state, "PRAGMA foreign_keys=ON; DELETE FROM trial WHERE shard = '" SHARD "'");
    assert_int_equal(differences(*state, &said), 2);
    assert_non_null(strstr(said, SHARD ": no row names it"));
    assert_non_null(strstr(said, ".tmp-x.h5: no file of a finished result"));
    free(said);
    repair(*state);
    assert_int_equal(differences(*state, NULL), 0);
}

static void repair_makes_rows_anew(void **state)
{
    char *said;

    harm(*state, "UPDATE trial SET jf = jf + 0.125 WHERE shard = '" SHARD "'");
    harm(*state, "UPDATE trial_stage SET max_ms = 1 WHERE stage = 'latency'");
    assert_int_equal(differences(*state, &said), 5);
    assert_non_null(strstr(said, "jf: summary.db has "));
    free(said);
    repair_rows(*state, 4); /* one of them for two reasons */
    assert_int_equal(differences(*state, NULL), 0);
    harm(*state, "UPDATE trial SET device_id = 99 WHERE shard = '" SHARD "'");
    assert_true(differences(*state, NULL) > 0);
    repair(*state);
    assert_int_equal(differences(*state, NULL), 0);
    harm(*state, "UPDATE comparison SET estimate = 0.5; UPDATE trial_pair SET mask_iou = 0.5");
    assert_true(differences(*state, NULL) > 0);
    repair_rows(*state, 0); /* what finalize makes needs no trial anew */
    assert_int_equal(differences(*state, NULL), 0);
}

/* A view that was altered changes no report, is told and made anew; one of another savbench is no difference. */
static void views_are_this_programs(void **state)
{
    static const char alter[] = "DROP VIEW record; CREATE VIEW record AS SELECT 1 AS jf";
    char *said;
    int64_t n_new = 0, n = 0;
    vb_db *db;

    harm(*state, alter);
    OK(vb_viewer_open_derived(&db, &n_new, *state, &err));
    assert_int_equal(n_new, 0);
    OK(vb_db_int(&n, NULL, db, &err, "SELECT count(tag) FROM record", ""));
    assert_int_equal(n, 4);
    vb_db_close(db);
    assert_int_equal(differences(*state, &said), 1);
    assert_non_null(strstr(said, "views were altered"));
    free(said);
    repair_rows(*state, 0);
    assert_int_equal(differences(*state, NULL), 0);
    harm(*state, alter);
    harm(*state, "UPDATE store SET views_sha256 = ''");
    assert_int_equal(differences(*state, &said), 0);
    assert_non_null(strstr(said, "note: the views are another savbench's"));
    free(said);
    OK(vb_finalize(*state, NULL, &err));
    assert_int_equal(differences(*state, &said), 0);
    assert_string_equal(said, "");
    free(said);
}

static void a_lost_shard_runs_again(void **state)
{
    char path[600];
    vb_trial_key key = sample_key("v1", VB_FLOAT32, 0);
    vb_trial_status status;
    vb_store *s;

    snprintf(path, sizeof path, "%s/" SHARD, (char *)*state);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(differences(*state, NULL), 1);
    repair(*state);
    assert_int_equal(differences(*state, NULL), 0);
    OK(vb_store_open(&s, *state, NULL, &err));
    OK(vb_store_status(s, &key, &status, &err));
    assert_int_equal(status, VB_TRIAL_MISSING);
    vb_store_close(s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sound_folder_has_no_differences),
        TEST(every_bit_of_a_shard_counts),
        TEST(every_column_counts),
        TEST(every_bit_of_results_h5_counts),
        TEST(finalize_makes_a_damaged_results_h5_anew),
        TEST(results_h5_is_compared_by_content),
        TEST(files_without_rows_are_told),
        TEST(repair_makes_rows_anew),
        TEST(views_are_this_programs),
        TEST(a_lost_shard_runs_again),
    };

    noise += (uint64_t)sample_part().k * 0x9e3779b97f4a7c15u; /* others in each share */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
