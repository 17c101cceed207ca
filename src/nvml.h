/* NVML: NVIDIA's management library, opened at run time: no driver, no library, no error. A device is found by its PCI
 * id, because NVML's numbers are not CUDA's. Every value may be missing: NaN or -1, never 0.
 * Declarations follow NVIDIA's nvml.h (API version 2 and the structures that its functions name). */
#ifndef VB_NVML_H
#define VB_NVML_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct vb_nvml vb_nvml;

typedef struct {
    double power_w;
    double energy_j;      /* counter since the driver was loaded; NaN where it was not asked for */
    double gpu_clock_mhz; /* of the multiprocessors */
    double memory_clock_mhz;
    double gpu_load;      /* 0..1, of the driver's last period */
    double temperature_c;
    double used_bytes;
    int64_t throttle;     /* vb_throttle bits; -1: not told */
} vb_nvml_sample;

typedef struct {
    char name[96], uuid[64], pci[32], driver[32], capability[16];
    int64_t memory_bytes;  /* -1: not told */
    double limit_w;        /* enforced power limit */
    double default_limit_w;
} vb_nvml_facts;

/* Why a clock is held down. */
enum {
    VB_THROTTLE_POWER_CAP = 1,    /* the power limit: how the device is set, not a fault of its surroundings */
    VB_THROTTLE_THERMAL = 2,
    VB_THROTTLE_HARDWARE = 4,     /* the board's own brake: heat or supply */
    VB_THROTTLE_OVER_CURRENT = 8, /* Jetson: a rail's alarm or an over-current event */
};
/* "thermal, power cap" into buf; "" for 0 and -1. */
void vb_throttle_text(char *buf, size_t n, int64_t bits);

/* SAVBENCH_NVML of the environment names another library file. VB_EIO says what was not found. */
vb_status vb_nvml_open(vb_nvml **out, vb_err *err);
void vb_nvml_close(vb_nvml *n); /* takes NULL */
/* The device of a PCI id ("0000:65:00.0", domain in 4 or 8 digits); -1: none. */
int vb_nvml_find(const vb_nvml *n, const char *pci);
void vb_nvml_describe(vb_nvml_facts *out, const vb_nvml *n, int device);
/* counter: the energy counter too. Reading it takes the driver 3 to 12 ms (H200, driver 580), in which other threads' kernels are
 * launched late: not for a frame loop. All the rest takes 0.5 ms and holds nobody up. */
void vb_nvml_read(vb_nvml_sample *out, const vb_nvml *n, int device, bool counter);

#endif
