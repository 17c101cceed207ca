/* Reader: decodes a video's frames ahead of the model, on threads of its own, into a few reused buffers.
 *
 * The ring bounds memory whatever the length of the video. Frames come out in order, each with the time that its
 * decoding took. */
#ifndef VB_READER_H
#define VB_READER_H

#include "image_io.h"

typedef struct vb_reader vb_reader;

typedef struct {
    int n_frames;
    int h, w; /* every frame must have this size: VB_EFORMAT otherwise */
    int threads; /* 1 or more */
    int ahead; /* frames decoded ahead, 1 or more */
    int held;  /* frames that the caller uses at a time; 0: 1 */
    void *ctx;
    void (*path)(void *ctx, int i, char *buf, size_t n); /* file of frame i, 0 <= i < n_frames; any thread */
    /* Where pixels go, by the thread of open and close; NULL: malloc and free. */
    void *mem;
    void *(*alloc)(void *mem, size_t bytes);
    void (*free)(void *mem, void *p, size_t bytes);
} vb_reader_source;

typedef struct {
    vb_image image;
    double decode_ms; /* read and decoded, on a thread of the reader */
} vb_decoded;

/* Starts at frame `first`. src is copied; ctx and mem must live until close. */
vb_status vb_reader_open(vb_reader **out, const vb_reader_source *src, int first, vb_err *err);
/* The next frame; borrowed for `held` calls, this one included. Past the end: VB_EARG. A bad file is the error of its own
 * frame: frames before it come out. */
vb_status vb_reader_next(vb_reader *r, const vb_decoded **out, vb_err *err);
void vb_reader_close(vb_reader *r); /* takes NULL; stops the threads */

#endif
