/* NVML by dlopen; see nvml.h. */
#include "nvml.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct nvml_device *nvml_handle;

typedef struct {
    char legacy_id[16];
    unsigned domain, bus, device, device_id, subsystem_id;
    char id[32];
} pci_info;

typedef struct {
    unsigned long long total, free, used;
} memory_info;

typedef struct {
    unsigned gpu, memory;
} utilization;

typedef struct {
    unsigned id, scope;
    long long timestamp, latency_us;
    int type, result;
    union {
        double d;
        unsigned u;
        unsigned long ul;
        unsigned long long ull;
        long long ll;
    } value;
} field_value;

enum {
    CLOCK_SM = 1,
    CLOCK_MEMORY = 2,
    SENSOR_GPU = 0,
    FIELD_POWER_INSTANT = 186, /* mW; nvmlDeviceGetPowerUsage is a mean over a second from Ampere on */
    MAX_DEVICES = 64
};

/* nvmlClocksThrottleReason... */
enum { REASON_POWER_CAP = 0x4, REASON_HW_SLOWDOWN = 0x8, REASON_SW_THERMAL = 0x20, REASON_HW_THERMAL = 0x40, REASON_HW_BRAKE = 0x80 };

/* Required first; the others may be NULL in an old library. */
#define NVML_FUNCTIONS(X)                                                               \
    X(init, "nvmlInit_v2", (void))                                                      \
    X(shut_down, "nvmlShutdown", (void))                                                \
    X(count, "nvmlDeviceGetCount_v2", (unsigned *))                                     \
    X(handle, "nvmlDeviceGetHandleByIndex_v2", (unsigned, nvml_handle *))               \
    X(pci, "nvmlDeviceGetPciInfo_v3", (nvml_handle, pci_info *))                        \
    X(name, "nvmlDeviceGetName", (nvml_handle, char *, unsigned))                       \
    X(uuid, "nvmlDeviceGetUUID", (nvml_handle, char *, unsigned))                       \
    X(driver, "nvmlSystemGetDriverVersion", (char *, unsigned))                         \
    X(capability, "nvmlDeviceGetCudaComputeCapability", (nvml_handle, int *, int *))    \
    X(memory, "nvmlDeviceGetMemoryInfo", (nvml_handle, memory_info *))                  \
    X(power, "nvmlDeviceGetPowerUsage", (nvml_handle, unsigned *))                      \
    X(fields, "nvmlDeviceGetFieldValues", (nvml_handle, int, field_value *))            \
    X(energy, "nvmlDeviceGetTotalEnergyConsumption", (nvml_handle, unsigned long long *)) \
    X(clock, "nvmlDeviceGetClockInfo", (nvml_handle, int, unsigned *))                  \
    X(temperature, "nvmlDeviceGetTemperature", (nvml_handle, int, unsigned *))          \
    X(utilization, "nvmlDeviceGetUtilizationRates", (nvml_handle, utilization *))       \
    X(reasons, "nvmlDeviceGetCurrentClocksThrottleReasons", (nvml_handle, unsigned long long *)) \
    X(limit, "nvmlDeviceGetEnforcedPowerLimit", (nvml_handle, unsigned *))              \
    X(default_limit, "nvmlDeviceGetPowerManagementDefaultLimit", (nvml_handle, unsigned *))

struct vb_nvml {
    void *library;
#define NVML_POINTER(field, symbol, arguments) int(*field) arguments;
    NVML_FUNCTIONS(NVML_POINTER)
#undef NVML_POINTER
    int n;
    nvml_handle devices[MAX_DEVICES];
    pci_info pci_of[MAX_DEVICES];
};

void vb_throttle_text(char *buf, size_t n, int64_t bits)
{
    static const struct {
        int bit;
        const char *word;
    } words[] = {{VB_THROTTLE_THERMAL, "thermal"},
                 {VB_THROTTLE_HARDWARE, "hardware slowdown"},
                 {VB_THROTTLE_OVER_CURRENT, "over-current"},
                 {VB_THROTTLE_POWER_CAP, "power cap"}};

    buf[0] = '\0';
    for (size_t i = 0; bits > 0 && i < sizeof words / sizeof *words; i++)
        if (bits & words[i].bit) {
            size_t used = strlen(buf);

            snprintf(buf + used, n - used, "%s%s", used ? ", " : "", words[i].word);
        }
}

static vb_status load(vb_nvml *n, vb_err *err)
{
    const char *name = getenv("SAVBENCH_NVML");

    if (!name)
        name = "libnvidia-ml.so.1";
    if (!(n->library = dlopen(name, RTLD_NOW | RTLD_LOCAL)))
        return vb_fail(err, VB_EIO, "NVML: '%.200s' cannot be opened; it comes with NVIDIA's driver", name);
    /* POSIX: a function's address is returned as void *; C has no cast between the two. */
#define NVML_LOAD(field, symbol, arguments) *(void **)(void *)&n->field = dlsym(n->library, symbol);
    NVML_FUNCTIONS(NVML_LOAD)
#undef NVML_LOAD
    if (!n->init || !n->shut_down || !n->count || !n->handle || !n->pci)
        return vb_fail(err, VB_EIO, "NVML: '%.200s' lacks functions of API version 2: a newer driver is needed", name);
    return VB_OK;
}

vb_status vb_nvml_open(vb_nvml **out, vb_err *err)
{
    vb_nvml *n = calloc(1, sizeof *n);
    unsigned count = 0;
    vb_status st;
    int rc;

    *out = NULL;
    if (!n)
        return vb_fail(err, VB_ENOMEM, "NVML");
    if ((st = load(n, err)))
        goto fail;
    if ((rc = n->init())) {
        st = vb_fail(err, VB_EIO, "NVML: it cannot be started (error %d): is NVIDIA's kernel driver loaded, and of the library's version?", rc);
        goto fail;
    }
    if (n->count(&count))
        count = 0;
    for (unsigned i = 0; i < count && n->n < MAX_DEVICES; i++)
        if (!n->handle(i, &n->devices[n->n]) && !n->pci(n->devices[n->n], &n->pci_of[n->n]))
            n->n++;
    *out = n;
    return VB_OK;
fail:
    if (n->library)
        dlclose(n->library);
    free(n);
    return st;
}

void vb_nvml_close(vb_nvml *n)
{
    if (!n)
        return;
    n->shut_down();
    dlclose(n->library);
    free(n);
}

int vb_nvml_find(const vb_nvml *n, const char *pci)
{
    unsigned domain, bus, device;

    if (sscanf(pci, "%x:%x:%x", &domain, &bus, &device) != 3)
        return -1;
    for (int i = 0; i < n->n; i++)
        if (n->pci_of[i].domain == domain && n->pci_of[i].bus == bus && n->pci_of[i].device == device)
            return i;
    return -1;
}

static double watts(int (*get)(nvml_handle, unsigned *), nvml_handle h)
{
    unsigned mw;

    return get && !get(h, &mw) ? mw * 1e-3 : NAN;
}

void vb_nvml_describe(vb_nvml_facts *out, const vb_nvml *n, int device)
{
    nvml_handle h = n->devices[device];
    const pci_info *p = &n->pci_of[device];
    memory_info memory;
    int major, minor;

    memset(out, 0, sizeof *out);
    snprintf(out->pci, sizeof out->pci, "%04x:%02x:%02x.0", p->domain & 0xffff, p->bus & 0xff, p->device & 0xff);
    if (!n->name || n->name(h, out->name, sizeof out->name))
        out->name[0] = '\0';
    if (!n->uuid || n->uuid(h, out->uuid, sizeof out->uuid))
        out->uuid[0] = '\0';
    if (!n->driver || n->driver(out->driver, sizeof out->driver))
        out->driver[0] = '\0';
    if (n->capability && !n->capability(h, &major, &minor))
        snprintf(out->capability, sizeof out->capability, "%d.%d", major, minor);
    out->memory_bytes = n->memory && !n->memory(h, &memory) ? (int64_t)memory.total : -1;
    out->limit_w = watts(n->limit, h);
    out->default_limit_w = watts(n->default_limit, h);
}

static double read_power(const vb_nvml *n, nvml_handle h)
{
    field_value instant = {.id = FIELD_POWER_INSTANT};

    if (n->fields && !n->fields(h, 1, &instant) && !instant.result && instant.value.u)
        return instant.value.u * 1e-3;
    return watts(n->power, h);
}

static double read_clock(const vb_nvml *n, nvml_handle h, int which)
{
    unsigned mhz;

    return n->clock && !n->clock(h, which, &mhz) ? mhz : NAN;
}

static int64_t read_throttle(const vb_nvml *n, nvml_handle h)
{
    unsigned long long r;
    int64_t bits = 0;

    if (!n->reasons || n->reasons(h, &r))
        return -1;
    if (r & REASON_POWER_CAP)
        bits |= VB_THROTTLE_POWER_CAP;
    if (r & (REASON_SW_THERMAL | REASON_HW_THERMAL))
        bits |= VB_THROTTLE_THERMAL;
    if (r & (REASON_HW_SLOWDOWN | REASON_HW_BRAKE))
        bits |= VB_THROTTLE_HARDWARE;
    return bits;
}

void vb_nvml_read(vb_nvml_sample *out, const vb_nvml *n, int device, bool counter)
{
    nvml_handle h = n->devices[device];
    unsigned long long mj;
    unsigned celsius;
    memory_info memory;
    utilization load;

    out->power_w = read_power(n, h);
    out->energy_j = counter && n->energy && !n->energy(h, &mj) ? (double)mj * 1e-3 : NAN;
    out->gpu_clock_mhz = read_clock(n, h, CLOCK_SM);
    out->memory_clock_mhz = read_clock(n, h, CLOCK_MEMORY);
    out->gpu_load = n->utilization && !n->utilization(h, &load) ? load.gpu / 100.0 : NAN;
    out->temperature_c = n->temperature && !n->temperature(h, SENSOR_GPU, &celsius) ? celsius : NAN;
    out->used_bytes = n->memory && !n->memory(h, &memory) ? (double)memory.used : NAN;
    out->throttle = read_throttle(n, h);
}
