#include "mask_shapes.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *const mask_shape_names[SHAPE_COUNT] = {"random", "threshold", "blobs", "spiral", "corners", "checkerboard", "dots",
                                                   "comb", "serpentine", "rings", "stripes", "full", "empty"};

uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

int draw_int(uint64_t *state, int least, int most)
{
    return least + (int)(draw(state) % (uint64_t)(most - least + 1));
}

static void noise(uint8_t *fg, int h, int w, int percent, uint64_t *state)
{
    for (int i = 0; i < h * w; i++)
        fg[i] = draw_int(state, 0, 99) < percent;
}

/* Bilinear between random heights on a coarse grid, above its middle. */
static void blobs(uint8_t *fg, int h, int w, uint64_t *state)
{
    enum { MOST = 24 };
    const int cell = draw_int(state, 3, 20), shift = draw_int(state, -200, 200);
    int heights[MOST][MOST];

    for (int i = 0; i < MOST * MOST; i++)
        heights[i / MOST][i % MOST] = draw_int(state, 0, 1000);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            const int gy = y / cell % (MOST - 1), gx = x / cell % (MOST - 1), fy = y % cell, fx = x % cell;
            const int above = heights[gy][gx] * (cell - fx) + heights[gy][gx + 1] * fx;
            const int below = heights[gy + 1][gx] * (cell - fx) + heights[gy + 1][gx + 1] * fx;

            fg[y * w + x] = above * (cell - fy) + below * fy > (500 + shift) * cell * cell;
        }
}

/* A path from the first pixel that turns right before it would come within `gap` pixels of itself. */
static void spiral(uint8_t *fg, int h, int w, int gap)
{
    static const int step[4][2] = {{0, 1}, {1, 0}, {0, -1}, {-1, 0}};
    int left = 0, top = 0, right = w - 1, bottom = h - 1, y = 0, x = 0, way = 0;

    fg[0] = 1;
    for (;;) {
        const int end = way == 0 ? right : way == 1 ? bottom : way == 2 ? left : top, at = way % 2 ? y : x;
        int n = abs(end - at);

        if (way == 0 ? end < at : way == 1 ? end < at : end > at)
            return;
        for (; n > 0; n--) {
            y += step[way][0];
            x += step[way][1];
            fg[y * w + x] = 1;
        }
        if (way == 0)
            top += gap + 1;
        else if (way == 1)
            right -= gap + 1;
        else if (way == 2)
            bottom -= gap + 1;
        else
            left += gap + 1;
        if (left > right || top > bottom)
            return;
        way = (way + 1) % 4;
    }
}

static bool pixel(mask_shape shape, int y, int x, int h, int w, int period)
{
    int edge;

    switch (shape) {
    case SHAPE_CORNERS:
        return y % (period + 4) == (x % 8 < 4 ? x % 4 : 4 - x % 4);
    case SHAPE_CHECKERBOARD:
        return (x + y) % 2;
    case SHAPE_DOTS:
        return x % 2 == 0 && y % 2 == 0;
    case SHAPE_COMB:
        return y == h - 1 || x % period == 0;
    case SHAPE_SERPENTINE:
        return x % period == 0 || y == (x / period % 2 ? 0 : h - 1);
    case SHAPE_RINGS:
        edge = y < h - 1 - y ? y : h - 1 - y;
        edge = edge < x ? edge : x;
        edge = edge < w - 1 - x ? edge : w - 1 - x;
        return edge % period == 0;
    case SHAPE_STRIPES:
        return (x + y) % period == 0;
    case SHAPE_FULL:
        return true;
    default:
        return false;
    }
}

static void flip(uint8_t *fg, int h, int w, bool rows, bool columns)
{
    for (int y = 0; rows && y < h / 2; y++)
        for (int x = 0; x < w; x++) {
            const uint8_t kept = fg[y * w + x];

            fg[y * w + x] = fg[(h - 1 - y) * w + x];
            fg[(h - 1 - y) * w + x] = kept;
        }
    for (int y = 0; columns && y < h; y++)
        for (int x = 0; x < w / 2; x++) {
            const uint8_t kept = fg[y * w + x];

            fg[y * w + x] = fg[y * w + w - 1 - x];
            fg[y * w + w - 1 - x] = kept;
        }
}

void mask_shape_draw(uint8_t *fg, int h, int w, mask_shape shape, uint64_t *state)
{
    const int period = draw_int(state, 2, 5);

    memset(fg, 0, (size_t)h * (size_t)w);
    if (shape == SHAPE_RANDOM)
        noise(fg, h, w, draw_int(state, 1, 99), state);
    else if (shape == SHAPE_THRESHOLD)
        noise(fg, h, w, 41, state);
    else if (shape == SHAPE_BLOBS)
        blobs(fg, h, w, state);
    else if (shape == SHAPE_SPIRAL)
        spiral(fg, h, w, draw_int(state, 1, 3));
    else
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++)
                fg[y * w + x] = pixel(shape, y, x, h, w, period);
    flip(fg, h, w, draw_int(state, 0, 1), draw_int(state, 0, 1));
    if (shape != SHAPE_FULL && shape != SHAPE_EMPTY && draw_int(state, 0, 2) == 0)
        for (int i = 0; i < h * w; i++)
            fg[i] = !fg[i];
}
