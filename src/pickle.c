/* Pickle opcodes to plain values; see pickle.h. */
#include "pickle.h"

#include "pickle_opcodes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Far above any checkpoint (SAM 2.1 large: 0.14 MB, 20 000 values, stack 4 000), far below what hurts a host. */
enum {
    MAX_BYTES = 16 << 20,
    MAX_VALUES = 2 << 20,
    MAX_STACK = 64 << 10,
    MAX_MARKS = 256,
    BLOCK_BYTES = 64 << 10
};

typedef struct block {
    struct block *next;
    size_t used, size;
    _Alignas(16) unsigned char bytes[];
} block;

struct vb_pickle {
    block *blocks;
    vb_py none, yes, no, empty; /* shared values of one-byte opcodes */
};

typedef struct {
    vb_pickle *mem;
    const unsigned char *data;
    size_t len, at, op_at; /* next byte; the current opcode's */
    const vb_py_class *classes;
    size_t n_classes;
    const char *label;
    vb_err *err;
    size_t n_values;
    vb_py **stack;
    size_t sp, stack_room;
    size_t marks[MAX_MARKS];
    size_t n_marks;
    vb_py **memo;
    size_t n_memo, memo_room;
} machine;

static vb_status fail(machine *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static vb_status fail(machine *m, const char *fmt, ...)
{
    char fault[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(fault, sizeof fault, fmt, ap);
    va_end(ap);
    return vb_fail(m->err, VB_EFORMAT, "checkpoint '%s': data.pkl, byte %zu: %s", m->label, m->op_at, fault);
}

static vb_status no_memory(machine *m)
{
    return vb_fail(m->err, VB_ENOMEM, "checkpoint '%s': host memory for its pickle", m->label);
}

static void *take(machine *m, size_t n)
{
    block *b = m->mem->blocks;

    n = (n + 15) & ~(size_t)15;
    if (!b || b->size - b->used < n) {
        size_t size = n > BLOCK_BYTES ? n : BLOCK_BYTES;

        if (!(b = malloc(sizeof *b + size)))
            return NULL;
        b->next = m->mem->blocks;
        b->used = 0;
        b->size = size;
        m->mem->blocks = b;
    }
    b->used += n;
    return b->bytes + b->used - n;
}

static vb_status new_value(machine *m, vb_py **out, vb_py_kind kind)
{
    if (++m->n_values > MAX_VALUES)
        return fail(m, "more than %d values; this is no file of weights alone", MAX_VALUES);
    if (!(*out = take(m, sizeof **out)))
        return no_memory(m);
    **out = (vb_py){.kind = kind};
    return VB_OK;
}

static vb_status push(machine *m, vb_py *v)
{
    if (m->sp == m->stack_room) {
        size_t room = m->stack_room ? 2 * m->stack_room : 256;
        vb_py **p;

        if (m->sp >= MAX_STACK)
            return fail(m, "more than %d values on the stack", MAX_STACK);
        if (!(p = realloc(m->stack, room * sizeof *p)))
            return no_memory(m);
        m->stack = p;
        m->stack_room = room;
    }
    m->stack[m->sp++] = v;
    return VB_OK;
}

/* Values above the latest mark: an opcode without a mark of its own may not reach below it. */
static size_t above_mark(const machine *m) { return m->sp - (m->n_marks ? m->marks[m->n_marks - 1] : 0); }

static vb_status need(machine *m, size_t n)
{
    return above_mark(m) >= n ? VB_OK : fail(m, "stack underflow");
}

static vb_status read_bytes(machine *m, const unsigned char **p, size_t n)
{
    *p = NULL;
    if (m->len - m->at < n)
        return fail(m, "cut off inside an argument");
    *p = m->data + m->at;
    m->at += n;
    return VB_OK;
}

static vb_status read_uint(machine *m, uint64_t *v, size_t bytes)
{
    const unsigned char *p;

    *v = 0;
    if (read_bytes(m, &p, bytes) != VB_OK)
        return VB_EFORMAT;
    for (size_t i = 0; i < bytes; i++)
        *v |= (uint64_t)p[i] << 8 * i;
    return VB_OK;
}

/* Text up to a newline, as GLOBAL has it twice. */
static vb_status read_line(machine *m, char out[128])
{
    const unsigned char *p = m->data + m->at, *end = memchr(p, '\n', m->len - m->at);

    if (!end)
        return fail(m, "cut off inside an argument");
    if (end - p > 127)
        return fail(m, "a global's name is longer than 127 bytes");
    for (size_t i = 0; p + i <= end; i++)
        out[i] = p + i == end ? '\0' : p[i] >= 0x20 && p[i] < 0x7f ? (char)p[i] : '?';
    m->at += (size_t)(end - p) + 1;
    return VB_OK;
}

static vb_status push_int(machine *m, int64_t i)
{
    vb_py *v;
    vb_status st = new_value(m, &v, VB_PY_INT);

    if (st != VB_OK)
        return st;
    v->i = i;
    return push(m, v);
}

static vb_status op_long(machine *m)
{
    const unsigned char *p;
    uint64_t n, v = 0;
    vb_py *big;
    vb_status st;

    if (read_uint(m, &n, 1) != VB_OK || read_bytes(m, &p, (size_t)n) != VB_OK)
        return VB_EFORMAT;
    if (n > 8) {
        if ((st = new_value(m, &big, VB_PY_LONG)) != VB_OK)
            return st;
        return push(m, big);
    }
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << 8 * i;
    if (n && n < 8 && p[n - 1] & 0x80)
        v |= UINT64_MAX << 8 * n; /* two's complement of n bytes */
    return push_int(m, (int64_t)v);
}

static vb_status op_float(machine *m)
{
    const unsigned char *p;
    uint64_t bits = 0;
    vb_py *v;
    vb_status st;

    if (read_bytes(m, &p, 8) != VB_OK)
        return VB_EFORMAT;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | p[i];
    if ((st = new_value(m, &v, VB_PY_FLOAT)) != VB_OK)
        return st;
    memcpy(&v->f, &bits, sizeof bits);
    return push(m, v);
}

static vb_status op_string(machine *m)
{
    const unsigned char *p;
    uint64_t n;
    vb_py *v;
    vb_status st;

    if (read_uint(m, &n, 4) != VB_OK || read_bytes(m, &p, (size_t)n) != VB_OK)
        return VB_EFORMAT;
    if ((st = new_value(m, &v, VB_PY_STR)) != VB_OK)
        return st;
    v->str = (const char *)p;
    v->n = (size_t)n;
    return push(m, v);
}

static vb_status op_global(machine *m)
{
    char module[128], name[128];
    vb_py *v;
    vb_status st;

    if (read_line(m, module) != VB_OK || read_line(m, name) != VB_OK)
        return VB_EFORMAT;
    for (size_t i = 0; i < m->n_classes; i++) {
        if (strcmp(module, m->classes[i].module) != 0 || strcmp(name, m->classes[i].name) != 0)
            continue;
        if ((st = new_value(m, &v, VB_PY_GLOBAL)) != VB_OK)
            return st;
        v->class = &m->classes[i];
        return push(m, v);
    }
    return fail(m, "refers to '%.60s.%.60s', which is not part of a file of weights and is not run; if you trust "
                "the file, load it with torch and save its state dict alone", module, name);
}

static vb_status new_tuple(machine *m, size_t n)
{
    vb_py *v = &m->mem->empty;
    vb_status st;

    if (n) {
        if ((st = new_value(m, &v, VB_PY_TUPLE)) != VB_OK)
            return st;
        if (!(v->items = take(m, n * sizeof *v->items)))
            return no_memory(m);
        v->n = v->room = n;
        memcpy(v->items, m->stack + m->sp - n, n * sizeof *v->items);
        m->sp -= n;
    }
    return push(m, v);
}

static vb_status op_tuple(machine *m, size_t n)
{
    return need(m, n) == VB_OK ? new_tuple(m, n) : VB_EFORMAT;
}

/* Pops the mark; *n values lie above it. */
static vb_status pop_mark(machine *m, size_t *n)
{
    *n = 0;
    if (!m->n_marks)
        return fail(m, "no mark on the stack");
    *n = above_mark(m);
    m->n_marks--;
    return VB_OK;
}

/* Moves the n topmost values to the end of the list or dict below them. */
static vb_status extend(machine *m, size_t n, vb_py_kind kind)
{
    if (above_mark(m) < n + 1)
        return fail(m, "stack underflow");
    vb_py *v = m->stack[m->sp - n - 1];
    size_t have = kind == VB_PY_DICT ? 2 * v->n : v->n;

    if (v->kind != kind)
        return fail(m, "adds items to a %s", vb_py_kind_name(v->kind));
    if (kind == VB_PY_DICT && n % 2)
        return fail(m, "a dict key without a value");
    if (v->room - have < n) {
        size_t room = 2 * (have + n);
        vb_py **items = take(m, room * sizeof *items);

        if (!items)
            return no_memory(m);
        if (have)
            memcpy(items, v->items, have * sizeof *items);
        v->items = items;
        v->room = room;
    }
    if (n)
        memcpy(v->items + have, m->stack + m->sp - n, n * sizeof *v->items);
    v->n += kind == VB_PY_DICT ? n / 2 : n;
    m->sp -= n;
    return VB_OK;
}

static vb_status op_extend_from_mark(machine *m, vb_py_kind kind)
{
    size_t n;

    return pop_mark(m, &n) == VB_OK ? extend(m, n, kind) : VB_EFORMAT;
}

static vb_status op_reduce(machine *m)
{
    vb_py *v;
    vb_status st;

    if (need(m, 2) != VB_OK)
        return VB_EFORMAT;
    const vb_py *f = m->stack[m->sp - 2];
    vb_py *args = m->stack[m->sp - 1];

    if (f->kind != VB_PY_GLOBAL || f->class->use == VB_PY_TYPE)
        return fail(m, "calls %s, which is not run", f->kind == VB_PY_GLOBAL ? f->class->name : vb_py_kind_name(f->kind));
    if (args->kind != VB_PY_TUPLE)
        return fail(m, "calls %s with a %s for its arguments", f->class->name, vb_py_kind_name(args->kind));
    if (f->class->use == VB_PY_DICT_CLASS && args->n)
        return fail(m, "calls %s with arguments", f->class->name);
    if ((st = new_value(m, &v, f->class->use == VB_PY_DICT_CLASS ? VB_PY_DICT : VB_PY_CALL)) != VB_OK)
        return st;
    v->class = f->class;
    if (v->kind == VB_PY_CALL) {
        if (!(v->items = take(m, sizeof *v->items)))
            return no_memory(m);
        v->items[0] = args;
        v->n = 1;
    }
    m->sp -= 2;
    return push(m, v);
}

static vb_status op_persid(machine *m)
{
    vb_py *v;
    vb_status st;

    if (need(m, 1) != VB_OK)
        return VB_EFORMAT;
    if ((st = new_value(m, &v, VB_PY_PERSID)) != VB_OK)
        return st;
    if (!(v->items = take(m, sizeof *v->items)))
        return no_memory(m);
    v->items[0] = m->stack[m->sp - 1];
    v->n = 1;
    m->stack[m->sp - 1] = v;
    return VB_OK;
}

/* torch saves a state dict's _metadata as attributes of an OrderedDict: nothing that weights need. */
static vb_status op_build(machine *m)
{
    if (need(m, 2) != VB_OK)
        return VB_EFORMAT;
    const vb_py *v = m->stack[m->sp - 2], *state = m->stack[m->sp - 1];

    if (v->kind != VB_PY_DICT || !v->class || state->kind != VB_PY_DICT)
        return fail(m, "BUILD on a %s; only an OrderedDict may have attributes here", vb_py_kind_name(v->kind));
    m->sp--;
    return VB_OK;
}

static vb_status op_put(machine *m, size_t bytes)
{
    uint64_t i;

    if (read_uint(m, &i, bytes) != VB_OK || need(m, 1) != VB_OK)
        return VB_EFORMAT;
    if (i > m->n_memo) /* picklers number from 0 on; a gap would be memory for the asking */
        return fail(m, "memo entry %llu out of order", (unsigned long long)i);
    if (i == m->memo_room) {
        size_t room = m->memo_room ? 2 * m->memo_room : 256;
        vb_py **p = realloc(m->memo, room * sizeof *p);

        if (!p)
            return no_memory(m);
        m->memo = p;
        m->memo_room = room;
    }
    m->memo[i] = m->stack[m->sp - 1];
    if (i == m->n_memo)
        m->n_memo++;
    return VB_OK;
}

static vb_status op_get(machine *m, size_t bytes)
{
    uint64_t i;

    if (read_uint(m, &i, bytes) != VB_OK)
        return VB_EFORMAT;
    if (i >= m->n_memo)
        return fail(m, "memo entry %llu was never stored", (unsigned long long)i);
    return push(m, m->memo[i]);
}

static vb_status op_uint(machine *m, size_t bytes)
{
    uint64_t v;

    if (read_uint(m, &v, bytes) != VB_OK)
        return VB_EFORMAT;
    return push_int(m, bytes == 4 ? (int64_t)(int32_t)(uint32_t)v : (int64_t)v);
}

static vb_status op_empty(machine *m, vb_py_kind kind)
{
    vb_py *v;
    vb_status st = new_value(m, &v, kind);

    return st == VB_OK ? push(m, v) : st;
}

static vb_status refuse(machine *m, unsigned char op)
{
    const char *name = pickle_opcode_names[op];

    if (!name)
        return fail(m, "0x%02x is no pickle opcode; the file is damaged", op);
    return fail(m, "opcode %s does not occur in a file of weights and is not run; if you trust the file, load it with "
                "torch and save its state dict alone", name);
}

static vb_status step(machine *m, unsigned char op)
{
    size_t n;

    switch (op) {
    case '(':
        if (m->n_marks == MAX_MARKS)
            return fail(m, "nested deeper than %d", MAX_MARKS);
        m->marks[m->n_marks++] = m->sp;
        return VB_OK;
    case 'N':
        return push(m, &m->mem->none);
    case 0x88:
        return push(m, &m->mem->yes);
    case 0x89:
        return push(m, &m->mem->no);
    case 'K':
        return op_uint(m, 1);
    case 'M':
        return op_uint(m, 2);
    case 'J':
        return op_uint(m, 4);
    case 0x8a:
        return op_long(m);
    case 'G':
        return op_float(m);
    case 'X':
        return op_string(m);
    case ')':
        return push(m, &m->mem->empty);
    case 't':
        return pop_mark(m, &n) == VB_OK ? new_tuple(m, n) : VB_EFORMAT;
    case 0x85:
    case 0x86:
    case 0x87:
        return op_tuple(m, op - 0x84u);
    case ']':
        return op_empty(m, VB_PY_LIST);
    case 'a':
        return extend(m, 1, VB_PY_LIST);
    case 'e':
        return op_extend_from_mark(m, VB_PY_LIST);
    case '}':
        return op_empty(m, VB_PY_DICT);
    case 's':
        return extend(m, 2, VB_PY_DICT);
    case 'u':
        return op_extend_from_mark(m, VB_PY_DICT);
    case 'c':
        return op_global(m);
    case 'R':
        return op_reduce(m);
    case 'Q':
        return op_persid(m);
    case 'b':
        return op_build(m);
    case 'q':
        return op_put(m, 1);
    case 'r':
        return op_put(m, 4);
    case 'h':
        return op_get(m, 1);
    case 'j':
        return op_get(m, 4);
    default:
        return refuse(m, op);
    }
}

static vb_status run(machine *m)
{
    uint64_t protocol;
    vb_status st;

    if (m->len > MAX_BYTES)
        return fail(m, "%zu bytes of pickle; more than %d are not weights alone", m->len, MAX_BYTES);
    if (m->len < 2 || m->data[0] != 0x80)
        return fail(m, "not a pickle");
    m->at = 1;
    if (read_uint(m, &protocol, 1) != VB_OK)
        return VB_EFORMAT;
    if (protocol != 2)
        return fail(m, "pickle protocol %llu; torch.save's own is 2: save again without pickle_protocol",
                    (unsigned long long)protocol);
    for (;;) {
        m->op_at = m->at;
        if (m->at == m->len)
            return fail(m, "cut off: no STOP");
        unsigned char op = m->data[m->at++];

        if (op == '.')
            break;
        if ((st = step(m, op)) != VB_OK)
            return st;
    }
    if (m->at != m->len)
        return fail(m, "%zu bytes after STOP", m->len - m->at);
    if (m->sp != 1 || m->n_marks)
        return fail(m, "%zu values left at STOP, expected one", m->sp);
    return VB_OK;
}

vb_status vb_pickle_read(vb_pickle **out, const vb_py **root, const void *data, size_t len,
                         const vb_py_class *classes, size_t n_classes, const char *label, vb_err *err)
{
    machine m = {.data = data, .len = len, .classes = classes, .n_classes = n_classes, .label = label, .err = err,
                 .mem = calloc(1, sizeof *m.mem)};
    vb_status st;

    *out = NULL;
    *root = NULL;
    if (!m.mem) {
        st = no_memory(&m);
        goto out;
    }
    m.mem->none.kind = VB_PY_NONE;
    m.mem->yes = (vb_py){.kind = VB_PY_BOOL, .i = 1};
    m.mem->no.kind = VB_PY_BOOL;
    m.mem->empty.kind = VB_PY_TUPLE;
    if ((st = run(&m)) != VB_OK)
        goto out;
    *root = m.stack[0];
    *out = m.mem;
    m.mem = NULL;
out:
    free(m.stack);
    free(m.memo);
    vb_pickle_free(m.mem);
    return st;
}

void vb_pickle_free(vb_pickle *p)
{
    if (!p)
        return;
    for (block *b = p->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(p);
}

const char *vb_py_kind_name(vb_py_kind kind)
{
    static const char *const names[] = {"None",  "bool", "int",  "int beyond 64 bits", "float", "str", "tuple", "list",
                                        "dict", "class", "call", "storage"};

    return (size_t)kind < sizeof names / sizeof *names ? names[kind] : "?";
}

bool vb_py_is(const vb_py *v, const char *text)
{
    size_t n = strlen(text);

    return v->kind == VB_PY_STR && v->n == n && memcmp(v->str, text, n) == 0;
}
