/* Estimate: what a plan will take, in device-hours and bytes. Pure: the plan, what is recorded already, and the cost model
 * (cost.h) scaled by what was measured. Formulas: METRICS.md, "What plan estimates". */
#ifndef VB_ESTIMATE_H
#define VB_ESTIMATE_H

#include "plan.h"
#include "store.h"

/* What an hour is scaled by, from the best to the worst. */
typedef enum {
    VB_BASIS_VARIANT, /* records of the same model, image size and dtype on that kind of device */
    VB_BASIS_MODEL,   /* of the same model */
    VB_BASIS_DEVICE,  /* of other models */
    VB_BASIS_ASSUMED, /* none: an assumed speed */
} vb_basis;
const char *vb_basis_name(vb_basis b);

typedef struct {
    int n_videos, n_objects;
    int64_t n_trials, n_done, n_failed; /* recorded ones among them */
    int64_t n_left;                     /* trials that the run would do */
    int64_t n_frames, n_frames_left;    /* summed over trials */
    double result_bytes;                /* that n_left will add */
    int64_t cuda_bytes, cuda_host_bytes; /* memory that the largest trial takes on a CUDA device, and its engine beside it */
    int64_t cpu_bytes;                   /* and on a CPU */
} vb_setup_estimate;

typedef struct {
    char device[192];  /* label of the kind of device; "" for the assumed one */
    int n_records;     /* done trials that it is known by */
    double *seconds;   /* [n_setups] of the trials left, one device working alone; owned */
    vb_basis *basis;   /* [n_setups] the worst among the setup's dtypes; owned */
    double total_s;
} vb_device_estimate;

typedef struct {
    int n_setups, n_devices; /* n_devices >= 1 */
    vb_setup_estimate *setups;
    vb_device_estimate *devices; /* the one with most records first */
    double speed;                /* of the assumed device: TFLOP/s sustained in float32 */
    double result_bytes;
} vb_estimate;

/* records as vb_store_recorded gives them. speed > 0: an assumed device of that many TFLOP/s is added, in front; else one of
 * 1 TFLOP/s stands in where nothing is recorded. VB_ENOMEM. */
vb_status vb_estimate_make(vb_estimate **out, const vb_plan *p, const vb_options *o, const vb_recorded *records,
                           int n_records, double speed, vb_err *err);
void vb_estimate_free(vb_estimate *e);

#endif
