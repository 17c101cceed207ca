/* A libnvidia-ml.so of two GPUs, for tests: the second one lies at 0000:65:00.0 and takes 300 W as the power functions tell
 * it, and 300 J per second by its counter, which follows the monotonic clock. FAKE_NVML_REASONS sets throttle reasons,
 * FAKE_NVML_BARE=1 makes every measurement fail as "not supported". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
    char legacy[16];
    unsigned domain, bus, device, id, subsystem;
    char text[32];
} pci_info;

enum { OK = 0, NOT_SUPPORTED = 3 };

static int bare(void) { return getenv("FAKE_NVML_BARE") ? NOT_SUPPORTED : OK; }

static char devices[2]; /* a handle is the address of its place here */
#define DEVICE(h) ((int)((char *)(h) - devices))

int nvmlInit_v2(void) { return OK; }
int nvmlShutdown(void) { return OK; }

int nvmlDeviceGetCount_v2(unsigned *n)
{
    *n = 2;
    return OK;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **h)
{
    *h = &devices[i];
    return OK;
}

int nvmlDeviceGetPciInfo_v3(void *h, pci_info *p)
{
    memset(p, 0, sizeof *p);
    p->bus = DEVICE(h) ? 0x65 : 0x17;
    return OK;
}

int nvmlDeviceGetName(void *h, char *s, unsigned n)
{
    snprintf(s, n, "NVIDIA Pretended %d", DEVICE(h));
    return OK;
}

int nvmlDeviceGetUUID(void *h, char *s, unsigned n)
{
    snprintf(s, n, "GPU-0000-%d", DEVICE(h));
    return OK;
}

int nvmlSystemGetDriverVersion(char *s, unsigned n)
{
    snprintf(s, n, "570.1");
    return OK;
}

int nvmlDeviceGetCudaComputeCapability(void *h, int *major, int *minor)
{
    (void)h;
    *major = 9;
    *minor = 0;
    return OK;
}

int nvmlDeviceGetMemoryInfo(void *h, unsigned long long *m)
{
    (void)h;
    m[0] = 1000;
    m[1] = 250;
    m[2] = 750;
    return bare();
}

int nvmlDeviceGetPowerUsage(void *h, unsigned *mw)
{
    *mw = DEVICE(h) ? 300000 : 50000;
    return bare();
}

int nvmlDeviceGetTotalEnergyConsumption(void *h, unsigned long long *mj)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    *mj = (unsigned long long)((double)(DEVICE(h) ? 300 : 50) * ((double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6));
    return bare();
}

int nvmlDeviceGetClockInfo(void *h, int which, unsigned *mhz)
{
    (void)h;
    *mhz = which == 1 ? 1980 : 2619;
    return bare();
}

int nvmlDeviceGetTemperature(void *h, int which, unsigned *c)
{
    (void)h, (void)which;
    *c = 61;
    return bare();
}

int nvmlDeviceGetUtilizationRates(void *h, unsigned *u)
{
    (void)h;
    u[0] = 95;
    u[1] = 40;
    return bare();
}

int nvmlDeviceGetCurrentClocksThrottleReasons(void *h, unsigned long long *r)
{
    const char *s = getenv("FAKE_NVML_REASONS");

    (void)h;
    *r = s ? strtoull(s, NULL, 0) : 0;
    return bare();
}

int nvmlDeviceGetEnforcedPowerLimit(void *h, unsigned *mw)
{
    *mw = DEVICE(h) ? 500000 : 700000;
    return bare();
}

int nvmlDeviceGetPowerManagementDefaultLimit(void *h, unsigned *mw)
{
    (void)h;
    *mw = 700000;
    return bare();
}
