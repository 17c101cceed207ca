/* Writes zip archives and pickles as torch.save does, or wrongly where a test asks for it. */
#ifndef VB_TORCH_WRITER_H
#define VB_TORCH_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing byte string; free(b->p) when done. */
typedef struct {
    uint8_t *p;
    size_t n, room;
} bytes;

void put(bytes *b, const void *data, size_t n);
void put_str(bytes *b, const char *text); /* without its NUL */
void put_le(bytes *b, uint64_t v, int n);

uint32_t crc32_of(const void *data, size_t n);

/* An archive under construction: entries go to file, the directory grows beside it. */
typedef struct {
    bytes file, directory;
    unsigned n;
    size_t last_local;     /* where the latest entry's local header starts in file */
    size_t last_directory; /* and its record in directory: for tests that lie there */
} zip_writer;

/* A stored entry. */
void zip_add(zip_writer *z, const char *name, const void *data, size_t n);
/* Appends directory and end records; the writer's file is then the archive. */
void zip_end(zip_writer *z, bool zip64);
void zip_free(zip_writer *z);

/* Pickle opcodes; memo numbers are the caller's. */
void pickle_begin(bytes *b);                         /* PROTO 2 */
void pickle_text(bytes *b, const char *text);        /* BINUNICODE */
void pickle_int(bytes *b, int64_t v);                /* BININT or LONG1 */
void pickle_global(bytes *b, const char *module, const char *name);
/* A float32 tensor on storage key with numel elements: the REDUCE of _rebuild_tensor_v2. */
void pickle_tensor(bytes *b, const char *type, const char *key, int64_t numel, int64_t offset, const int64_t *shape,
                   const int64_t *stride, int ndim);

/* A whole archive: a state dict pickle and one storage "0" of n_data bytes. */
void torch_file(bytes *out, const bytes *pickle, const void *data, size_t n_data);

/* A file in memory under a path that opens; -1 on failure. close() ends it. */
int as_path(char path[32], const void *data, size_t n);

#endif
