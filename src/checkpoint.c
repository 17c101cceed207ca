/* A checkpoint's life, its keys, and the choice of its reader; see checkpoint.h. The formats are elsewhere. */
#include "checkpoint_impl.h"

#include "hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tensor data is used as it lies in the file, which is little endian"
#endif

enum { MAX_KEY = 255 };

static const struct {
    const char *name;
    size_t size;
} types[] = {
    [VB_ST_FLOAT32] = {"float32", 4}, [VB_ST_FLOAT16] = {"float16", 2}, [VB_ST_BFLOAT16] = {"bfloat16", 2},
    [VB_ST_FLOAT64] = {"float64", 8}, [VB_ST_INT64] = {"int64", 8},     [VB_ST_INT32] = {"int32", 4},
    [VB_ST_UINT8] = {"uint8", 1},     [VB_ST_BOOL] = {"bool", 1},
};

const char *vb_storage_type_name(vb_storage_type t) { return types[t].name; }
size_t vb_storage_type_size(vb_storage_type t) { return types[t].size; }
bool vb_storage_type_floats(vb_storage_type t) { return t <= VB_ST_FLOAT64; }

static vb_status check_key(const vb_checkpoint *c, const vb_tensor_claim *t, vb_err *err)
{
    if (t->key_len == 0 || t->key_len > MAX_KEY)
        return vb_fail(err, VB_EFORMAT, "checkpoint '%s': a key of %zu bytes; 1 to %d are possible", c->label,
                       t->key_len, MAX_KEY);
    for (size_t i = 0; i < t->key_len; i++)
        if (t->key[i] < 0x20 || t->key[i] > 0x7e)
            return vb_fail(err, VB_EFORMAT, "checkpoint '%s': a key with byte 0x%02x; state-dict keys are plain text",
                           c->label, (unsigned char)t->key[i]);
    return VB_OK;
}

/* Elements and the highest offset that they reach; false on overflow or a negative number. */
static bool span(const vb_tensor_claim *t, const int64_t *stride, uint64_t *count, uint64_t *last)
{
    *count = 1;
    *last = t->offset;
    for (int d = 0; d < t->ndim; d++) {
        uint64_t reach;

        if (t->shape[d] < 0 || stride[d] < 0 || __builtin_mul_overflow(*count, (uint64_t)t->shape[d], count))
            return false;
        if (t->shape[d] == 0)
            continue;
        if (__builtin_mul_overflow((uint64_t)t->shape[d] - 1, (uint64_t)stride[d], &reach) ||
            __builtin_add_overflow(*last, reach, last))
            return false;
    }
    return true;
}

vb_status vb_checkpoint_add(vb_checkpoint *c, const vb_tensor_claim *claim, vb_err *err)
{
    int64_t stride[VB_TENSOR_DIMS];
    uint64_t count, last;
    vb_tensor t = {.type = claim->type, .ndim = claim->ndim};
    char *key;

    if (check_key(c, claim, err) != VB_OK)
        return VB_EFORMAT;
    int klen = (int)claim->key_len;

    if (claim->ndim < 0 || claim->ndim > VB_TENSOR_DIMS)
        return vb_fail(err, VB_EFORMAT, "checkpoint '%s': '%.*s' has %d dimensions, at most %d are possible", c->label,
                       klen, claim->key, claim->ndim, VB_TENSOR_DIMS);
    for (int d = claim->ndim - 1, next = 1; d >= 0; d--, next = 0) {
        int64_t step = 1;

        if (!claim->stride && !next && __builtin_mul_overflow(stride[d + 1], claim->shape[d + 1], &step))
            return vb_fail(err, VB_EFORMAT, "checkpoint '%s': '%.*s' has a size beyond 64 bits", c->label, klen,
                           claim->key);
        stride[d] = claim->stride ? claim->stride[d] : step;
    }
    if (!span(claim, stride, &count, &last))
        return vb_fail(err, VB_EFORMAT, "checkpoint '%s': '%.*s' has a negative or impossible shape or stride", c->label,
                       klen, claim->key);
    if (count ? last >= claim->numel : claim->offset > claim->numel)
        return vb_fail(err, VB_EFORMAT, "checkpoint '%s': '%.*s' reaches element %llu of a storage of %llu", c->label,
                       klen, claim->key, (unsigned long long)last, (unsigned long long)claim->numel);
    /* An expanded view could claim any number of elements; state dicts hold none. */
    if (count > claim->numel)
        return vb_fail(err, VB_EFORMAT, "checkpoint '%s': '%.*s' shows %llu elements of a storage of %llu; save it "
                       "contiguous", c->label, klen, claim->key, (unsigned long long)count,
                       (unsigned long long)claim->numel);
    t.data = claim->storage + claim->offset * types[t.type].size;
    if ((uintptr_t)t.data % types[t.type].size)
        return vb_fail(err, VB_EFORMAT, "checkpoint '%s': '%.*s' is not aligned to its %s elements; save it again with "
                       "torch", c->label, klen, claim->key, types[t.type].name);
    if (c->n == c->room) {
        size_t room = c->room ? 2 * c->room : 1024;
        vb_tensor *p = realloc(c->tensors, room * sizeof *p);

        if (!p)
            return vb_fail(err, VB_ENOMEM, "checkpoint '%s': host memory for %zu tensors", c->label, room);
        c->tensors = p;
        c->room = room;
    }
    if (!(key = strndup(claim->key, claim->key_len)))
        return vb_fail(err, VB_ENOMEM, "checkpoint '%s': host memory for its keys", c->label);
    t.key = key;
    if (t.ndim) {
        memcpy(t.shape, claim->shape, (size_t)t.ndim * sizeof *t.shape);
        memcpy(t.stride, stride, (size_t)t.ndim * sizeof *t.stride);
    }
    c->tensors[c->n++] = t;
    return VB_OK;
}

static int by_key(const void *a, const void *b)
{
    const vb_tensor *x = *(const vb_tensor *const *)a, *y = *(const vb_tensor *const *)b;

    return strcmp(x->key, y->key);
}

vb_status vb_checkpoint_index(vb_checkpoint *c, vb_err *err)
{
    if (!c->n)
        return vb_fail(err, VB_EFORMAT, "checkpoint '%s': holds no tensors; expected a state dict", c->label);
    if (!(c->find = malloc(c->n * sizeof *c->find)))
        return vb_fail(err, VB_ENOMEM, "checkpoint '%s': host memory for %zu keys", c->label, c->n);
    for (size_t i = 0; i < c->n; i++)
        c->find[i] = &c->tensors[i];
    qsort(c->find, c->n, sizeof *c->find, by_key);
    for (size_t i = 1; i < c->n; i++)
        if (strcmp(c->find[i - 1]->key, c->find[i]->key) == 0)
            return vb_fail(err, VB_EFORMAT, "checkpoint '%s': key '%s' occurs twice", c->label, c->find[i]->key);
    return VB_OK;
}

static vb_status map_file(vb_checkpoint *c, vb_err *err)
{
    vb_status st = VB_EIO;
    struct stat sb;
    void *p;
    int fd = open(c->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* not to wait for a pipe's writer */

    if (fd < 0)
        return vb_fail(err, VB_EIO, "checkpoint '%s': %s", c->label, strerror(errno));
    if (fstat(fd, &sb) != 0) {
        vb_fail(err, st, "checkpoint '%s': %s", c->label, strerror(errno));
        goto out;
    }
    if (!S_ISREG(sb.st_mode)) {
        vb_fail(err, st, "checkpoint '%s': not a regular file", c->label);
        goto out;
    }
    if (sb.st_size == 0) {
        st = vb_fail(err, VB_EFORMAT, "checkpoint '%s': empty file; download it again", c->label);
        goto out;
    }
    p = mmap(NULL, (size_t)sb.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
        vb_fail(err, st, "checkpoint '%s': cannot be mapped: %s", c->label, strerror(errno));
        goto out;
    }
    c->map = p;
    c->map_len = (size_t)sb.st_size;
    st = VB_OK;
out:
    close(fd);
    return st;
}

static bool starts(const vb_checkpoint *c, const char *magic, size_t n)
{
    return c->map_len >= n && memcmp(c->map, magic, n) == 0;
}

static vb_status read_any(vb_checkpoint *c, vb_err *err)
{
    if (starts(c, "PK\3\4", 4))
        return vb_checkpoint_read_torch(c, err);
    if (c->map_len > 8 && c->map[8] == '{')
        return vb_checkpoint_read_safetensors(c, err);
    /* A pickled magic number opens what torch wrote before 1.6, and a bare pickle opens alike. */
    if (starts(c, "\x80", 1))
        return vb_fail(err, VB_EFORMAT, "checkpoint '%s': a bare pickle, as torch.save wrote before 1.6; load it with "
                       "torch and save its state dict again", c->label);
    if (starts(c, "version https://git-lfs", 23))
        return vb_fail(err, VB_EFORMAT, "checkpoint '%s': a Git LFS pointer, not the file; run git lfs pull", c->label);
    if (starts(c, "<", 1))
        return vb_fail(err, VB_EFORMAT, "checkpoint '%s': a web page, not weights; download the file itself", c->label);
    return vb_fail(err, VB_EFORMAT, "checkpoint '%s': neither a torch.save zip nor safetensors; is it a file of weights?",
                   c->label);
}

vb_status vb_checkpoint_open(vb_checkpoint **out, const char *path, vb_err *err)
{
    vb_status st = VB_ENOMEM;
    vb_checkpoint *c = calloc(1, sizeof *c);
    size_t len = strlen(path);

    *out = NULL;
    if (!c || !(c->path = strdup(path))) {
        vb_fail(err, st, "checkpoint '%.160s': host memory", path);
        goto out;
    }
    if (len < sizeof c->label)
        memcpy(c->label, path, len + 1);
    else
        snprintf(c->label, sizeof c->label, "...%s", path + len - (sizeof c->label - 4));
    if ((st = map_file(c, err)) != VB_OK || (st = read_any(c, err)) != VB_OK ||
        (st = vb_checkpoint_index(c, err)) != VB_OK)
        goto out;
    *out = c;
    c = NULL;
out:
    vb_checkpoint_free(c);
    return st;
}

void vb_checkpoint_forget_pages(const vb_checkpoint *c)
{
    /* A private mapping that nobody writes to: nothing is lost. Where the system refuses, they only stay. */
    (void)madvise((void *)(uintptr_t)c->map, c->map_len, MADV_DONTNEED);
}

void vb_checkpoint_free(vb_checkpoint *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++)
        free((void *)(uintptr_t)c->tensors[i].key);
    free(c->tensors);
    free(c->find);
    vb_zip_free(c->zip);
    if (c->map)
        munmap((void *)(uintptr_t)c->map, c->map_len);
    free(c->path);
    free(c);
}

size_t vb_checkpoint_count(const vb_checkpoint *c) { return c->n; }

const vb_tensor *vb_checkpoint_at(const vb_checkpoint *c, size_t i) { return i < c->n ? &c->tensors[i] : NULL; }

const vb_tensor *vb_checkpoint_find(const vb_checkpoint *c, const char *key)
{
    vb_tensor wanted = {.key = key};
    const vb_tensor *p = &wanted;
    const vb_tensor **hit = bsearch(&p, c->find, c->n, sizeof *c->find, by_key);

    return hit ? *hit : NULL;
}

vb_status vb_checkpoint_sha256(vb_checkpoint *c, char out[65], vb_err *err)
{
    vb_status st;

    if (!c->sha256[0] && (st = vb_sha256(c->sha256, c->map, c->map_len, err)) != VB_OK) {
        c->sha256[0] = '\0';
        return st;
    }
    memcpy(out, c->sha256, sizeof c->sha256);
    return VB_OK;
}

vb_status vb_checkpoint_verify(const vb_checkpoint *c, size_t *n_checked, vb_err *err)
{
    *n_checked = 0;
    for (size_t i = 0; c->zip && i < vb_zip_count(c->zip); i++, ++*n_checked)
        if (vb_zip_check_crc(c->zip, vb_zip_at(c->zip, i), err) != VB_OK)
            return VB_EFORMAT;
    return VB_OK;
}
