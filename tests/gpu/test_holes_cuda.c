/* Hole filling and sprinkle removal on the device against the CPU code against a flood fill of this file, pixel by pixel: 10 000 masks, or as
 * many as the first argument says. Then its time beside that of a resize. Ends with 77 where there is no GPU.
 * One program that needs the driver and the C library alone, to be taken along to a machine with a GPU. */
#include "holes.h"
#include "holes_cuda.h"
#include "mask_shapes.h"
#include "resize_cuda.h"

#include <cuda_runtime_api.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BATCH = 6, MAX_PIXELS = 1 << 20, MAX_REPORTS = 10 };

typedef struct { /* [MAX_BATCH * MAX_PIXELS] each */
    uint8_t *fg;
    float *logits, *expected, *got;
    int32_t *labels, *areas, *flood_labels, *flood_areas, *got_labels, *got_areas;
    int32_t *stack; /* [MAX_PIXELS] */
} host_buffers;

typedef struct {
    uint8_t *fg;
    float *logits;
    int32_t *labels, *areas;
    int64_t *filled;
    void *workspace;
} device_buffers;

typedef struct {
    long masks, components, filled, removed, bad;
    long by_shape[SHAPE_COUNT];
} tally;

static void need(cudaError_t e, const char *what)
{
    if (e == cudaSuccess)
        return;
    fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(e));
    exit(3);
}

static void need_ok(vb_status st, const vb_err *err)
{
    if (st == VB_OK)
        return;
    fprintf(stderr, "%s\n", err->msg);
    exit(3);
}

static void *on_host(size_t bytes)
{
    void *p = malloc(bytes);

    if (!p) {
        fprintf(stderr, "host memory: %zu bytes\n", bytes);
        exit(3);
    }
    return p;
}

static void *on_device(size_t bytes)
{
    void *p = NULL;

    need(cudaMalloc(&p, bytes), "device memory");
    return p;
}

/* The rule itself: from each unlabelled pixel in row order to all that can be reached over its eight neighbours. */
static long flood(int32_t *labels, int32_t *areas, const uint8_t *fg, int h, int w, int32_t *stack)
{
    long components = 0;

    memset(labels, 0, (size_t)h * (size_t)w * sizeof *labels);
    memset(areas, 0, (size_t)h * (size_t)w * sizeof *areas);
    for (int32_t first = 0; first < h * w; first++) {
        int32_t top = 0, area = 0;

        if (!fg[first] || labels[first])
            continue;
        components++;
        labels[first] = first + 1;
        stack[top++] = first;
        while (top > 0) {
            const int32_t p = stack[--top];

            area++;
            for (int dy = -1; dy <= 1; dy++)
                for (int dx = -1; dx <= 1; dx++) {
                    const int y = p / w + dy, x = p % w + dx;

                    if (y < 0 || y >= h || x < 0 || x >= w || !fg[y * w + x] || labels[y * w + x])
                        continue;
                    labels[y * w + x] = first + 1;
                    stack[top++] = y * w + x;
                }
        }
        areas[first] = area;
    }
    for (int32_t p = 0; p < h * w; p++)
        if (labels[p])
            areas[p] = areas[labels[p] - 1];
    return components;
}

/* Any background value where fg is set, any other where not. */
static void logits_of(float *logits, const uint8_t *fg, int n, uint64_t *state)
{
    const float background[4] = {0.0f, -0.0f, -7.5f, -INFINITY}, other[4] = {0.1f, 3.0f, INFINITY, NAN};

    for (int i = 0; i < n; i++)
        logits[i] = (fg[i] ? background : other)[draw(state) % 4];
}

static void report(tally *t, const char *what, mask_shape shape, int h, int w, long at)
{
    if (t->bad++ < MAX_REPORTS)
        printf("FAIL %s, %s %d x %d: pixel %ld differs\n", what, mask_shape_names[shape], w, h, at);
}

/* The first place where two arrays differ, -1: nowhere. Bit by bit: NaN is NaN. */
static long differs(const void *a, const void *b, size_t n)
{
    const uint32_t *x = a, *y = b;

    for (size_t i = 0; i < n; i++)
        if (x[i] != y[i])
            return (long)i;
    return -1;
}

static void compare(tally *t, const host_buffers *c, size_t at, mask_shape shape, int h, int w)
{
    const size_t n = (size_t)h * (size_t)w;
    const struct {
        const char *what;
        const void *a, *b;
    } pairs[] = {
        {"labels: CUDA and flood fill", c->got_labels + at, c->flood_labels + at},
        {"labels: CUDA and CPU", c->got_labels + at, c->labels + at},
        {"areas: CUDA and flood fill", c->got_areas + at, c->flood_areas + at},
        {"areas: CUDA and CPU", c->got_areas + at, c->areas + at},
        {"filled logits: CUDA and CPU", c->got + at, c->expected + at},
    };

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const long where = differs(pairs[i].a, pairs[i].b, n);

        if (where >= 0)
            report(t, pairs[i].what, shape, h, w, where);
    }
}

static int draw_area(uint64_t *state)
{
    static const int max_areas[] = {1, 2, 8, 8, 8, 30, 500, INT32_MAX};

    return max_areas[draw(state) % 8];
}

/* Sprinkles of the masks whose holes are filled: c->expected and d->logits hold them. */
static void check_sprinkles(tally *t, const host_buffers *c, const device_buffers *d, int n, int h, int w, mask_shape shape, uint64_t *state)
{
    const int max_area = draw_area(state);
    const size_t pixels = (size_t)h * (size_t)w, bytes = vb_cuda_fill_holes_workspace(n, h, w);
    int64_t removed = 0, by_flood = 0, got_removed = 3;
    vb_err err;

    for (int i = 0; i < n; i++) {
        const size_t at = (size_t)i * pixels;
        int64_t more = 0;

        for (size_t p = at; p < at + pixels; p++)
            c->fg[p] = c->expected[p] > 0;
        t->components += flood(c->flood_labels + at, c->flood_areas + at, c->fg + at, h, w, c->stack);
        for (size_t p = at; p < at + pixels; p++)
            by_flood += c->flood_areas[p] && c->flood_areas[p] <= max_area;
        need_ok(vb_remove_sprinkles(c->expected + at, h, w, max_area, &more, &err), &err);
        removed += more;
    }
    need(cudaMemcpy(d->filled, &got_removed, sizeof got_removed, cudaMemcpyHostToDevice), "copy");
    need(cudaMemset(d->workspace, 0x5a, bytes), "clear");
    need_ok(vb_cuda_remove_sprinkles(d->logits, n, h, w, max_area, d->filled, d->workspace, bytes, NULL, &err), &err);
    need(cudaMemcpy(c->got, d->logits, pixels * (size_t)n * sizeof(float), cudaMemcpyDeviceToHost), "logits");
    need(cudaMemcpy(&got_removed, d->filled, sizeof got_removed, cudaMemcpyDeviceToHost), "count");
    for (int i = 0; i < n; i++) {
        const long where = differs(c->got + (size_t)i * pixels, c->expected + (size_t)i * pixels, pixels);

        if (where >= 0)
            report(t, "logits without sprinkles: CUDA and CPU", (mask_shape)((shape + i) % SHAPE_COUNT), h, w, where);
    }
    if ((got_removed != removed + 3 || by_flood != removed) && t->bad++ < MAX_REPORTS)
        printf("FAIL sprinkles of %d masks %d x %d: CUDA %lld pixels, CPU %lld, flood fill %lld\n", n, w, h, (long long)got_removed - 3,
               (long long)removed, (long long)by_flood);
    t->removed += (long)removed;
}

/* n masks of one size in one call, each of its own shape. */
static void check_batch(tally *t, const host_buffers *c, const device_buffers *d, int n, int h, int w, mask_shape shape, uint64_t *state)
{
    const int max_area = draw_area(state);
    const size_t pixels = (size_t)h * (size_t)w, all = pixels * (size_t)n, bytes = vb_cuda_fill_holes_workspace(n, h, w);
    int64_t filled = 0, by_flood = 0, got_filled = 5; /* it grows by the count */
    vb_err err;

    for (int i = 0; i < n; i++) {
        const size_t at = (size_t)i * pixels;
        int64_t more = 0;

        mask_shape_draw(c->fg + at, h, w, (mask_shape)((shape + i) % SHAPE_COUNT), state);
        logits_of(c->logits + at, c->fg + at, h * w, state);
        t->components += flood(c->flood_labels + at, c->flood_areas + at, c->fg + at, h, w, c->stack);
        need_ok(vb_label_components(c->labels + at, c->areas + at, c->fg + at, h, w, &err), &err);
        memcpy(c->expected + at, c->logits + at, pixels * sizeof *c->expected);
        need_ok(vb_fill_holes(c->expected + at, h, w, max_area, &more, &err), &err);
        filled += more;
        for (size_t p = at; p < at + pixels; p++)
            by_flood += c->flood_areas[p] && c->flood_areas[p] <= max_area;
    }
    need(cudaMemcpy(d->fg, c->fg, all, cudaMemcpyHostToDevice), "copy");
    need(cudaMemcpy(d->logits, c->logits, all * sizeof(float), cudaMemcpyHostToDevice), "copy");
    need(cudaMemcpy(d->filled, &got_filled, sizeof got_filled, cudaMemcpyHostToDevice), "copy");
    need(cudaMemset(d->workspace, 0xa5, bytes), "clear"); /* its contents are of no meaning */
    need_ok(vb_cuda_label_components(d->labels, d->areas, d->fg, n, h, w, d->workspace, bytes, NULL, &err), &err);
    need_ok(vb_cuda_fill_holes(d->logits, n, h, w, max_area, d->filled, d->workspace, bytes, NULL, &err), &err);
    need(cudaMemcpy(c->got_labels, d->labels, all * sizeof(int32_t), cudaMemcpyDeviceToHost), "labels");
    need(cudaMemcpy(c->got_areas, d->areas, all * sizeof(int32_t), cudaMemcpyDeviceToHost), "areas");
    need(cudaMemcpy(c->got, d->logits, all * sizeof(float), cudaMemcpyDeviceToHost), "logits");
    need(cudaMemcpy(&got_filled, d->filled, sizeof got_filled, cudaMemcpyDeviceToHost), "count");
    for (int i = 0; i < n; i++) {
        const mask_shape one = (mask_shape)((shape + i) % SHAPE_COUNT);

        compare(t, c, (size_t)i * pixels, one, h, w);
        t->by_shape[one]++;
    }
    if ((got_filled != filled + 5 || by_flood != filled) && t->bad++ < MAX_REPORTS)
        printf("FAIL filled pixels of %d masks %d x %d: CUDA %lld, CPU %lld, flood fill %lld\n", n, w, h, (long long)got_filled - 5,
               (long long)filled, (long long)by_flood);
    t->masks += n;
    t->filled += (long)filled;
    check_sprinkles(t, c, d, n, h, w, shape, state);
}

static void draw_size(int *h, int *w, uint64_t *state)
{
    switch (draw_int(state, 0, 9)) {
    case 0: /* one row */
        *h = 1;
        *w = draw_int(state, 1, 3000);
        break;
    case 1: /* one column */
        *h = draw_int(state, 1, 3000);
        *w = 1;
        break;
    case 2: /* tiny */
        *h = draw_int(state, 1, 5);
        *w = draw_int(state, 1, 5);
        break;
    case 3: /* about one tile's borders */
        *h = 16 * draw_int(state, 1, 4) + draw_int(state, -1, 1);
        *w = 32 * draw_int(state, 1, 3) + draw_int(state, -1, 1);
        break;
    default:
        *h = draw_int(state, 1, 130);
        *w = draw_int(state, 1, 130);
        break;
    }
}

/* The sizes of real masks, and a frame. */
static void check_real_sizes(tally *t, const host_buffers *c, const device_buffers *d, uint64_t *state)
{
    static const int sizes[][2] = {{256, 256}, {128, 128}, {192, 192}, {255, 257}, {720, 1280}, {1, 1048576}, {1048576, 1}};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int shape = 0; shape < SHAPE_COUNT; shape++)
            check_batch(t, c, d, 1, sizes[i][0], sizes[i][1], (mask_shape)shape, state);
}

static void must_refuse(tally *t, const char *what, vb_status got, vb_status expected)
{
    if (got != expected && t->bad++ < MAX_REPORTS)
        printf("FAIL %s: status %d, expected %d\n", what, (int)got, (int)expected);
}

static void check_refusals(tally *t, const device_buffers *d)
{
    const size_t bytes = vb_cuda_fill_holes_workspace(2, 8, 8);

    must_refuse(t, "a workspace that is too small", vb_cuda_fill_holes(d->logits, 2, 8, 8, 8, NULL, d->workspace, bytes - 1, NULL, NULL), VB_EARG);
    must_refuse(t, "a mask without rows", vb_cuda_fill_holes(d->logits, 1, 0, 8, 8, NULL, d->workspace, bytes, NULL, NULL), VB_ESHAPE);
    must_refuse(t, "a workspace that is too small", vb_cuda_remove_sprinkles(d->logits, 2, 8, 8, 8, NULL, d->workspace, bytes - 1, NULL, NULL), VB_EARG);
    must_refuse(t, "no mask", vb_cuda_label_components(d->labels, d->areas, d->fg, 0, 8, 8, d->workspace, bytes, NULL, NULL), VB_ESHAPE);
    must_refuse(t, "no count asked for", vb_cuda_fill_holes(d->logits, 2, 8, 8, 8, NULL, d->workspace, bytes, NULL, NULL), VB_OK);
}

enum { TIMED_MASKS = 16, TIMED_SIDE = 256, TIMED_H = 720, TIMED_W = 1280, TIMED_RUNS = 200 };

typedef struct {
    const device_buffers *d;
    float *video; /* [TIMED_MASKS, TIMED_H, TIMED_W] */
} timed;

static void queue_fill(const timed *a)
{
    vb_err err;

    need_ok(vb_cuda_fill_holes(a->d->logits, TIMED_MASKS, TIMED_SIDE, TIMED_SIDE, 8, a->d->filled, a->d->workspace,
                               vb_cuda_fill_holes_workspace(TIMED_MASKS, TIMED_SIDE, TIMED_SIDE), NULL, &err), &err);
}

static void queue_resize(const timed *a)
{
    resize_queue(a->video, TIMED_H, TIMED_W, a->d->logits, TIMED_MASKS, TIMED_SIDE, TIMED_SIDE);
}

static double time_us(void (*queue)(const timed *), const timed *a)
{
    cudaEvent_t from, to;
    float ms = 0;

    need(cudaEventCreate(&from), "event");
    need(cudaEventCreate(&to), "event");
    for (int i = 0; i < TIMED_RUNS / 10; i++)
        queue(a);
    need(cudaEventRecord(from, NULL), "event");
    for (int i = 0; i < TIMED_RUNS; i++)
        queue(a);
    need(cudaEventRecord(to, NULL), "event");
    need(cudaEventSynchronize(to), "timed runs");
    need(cudaEventElapsedTime(&ms, from, to), "time");
    cudaEventDestroy(from);
    cudaEventDestroy(to);
    return ms * 1e3 / TIMED_RUNS;
}

static void print_times(const host_buffers *c, const device_buffers *d, uint64_t *state)
{
    static const mask_shape shapes[] = {SHAPE_BLOBS, SHAPE_THRESHOLD, SHAPE_SERPENTINE};
    const size_t pixels = TIMED_SIDE * TIMED_SIDE;
    const timed a = {d, on_device((size_t)TIMED_MASKS * TIMED_H * TIMED_W * sizeof(float))};

    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        double fill_us, resize_us;

        for (int i = 0; i < TIMED_MASKS; i++) {
            mask_shape_draw(c->fg, TIMED_SIDE, TIMED_SIDE, shapes[k], state);
            for (size_t p = 0; p < pixels; p++)
                c->logits[(size_t)i * pixels + p] = c->fg[p] ? -1.0f : 1.0f;
        }
        need(cudaMemcpy(d->logits, c->logits, TIMED_MASKS * pixels * sizeof(float), cudaMemcpyHostToDevice), "copy");
        fill_us = time_us(queue_fill, &a);
        resize_us = time_us(queue_resize, &a);
        printf("time: %d masks %d x %d, %s: holes %.1f us, resize to %d x %d %.1f us, ratio %.2f\n", TIMED_MASKS, TIMED_SIDE, TIMED_SIDE,
               mask_shape_names[shapes[k]], fill_us, TIMED_W, TIMED_H, resize_us, fill_us / resize_us);
    }
    cudaFree(a.video);
}

int main(int argc, char **argv)
{
    const long wanted = argc > 1 ? atol(argv[1]) : 10000;
    const size_t all = (size_t)MAX_BATCH * MAX_PIXELS;
    struct cudaDeviceProp device;
    uint64_t state = 20250101;
    tally t = {0};
    int n_devices = 0;
    vb_err err;

    if (cudaGetDeviceCount(&n_devices) != cudaSuccess || n_devices == 0) {
        printf("skipped: no CUDA device\n");
        return 77;
    }
    need(cudaGetDeviceProperties(&device, 0), "device 0");
    printf("device: %s, %d.%d\n", device.name, device.major, device.minor);
    need_ok(vb_cuda_holes_check(&err), &err);

    host_buffers c = {.fg = on_host(all), .logits = on_host(all * 4), .expected = on_host(all * 4), .got = on_host(all * 4),
                      .labels = on_host(all * 4), .areas = on_host(all * 4), .flood_labels = on_host(all * 4),
                      .flood_areas = on_host(all * 4), .got_labels = on_host(all * 4), .got_areas = on_host(all * 4),
                      .stack = on_host((size_t)MAX_PIXELS * 4)};
    device_buffers d = {.fg = on_device(all), .logits = on_device(all * 4), .labels = on_device(all * 4), .areas = on_device(all * 4),
                        .filled = on_device(sizeof(int64_t)), .workspace = on_device(vb_cuda_fill_holes_workspace(MAX_BATCH, 1024, 1024))};

    check_refusals(&t, &d);
    check_real_sizes(&t, &c, &d, &state);
    for (int shape = 0; t.masks < wanted; shape = (shape + 1) % SHAPE_COUNT) {
        int h, w;

        draw_size(&h, &w, &state);
        check_batch(&t, &c, &d, draw_int(&state, 1, MAX_BATCH), h, w, (mask_shape)shape, &state);
    }
    printf("masks:");
    for (int i = 0; i < SHAPE_COUNT; i++)
        printf(" %s %ld", mask_shape_names[i], t.by_shape[i]);
    printf("\n");
    print_times(&c, &d, &state);
    printf("%s: %ld masks, %ld components, %ld pixels filled, %ld removed: %ld differences between CUDA, CPU and flood fill\n",
           t.bad ? "FAILED" : "ok", t.masks, t.components, t.filled, t.removed, t.bad);
    free(c.fg);
    free(c.logits);
    free(c.expected);
    free(c.got);
    free(c.labels);
    free(c.areas);
    free(c.flood_labels);
    free(c.flood_areas);
    free(c.got_labels);
    free(c.got_areas);
    free(c.stack);
    cudaFree(d.fg);
    cudaFree(d.logits);
    cudaFree(d.labels);
    cudaFree(d.areas);
    cudaFree(d.filled);
    cudaFree(d.workspace);
    return t.bad ? 1 : 0;
}
