/* The writer's lock of an output folder: OUT/.lock, held by flock for as long as a store is open.
 *
 * The file is made once and stays. Its text names the last process that wrote results ("4711@nano3"), and is empty
 * after that one has closed in order; taking the lock alone changes nothing on disk. */
#ifndef VB_LOCK_H
#define VB_LOCK_H

#include "err.h"

typedef struct {
    int fd; /* -1: not held */
    int claimed;
    char name[96]; /* ours, when claimed: "4711@nano3" */
} vb_lock;

/* dir: the open output folder; shown: its name for messages. VB_ESTORE names who holds it. */
vb_status vb_lock_take(vb_lock *l, int dir, const char *shown, vb_err *err);
vb_status vb_lock_claim(vb_lock *l, vb_err *err); /* writes our name into it; idempotent */
void vb_lock_drop(vb_lock *l);

#endif
