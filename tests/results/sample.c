/* Sample trials; see sample.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sample.h"

#include "columnar.h"
#include "db.h"
#include "hash.h"
#include "mask.h"
#include "shard.h"

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FRAMES = 25, OBJECTS = 2, H = 12, W = 70 };

vb_trial_key sample_key(const char *video, vb_dtype dtype, int repetition)
{
    vb_trial_key k = {.variant = {{"edgetam", VB_PROMPT_POINT, 512}, dtype, VB_BANK_BFLOAT16, VB_STREAM}, .repetition = repetition};

    snprintf(k.video, sizeof k.video, "%s", video);
    return k;
}

/* A filled box that moves with the frame and grows with the seed. */
static char *box_rle(int frame, int object, unsigned seed)
{
    vb_mask m;
    uint8_t pixels[H * W] = {0};
    char *rle = NULL;
    vb_err err;

    for (int y = 2; y < 8; y++)
        for (int x = 5 + frame % 3 + 20 * object; x < 15 + frame % 3 + 20 * object + (int)seed; x++)
            pixels[y * W + x] = 1;
    assert_int_equal(vb_mask_init(&m, H, W, &err), VB_OK);
    vb_mask_from_bytes(&m, pixels, W);
    assert_int_equal(vb_mask_rle(&rle, &m, &err), VB_OK);
    vb_mask_deinit(&m);
    return rle;
}

static void sample_provenance(vb_provenance *p, unsigned seed)
{
#define SET(name, size) snprintf(p->name, size, #name " %u", seed);
    VB_PROVENANCE(SET)
#undef SET
    /* What decides about device and pairing is the same for all samples. */
    strcpy(p->run_id, "run-1");
    strcpy(p->host, "nano3");
    strcpy(p->arch, "aarch64");
    strcpy(p->device_kind, "cuda");
    strcpy(p->device, "Orin Nano");
    strcpy(p->device_uuid, "GPU-1");
    strcpy(p->capability, "8.7");
    strcpy(p->power_mode, "MAXN");
    strcpy(p->checkpoint_sha256, "c0ffee");
    strcpy(p->point_rule, "center");
    strcpy(p->started_utc, "2026-01-31T12:00:00Z");
}

void sample_trial(vb_trial *t, const char *video, vb_dtype dtype, int repetition, unsigned seed)
{
    int n = 0;

    memset(t, 0, sizeof *t);
    t->key = sample_key(video, dtype, repetition);
    sample_provenance(&t->from, seed);
    t->h = H;
    t->w = W;
    t->n_video_frames = FRAMES;
    t->order_in_block = (int)seed;
    t->threads = 2;
    t->warmup_ms = 1000.5 + seed;
    t->warmup_frames_ms = 700.25 + seed;
    t->warmup_frames = 9 + (int)seed;
    t->warmup_converged = -1 + (int)seed % 3;
    t->wall_ms = 5000.25 + seed;
    t->peak_device_bytes = 300ll << 20;
    t->peak_rss_bytes = 500ll << 20;
    t->weights_bytes = 40ll << 20;
    t->estimate_device_bytes = seed % 2 ? -1 : 310ll << 20;
    t->estimate_rss_bytes = 480ll << 20;
    t->max_batch = 4;
    t->oom_retries = (int)seed % 3;
    t->clicks = 3;
    t->holes_filled = 7 + (int)seed;
    t->sprinkles_removed = 11 + (int)seed;
    t->frames = calloc(FRAMES, sizeof *t->frames);
    t->scores = calloc(FRAMES * OBJECTS, sizeof *t->scores);
    t->objects = calloc(OBJECTS, sizeof *t->objects);
    t->masks = calloc(FRAMES * OBJECTS, sizeof *t->masks);
    t->attention = calloc(1, sizeof *t->attention);
    assert_true(t->frames && t->scores && t->objects && t->masks && t->attention);
    t->n_frames = FRAMES;
    t->n_objects = OBJECTS;
    t->n_attention = 1;
    for (int i = 0; i < FRAMES; i++) {
        vb_frame_row *r = &t->frames[i];

        r->frame_idx = i;
        r->first = r->prompted = i == 0;
        r->annotated = i % 4 == 0;
        r->n_objects = OBJECTS;
        r->latency_ms = i == 0 ? 400 : 40 + i + seed;
        r->start_ms = 100.0 * i;
        r->end_ms = r->start_ms + r->latency_ms;
        r->stored_ms = r->end_ms + 0.5 * i;
        for (int s = 0; s < VB_STAGE_COUNT; s++)
            r->stage_ms[s] = 1 + s + 0.125 * i + seed;
        r->nonfinite = i == 3;
    }
    for (int i = 0; i < FRAMES; i += 4)
        for (int o = 0; o < OBJECTS; o++, n++) {
            t->scores[n] = (vb_score_row){o, i, i > 0, 0.5 + 0.01 * o, 0.75, 0.9f, -1.5f, i, 60 + i, UINT64_MAX - (uint64_t)n};
            t->masks[n] = (vb_mask_row){o, i, box_rle(i, o, seed)};
        }
    t->n_scores = t->n_masks = n;
    for (int o = 0; o < OBJECTS; o++) {
        snprintf(t->objects[o].obj_id, VB_NAME_MAX, "%03d", o);
        t->objects[o].prompt_frame = o;
        strcpy(t->objects[o].prompt, "point:12,40,1");
        t->objects[o].n_counted = 6;
        t->objects[o].j = 0.5 + 0.01 * o + 0.001 * seed;
        t->objects[o].f = 0.75;
    }
    t->overlays = calloc(1, sizeof *t->overlays);
    assert_true(t->overlays && (t->overlays[0].png = malloc(5)));
    memcpy(t->overlays[0].png, "\x89P\0NG", 5); /* a NUL inside: bytes, not text */
    t->overlays[0].frame_idx = 4;
    t->overlays[0].n_bytes = 5;
    t->n_overlays = 1;
    t->attention[0] = (vb_attention_row){"memory.cross", "float16", "flash", "_scaled_dot_product_flash_attention", "",
                                         1, 2, 4096, 8192, 64, 96};
}

void sample_folder(char path[256])
{
    const char *base = getenv("TMPDIR");

    snprintf(path, 256, "%s/savbench-test-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(path));
}

static int remove_one(const char *path, const struct stat *info, int what, struct FTW *walk)
{
    (void)info, (void)what, (void)walk;
    return remove(path);
}

sample_share sample_part(void)
{
    const char *told = getenv("SAVBENCH_PART");
    sample_share s = {0, 1};

    if (told && (sscanf(told, "%ld/%ld", &s.k, &s.n) != 2 || s.k < 0 || s.k >= s.n))
        fail_msg("SAVBENCH_PART='%s': write K/N, K from 0", told);
    return s;
}

void sample_remove(const char *path) { nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

void sample_record_results(const char *out)
{
    char path[300], hash[65];
    vb_db *db;

    snprintf(path, sizeof path, "%s/results.h5", out);
    OK(vb_columnar_hash(hash, path, &err));
    snprintf(path, sizeof path, "%s/summary.db", out);
    OK(vb_db_open(&db, path, VB_DB_WRITE, &err));
    OK(vb_db_run(db, &err, "UPDATE store SET results_sha256 = ?1", "s", hash));
    vb_db_close(db);
}

void sample_relay_results(const char *out)
{
    char path[300];
    FILE *f;

    snprintf(path, sizeof path, "%s/results.h5", out);
    assert_non_null(f = fopen(path, "ab"));
    assert_int_equal(fputc('x', f), 'x'); /* HDF5 does not look beyond its own end */
    assert_int_equal(fclose(f), 0);
    sample_record_results(out);
}

void sample_commit(vb_store *s, const vb_trial *t)
{
    uint8_t *bytes;
    char hash[65];
    size_t n;
    bool fresh;
    vb_err err = {0};

    assert_int_equal(vb_shard_encode(&bytes, &n, t, &err), VB_OK);
    assert_int_equal(vb_sha256(hash, bytes, n, &err), VB_OK);
    if (vb_store_commit(s, &t->key, bytes, n, hash, &fresh, &err) != VB_OK)
        fail_msg("commit: %s", err.msg);
    assert_true(fresh);
    free(bytes);
}
