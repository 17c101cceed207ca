/* Failures on order: the n-th call of a kind fails, once or it and all after it. fail.c stands before the C library's
 * allocator for all that is loaded, fail_calls.c before what our code calls of SQLite and HDF5, fail_job.c before MPI in the
 * ranks of a job (LD_PRELOAD). Counted on the thread that began alone. */
#ifndef VB_FAIL_H
#define VB_FAIL_H

#include <stdbool.h>

typedef enum {
    FAIL_MEMORY,        /* malloc, calloc, realloc, strdup... called by our code or by jansson */
    FAIL_MEMORY_SQLITE, /* ... by SQLite */
    FAIL_MEMORY_HDF5,   /* ... by HDF5 */
    FAIL_MEMORY_OTHER,  /* ... by the C library for itself, libcrypto, zlib */
    FAIL_SQL,           /* a statement is refused: prepare, step or exec */
    FAIL_HDF5,          /* a call of HDF5 that creates, sets up, writes, reads or flushes */
    FAIL_MPI,           /* a send, receive, probe or test */
    FAIL_MPI_END,       /* the barrier at the job's end and the tests for it */
    FAIL_KINDS
} fail_kind;
const char *fail_name(fail_kind kind);

/* at counts from 0; negative: none fails, they are counted. */
void fail_begin(fail_kind kind, long at, bool ever);
/* Calls of the kind since then. */
long fail_end(void);
/* Has f called at exit, ahead of what a build itself does there (gcov allocates to write its counts, and crashes where it cannot). It is registered
 * with the first call that is counted: what a library's constructor registers comes after the program's own destructors. */
void fail_at_exit(void (*f)(void));
/* Blocks that our code and jansson have allocated since fail_begin and not freed; of one of them, who allocated it. */
long fail_held(const void **by);

/* For what stands before a call: true where it is to fail. */
bool fail_now(fail_kind kind);
/* The function that would have been called. */
void *fail_real(const char *name);
#define FAIL_REAL(name) (*(__extension__(__typeof__(&name))fail_real(#name)))

#endif
