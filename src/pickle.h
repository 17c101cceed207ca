/* Reads a protocol 2 pickle as plain data, for torch.save's data.pkl.
 *
 * An interpreter of the opcodes that torch.save emits for dicts of tensors with plain extras. It never calls
 * anything: a call of an allowed global stays a node (VB_PY_CALL) for the caller to interpret, and every other
 * opcode or global ends the reading with an error that names it. Work and memory are bounded by the pickle's
 * size; values may share and even contain each other, so walk them with a bound on depth.
 * Source of the format: CPython 3.12 Lib/pickletools.py. */
#ifndef VB_PICKLE_H
#define VB_PICKLE_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    VB_PY_NONE,
    VB_PY_BOOL,
    VB_PY_INT,
    VB_PY_LONG, /* an int beyond 64 bits: no value kept */
    VB_PY_FLOAT,
    VB_PY_STR,
    VB_PY_TUPLE,
    VB_PY_LIST,
    VB_PY_DICT,
    VB_PY_GLOBAL,
    VB_PY_CALL,  /* items[0] the tuple of arguments, class the callee */
    VB_PY_PERSID /* items[0] the id: torch's reference to a storage */
} vb_py_kind;

/* What the caller allows. A callable global may be the target of REDUCE; a dict makes REDUCE give a dict. */
typedef enum { VB_PY_TYPE, VB_PY_CALLABLE, VB_PY_DICT_CLASS } vb_py_use;
typedef struct {
    const char *module, *name;
    vb_py_use use;
    int id; /* the caller's */
} vb_py_class;

typedef struct vb_py vb_py;
struct vb_py {
    vb_py_kind kind;
    size_t n;    /* bytes of a string, items of a tuple or list, pairs of a dict */
    size_t room; /* items allocated */
    union {
        int64_t i;       /* VB_PY_BOOL, VB_PY_INT */
        double f;        /* VB_PY_FLOAT */
        const char *str; /* in the pickle, n bytes, not NUL-terminated */
        vb_py **items;   /* a dict's are key, value, key, value, ... */
    };
    const vb_py_class *class; /* VB_PY_GLOBAL, VB_PY_CALL */
};

typedef struct vb_pickle vb_pickle;

/* data [len] is borrowed for the life of the values, as is classes [n_classes]; label names the file in errors.
 * *root belongs to *out. VB_EFORMAT names opcode, global or fault and the offset; VB_ENOMEM. */
vb_status vb_pickle_read(vb_pickle **out, const vb_py **root, const void *data, size_t len,
                         const vb_py_class *classes, size_t n_classes, const char *label, vb_err *err);
void vb_pickle_free(vb_pickle *p);

const char *vb_py_kind_name(vb_py_kind kind); /* "int", "dict", ... */
bool vb_py_is(const vb_py *v, const char *text); /* v is the string text */

#endif
