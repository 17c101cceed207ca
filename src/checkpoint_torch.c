/* torch.save's zip files: which record is what, and the pickle's calls as tensors; see checkpoint.h.
 *
 * Layout: NAME/data.pkl, NAME/byteorder (since torch 2.1), NAME/data/KEY one storage each, NAME/version and others
 * that weights do not need. Sources: torch 2.13 torch/serialization.py (_save), torch/_utils.py
 * (_rebuild_tensor_v2, _rebuild_parameter). */
#include "checkpoint_impl.h"

#include "pickle.h"

#include <string.h>

enum { REBUILD_TENSOR, REBUILD_PARAMETER, ORDERED_DICT, STORAGE };

static const vb_py_class classes[] = {
    {"torch._utils", "_rebuild_tensor_v2", VB_PY_CALLABLE, REBUILD_TENSOR},
    {"torch._utils", "_rebuild_parameter", VB_PY_CALLABLE, REBUILD_PARAMETER},
    {"collections", "OrderedDict", VB_PY_DICT_CLASS, ORDERED_DICT},
    {"torch", "FloatStorage", VB_PY_TYPE, STORAGE + VB_ST_FLOAT32},
    {"torch", "HalfStorage", VB_PY_TYPE, STORAGE + VB_ST_FLOAT16},
    {"torch", "BFloat16Storage", VB_PY_TYPE, STORAGE + VB_ST_BFLOAT16},
    {"torch", "DoubleStorage", VB_PY_TYPE, STORAGE + VB_ST_FLOAT64},
    {"torch", "LongStorage", VB_PY_TYPE, STORAGE + VB_ST_INT64},
    {"torch", "IntStorage", VB_PY_TYPE, STORAGE + VB_ST_INT32},
    {"torch", "ByteStorage", VB_PY_TYPE, STORAGE + VB_ST_UINT8},
    {"torch", "BoolStorage", VB_PY_TYPE, STORAGE + VB_ST_BOOL},
};

typedef struct {
    vb_checkpoint *c;
    const char *prefix; /* "NAME/", in the mapping */
    size_t prefix_len;
} archive;

static const vb_zip_entry *record(const archive *a, const char *name, size_t name_len)
{
    char full[512];

    if (a->prefix_len + name_len > sizeof full)
        return NULL;
    memcpy(full, a->prefix, a->prefix_len);
    memcpy(full + a->prefix_len, name, name_len);
    return vb_zip_find(a->c->zip, full, a->prefix_len + name_len);
}

static bool ends(const vb_zip_entry *e, const char *tail)
{
    size_t n = strlen(tail);

    return e->name_len >= n && memcmp(e->name + e->name_len - n, tail, n) == 0;
}

/* The one NAME/data.pkl. */
static vb_status find_pickle(archive *a, const vb_zip_entry **out, vb_err *err)
{
    const vb_zip *z = a->c->zip;

    *out = NULL;
    for (size_t i = 0; i < vb_zip_count(z); i++) {
        const vb_zip_entry *e = vb_zip_at(z, i);

        if (ends(e, "/constants.pkl"))
            return vb_fail(err, VB_EFORMAT, "checkpoint '%s': a TorchScript program, not weights; load it with "
                           "torch.jit and save its state_dict()", a->c->label);
        if (!ends(e, "/data.pkl") || memchr(e->name, '/', e->name_len - strlen("data.pkl") - 1))
            continue;
        if (*out)
            return vb_fail(err, VB_EFORMAT, "checkpoint '%s': two data.pkl records", a->c->label);
        *out = e;
        a->prefix = e->name;
        a->prefix_len = e->name_len - strlen("data.pkl");
    }
    return *out ? VB_OK
                : vb_fail(err, VB_EFORMAT, "checkpoint '%s': a zip archive without data.pkl; was it written by "
                          "torch.save?", a->c->label);
}

static vb_status check_byte_order(const archive *a, vb_err *err)
{
    const vb_zip_entry *e = record(a, "byteorder", strlen("byteorder"));

    if (e && (e->size != 6 || memcmp(e->data, "little", 6) != 0))
        return vb_fail(err, VB_EFORMAT, "checkpoint '%s': saved on a big-endian machine; save it again on a "
                       "little-endian one", a->c->label);
    return VB_OK;
}

/* A tuple of ints as shape or stride. */
static bool get_dims(const vb_py *v, int64_t *out)
{
    if (v->kind != VB_PY_TUPLE || v->n > VB_TENSOR_DIMS)
        return false;
    for (size_t i = 0; i < v->n; i++) {
        if (v->items[i]->kind != VB_PY_INT)
            return false;
        out[i] = v->items[i]->i;
    }
    return true;
}

/* ('storage', TYPE, KEY, location, numel) of a persistent id. */
static vb_status get_storage(const archive *a, vb_tensor_claim *t, const vb_py *v, vb_err *err)
{
    const vb_py *id = v->kind == VB_PY_PERSID ? v->items[0] : v;
    const vb_zip_entry *e;
    char name[64] = "data/";

    if (v->kind != VB_PY_PERSID || id->kind != VB_PY_TUPLE || id->n != 5 || !vb_py_is(id->items[0], "storage") ||
        id->items[1]->kind != VB_PY_GLOBAL || id->items[1]->class->id < STORAGE || id->items[2]->kind != VB_PY_STR ||
        id->items[4]->kind != VB_PY_INT || id->items[4]->i < 0)
        return vb_fail(err, VB_EFORMAT, "checkpoint '%s': '%.*s' has no storage that torch.save would write",
                       a->c->label, (int)t->key_len, t->key);
    const vb_py *key = id->items[2];
    uint64_t numel = (uint64_t)id->items[4]->i, bytes;

    t->type = (vb_storage_type)(id->items[1]->class->id - STORAGE);
    t->numel = numel;
    e = NULL;
    if (key->n < sizeof name - 5) {
        memcpy(name + 5, key->str, key->n);
        e = record(a, name, 5 + key->n);
    }
    if (!e)
        return vb_fail(err, VB_EFORMAT, "checkpoint '%s': '%.*s': its storage is not in the file; copy or download the "
                       "file again", a->c->label, (int)t->key_len, t->key);
    if (__builtin_mul_overflow(numel, vb_storage_type_size(t->type), &bytes) || bytes != e->size)
        return vb_fail(err, VB_EFORMAT, "checkpoint '%s': '%.*s': a storage of %llu %s elements in a record of %llu "
                       "bytes", a->c->label, (int)t->key_len, t->key, (unsigned long long)numel,
                       vb_storage_type_name(t->type), (unsigned long long)e->size);
    t->storage = e->data;
    return VB_OK;
}

/* _rebuild_parameter(tensor, requires_grad, hooks) is its tensor. One level: torch never nests them. */
static const vb_py *unwrap_parameter(const vb_py *v)
{
    const vb_py *args;

    if (v->kind != VB_PY_CALL || v->class->id != REBUILD_PARAMETER)
        return v;
    args = v->items[0];
    return args->n == 3 ? args->items[0] : v;
}

/* (storage, offset, shape, stride, requires_grad, hooks[, metadata]); metadata may ask for negation or conjugation. */
static vb_status add_tensor(const archive *a, const vb_py *key, const vb_py *value, vb_err *err)
{
    int64_t shape[VB_TENSOR_DIMS], stride[VB_TENSOR_DIMS];
    vb_tensor_claim t = {.key = key->str, .key_len = key->n < 200 ? key->n : 200, .shape = shape, .stride = stride};
    const vb_py *v = unwrap_parameter(value);
    vb_status st;

    for (size_t i = 0; i < t.key_len; i++)
        if (key->str[i] < 0x20 || key->str[i] > 0x7e)
            t.key_len = i; /* what follows must not reach a terminal; the add below refuses such a key */
    if (v->kind != VB_PY_CALL || v->class->id != REBUILD_TENSOR)
        return vb_fail(err, VB_EFORMAT, "checkpoint '%s': '%.*s' is of type %s, not a tensor; save the state dict alone",
                       a->c->label, (int)t.key_len, t.key, vb_py_kind_name(v->kind));
    const vb_py *args = v->items[0];

    if (args->n < 6 || args->n > 7 || args->items[1]->kind != VB_PY_INT || args->items[1]->i < 0 ||
        !get_dims(args->items[2], shape) || !get_dims(args->items[3], stride) ||
        args->items[2]->n != args->items[3]->n)
        return vb_fail(err, VB_EFORMAT, "checkpoint '%s': '%.*s' is not a tensor of 0 to %d dimensions with plain "
                       "shape, stride and offset", a->c->label, (int)t.key_len, t.key, VB_TENSOR_DIMS);
    if (args->n == 7 && args->items[6]->kind != VB_PY_NONE && (args->items[6]->kind != VB_PY_DICT || args->items[6]->n))
        return vb_fail(err, VB_EFORMAT, "checkpoint '%s': '%.*s' is a lazily negated or conjugated view; save its "
                       "clone()", a->c->label, (int)t.key_len, t.key);
    t.ndim = (int)args->items[2]->n;
    t.offset = (uint64_t)args->items[1]->i;
    if ((st = get_storage(a, &t, args->items[0], err)) != VB_OK)
        return st;
    t.key_len = key->n;
    return vb_checkpoint_add(a->c, &t, err);
}

/* *out is the dict under key, or left alone. */
static vb_status get_dict(const archive *a, const vb_py **out, const vb_py *root, const char *key, vb_err *err)
{
    const vb_py *found = NULL;

    for (size_t i = 0; i < root->n; i++) {
        if (!vb_py_is(root->items[2 * i], key))
            continue;
        if (found)
            return vb_fail(err, VB_EFORMAT, "checkpoint '%s': key '%s' occurs twice", a->c->label, key);
        found = root->items[2 * i + 1];
    }
    if (found && found->kind == VB_PY_DICT)
        *out = found;
    return VB_OK;
}

static vb_status add_state_dict(const archive *a, const vb_py *root, vb_err *err)
{
    const vb_py *dict = root;
    vb_status st;

    if (root->kind != VB_PY_DICT)
        return vb_fail(err, VB_EFORMAT, "checkpoint '%s': holds one value of type %s, not a dict of tensors; save the model's state_dict()",
                       a->c->label, vb_py_kind_name(root->kind));
    if ((st = get_dict(a, &dict, root, "model", err)) != VB_OK ||
        (dict == root && (st = get_dict(a, &dict, root, "state_dict", err)) != VB_OK))
        return st;
    for (size_t i = 0; i < dict->n; i++) {
        const vb_py *key = dict->items[2 * i];

        if (key->kind != VB_PY_STR)
            return vb_fail(err, VB_EFORMAT, "checkpoint '%s': a state-dict key of type %s, not str", a->c->label,
                           vb_py_kind_name(key->kind));
        if ((st = add_tensor(a, key, dict->items[2 * i + 1], err)) != VB_OK)
            return st;
    }
    return VB_OK;
}

vb_status vb_checkpoint_read_torch(vb_checkpoint *c, vb_err *err)
{
    archive a = {.c = c};
    const vb_zip_entry *e;
    vb_pickle *pickle = NULL;
    const vb_py *root;
    vb_status st;

    c->format = "torch";
    if ((st = vb_zip_open(&c->zip, c->map, c->map_len, c->label, err)) != VB_OK ||
        (st = find_pickle(&a, &e, err)) != VB_OK || (st = check_byte_order(&a, err)) != VB_OK ||
        (st = vb_zip_check_crc(c->zip, e, err)) != VB_OK ||
        (st = vb_pickle_read(&pickle, &root, e->data, (size_t)e->size, classes, sizeof classes / sizeof *classes,
                             c->label, err)) != VB_OK)
        goto out;
    st = add_state_dict(&a, root, err);
out:
    vb_pickle_free(pickle);
    return st;
}
