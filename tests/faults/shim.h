/* Shim: the file system calls of a test program that change something under one folder, counted, made to fail, or logged.
 * Linked into the program, it stands before the C library for all that is linked with it, SQLite and HDF5 too. */
#ifndef VB_SHIM_H
#define VB_SHIM_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
    SHIM_COUNT, /* let all pass */
    SHIM_KILL,  /* the process dies before call at */
    SHIM_TEAR,  /* half of call at, where it writes, then the process dies */
    SHIM_FAIL,  /* call at fails with error */
    SHIM_BREAK, /* call at and all after it fail with error */
    SHIM_LOG    /* let all pass, and write each down */
} shim_mode;

/* What was changed. Inodes are numbered from 0 as they come; names are relative to the folder. */
typedef enum { OP_CREATE, OP_WRITE, OP_TRUNCATE, OP_SYNC, OP_SYNC_FOLDER, OP_SYNC_ALL, OP_RENAME, OP_UNLINK, OP_MKDIR, OP_MARK } shim_kind;
typedef struct {
    shim_kind kind;
    int inode;
    char name[200], to[200];
    int64_t offset, length; /* OP_MARK: length is the mark */
    uint8_t *bytes;         /* [length] of a write, owned by the log */
} shim_op;

/* From now on, for what lies under folder (absolute). at counts from 0. */
void shim_begin(const char *folder, shim_mode mode, long at, int error);
void shim_end(void);
long shim_calls(void); /* so far */

/* Into the log: what the program has just been promised. */
void shim_mark(int64_t mark);
/* Valid until the next shim_begin. */
const shim_op *shim_log(long *n);

#endif
