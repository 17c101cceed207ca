/* Zip directory of a file image; see zip.h. */
#include "zip.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    END_SIZE = 22,         /* end of central directory, without its comment */
    END64_SIZE = 56,       /* zip64 end of central directory, version 1 */
    LOCATOR_SIZE = 20,     /* zip64 locator */
    CENTRAL_SIZE = 46,     /* directory entry without name, extra, comment */
    LOCAL_SIZE = 30,       /* local header without name, extra */
    FLAG_ENCRYPTED = 1 | 1 << 6 | 1 << 13,
    FLAG_DESCRIPTOR = 1 << 3, /* sizes follow the data; the local header may hold zeros */
    EXTRA_ZIP64 = 1
};
#define SIG_LOCAL 0x04034b50u
#define SIG_CENTRAL 0x02014b50u
#define SIG_END 0x06054b50u
#define SIG_END64 0x06064b50u
#define SIG_LOCATOR 0x07064b50u

struct vb_zip {
    const uint8_t *image;
    size_t len;
    const char *label;
    vb_zip_entry *entries; /* directory order */
    const vb_zip_entry **by_name;
    size_t n;
    uint64_t dir, dir_end; /* the directory's range in the image */
    uint32_t crc[8][256];  /* CRC-32, eight bytes a step */
};

static uint32_t u16(const uint8_t *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8; }
static uint32_t u32(const uint8_t *p) { return u16(p) | u16(p + 2) << 16; }
static uint64_t u64(const uint8_t *p) { return u32(p) | (uint64_t)u32(p + 4) << 32; }

static vb_status bad(const vb_zip *z, vb_err *err, const char *fault)
{
    return vb_fail(err, VB_EFORMAT, "checkpoint '%s': damaged zip archive: %s; copy or download the file again",
                   z->label, fault);
}

/* An entry's name as an argument of "%.*s", cut to a length that leaves room for the rest of the message. */
static int shown(const vb_zip_entry *e) { return e->name_len < 80 ? (int)e->name_len : 80; }

static vb_status bad_entry(const vb_zip *z, const vb_zip_entry *e, vb_err *err, const char *fault)
{
    return vb_fail(err, VB_EFORMAT, "checkpoint '%s': zip entry '%.*s': %s; copy or download the file again", z->label,
                   shown(e), e->name, fault);
}

/* Finds the directory: the last end record whose comment ends with the file, and its zip64 companion. */
static vb_status find_directory(vb_zip *z, uint64_t *count, vb_err *err)
{
    size_t lowest = z->len > END_SIZE + 65535u ? z->len - END_SIZE - 65535u : 0;
    uint64_t size;
    size_t at;

    *count = 0;
    if (z->len < END_SIZE)
        return bad(z, err, "shorter than a zip directory");
    for (at = z->len - END_SIZE;; at--) {
        if (u32(z->image + at) == SIG_END && at + END_SIZE + u16(z->image + at + 20) == z->len)
            break;
        if (at == lowest)
            return bad(z, err, "no end of central directory (is the file cut off?)");
    }
    const uint8_t *end = z->image + at;

    *count = u16(end + 10);
    size = u32(end + 12);
    z->dir = u32(end + 16);
    z->dir_end = at;
    if (u16(end + 4) != 0 || u16(end + 6) != 0 || u16(end + 8) != *count)
        return bad(z, err, "spread over several disks");
    if (at >= LOCATOR_SIZE && u32(end - LOCATOR_SIZE) == SIG_LOCATOR) {
        uint64_t at64 = u64(end - LOCATOR_SIZE + 8);

        if (at < LOCATOR_SIZE + END64_SIZE || at64 != at - LOCATOR_SIZE - END64_SIZE)
            return bad(z, err, "zip64 locator points elsewhere");
        const uint8_t *end64 = z->image + at64;

        if (u32(end64) != SIG_END64 || u64(end64 + 4) != END64_SIZE - 12)
            return bad(z, err, "no zip64 end of central directory where its locator points");
        if (u32(end64 + 16) != 0 || u32(end64 + 20) != 0 || u64(end64 + 24) != u64(end64 + 32) ||
            u32(end - LOCATOR_SIZE + 4) != 0 || u32(end - LOCATOR_SIZE + 16) > 1)
            return bad(z, err, "spread over several disks");
        if ((*count != 0xffff && *count != u64(end64 + 32)) || (size != 0xffffffff && size != u64(end64 + 40)) ||
            (z->dir != 0xffffffff && z->dir != u64(end64 + 48)))
            return bad(z, err, "zip64 and plain directory records differ");
        *count = u64(end64 + 32);
        size = u64(end64 + 40);
        z->dir = u64(end64 + 48);
        z->dir_end = at64;
    }
    /* The directory must lie right before its end record: then there is one way to read the file. */
    if (z->dir > z->dir_end || z->dir_end - z->dir != size)
        return bad(z, err, "directory offset or size lies");
    if (*count > size / CENTRAL_SIZE)
        return bad(z, err, "more entries claimed than the directory can hold");
    return VB_OK;
}

/* Replaces saturated sizes (and offset, may be NULL) by those of the zip64 extra field; false when it is broken. */
static bool zip64_sizes(const uint8_t *extra, size_t n, uint64_t *size, uint64_t *packed, uint64_t *offset)
{
    while (n >= 4) {
        size_t id = u16(extra), have = u16(extra + 2);

        if (have > n - 4)
            return false;
        if (id == EXTRA_ZIP64) {
            uint64_t *fields[] = {size, packed, offset};
            const uint8_t *p = extra + 4;

            for (size_t i = 0; i < 3; i++) {
                if (!fields[i] || *fields[i] != 0xffffffff)
                    continue;
                if (have < 8)
                    return false;
                *fields[i] = u64(p);
                p += 8;
                have -= 8;
            }
            return true;
        }
        extra += 4 + have;
        n -= 4 + have;
    }
    /* torch pads the extra field to align data; fewer than 4 bytes left is padding as well. */
    return true;
}

static vb_status check_local(const vb_zip *z, vb_zip_entry *e, uint32_t flags, vb_err *err)
{
    if (e->local > z->dir || z->dir - e->local < LOCAL_SIZE)
        return bad_entry(z, e, err, "its offset lies outside of the file");
    const uint8_t *p = z->image + e->local;
    size_t name_len = u16(p + 26), extra_len = u16(p + 28);
    uint64_t size = u32(p + 22), packed = u32(p + 18), room = z->dir - e->local - LOCAL_SIZE;
    uint32_t crc = u32(p + 14);

    if (u32(p) != SIG_LOCAL)
        return bad_entry(z, e, err, "no local header at its offset");
    if (name_len + extra_len > room || name_len != e->name_len || memcmp(p + LOCAL_SIZE, e->name, name_len) != 0)
        return bad_entry(z, e, err, "local header has another name");
    if (u16(p + 6) != flags || u16(p + 8) != 0)
        return bad_entry(z, e, err, "local header has other flags or another method");
    if (!zip64_sizes(p + LOCAL_SIZE + name_len, extra_len, &size, &packed, NULL))
        return bad_entry(z, e, err, "local extra field is broken");
    if (!((flags & FLAG_DESCRIPTOR) && crc == 0 && size == 0 && packed == 0) &&
        (crc != e->crc || size != e->size || packed != e->size))
        return bad_entry(z, e, err, "local header has another size or checksum");
    room -= name_len + extra_len;
    if (e->size > room)
        return bad_entry(z, e, err, "its size reaches beyond the data");
    e->data = p + LOCAL_SIZE + name_len + extra_len;
    return VB_OK;
}

/* Nothing is unpacked here, but what torch.save wrote has no name that leads out of a folder: such a file means harm to others. */
static bool leads_out(const vb_zip_entry *e)
{
    const char *p = e->name, *end = e->name + e->name_len;

    if (p < end && *p == '/')
        return true;
    for (const char *next; p < end; p = next + 1) {
        for (next = p; next < end && *next != '/' && *next != '\\';)
            next++;
        if (next - p == 2 && p[0] == '.' && p[1] == '.')
            return true;
    }
    return false;
}

static vb_status read_directory(vb_zip *z, vb_err *err)
{
    uint64_t at = z->dir;

    for (size_t i = 0; i < z->n; i++) {
        vb_zip_entry *e = &z->entries[i];
        const uint8_t *p = z->image + at;
        uint64_t packed, rest;

        if (z->dir_end - at < CENTRAL_SIZE || u32(p) != SIG_CENTRAL)
            return bad(z, err, "directory entry missing or cut off");
        size_t name_len = u16(p + 28), extra_len = u16(p + 30), comment_len = u16(p + 32);
        uint32_t flags = u16(p + 8), method = u16(p + 10);

        rest = z->dir_end - at - CENTRAL_SIZE;
        if (name_len + extra_len + comment_len > rest)
            return bad(z, err, "directory entry cut off");
        e->name = (const char *)p + CENTRAL_SIZE;
        e->name_len = name_len;
        e->crc = u32(p + 16);
        packed = u32(p + 20);
        e->size = u32(p + 24);
        e->local = u32(p + 42);
        for (size_t k = 0; k < name_len; k++)
            if ((unsigned char)e->name[k] < 0x20 || e->name[k] == 0x7f)
                return bad(z, err, "an entry's name holds control characters");
        if (leads_out(e))
            return vb_fail(err, VB_EFORMAT, "checkpoint '%s': zip entry '%.*s' leads out of the archive, which torch.save never "
                           "writes; do not trust the file", z->label, shown(e), e->name);
        if (u16(p + 34) != 0)
            return bad_entry(z, e, err, "on another disk");
        if (flags & FLAG_ENCRYPTED)
            return vb_fail(err, VB_EFORMAT, "checkpoint '%s': zip entry '%.*s' is encrypted; save the weights again "
                           "with torch.save", z->label, shown(e), e->name);
        if (method != 0)
            return vb_fail(err, VB_EFORMAT, "checkpoint '%s': zip entry '%.*s' is compressed (method %u), which "
                           "torch.save never does; load and save it again with torch", z->label, shown(e), e->name,
                           (unsigned)method);
        if (!zip64_sizes(p + CENTRAL_SIZE + name_len, extra_len, &e->size, &packed, &e->local))
            return bad_entry(z, e, err, "zip64 extra field is broken");
        if (packed != e->size)
            return bad_entry(z, e, err, "stored and full size differ");
        if (check_local(z, e, flags, err) != VB_OK)
            return VB_EFORMAT;
        at += CENTRAL_SIZE + name_len + extra_len + comment_len;
    }
    return at == z->dir_end ? VB_OK : bad(z, err, "directory holds more than its entries");
}

static int compare_names(const char *a, size_t na, const char *b, size_t nb)
{
    int c = memcmp(a, b, na < nb ? na : nb);

    return c ? c : (na > nb) - (na < nb);
}

static int by_name(const void *a, const void *b)
{
    const vb_zip_entry *x = *(const vb_zip_entry *const *)a, *y = *(const vb_zip_entry *const *)b;

    return compare_names(x->name, x->name_len, y->name, y->name_len);
}

static int by_offset(const void *a, const void *b)
{
    const vb_zip_entry *x = *(const vb_zip_entry *const *)a, *y = *(const vb_zip_entry *const *)b;

    return (x->local > y->local) - (x->local < y->local);
}

/* by_name serves twice: sorted by offset to find overlaps, then by name for good. */
static vb_status check_unique(vb_zip *z, vb_err *err)
{
    for (size_t i = 0; i < z->n; i++)
        z->by_name[i] = &z->entries[i];
    qsort(z->by_name, z->n, sizeof *z->by_name, by_offset);
    for (size_t i = 1; i < z->n; i++) {
        const vb_zip_entry *prev = z->by_name[i - 1], *e = z->by_name[i];

        if (prev->data + prev->size > z->image + e->local)
            return bad_entry(z, e, err, "overlaps another entry");
    }
    qsort(z->by_name, z->n, sizeof *z->by_name, by_name);
    for (size_t i = 1; i < z->n; i++)
        if (by_name(&z->by_name[i - 1], &z->by_name[i]) == 0)
            return bad_entry(z, z->by_name[i], err, "occurs twice");
    return VB_OK;
}

static void fill_crc_table(vb_zip *z)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;

        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
        z->crc[0][i] = c;
    }
    for (int k = 1; k < 8; k++)
        for (int i = 0; i < 256; i++)
            z->crc[k][i] = z->crc[0][z->crc[k - 1][i] & 255] ^ z->crc[k - 1][i] >> 8;
}

vb_status vb_zip_open(vb_zip **out, const void *image, size_t len, const char *label, vb_err *err)
{
    vb_status st;
    uint64_t count;
    vb_zip *z = calloc(1, sizeof *z);

    *out = NULL;
    if (!z)
        return vb_fail(err, VB_ENOMEM, "checkpoint '%s': host memory", label);
    z->image = image;
    z->len = len;
    z->label = label;
    if ((st = find_directory(z, &count, err)) != VB_OK)
        goto out;
    z->n = (size_t)count;
    z->entries = calloc(z->n + 1, sizeof *z->entries);
    z->by_name = calloc(z->n + 1, sizeof *z->by_name);
    if (!z->entries || !z->by_name) {
        st = vb_fail(err, VB_ENOMEM, "checkpoint '%s': host memory for %zu zip entries", label, z->n);
        goto out;
    }
    if ((st = read_directory(z, err)) != VB_OK || (st = check_unique(z, err)) != VB_OK)
        goto out;
    fill_crc_table(z);
    *out = z;
    z = NULL;
out:
    vb_zip_free(z);
    return st;
}

void vb_zip_free(vb_zip *z)
{
    if (!z)
        return;
    free(z->entries);
    free(z->by_name);
    free(z);
}

size_t vb_zip_count(const vb_zip *z) { return z->n; }

const vb_zip_entry *vb_zip_at(const vb_zip *z, size_t i) { return i < z->n ? &z->entries[i] : NULL; }

const vb_zip_entry *vb_zip_find(const vb_zip *z, const char *name, size_t name_len)
{
    size_t lo = 0, hi = z->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = compare_names(name, name_len, z->by_name[mid]->name, z->by_name[mid]->name_len);

        if (c == 0)
            return z->by_name[mid];
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

vb_status vb_zip_check_crc(const vb_zip *z, const vb_zip_entry *e, vb_err *err)
{
    const uint8_t *p = e->data;
    uint64_t n = e->size;
    uint32_t c = 0xffffffff;

    for (; n >= 8; n -= 8, p += 8) {
        uint32_t lo = c ^ u32(p), hi = u32(p + 4);

        c = z->crc[7][lo & 255] ^ z->crc[6][lo >> 8 & 255] ^ z->crc[5][lo >> 16 & 255] ^ z->crc[4][lo >> 24] ^
            z->crc[3][hi & 255] ^ z->crc[2][hi >> 8 & 255] ^ z->crc[1][hi >> 16 & 255] ^ z->crc[0][hi >> 24];
    }
    for (; n; n--, p++)
        c = z->crc[0][(c ^ *p) & 255] ^ c >> 8;
    return ~c == e->crc ? VB_OK : bad_entry(z, e, err, "data does not match its CRC-32");
}
