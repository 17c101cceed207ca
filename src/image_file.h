/* Opening and reading image files, shared by image_io.c and image_png.c alone. */
#ifndef VB_IMAGE_FILE_H
#define VB_IMAGE_FILE_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

#define VB_IMAGE_FILE_MAX (INT64_C(256) << 20) /* bytes; larger files are refused unread */

/* Opens a regular file (links are followed: data sets on clusters often are farms of them). */
vb_status vb_file_open(int *fd, size_t *size, const char *path, vb_err *err);
/* Reads until n bytes are there or the file ends. */
vb_status vb_file_read(int fd, uint8_t *buf, size_t n, size_t *got, const char *path, vb_err *err);

#endif
