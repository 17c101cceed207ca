/* Telemetry: power, energy, clocks, temperature, memory and throttling of the engine's device, sampled on a thread of its
 * own beside the frames and on their clock. The frame loop is never touched: it shares no lock with the sampler while a
 * trial runs. What is not there to be read is NaN.
 *
 * Sources: a GPU with NVML tells of itself; a Jetson's board and a CPU's packages are read from sysfs and stand for the
 * whole machine. Energy is put down to a trial only where this engine is alone on what the source stands for. */
#ifndef VB_TELEMETRY_H
#define VB_TELEMETRY_H

#include "model.h"
#include "trial.h"

typedef struct vb_telemetry vb_telemetry;

typedef struct {
    vb_device_kind device;
    const char *pci; /* of a CUDA device; "" where unknown; borrowed by open alone */
    int hz;          /* samples per second; 0: none, every number of it stays NaN */
    bool alone;      /* no other engine works on this machine */
    bool shares_gpu; /* where one does, it may be on this engine's GPU */
} vb_telemetry_config;

/* VB_ENOMEM, VB_EIO (no thread). A machine that tells nothing is no error. */
vb_status vb_telemetry_open(vb_telemetry **out, const vb_telemetry_config *c, vb_err *err);
void vb_telemetry_close(vb_telemetry *t); /* takes NULL */

/* power_source, power_mode, device_uuid, and the driver where the backend does not know it. */
void vb_telemetry_describe(const vb_telemetry *t, vb_provenance *p);

/* Watches with nothing running until power falls no more, ms milliseconds at a time, ten times at most: the idle power that trials
 * are compared with. Returns at once where no power is told. */
void vb_telemetry_measure_idle(vb_telemetry *t, int ms);

/* t0_ms: the trial's zero on vb_now_ms. One sample is taken in each of the two calls, on the caller's thread. */
vb_status vb_telemetry_begin(vb_telemetry *t, double t0_ms, vb_err *err);
/* The trial's clock stood still for the last ms milliseconds, up to this call: their samples are dropped. */
void vb_telemetry_skip(vb_telemetry *t, double ms);
/* No more samples, of a trial that has failed; what there is of it is dropped with the next begin. After finish it changes nothing. */
void vb_telemetry_stop(vb_telemetry *t);
/* Moves the samples and what they come to into the trial, whose frames are all there. Errors leave the trial's numbers
 * as not told. */
vb_status vb_telemetry_finish(vb_telemetry *t, vb_trial *trial, vb_err *err);

/* vb_throttle bits of a sample taken now; -1: not told. */
int64_t vb_telemetry_throttle(vb_telemetry *t);

/* Every number from telemetry as not told. */
void vb_telemetry_clear(vb_trial *trial);

#endif
