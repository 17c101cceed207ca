/* See hostile.h. Ways: CPython 3.12 Lib/pickletools.py; targets: what public collections of harmful pickles call. */
#include "hostile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *module, *name;
} target;

static const target targets[] = {
    {"os", "system"},          {"posix", "system"},         {"subprocess", "Popen"},       {"builtins", "eval"},
    {"builtins", "exec"},      {"builtins", "__import__"},  {"builtins", "getattr"},       {"__builtin__", "compile"},
    {"importlib", "import_module"}, {"runpy", "run_path"},  {"ctypes", "CDLL"},            {"pickle", "loads"},
    {"torch", "load"},         {"torch.hub", "load"},       {"torch._utils", "_rebuild_tensor_v2.__globals__"},
    {"collections", "OrderedDict.__init__"},
};
enum { N_TARGETS = sizeof targets / sizeof *targets };

static void text(bytes *b, const char *s) { pickle_text(b, s); }

static void global(bytes *b, const target *t) { pickle_global(b, t->module, t->name); }

/* The tensor "w" of one float, with something in place of one of its arguments: 0 storage type, 1 key, 2 offset, 3 hooks. */
static void tensor_with(bytes *b, int which, const target *t, const char *arg)
{
    put_str(b, "}");
    text(b, "w");
    pickle_global(b, "torch._utils", "_rebuild_tensor_v2");
    put_str(b, "((");
    text(b, "storage");
    which == 0 ? global(b, t) : pickle_global(b, "torch", "FloatStorage");
    if (which == 1)
        global(b, t);
    else
        text(b, "0");
    text(b, "cpu");
    put_str(b, "K\1tQ");
    if (which == 2) {
        global(b, t);
        text(b, arg);
        put_str(b, "\x85R");
    } else {
        put(b, "K\0", 2);
    }
    put_str(b, "K\1\x85K\1\x85\x89");
    if (which == 3) {
        global(b, t);
        text(b, arg);
        put_str(b, "\x85R");
    } else {
        pickle_global(b, "collections", "OrderedDict");
        put_str(b, ")R");
    }
    put_str(b, "tRs");
}

enum { N_WAYS = 15 };

/* What a pickle with this way to the target looks like; arg is the command. */
static void call(bytes *b, int way, const target *t, const char *arg)
{
    char line[700];

    if (way == 11) { /* protocol 0, all text */
        snprintf(line, sizeof line, "c%s\n%s\n(S'%s'\ntR.", t->module, t->name, arg);
        put_str(b, line);
        return;
    }
    pickle_begin(b);
    switch (way) {
    case 0: /* REDUCE */
        global(b, t);
        text(b, arg);
        put_str(b, "\x85R");
        break;
    case 1: /* INST */
        put_str(b, "(");
        text(b, arg);
        snprintf(line, sizeof line, "i%s\n%s\n", t->module, t->name);
        put_str(b, line);
        break;
    case 2: /* OBJ */
        put_str(b, "(");
        global(b, t);
        text(b, arg);
        put_str(b, "o");
        break;
    case 3: /* NEWOBJ */
        global(b, t);
        text(b, arg);
        put_str(b, "\x85\x81");
        break;
    case 4: /* NEWOBJ_EX */
        global(b, t);
        text(b, arg);
        put_str(b, "\x85}\x92");
        break;
    case 5: /* STACK_GLOBAL */
        text(b, t->module);
        text(b, t->name);
        put_str(b, "\x93");
        text(b, arg);
        put_str(b, "\x85R");
        break;
    case 6: /* BUILD with a state that calls */
        pickle_global(b, "collections", "OrderedDict");
        put_str(b, ")R");
        global(b, t);
        text(b, arg);
        put_str(b, "\x85Rb");
        break;
    case 7: /* as a persistent id */
        global(b, t);
        text(b, arg);
        put_str(b, "\x85RQ");
        break;
    case 8: /* by way of the memo, behind values that are dropped */
        global(b, t);
        put(b, "q\0N0h\0", 6);
        text(b, arg);
        put_str(b, "\x85R");
        break;
    case 9: /* in a tensor's storage type */
        tensor_with(b, 0, t, arg);
        break;
    case 10: /* as a tensor's offset */
        tensor_with(b, 2, t, arg);
        break;
    case 12: /* in a tensor's hooks */
        tensor_with(b, 3, t, arg);
        break;
    case 14: /* as a storage's key */
        tensor_with(b, 1, t, arg);
        break;
    case 13: /* deep inside, behind a sound tensor */
        put_str(b, "}(");
        text(b, "w");
        pickle_tensor(b, "FloatStorage", "0", 1, 0, (int64_t[]){1}, (int64_t[]){1}, 1);
        text(b, "v");
        for (int i = 0; i < 60; i++)
            put_str(b, "]");
        global(b, t);
        text(b, arg);
        put_str(b, "\x85R");
        for (int i = 0; i < 60; i++)
            put_str(b, "a");
        put_str(b, "u");
        break;
    }
    put_str(b, ".");
}

static void sound(bytes *b)
{
    pickle_begin(b);
    put_str(b, "}");
    text(b, "w");
    pickle_tensor(b, "FloatStorage", "0", 1, 0, (int64_t[]){1}, (int64_t[]){1}, 1);
    put_str(b, "s.");
}

static void repeat(bytes *b, const char *unit, size_t unit_n, int times)
{
    for (int i = 0; i < times; i++)
        put(b, unit, unit_n);
}

enum { N_BOMBS = 9 };

/* Pickles that would take all memory or time. */
static void bomb(bytes *b, int which)
{
    pickle_begin(b);
    switch (which) {
    case 0: /* nested marks */
        repeat(b, "(", 1, 1 << 20);
        break;
    case 1: /* lists within lists */
        repeat(b, "]", 1, 1 << 20);
        break;
    case 2: /* a tuple of two of the tuple before, 2^60 leaves */
        put(b, ")q\0", 3);
        for (int i = 0; i < 60; i++) {
            put_str(b, "h");
            put_le(b, (uint64_t)i, 1);
            put_str(b, "\x86q");
            put_le(b, (uint64_t)i + 1, 1);
        }
        break;
    case 3: /* a memo place far out */
        put(b, "Nr\xff\xff\xff\x7f", 6);
        break;
    case 4: /* a string that claims 4 GiB */
        put(b, "X\xff\xff\xff\xff" "abc", 8);
        break;
    case 5: /* an integer of 2 GiB */
        put(b, "\x8b\xff\xff\xff\x7f", 5);
        break;
    case 6: /* a frame of 2^63 bytes */
        put(b, "\x95\xff\xff\xff\xff\xff\xff\xff\x7f", 9);
        break;
    case 7: /* a list that holds itself, as the state dict */
        put(b, "]q\0h\0a", 6);
        break;
    case 8: /* a dict that holds itself */
        put(b, "}q\0", 3);
        text(b, "w");
        put(b, "h\0s", 3);
        break;
    }
    put_str(b, ".");
}

static void set(bytes *b, size_t at, uint64_t v, int n)
{
    for (int i = 0; i < n; i++, v >>= 8)
        b->p[at + (size_t)i] = (uint8_t)v;
}

enum { N_ZIPS = 18 };

/* Archives around a sound pickle. Offsets: PKWARE APPNOTE.TXT 4.3.7, 4.3.12, 4.3.16. */
static void zip(bytes *file, int which)
{
    static const char *const names[] = {"../../../etc/cron.d/x", "/etc/ld.so.preload", "archive/../../x", "archive/..", "..\\x"};
    zip_writer z = {.n = 0};
    bytes pickle = {.n = 0};
    size_t first;

    sound(&pickle);
    zip_add(&z, "archive/data.pkl", pickle.p, pickle.n);
    first = z.last_directory;
    if (which < 5)
        zip_add(&z, names[which], "x", 1);
    zip_add(&z, which == 5 ? "archive/data.pkl" : "archive/data/0", "1234", 4);
    switch (which) {
    case 6: /* sizes beyond the file */
        set(&z.directory, z.last_directory + 20, 0xfffffffe, 4);
        set(&z.directory, z.last_directory + 24, 0xfffffffe, 4);
        break;
    case 7: /* the first entry holds the second */
        set(&z.directory, first + 20, z.file.n - 64, 4);
        set(&z.directory, first + 24, z.file.n - 64, 4);
        break;
    case 8: /* two names for the same bytes */
        set(&z.directory, z.last_directory + 42, 0, 4);
        break;
    case 9: /* deflated */
        set(&z.directory, z.last_directory + 10, 8, 2);
        break;
    case 10: /* encrypted */
        set(&z.directory, z.last_directory + 8, 9, 2);
        break;
    case 11: /* another method in the local header alone */
        set(&z.file, z.last_local + 8, 8, 2);
        break;
    case 12: /* an escape sequence in a name */
        z.directory.p[z.last_directory + 46] = 0x1b;
        z.file.p[z.last_local + 30] = 0x1b;
        break;
    case 13: /* data behind the local name far beyond the file */
        set(&z.file, z.last_local + 28, 0xffff, 2);
        break;
    case 14: /* two pickles to choose from */
        zip_add(&z, "other/data.pkl", pickle.p, pickle.n);
        break;
    case 15: /* a program of TorchScript */
        zip_add(&z, "archive/constants.pkl", "x", 1);
        zip_add(&z, "archive/code/__torch__.py", "import os", 9);
        break;
    }
    zip_end(&z, true);
    if (which == 16) { /* 2^63 entries; counts lie at 24 and 32 of the zip64 record, which is 98 from the end */
        set(&z.file, z.file.n - 14, 0xffffffff, 4);
        set(&z.file, z.file.n - 98 + 24, UINT64_MAX / 2, 8);
        set(&z.file, z.file.n - 98 + 32, UINT64_MAX / 2, 8);
    } else if (which == 17) { /* a directory of its own behind the directory: two ways to read one file */
        zip_writer other = {.n = 0};

        zip_add(&other, "archive/data.pkl", "x", 1);
        zip_end(&other, false);
        put(&z.file, other.file.p, other.file.n);
        zip_free(&other);
    }
    *file = z.file;
    free(z.directory.p);
    free(pickle.p);
}

static const char *const headers[] = {
    "{\"w\":{\"dtype\":\"F32\",\"shape\":[1152921504606846976],\"data_offsets\":[0,16]}}",
    "{\"w\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,16]}}",
    "{\"w\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,9223372036854775807]}}",
    "{\"w\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[-16,0]}}",
    "{\"v\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]},\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
    "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}",
    "{\"w\":{\"dtype\":\"__import__('os')\",\"shape\":[4],\"data_offsets\":[0,16]}}",
    "{\"\\u001b[2J\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}",
    "{\"w\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,4],\"data_offsets\":[0,16]}}",
};
enum { N_HEADERS = sizeof headers / sizeof *headers, N_LENGTHS = 3 };

static void safetensors(bytes *file, int which)
{
    static const uint64_t lengths[N_LENGTHS] = {UINT64_MAX, UINT64_MAX - 7, 1ull << 40};
    bytes nested = {.n = 0};

    if (which < N_HEADERS) {
        put_le(file, strlen(headers[which]), 8);
        put_str(file, headers[which]);
        put_str(file, "0123456789abcdef");
    } else if (which < N_HEADERS + N_LENGTHS) {
        put_le(file, lengths[which - N_HEADERS], 8);
        put_str(file, "{\"w\":{}}");
    } else {
        put_str(&nested, "{\"w\":");
        repeat(&nested, "[", 1, 1 << 20);
        put_le(file, nested.n, 8);
        put(file, nested.p, nested.n);
        free(nested.p);
    }
}

int hostile_count(void) { return N_WAYS * N_TARGETS + N_BOMBS + N_ZIPS + N_HEADERS + N_LENGTHS + 1; }

void hostile_make(bytes *file, char what[160], int i, const char *touched)
{
    char command[600];
    bytes pickle = {.n = 0};

    *file = (bytes){.n = 0};
    if (i < N_WAYS * N_TARGETS) {
        const target *t = &targets[i / N_WAYS];

        snprintf(what, 160, "way %d to %s.%s", i % N_WAYS, t->module, t->name);
        snprintf(command, sizeof command, "touch %s", touched);
        call(&pickle, i % N_WAYS, t, command);
    } else if ((i -= N_WAYS * N_TARGETS) < N_BOMBS) {
        snprintf(what, 160, "bomb %d", i);
        bomb(&pickle, i);
    } else if ((i -= N_BOMBS) < N_ZIPS) {
        snprintf(what, 160, "archive %d", i);
        zip(file, i);
        return;
    } else {
        i -= N_ZIPS;
        snprintf(what, 160, "safetensors %d", i);
        safetensors(file, i);
        return;
    }
    torch_file(file, &pickle, "1234", 4);
    free(pickle.p);
}
