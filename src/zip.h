/* Reads the zip archives that torch.save writes: stored entries in one contiguous file image.
 *
 * The central directory (zip64 too) is read and checked once, at open: every offset and size against the image,
 * every local header against its directory entry, names for duplicates, data ranges for overlaps. What is
 * compressed, encrypted or spread over several disks is refused. Nothing is copied: entries borrow from the image,
 * which must outlive the archive.
 * Source of the format: PKWARE APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3. */
#ifndef VB_ZIP_H
#define VB_ZIP_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *name; /* name_len bytes in the image, not NUL-terminated */
    size_t name_len;
    const uint8_t *data; /* size bytes in the image */
    uint64_t size;
    uint32_t crc; /* as the directory claims; vb_zip_check_crc compares */
    uint64_t local; /* offset of the local header */
} vb_zip_entry;

typedef struct vb_zip vb_zip;

/* image [len] is the whole file; label names it in errors. Both are borrowed for the life of the archive.
 * VB_EFORMAT names the fault, VB_ENOMEM. */
vb_status vb_zip_open(vb_zip **out, const void *image, size_t len, const char *label, vb_err *err);
void vb_zip_free(vb_zip *z);
size_t vb_zip_count(const vb_zip *z);
const vb_zip_entry *vb_zip_at(const vb_zip *z, size_t i); /* in directory order */
/* The entry called name (name_len bytes), or NULL. */
const vb_zip_entry *vb_zip_find(const vb_zip *z, const char *name, size_t name_len);
/* Reads the entry's data and compares its CRC-32: VB_EFORMAT when it differs. */
vb_status vb_zip_check_crc(const vb_zip *z, const vb_zip_entry *e, vb_err *err);

#endif
