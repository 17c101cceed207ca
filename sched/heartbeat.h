/* Heartbeat: the coordinator's progress file (results/progress.h) written, and watched by the supervisor. */
#ifndef VB_HEARTBEAT_H
#define VB_HEARTBEAT_H

#include "roster.h"
#include "ticker.h"

/* What a job tells of itself. Workers that do nothing have no video. */
typedef struct {
    const char *run_id, *host;
    const vb_roster *r; /* its counts */
    double left_s;
    int n_workers;
    const vb_ticker_worker *workers; /* [n_workers] */
} vb_heartbeat;

/* Every VB_BEAT_MS is often enough. */
#define VB_BEAT_MS 2000
void vb_heartbeat_write(vb_store *s, const vb_heartbeat *b);
/* The trials are through; results.h5 is being made, which may take its time. */
void vb_heartbeat_finalizing(vb_store *s, const vb_heartbeat *b);

/* The supervisor's eye on it. */
typedef struct {
    const char *out_dir;
    bool seen;
    double changed_ms, gone_ms, looked_ms;
    double age_s; /* when looked at */
} vb_pulse;

typedef enum {
    VB_PULSE_OK,     /* there, or not there yet */
    VB_PULSE_SILENT, /* not written for VB_SILENT_S, while trials should be running: its coordinator is frozen */
    VB_PULSE_ENDED   /* the coordinator took it away VB_ENDED_S ago: the job should have ended */
} vb_pulse_state;
#define VB_SILENT_S 60
#define VB_ENDED_S 4
/* Cheap: looks at the file once a second. Begin with out_dir alone set. */
vb_pulse_state vb_pulse_look(vb_pulse *p);

#endif
