/* The safetensors reader: 8 bytes of header length, a JSON header, then the data; see checkpoint.h.
 *
 * As the format demands, the tensors must cover the data without gap or overlap, so that nothing hides in the file
 * and nothing is shared. Source: safetensors 0.5 README.md, "Format". */
#include "checkpoint_impl.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_HEADER = 32 << 20 };

static const struct {
    const char *name;
    vb_storage_type type;
} dtypes[] = {
    {"F32", VB_ST_FLOAT32}, {"F16", VB_ST_FLOAT16}, {"BF16", VB_ST_BFLOAT16}, {"F64", VB_ST_FLOAT64},
    {"I64", VB_ST_INT64},   {"I32", VB_ST_INT32},   {"U8", VB_ST_UINT8},      {"BOOL", VB_ST_BOOL},
};

typedef struct {
    const char *key;
    vb_storage_type type;
    int ndim;
    int64_t shape[VB_TENSOR_DIMS];
    uint64_t begin, end; /* in the data */
} entry;

/* The key of an error message: JSON allows any text in it. */
static const char *plain(char buf[81], const char *key)
{
    size_t n = 0;

    for (; key[n] && n < 80; n++)
        buf[n] = key[n] >= 0x20 && key[n] < 0x7f ? key[n] : '?';
    buf[n] = '\0';
    return buf;
}

static vb_status bad(const vb_checkpoint *c, const char *key, const char *fault, vb_err *err)
{
    char buf[81];

    return vb_fail(err, VB_EFORMAT, "checkpoint '%s': safetensors entry '%s': %s", c->label, plain(buf, key), fault);
}

static bool get_uint(const json_t *v, uint64_t *out)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return false;
    *out = (uint64_t)json_integer_value(v);
    return true;
}

static vb_status read_entry(const vb_checkpoint *c, entry *e, const json_t *v, vb_err *err)
{
    const json_t *shape = json_object_get(v, "shape"), *range = json_object_get(v, "data_offsets");
    const char *dtype = json_string_value(json_object_get(v, "dtype"));
    uint64_t bytes;
    size_t i;

    if (!dtype || !json_is_array(shape) || json_array_size(range) != 2 || json_object_size(v) != 3)
        return bad(c, e->key, "expected dtype, shape and two data_offsets", err);
    for (i = 0; i < sizeof dtypes / sizeof *dtypes && strcmp(dtype, dtypes[i].name) != 0; i++)
        continue;
    if (i == sizeof dtypes / sizeof *dtypes)
        return bad(c, e->key, "a dtype other than F32, F16, BF16, F64, I64, I32, U8, BOOL; convert it first", err);
    e->type = dtypes[i].type;
    if (json_array_size(shape) > VB_TENSOR_DIMS)
        return bad(c, e->key, "more than 8 dimensions", err);
    e->ndim = (int)json_array_size(shape);
    bytes = vb_storage_type_size(e->type);
    for (int d = 0; d < e->ndim; d++) {
        uint64_t size;

        if (!get_uint(json_array_get(shape, (size_t)d), &size) || __builtin_mul_overflow(bytes, size, &bytes))
            return bad(c, e->key, "an impossible shape", err);
        e->shape[d] = (int64_t)size;
    }
    if (!get_uint(json_array_get(range, 0), &e->begin) || !get_uint(json_array_get(range, 1), &e->end) ||
        e->end < e->begin || e->end - e->begin != bytes)
        return bad(c, e->key, "data_offsets do not fit dtype and shape", err);
    return VB_OK;
}

static int by_begin(const void *a, const void *b)
{
    const entry *x = a, *y = b;

    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end)
        return x->end < y->end ? -1 : 1; /* an empty tensor before the one that starts where it lies */
    return strcmp(x->key, y->key);
}

static vb_status add_entries(vb_checkpoint *c, entry *entries, size_t n, const uint8_t *data, uint64_t len, vb_err *err)
{
    uint64_t at = 0;
    vb_status st;

    qsort(entries, n, sizeof *entries, by_begin);
    for (size_t i = 0; i < n; i++) {
        const entry *e = &entries[i];
        vb_tensor_claim t = {.key = e->key, .key_len = strlen(e->key), .type = e->type, .ndim = e->ndim,
                             .shape = e->shape, .numel = (e->end - e->begin) / vb_storage_type_size(e->type)};

        if (e->begin != at || e->end > len)
            return bad(c, e->key, e->end > len ? "its data lies beyond the end of the file; download it again"
                                               : "its data leaves a gap or overlaps another's", err);
        t.storage = data + e->begin;
        if ((st = vb_checkpoint_add(c, &t, err)) != VB_OK)
            return st;
        at = e->end;
    }
    if (at != len)
        return vb_fail(err, VB_EFORMAT, "checkpoint '%s': %llu bytes behind the last tensor; download it again", c->label,
                       (unsigned long long)(len - at));
    return VB_OK;
}

vb_status vb_checkpoint_read_safetensors(vb_checkpoint *c, vb_err *err)
{
    vb_status st = VB_EFORMAT;
    uint64_t header = 0, room;
    json_t *root = NULL, *v;
    entry *entries = NULL;
    const char *key;
    json_error_t fault;
    size_t n = 0;

    c->format = "safetensors";
    for (int i = 0; i < 8; i++)
        header |= (uint64_t)c->map[i] << 8 * i;
    room = c->map_len - 8;
    if (header > room || header > MAX_HEADER)
        return vb_fail(err, st, "checkpoint '%s': safetensors header of %llu bytes in a file of %zu; at most %d are "
                       "possible (is the file cut off?)", c->label, (unsigned long long)header, c->map_len, MAX_HEADER);
    root = json_loadb((const char *)c->map + 8, (size_t)header, JSON_REJECT_DUPLICATES, &fault);
    if (!json_is_object(root)) {
        vb_fail(err, st, "checkpoint '%s': safetensors header is not a JSON object: %.120s", c->label,
                root ? "another value" : fault.text);
        goto out;
    }
    if (!(entries = calloc(json_object_size(root) + 1, sizeof *entries))) {
        st = vb_fail(err, VB_ENOMEM, "checkpoint '%s': host memory for its header", c->label);
        goto out;
    }
    json_object_foreach(root, key, v) {
        if (!strcmp(key, "__metadata__"))
            continue;
        entries[n].key = key;
        if ((st = read_entry(c, &entries[n++], v, err)) != VB_OK)
            goto out;
    }
    st = add_entries(c, entries, n, c->map + 8 + header, room - header, err);
out:
    free(entries);
    json_decref(root);
    return st;
}
