/* Ticker: how far a run is. One rewritten line on a terminal, log lines elsewhere. */
#ifndef VB_TICKER_H
#define VB_TICKER_H

#include "log.h"
#include "types.h"

#include <stdint.h>

typedef struct {
    const vb_logger *log; /* borrowed */
    int columns;          /* of the terminal, 0: none */
    double started_ms, next_ms;
    int64_t total, at_start; /* trials; recorded before this run */
    bool shown;              /* a rewritten line stands on the terminal */
} vb_ticker;

/* What one worker is doing, for the line. */
typedef struct {
    int rank;
    const char *host, *device; /* "" while unknown */
    const char *video; /* NULL: idle */
    const vb_variant *variant;
    int frame_idx, n_frames;
} vb_ticker_worker;

/* The terminal is stderr's, or the supervisor's by SAVBENCH_COLUMNS (mpirun stands between). */
void vb_ticker_init(vb_ticker *t, const vb_logger *log, int64_t total, int64_t at_start);
bool vb_ticker_due(const vb_ticker *t);
/* Prints. left_s: expected seconds until the end. */
void vb_ticker_tick(vb_ticker *t, int64_t done, int64_t failed, double left_s, const vb_ticker_worker *w, int n);
/* Before any other output: clears the rewritten line. */
void vb_ticker_clear(vb_ticker *t);

#endif
