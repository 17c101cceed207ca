/* The allocator, and the count of what fails; see fail.h. Compiled without sanitizers: it runs before theirs is set up. */
#include "fail.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_OBJECTS = 256, MOST_BLOCKS = 1 << 18, ARENA_BYTES = 1 << 16 };

static struct {
    fail_kind kind;
    bool on, ever;
    long at, calls;
    int n_objects;
    struct {
        uintptr_t begin, end;
        fail_kind kind;
    } objects[MOST_OBJECTS]; /* loaded code, and whose it is */
    struct {
        void *block;
        const void *by;
    } held[MOST_BLOCKS]; /* by hash */
    long n_held;
    void (*at_exit)(void);
} fail;
/* Of initial-exec kind: another one would itself allocate. */
static __thread bool ours __attribute__((tls_model("initial-exec"))), busy __attribute__((tls_model("initial-exec")));

/* For dlsym, which allocates before the real allocator is known. Never given back. */
static struct {
    _Alignas(16) char bytes[ARENA_BYTES];
    size_t used;
} arena;

void *fail_real(const char *name)
{
    void *f;

    busy = true;
    f = dlsym(RTLD_NEXT, name);
    busy = false;
    if (!f)
        abort();
    return f;
}

const char *fail_name(fail_kind kind)
{
    static const char *const names[FAIL_KINDS] = {"memory of ours", "memory of SQLite", "memory of HDF5", "memory of other libraries",
                                                  "SQL statement",  "HDF5 call",        "MPI call",
                                                  "end of MPI"};

    return (unsigned)kind < FAIL_KINDS ? names[kind] : "?";
}

static int add_object(struct dl_phdr_info *o, size_t size, void *ctx)
{
    fail_kind kind = !o->dlpi_name[0] || strstr(o->dlpi_name, "jansson") ? FAIL_MEMORY
                     : strstr(o->dlpi_name, "sqlite3")                   ? FAIL_MEMORY_SQLITE
                     : strstr(o->dlpi_name, "hdf5")                      ? FAIL_MEMORY_HDF5
                                                                         : FAIL_MEMORY_OTHER;

    (void)size, (void)ctx;
    for (int i = 0; i < o->dlpi_phnum && fail.n_objects < MOST_OBJECTS; i++)
        if (o->dlpi_phdr[i].p_type == PT_LOAD && (o->dlpi_phdr[i].p_flags & PF_X)) {
            fail.objects[fail.n_objects].begin = o->dlpi_addr + o->dlpi_phdr[i].p_vaddr;
            fail.objects[fail.n_objects].end = fail.objects[fail.n_objects].begin + o->dlpi_phdr[i].p_memsz;
            fail.objects[fail.n_objects++].kind = kind;
        }
    return 0;
}

void fail_begin(fail_kind kind, long at, bool ever)
{
    fail.n_objects = 0;
    dl_iterate_phdr(add_object, NULL);
    memset(fail.held, 0, sizeof fail.held);
    fail.n_held = 0;
    fail.kind = kind;
    fail.at = at;
    fail.ever = ever;
    fail.calls = 0;
    ours = fail.on = true;
}

long fail_end(void)
{
    ours = fail.on = false;
    return fail.calls;
}

long fail_held(const void **by)
{
    for (long i = 0; i < MOST_BLOCKS && by; i++)
        if (fail.held[i].by)
            *by = fail.held[i].by;
    return fail.n_held;
}

void fail_at_exit(void (*f)(void))
{
    fail.at_exit = f;
}

bool fail_now(fail_kind kind)
{
    long call;

    if (!fail.on || !ours || kind != fail.kind)
        return false;
    if (fail.at_exit) {
        atexit(fail.at_exit);
        fail.at_exit = NULL;
    }
    call = fail.calls++;
    return fail.at >= 0 && (call == fail.at || (fail.ever && call > fail.at));
}

static fail_kind whose(const void *by)
{
    for (int i = 0; i < fail.n_objects; i++)
        if ((uintptr_t)by >= fail.objects[i].begin && (uintptr_t)by < fail.objects[i].end)
            return fail.objects[i].kind;
    return FAIL_MEMORY_OTHER;
}

static bool refuse(const void *by)
{
    if (!fail.on || !ours || !fail_now(whose(by)))
        return false;
    errno = ENOMEM;
    return true;
}

static size_t place(const void *block)
{
    return ((uintptr_t)block >> 4) * 0x9e3779b97f4a7c15u >> 20 & (MOST_BLOCKS - 1);
}

static void *note(void *block, const void *by)
{
    if (!block || !fail.on || !ours || whose(by) != FAIL_MEMORY || fail.n_held == MOST_BLOCKS / 2)
        return block;
    for (size_t i = place(block);; i = (i + 1) & (MOST_BLOCKS - 1))
        if (!fail.held[i].by) { /* a freed block's place keeps block, so that those behind it are found */
            fail.held[i].block = block;
            fail.held[i].by = by;
            fail.n_held++;
            return block;
        }
}

static void forget(const void *block)
{
    if (!fail.on || !ours || !block)
        return;
    for (size_t i = place(block); fail.held[i].block; i = (i + 1) & (MOST_BLOCKS - 1))
        if (fail.held[i].block == block && fail.held[i].by) {
            fail.held[i].by = NULL;
            fail.n_held--;
            return;
        }
}

static bool in_arena(const void *block)
{
    return (const char *)block >= arena.bytes && (const char *)block < arena.bytes + ARENA_BYTES;
}

static void *from_arena(size_t n)
{
    void *block = arena.bytes + arena.used;

    if (n > ARENA_BYTES - arena.used - 16)
        abort();
    arena.used += (n + 15) & ~(size_t)15;
    return block;
}

/* The real one, looked up once. */
#define KNOWN(name)                                   \
    static __typeof__(&name) known;                   \
                                                      \
    if (!known && !busy)                              \
        known = (__extension__(__typeof__(&name))fail_real(#name))
#define BY __builtin_return_address(0)

void *malloc(size_t n)
{
    KNOWN(malloc);
    return !known ? from_arena(n) : refuse(BY) ? NULL : note(known(n), BY);
}

void *calloc(size_t n, size_t size)
{
    KNOWN(calloc);
    return !known ? from_arena(n * size) : refuse(BY) ? NULL : note(known(n, size), BY);
}

void *realloc(void *block, size_t n)
{
    void *more;

    KNOWN(realloc);
    if (in_arena(block) || !known) {
        if ((more = malloc(n)) && block)
            memcpy(more, block, n < ARENA_BYTES - (size_t)((char *)block - arena.bytes) ? n : ARENA_BYTES - (size_t)((char *)block - arena.bytes));
        return more;
    }
    if (refuse(BY))
        return NULL;
    forget(block);
    return note(known(block, n), BY);
}

void free(void *block)
{
    KNOWN(free);
    forget(block);
    if (known && !in_arena(block))
        known(block);
}

char *strndup(const char *s, size_t n)
{
    size_t length = strnlen(s, n);
    char *copy;

    KNOWN(malloc);
    if (refuse(BY) || !known || !(copy = note(known(length + 1), BY)))
        return NULL;
    memcpy(copy, s, length);
    copy[length] = '\0';
    return copy;
}

char *strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy;

    KNOWN(malloc);
    if (refuse(BY) || !known || !(copy = note(known(n), BY)))
        return NULL;
    return memcpy(copy, s, n);
}
