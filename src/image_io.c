/* JPEG files to pixels by TurboJPEG, and the files themselves into memory. PNG is in image_png.c.
 *
 * ISLOW and fancy upsampling are what Pillow decodes with; any other choice changes pixels, hence J and F. */
#include "image_io.h"

#include "image_file.h"
#include "types.h"

#include <turbojpeg.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct vb_jpeg {
    tjhandle tj;   /* NULL after a fault */
    uint8_t *file; /* the compressed file */
    size_t capacity;
};

vb_status vb_file_open(int *fd, size_t *size, const char *path, vb_err *err)
{
    struct stat s;
    vb_status st = VB_OK;

    if ((*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0)
        return vb_fail(err, VB_EIO, "'%s': cannot open: %s", path, strerror(errno));
    if (fstat(*fd, &s))
        st = vb_fail(err, VB_EIO, "'%s': cannot stat: %s", path, strerror(errno));
    else if (!S_ISREG(s.st_mode))
        st = vb_fail(err, VB_EIO, "'%s': not a regular file", path);
    else if (s.st_size > VB_IMAGE_FILE_MAX)
        st = vb_fail(err, VB_EFORMAT, "'%s': %lld bytes; an image file may have %lld", path, (long long)s.st_size,
                     (long long)VB_IMAGE_FILE_MAX);
    else
        *size = (size_t)s.st_size;
    if (st) {
        close(*fd);
        *fd = -1;
    }
    return st;
}

vb_status vb_file_read(int fd, uint8_t *buf, size_t n, size_t *got, const char *path, vb_err *err)
{
    size_t done = 0;

    while (done < n) {
        ssize_t k = read(fd, buf + done, n - done);

        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return vb_fail(err, VB_EIO, "'%s': cannot read: %s", path, strerror(errno));
        if (k == 0)
            break;
        done += (size_t)k;
    }
    *got = done;
    return VB_OK;
}

void vb_image_deinit(vb_image *im)
{
    free(im->rgb);
    memset(im, 0, sizeof *im);
}

vb_status vb_jpeg_create(vb_jpeg **out, vb_err *err)
{
    vb_jpeg *j = calloc(1, sizeof *j);

    *out = NULL;
    if (!j || !(j->tj = tjInitDecompress())) {
        free(j);
        return vb_fail(err, VB_ENOMEM, "host memory for a JPEG decoder");
    }
    *out = j;
    return VB_OK;
}

void vb_jpeg_free(vb_jpeg *j)
{
    if (!j)
        return;
    if (j->tj)
        tjDestroy(j->tj);
    free(j->file);
    free(j);
}

static vb_status reserve(uint8_t **buf, size_t *capacity, size_t n, const char *path, vb_err *err)
{
    uint8_t *p;

    if (n <= *capacity)
        return VB_OK;
    if (!(p = realloc(*buf, n)))
        return vb_fail(err, VB_ENOMEM, "'%s': host memory for %zu bytes", path, n);
    *buf = p;
    *capacity = n;
    return VB_OK;
}

/* A frame header (SOFn) is any marker of C0 to CF but the tables DHT (C4), JPG (C8) and DAC (CC). */
static bool is_frame_header(int marker)
{
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

/* What the frame header claims; segments before it are stepped over by their length (ITU-T T.81 B.1.1). */
static vb_status read_frame_header(int fd, int *h, int *w, int *components, const char *path, vb_err *err)
{
    off_t at = 2;
    uint8_t b[10];
    size_t got = 0;
    vb_status st = vb_file_read(fd, b, 2, &got, path, err);

    if (st)
        return st;
    if (got < 2 || b[0] != 0xFF || b[1] != 0xD8)
        return vb_fail(err, VB_EFORMAT, "'%s': not a JPEG file", path);
    for (;;) {
        if (lseek(fd, at, SEEK_SET) < 0)
            return vb_fail(err, VB_EIO, "'%s': cannot seek: %s", path, strerror(errno));
        if ((st = vb_file_read(fd, b, sizeof b, &got, path, err)))
            return st;
        if (got < 4)
            return vb_fail(err, VB_EFORMAT, "'%s': truncated JPEG: it ends before the frame header", path);
        if (b[0] != 0xFF)
            return vb_fail(err, VB_EFORMAT, "'%s': corrupt JPEG: no marker at byte %lld", path, (long long)at);
        if (b[1] == 0xFF) { /* fill byte */
            at++;
            continue;
        }
        if (b[1] == 0x01 || (b[1] >= 0xD0 && b[1] <= 0xD7)) { /* markers without a length */
            at += 2;
            continue;
        }
        if (b[1] == 0xD9 || b[1] == 0xDA)
            return vb_fail(err, VB_EFORMAT, "'%s': corrupt JPEG: no frame header before the data", path);
        if (is_frame_header(b[1]))
            break;
        at += 2 + (b[2] << 8 | b[3]);
    }
    if (got < sizeof b)
        return vb_fail(err, VB_EFORMAT, "'%s': truncated JPEG: it ends in the frame header", path);
    *h = b[5] << 8 | b[6];
    *w = b[7] << 8 | b[8];
    *components = b[9];
    return VB_OK;
}

static vb_status check_size(int h, int w, const char *path, vb_err *err)
{
    if (h < 1 || w < 1 || h > VB_MAX_SIDE || w > VB_MAX_SIDE)
        return vb_fail(err, VB_EFORMAT, "'%s': %d x %d pixels; sides may be 1 to %d", path, w, h, VB_MAX_SIDE);
    return VB_OK;
}

vb_status vb_jpeg_size(const char *path, int *h, int *w, vb_err *err)
{
    int fd, components = 0;
    size_t size;
    vb_status st;

    if ((st = vb_file_open(&fd, &size, path, err)))
        return st;
    st = read_frame_header(fd, h, w, &components, path, err);
    close(fd);
    if (st == VB_OK)
        st = check_size(*h, *w, path, err);
    if (st == VB_OK && components != 1 && components != 3)
        st = vb_fail(err, VB_EFORMAT, "'%s': JPEG with %d components (CMYK or YCCK?); convert it to RGB", path, components);
    return st;
}

/* TurboJPEG's fault as ours. The handle is made anew: one that stopped within a file can refuse the next. */
static vb_status fail_decode(vb_jpeg *j, const char *path, const char *what, vb_err *err)
{
    const vb_status st = vb_fail(err, VB_EFORMAT, "'%s': %s: %s", path, what, tjGetErrorStr2(j->tj));

    tjDestroy(j->tj);
    j->tj = NULL;
    return st;
}

vb_status vb_jpeg_decode(vb_jpeg *j, const char *path, vb_image *im, vb_err *err)
{
    const int flags = TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS;
    int fd, h = 0, w = 0, subsampling = 0, colorspace = 0; /* TurboJPEG takes a file of tables alone, and leaves them as they are */
    size_t size, got = 0;
    vb_status st;

    if ((st = vb_file_open(&fd, &size, path, err)))
        return st;
    st = reserve(&j->file, &j->capacity, size ? size : 1, path, err);
    if (st == VB_OK)
        st = vb_file_read(fd, j->file, size, &got, path, err);
    close(fd);
    if (st)
        return st;
    if (!j->tj && !(j->tj = tjInitDecompress()))
        return vb_fail(err, VB_ENOMEM, "host memory for a JPEG decoder");
    if (tjDecompressHeader3(j->tj, j->file, (unsigned long)got, &w, &h, &subsampling, &colorspace))
        return fail_decode(j, path, "no readable JPEG", err);
    if ((st = check_size(h, w, path, err)))
        return st;
    if (colorspace == TJCS_CMYK || colorspace == TJCS_YCCK)
        return vb_fail(err, VB_EFORMAT, "'%s': JPEG in %s; convert it to RGB", path,
                       colorspace == TJCS_CMYK ? "CMYK" : "YCCK");
    im->h = h;
    im->w = w;
    if (im->fixed && im->capacity < (size_t)h * (size_t)w * 3)
        return vb_fail(err, VB_ESHAPE, "'%s' is %dx%d, larger than the room for it", path, w, h);
    if ((st = reserve(&im->rgb, &im->capacity, (size_t)h * (size_t)w * 3, path, err)))
        return st;
    if (tjDecompress2(j->tj, j->file, (unsigned long)got, im->rgb, w, 0, h, TJPF_RGB, flags))
        return fail_decode(j, path, "truncated or corrupt JPEG", err);
    return VB_OK;
}
