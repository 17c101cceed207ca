/* make_dataset DIR: a split of 4 videos of 13 frames in SA-V's layout, 2 objects each, annotated at every 4th frame.
 * Video vWWW is WWW pixels wide (64, 80, 96, 112) and 48 high; object k is a square that moves one pixel per frame. */
#include "image_io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <turbojpeg.h>

enum { VIDEOS = 4, FRAMES = 13, OBJECTS = 2, H = 48, SIDE = 12 };

static void need(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "make_dataset: %s\n", what);
        exit(1);
    }
}

static int left(int object, int frame)
{
    return 4 + object * 28 + frame;
}

static void write_jpeg(const char *path, int w, int frame)
{
    static unsigned char rgb[H][128][3];
    unsigned char *out = NULL;
    unsigned long n = 0;
    tjhandle tj = tjInitCompress();
    FILE *f = fopen(path, "wb");

    for (int y = 0; y < H; y++)
        for (int x = 0; x < w; x++) {
            int in = 0;

            for (int k = 0; k < OBJECTS; k++)
                in |= y >= 16 && y < 16 + SIDE && x >= left(k, frame) && x < left(k, frame) + SIDE;
            memset(rgb[y][x], in ? 220 : (x * 2 + y) & 127, 3);
        }
    need(tj && f && !tjCompress2(tj, &rgb[0][0][0], w, 128 * 3, H, TJPF_RGB, &out, &n, TJSAMP_420, 90, 0) &&
             fwrite(out, 1, n, f) == n && !fclose(f),
         path);
    tjFree(out);
    tjDestroy(tj);
}

static void write_mask(const char *path, int w, int frame, int object)
{
    vb_mask m = {0};
    unsigned char bytes[H][128] = {{0}};
    vb_err err;

    for (int y = 16; y < 16 + SIDE; y++)
        memset(&bytes[y][left(object, frame)], 1, SIDE);
    need(!vb_mask_init(&m, H, w, &err), "mask");
    vb_mask_from_bytes(&m, &bytes[0][0], sizeof bytes[0]);
    need(!vb_png_write_mask(path, &m, &err), path);
    vb_mask_deinit(&m);
}

int main(int argc, char **argv)
{
    char path[4096];

    need(argc == 2, "usage: make_dataset DIR");
    snprintf(path, sizeof path, "%s/JPEGImages_24fps", argv[1]);
    need(!mkdir(argv[1], 0777) && !mkdir(path, 0777), path);
    snprintf(path, sizeof path, "%s/Annotations_6fps", argv[1]);
    need(!mkdir(path, 0777), path);
    for (int v = 0; v < VIDEOS; v++) {
        int w = 64 + 16 * v;

        snprintf(path, sizeof path, "%s/JPEGImages_24fps/v%03d", argv[1], w);
        need(!mkdir(path, 0777), path);
        for (int t = 0; t < FRAMES; t++) {
            snprintf(path, sizeof path, "%s/JPEGImages_24fps/v%03d/%05d.jpg", argv[1], w, t);
            write_jpeg(path, w, t);
        }
        snprintf(path, sizeof path, "%s/Annotations_6fps/v%03d", argv[1], w);
        need(!mkdir(path, 0777), path);
        for (int k = 0; k < OBJECTS; k++) {
            snprintf(path, sizeof path, "%s/Annotations_6fps/v%03d/%03d", argv[1], w, k);
            need(!mkdir(path, 0777), path);
            for (int t = 0; t < FRAMES; t += 4) {
                snprintf(path, sizeof path, "%s/Annotations_6fps/v%03d/%03d/%05d.png", argv[1], w, k, t);
                write_mask(path, w, t, k);
            }
        }
    }
    return 0;
}
