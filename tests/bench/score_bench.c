/* score_bench [GT.png PREDICTION.png]: processor time to score one object on one frame in memory, on one core. Not a test:
 * figures of the machine that it runs on.
 *
 * J and F of 1280x720 masks of several kinds (or of the two files), and the mask's run-length text that a stored mask costs
 * besides. The prediction is the ground truth moved by a few pixels, as a tracker's is; noise is the worst that a mask can be. */
#include "image_io.h"
#include "metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { H = 720, W = 1280, BLOBS = 40, ROUNDS = 7 };
static const double ROUND_MS = 40;

static void need(vb_status st, const vb_err *err)
{
    if (st == VB_OK)
        return;
    fprintf(stderr, "score_bench: %s\n", err->msg);
    exit(1);
}

/* Of this thread, so that other work on the machine counts as little as it can. */
static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void ellipse(uint8_t *v, int cx, int cy, int rx, int ry)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            double a = (double)(x - cx) / rx, b = (double)(y - cy) / ry;

            v[y * W + x] |= a * a + b * b < 1;
        }
}

static void draw_small(uint8_t *v, int move) { ellipse(v, 300 + move, 200, 70, 50); }
static void draw_large(uint8_t *v, int move) { ellipse(v, 640 + move, 360, 480, 280); }
static void draw_blobs(uint8_t *v, int move)
{
    uint32_t state = 7;

    for (int i = 0; i < BLOBS; i++) {
        int x = (int)(next_random(&state) % W), y = (int)(next_random(&state) % H), r = 8 + (int)(next_random(&state) % 60);

        ellipse(v, x + move, y, r, r / 2 + 4);
    }
}
static void draw_noise(uint8_t *v, int move)
{
    uint32_t state = 11 + (uint32_t)move;

    for (int i = 0; i < H * W; i++)
        v[i] = next_random(&state) & 1;
}
static void draw_full(uint8_t *v, int move) { memset(v, 1, (size_t)(H * W - move)); }

static const struct {
    const char *name;
    void (*draw)(uint8_t *v, int move);
} kinds[] = {{"small", draw_small}, {"large", draw_large}, {"forty blobs", draw_blobs}, {"full", draw_full}, {"noise", draw_noise}};

/* The least of the rounds' means: other work only ever adds. */
static void time_pair(const char *name, const vb_mask *truth, const vb_mask *mask)
{
    double j = 0, f = 0, score_ms = 1e9, text_ms = 1e9;
    vb_scorer *scorer;
    vb_err err;

    need(vb_scorer_create(&scorer, truth->h, truth->w, VB_SAV_BOUND, &err), &err);
    for (int round = 0; round < ROUNDS; round++) {
        double start = cpu_ms(), spent;
        int n = 0;

        do {
            need(vb_score_frame(scorer, &j, &f, mask, truth, &err), &err);
            n++;
        } while ((spent = cpu_ms() - start) < ROUND_MS);
        score_ms = spent / n < score_ms ? spent / n : score_ms;
        start = cpu_ms();
        n = 0;
        do {
            char *text;

            need(vb_mask_rle(&text, mask, &err), &err);
            free(text);
            n++;
        } while ((spent = cpu_ms() - start) < ROUND_MS);
        text_ms = spent / n < text_ms ? spent / n : text_ms;
    }
    vb_scorer_free(scorer);
    printf("| %s | %dx%d | %.1f | %.4f | %.4f | %.3f | %.3f |\n", name, truth->w, truth->h, 100.0 * (double)vb_mask_area(truth) / truth->h / truth->w, j, f,
           score_ms, text_ms);
}

int main(int argc, char **argv)
{
    uint8_t *v = malloc((size_t)H * W);
    vb_mask truth = {0}, mask = {0};
    vb_err err;

    if (!v || (argc != 1 && argc != 3)) {
        fprintf(stderr, "usage: score_bench [GT.png PREDICTION.png]\n");
        return 2;
    }
    printf("| masks | size | area %% | J | F | J and F, ms | run-length text, ms |\n|---|---|---|---|---|---|---|\n");
    if (argc == 3) {
        need(vb_png_read_mask(&truth, argv[1], &err), &err);
        need(vb_png_read_mask(&mask, argv[2], &err), &err);
        time_pair("files", &truth, &mask);
    } else {
        need(vb_mask_init(&truth, H, W, &err), &err);
        need(vb_mask_init(&mask, H, W, &err), &err);
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
            memset(v, 0, (size_t)H * W);
            kinds[i].draw(v, 0);
            vb_mask_from_bytes(&truth, v, W);
            memset(v, 0, (size_t)H * W);
            kinds[i].draw(v, 5);
            vb_mask_from_bytes(&mask, v, W);
            time_pair(kinds[i].name, &truth, &mask);
        }
    }
    vb_mask_deinit(&truth);
    vb_mask_deinit(&mask);
    free(v);
    return 0;
}
