/* Files to pixels and back: JPEG by TurboJPEG (ISLOW, fancy upsampling: Pillow's pixels), PNG by libpng.
 * Size limits are checked from the header, before anything is allocated; files over 256 MiB are refused.
 * Links are followed. Errors: VB_EIO, VB_EFORMAT, VB_ENOMEM, each naming the file. */
#ifndef VB_IMAGE_IO_H
#define VB_IMAGE_IO_H

#include "err.h"
#include "mask.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int h, w;
    uint8_t *rgb; /* [h, w, 3], owned; capacity kept between decodes */
    size_t capacity;
    bool fixed; /* rgb is the caller's and stays: a picture that does not fit gives VB_ESHAPE, and its h and w */
} vb_image;

void vb_image_deinit(vb_image *im);

/* A decoder may be used by one thread at a time; it keeps its buffers. */
typedef struct vb_jpeg vb_jpeg;
vb_status vb_jpeg_create(vb_jpeg **out, vb_err *err);
void vb_jpeg_free(vb_jpeg *j);
vb_status vb_jpeg_decode(vb_jpeg *j, const char *path, vb_image *im, vb_err *err);
/* A truncated or corrupt file is VB_EFORMAT, also where libjpeg would only warn. Grey becomes RGB as Pillow's
 * convert("RGB") makes it; CMYK is refused. EXIF orientation is not applied, as in upstream's loader. */
vb_status vb_jpeg_size(const char *path, int *h, int *w, vb_err *err); /* header only, which needs no decoder */

/* Header only; refuses by it what the readers below would refuse: colour, 16 bits, alpha. */
vb_status vb_png_size(const char *path, int *h, int *w, vb_err *err);
/* Grey or palette PNG of 1 to 8 bits as raw values (SA-V and DAVIS masks), [h, w]; *out malloc'ed. */
vb_status vb_png_read_grey(uint8_t **out, int *h, int *w, const char *path, vb_err *err);
/* Foreground = value != 0. m is inited here to the file's size. */
vb_status vb_png_read_mask(vb_mask *m, const char *path, vb_err *err);
vb_status vb_png_write_mask(const char *path, const vb_mask *m, vb_err *err); /* 8-bit grey, 0 or 255 */
vb_status vb_png_write_rgb(const char *path, const uint8_t *rgb, int h, int w, vb_err *err);

#ifdef __cplusplus
}
#endif
#endif
