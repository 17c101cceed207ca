/* Writers for tests; see torch_writer.h. */
#include "torch_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void put(bytes *b, const void *data, size_t n)
{
    if (b->room - b->n < n) {
        b->room = 2 * (b->n + n) + 64;
        if (!(b->p = realloc(b->p, b->room)))
            abort();
    }
    if (n)
        memcpy(b->p + b->n, data, n);
    b->n += n;
}

void put_str(bytes *b, const char *text) { put(b, text, strlen(text)); }

void put_le(bytes *b, uint64_t v, int n)
{
    for (int i = 0; i < n; i++, v >>= 8)
        put(b, &(uint8_t){(uint8_t)v}, 1);
}

uint32_t crc32_of(const void *data, size_t n)
{
    const uint8_t *p = data;
    uint32_t c = 0xffffffff;

    for (; n; n--, p++) {
        c ^= *p;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
    }
    return ~c;
}

void zip_add(zip_writer *z, const char *name, const void *data, size_t n)
{
    size_t name_len = strlen(name), local = z->file.n;
    size_t pad = (64 - (local + 30 + name_len + 4) % 64) % 64; /* as torch: an extra field that aligns the data */

    z->last_local = local;
    z->last_directory = z->directory.n;
    put_le(&z->file, 0x04034b50, 4);
    put_le(&z->file, 0, 2);
    put_le(&z->file, 1 << 3 | 1 << 11, 2);
    put_le(&z->file, 0, 2 + 4 + 4 + 4 + 4); /* method, date, then what the descriptor bit leaves empty */
    put_le(&z->file, name_len, 2);
    put_le(&z->file, 4 + pad, 2);
    put_str(&z->file, name);
    put_str(&z->file, "FB");
    put_le(&z->file, pad, 2);
    for (size_t i = 0; i < pad; i++)
        put_str(&z->file, "Z");
    put(&z->file, data, n);

    put_le(&z->directory, 0x02014b50, 4);
    put_le(&z->directory, 0, 4);
    put_le(&z->directory, 1 << 3 | 1 << 11, 2);
    put_le(&z->directory, 0, 2 + 4);
    put_le(&z->directory, crc32_of(data, n), 4);
    put_le(&z->directory, n, 4);
    put_le(&z->directory, n, 4);
    put_le(&z->directory, name_len, 2);
    put_le(&z->directory, 0, 2 + 2 + 2 + 2 + 4);
    put_le(&z->directory, local, 4);
    put_str(&z->directory, name);
    z->n++;
}

void zip_end(zip_writer *z, bool zip64)
{
    size_t start = z->file.n, end;

    put(&z->file, z->directory.p, z->directory.n);
    end = z->file.n;
    if (zip64) {
        put_le(&z->file, 0x06064b50, 4);
        put_le(&z->file, 44, 8);
        put_le(&z->file, 0, 4);
        put_le(&z->file, 0, 8);
        put_le(&z->file, z->n, 8);
        put_le(&z->file, z->n, 8);
        put_le(&z->file, z->directory.n, 8);
        put_le(&z->file, start, 8);
        put_le(&z->file, 0x07064b50, 4);
        put_le(&z->file, 0, 4);
        put_le(&z->file, end, 8);
        put_le(&z->file, 1, 4);
    }
    put_le(&z->file, 0x06054b50, 4);
    put_le(&z->file, 0, 4);
    put_le(&z->file, z->n, 2);
    put_le(&z->file, z->n, 2);
    put_le(&z->file, z->directory.n, 4);
    put_le(&z->file, start, 4);
    put_le(&z->file, 0, 2);
}

void zip_free(zip_writer *z)
{
    free(z->file.p);
    free(z->directory.p);
}

void pickle_begin(bytes *b) { put(b, "\x80\2", 2); }

void pickle_text(bytes *b, const char *text)
{
    put_str(b, "X");
    put_le(b, strlen(text), 4);
    put_str(b, text);
}

void pickle_int(bytes *b, int64_t v)
{
    if (v == (int32_t)v) {
        put_str(b, "J");
        put_le(b, (uint64_t)v, 4);
    } else {
        put(b, "\x8a\x08", 2);
        put_le(b, (uint64_t)v, 8);
    }
}

void pickle_global(bytes *b, const char *module, const char *name)
{
    put_str(b, "c");
    put_str(b, module);
    put_str(b, "\n");
    put_str(b, name);
    put_str(b, "\n");
}

void pickle_tensor(bytes *b, const char *type, const char *key, int64_t numel, int64_t offset, const int64_t *shape,
                   const int64_t *stride, int ndim)
{
    pickle_global(b, "torch._utils", "_rebuild_tensor_v2");
    put_str(b, "((");
    pickle_text(b, "storage");
    pickle_global(b, "torch", type);
    pickle_text(b, key);
    pickle_text(b, "cpu");
    pickle_int(b, numel);
    put_str(b, "tQ");
    pickle_int(b, offset);
    for (int k = 0; k < 2; k++) {
        put_str(b, "(");
        for (int d = 0; d < ndim; d++)
            pickle_int(b, k ? stride[d] : shape[d]);
        put_str(b, "t");
    }
    put_str(b, "\x89");
    pickle_global(b, "collections", "OrderedDict");
    put_str(b, ")RtR");
}

void torch_file(bytes *out, const bytes *pickle, const void *data, size_t n_data)
{
    zip_writer z = {.n = 0};

    zip_add(&z, "archive/data.pkl", pickle->p, pickle->n);
    zip_add(&z, "archive/byteorder", "little", 6);
    zip_add(&z, "archive/data/0", data, n_data);
    zip_add(&z, "archive/version", "3\n", 2);
    zip_end(&z, true);
    *out = z.file;
    free(z.directory.p);
}

int as_path(char path[32], const void *data, size_t n)
{
    int fd = memfd_create("checkpoint", MFD_CLOEXEC);

    if (fd < 0 || write(fd, data, n) != (ssize_t)n)
        abort();
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    return fd;
}
