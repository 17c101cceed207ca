/* PNG by libpng: masks and label images in, masks and overlays out.
 *
 * libpng reports errors by longjmp. Whatever must survive one lives in a struct of the calling function, so that
 * no automatic variable is in doubt; the functions that call setjmp own nothing. */
#include "image_io.h"

#include "image_file.h"
#include "types.h"

#include <png.h>

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK_MAX_BYTES = 1 << 20, CHUNK_COUNT = 64 };

typedef struct {
    const char *path;
    png_structp png;
    png_infop info;
    FILE *file;
    jmp_buf jump;
    char reason[128];
    int h, w, passes;
    uint8_t *row;  /* [w] while streaming */
    uint8_t *grey; /* [h, w] when wanted whole */
    vb_mask *mask; /* or bits, row by row */
} png_job;

static void on_error(png_structp png, png_const_charp message)
{
    png_job *job = png_get_error_ptr(png);

    snprintf(job->reason, sizeof job->reason, "%s", message);
    longjmp(job->jump, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message; /* of no effect on pixels: what has one is an error */
}

/* Signature and IHDR, the first 33 bytes: enough for the size, and for refusing what is no mask. */
static vb_status check_header(const uint8_t *b, size_t got, int *h, int *w, const char *path, vb_err *err)
{
    static const uint8_t start[16] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n', 0, 0, 0, 13, 'I', 'H', 'D', 'R'};
    uint32_t width, height;

    if (got < 8 || memcmp(b, start, 8))
        return vb_fail(err, VB_EFORMAT, "'%s': not a PNG file", path);
    if (got < 33)
        return vb_fail(err, VB_EFORMAT, "'%s': truncated PNG: it ends in the header", path);
    if (memcmp(b, start, 16))
        return vb_fail(err, VB_EFORMAT, "'%s': corrupt PNG: no IHDR", path);
    width = png_get_uint_32(b + 16);
    height = png_get_uint_32(b + 20);
    if (width < 1 || height < 1 || width > VB_MAX_SIDE || height > VB_MAX_SIDE)
        return vb_fail(err, VB_EFORMAT, "'%s': %lu x %lu pixels; sides may be 1 to %d", path, (unsigned long)width,
                       (unsigned long)height, VB_MAX_SIDE);
    if ((b[25] != PNG_COLOR_TYPE_GRAY && b[25] != PNG_COLOR_TYPE_PALETTE) || b[24] > 8)
        return vb_fail(err, VB_EFORMAT, "'%s': %d-bit PNG of colour type %d; a mask is grey or palette of 1 to 8 bits", path,
                       b[24], b[25]);
    *w = (int)width;
    *h = (int)height;
    return VB_OK;
}

vb_status vb_png_size(const char *path, int *h, int *w, vb_err *err)
{
    uint8_t b[33];
    size_t size, got = 0;
    int fd;
    vb_status st;

    if ((st = vb_file_open(&fd, &size, path, err)))
        return st;
    st = vb_file_read(fd, b, sizeof b, &got, path, err);
    close(fd);
    return st ? st : check_header(b, got, h, w, path, err);
}

static bool start_reading(png_job *job)
{
    if (setjmp(job->jump))
        return false;
    png_set_user_limits(job->png, VB_MAX_SIDE, VB_MAX_SIDE);
    png_set_chunk_malloc_max(job->png, CHUNK_MAX_BYTES);
    png_set_chunk_cache_max(job->png, CHUNK_COUNT);
    /* text, profiles and the like are of no use here and have been libpng's weak side */
    png_set_keep_unknown_chunks(job->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
#ifdef PNG_IGNORE_ADLER32
    png_set_option(job->png, PNG_IGNORE_ADLER32, PNG_OPTION_ON); /* every chunk has its CRC, which is checked */
#endif
    png_init_io(job->png, job->file);
    png_read_info(job->png, job->info);
    png_set_packing(job->png); /* 1 to 4 bits to bytes, values as they are */
    job->passes = png_set_interlace_handling(job->png);
    png_read_update_info(job->png, job->info);
    return true;
}

static bool read_pixels(png_job *job)
{
    if (setjmp(job->jump))
        return false;
    if (job->grey) {
        for (int pass = 0; pass < job->passes; pass++)
            for (int y = 0; y < job->h; y++)
                png_read_row(job->png, job->grey + (size_t)y * (size_t)job->w, NULL);
    } else {
        for (int y = 0; y < job->h; y++) {
            vb_mask row = {1, job->w, job->mask->stride, job->mask->bits + (size_t)y * job->mask->stride};

            png_read_row(job->png, job->row, NULL);
            vb_mask_from_bytes(&row, job->row, (size_t)job->w);
        }
    }
    png_read_end(job->png, NULL);
    return true;
}

/* Either *grey (malloc'ed) or m, inited here, receives the pixels. */
static vb_status read_png(uint8_t **grey, vb_mask *m, int *h, int *w, const char *path, vb_err *err)
{
    png_job job = {.path = path, .mask = m};
    uint8_t header[33];
    size_t size, got = 0;
    int fd;
    vb_status st;

    if ((st = vb_file_open(&fd, &size, path, err)))
        return st;
    if ((st = vb_file_read(fd, header, sizeof header, &got, path, err)) ||
        (st = check_header(header, got, &job.h, &job.w, path, err)))
        goto out;
    if (lseek(fd, 0, SEEK_SET) < 0 || !(job.file = fdopen(fd, "rb"))) {
        st = vb_fail(err, VB_EIO, "'%s': cannot read: %s", path, strerror(errno));
        goto out;
    }
    fd = -1;
    job.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning);
    job.info = job.png ? png_create_info_struct(job.png) : NULL;
    if (!job.info) {
        st = vb_fail(err, VB_ENOMEM, "host memory for a PNG decoder");
        goto out;
    }
    if (!start_reading(&job)) {
        st = vb_fail(err, VB_EFORMAT, "'%s': truncated or corrupt PNG: %s", path, job.reason);
        goto out;
    }
    if (grey || job.passes > 1)
        job.grey = malloc((size_t)job.h * (size_t)job.w);
    else
        job.row = malloc((size_t)job.w);
    if (!job.grey && !job.row) {
        st = vb_fail(err, VB_ENOMEM, "'%s': host memory for %d x %d pixels", path, job.w, job.h);
        goto out;
    }
    if (m && (st = vb_mask_init(m, job.h, job.w, err)))
        goto out;
    if (!read_pixels(&job)) {
        st = vb_fail(err, VB_EFORMAT, "'%s': truncated or corrupt PNG: %s", path, job.reason);
        goto out;
    }
    if (m && job.grey)
        vb_mask_from_bytes(m, job.grey, (size_t)job.w);
    if (grey) {
        *grey = job.grey;
        job.grey = NULL;
        *h = job.h;
        *w = job.w;
    }
out:
    if (st && m)
        vb_mask_deinit(m);
    png_destroy_read_struct(&job.png, &job.info, NULL);
    if (job.file)
        fclose(job.file);
    if (fd >= 0)
        close(fd);
    free(job.grey);
    free(job.row);
    return st;
}

vb_status vb_png_read_grey(uint8_t **out, int *h, int *w, const char *path, vb_err *err)
{
    *out = NULL;
    return read_png(out, NULL, h, w, path, err);
}

vb_status vb_png_read_mask(vb_mask *m, const char *path, vb_err *err)
{
    memset(m, 0, sizeof *m);
    return read_png(NULL, m, NULL, NULL, path, err);
}

static bool write_pixels(png_job *job, const uint8_t *rgb)
{
    if (setjmp(job->jump))
        return false;
    png_init_io(job->png, job->file);
    png_set_IHDR(job->png, job->info, (png_uint_32)job->w, (png_uint_32)job->h, 8,
                 rgb ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(job->png, 3);
    png_set_filter(job->png, 0, rgb ? PNG_FILTER_SUB | PNG_FILTER_UP | PNG_FILTER_PAETH : PNG_FILTER_UP);
    png_write_info(job->png, job->info);
    for (int y = 0; y < job->h; y++) {
        if (rgb) {
            png_write_row(job->png, rgb + (size_t)y * (size_t)job->w * 3);
            continue;
        }
        for (int x = 0; x < job->w; x++)
            job->row[x] = vb_mask_get(job->mask, y, x) ? 255 : 0;
        png_write_row(job->png, job->row);
    }
    png_write_end(job->png, job->info);
    return true;
}

/* One of rgb and mask; a file that cannot be completed is removed. */
static vb_status write_png(const char *path, const uint8_t *rgb, vb_mask *mask, int h, int w, vb_err *err)
{
    png_job job = {.path = path, .h = h, .w = w, .mask = mask};
    vb_status st = VB_OK;

    if (h < 1 || w < 1)
        return vb_fail(err, VB_ESHAPE, "'%s': a picture of %d x %d pixels", path, w, h);
    if (!(job.file = fopen(path, "wbe")))
        return vb_fail(err, VB_EIO, "'%s': cannot create: %s", path, strerror(errno));
    job.row = malloc((size_t)w);
    job.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning);
    job.info = job.png ? png_create_info_struct(job.png) : NULL;
    if (!job.row || !job.info)
        st = vb_fail(err, VB_ENOMEM, "'%s': host memory for a PNG encoder", path);
    else if (!write_pixels(&job, rgb))
        st = vb_fail(err, VB_EIO, "'%s': cannot write: %s", path, job.reason);
    png_destroy_write_struct(&job.png, &job.info);
    if (fclose(job.file) && st == VB_OK)
        st = vb_fail(err, VB_EIO, "'%s': cannot write: %s", path, strerror(errno));
    free(job.row);
    if (st)
        unlink(path);
    return st;
}

vb_status vb_png_write_mask(const char *path, const vb_mask *m, vb_err *err)
{
    vb_mask borrowed = *m;

    return write_png(path, NULL, &borrowed, m->h, m->w, err);
}

vb_status vb_png_write_rgb(const char *path, const uint8_t *rgb, int h, int w, vb_err *err)
{
    return write_png(path, rgb, NULL, h, w, err);
}
