/* The sampler; see telemetry.h. */
#include "telemetry.h"

#include "board.h"
#include "nvml.h"
#include "rows.h"
#include "sensors.h"
#include "telemetry_sum.h"
#include "timing.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_WATCHES = 10 };
#define SETTLED 0.97 /* of the watch before: power falls no more */

typedef struct {
    int n;
    double sum, min, max;
} tally;

struct vb_telemetry {
    vb_telemetry_config config;
    vb_board board;
    vb_sensors sensors;
    vb_nvml *nvml; /* NULL: none, or none of this device */
    int nvml_device;
    char power_source[96];
    double idle_w; /* NaN: not known */

    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* everything below */
    pthread_cond_t wake;
    bool stop, recording;
    double t0_ms;
    vb_rows rows;     /* vb_telemetry_row */
    vb_status failed; /* of rows */
    tally *tallies;   /* [sensors.n] */
    double *energy, *counter; /* [sensors.n] joules since the first reading; the last reading */
    double *events;           /* [sensors.n] the last count */
    double last_ms, last_j;   /* of the last sample with an energy: power is their difference where nothing else tells it */
    bool skipped;             /* the counter has run on while the trial's clock stood still: power alone tells its energy */
    double base_j;            /* NVML's counter at the first sample */
};

/* Counters that wrap, made to ascend; the sum of those that make up the total. */
static double sum_energy(vb_telemetry *t)
{
    double sum = 0;
    int n = 0;

    for (int i = 0; i < t->sensors.n; i++) {
        const vb_sensor *s = &t->sensors.list[i];

        if (s->kind != VB_SENSOR_ENERGY || !s->total)
            continue;
        if (!isnan(s->value) && !isnan(t->counter[i])) {
            double step = s->value - t->counter[i];

            t->energy[i] += step < 0 ? step + s->wrap : step;
        }
        if (!isnan(s->value))
            t->counter[i] = s->value; /* after a gap the next reading makes up for it */
        sum += isnan(s->value) ? NAN : t->energy[i];
        n++;
    }
    return n ? sum : NAN;
}

/* Throttles that are at work, and counters of events that have moved since the last sample. */
static int64_t sysfs_throttle(vb_telemetry *t)
{
    int64_t bits = -1;

    for (int i = 0; i < t->sensors.n; i++) {
        const vb_sensor *s = &t->sensors.list[i];
        int64_t bit = 0;

        if (isnan(s->value))
            continue;
        switch (s->kind) {
        case VB_SENSOR_COOLING:
            bit = s->value > 0 ? VB_THROTTLE_THERMAL : 0;
            break;
        case VB_SENSOR_ALARM:
            bit = s->value > 0 ? VB_THROTTLE_OVER_CURRENT : 0;
            break;
        case VB_SENSOR_EVENTS:
            if (s->value > t->events[i]) /* false for the first one: NaN */
                bit = strncmp(s->name, "oc", 2) ? VB_THROTTLE_THERMAL : VB_THROTTLE_OVER_CURRENT;
            t->events[i] = s->value;
            break;
        default:
            continue;
        }
        bits = (bits < 0 ? 0 : bits) | bit;
    }
    return bits;
}

static double resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    long pages = -1;

    if (f) {
        if (fscanf(f, "%*d %ld", &pages) != 1)
            pages = -1;
        fclose(f);
    }
    return pages < 0 ? NAN : (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double zone(const vb_sensors *s, const char *const *names)
{
    for (; *names; names++) {
        const vb_sensor *z = vb_sensors_named(s, VB_SENSOR_TEMPERATURE, *names);

        if (z && !isnan(z->value))
            return z->value;
    }
    return NAN;
}

static void read_machine(vb_telemetry *t, vb_telemetry_row *r)
{
    static const char *const gpu[] = {"gpu", "tj", NULL}, *const cpu[] = {"x86_pkg_temp", "cpu", "tj", NULL};
    const vb_sensor *memory = vb_sensors_named(&t->sensors, VB_SENSOR_MEMORY, "MemAvailable");

    r->power_w = vb_sensors_total_power(&t->sensors);
    r->energy_j = sum_energy(t);
    r->gpu_clock_mhz = vb_sensors_max(&t->sensors, VB_SENSOR_GPU_CLOCK);
    r->memory_clock_mhz = NAN;
    r->cpu_clock_mhz = vb_sensors_mean(&t->sensors, VB_SENSOR_CPU_CLOCK);
    r->gpu_load = vb_sensors_max(&t->sensors, VB_SENSOR_GPU_LOAD);
    r->temperature_c = zone(&t->sensors, t->config.device == VB_DEVICE_CUDA ? gpu : cpu);
    r->temperature_max_c = vb_sensors_max(&t->sensors, VB_SENSOR_TEMPERATURE);
    r->device_bytes = NAN;
    r->available_bytes = memory ? memory->value : NAN;
    r->throttle = sysfs_throttle(t);
}

/* What the GPU says of itself takes the place of what the machine says. */
static void read_gpu(vb_telemetry *t, vb_telemetry_row *r, bool edge)
{
    vb_nvml_sample s;

    vb_nvml_read(&s, t->nvml, t->nvml_device, edge);
    if (isnan(t->base_j))
        t->base_j = s.energy_j;
    r->power_w = s.power_w;
    r->energy_j = s.energy_j - t->base_j;
    r->gpu_clock_mhz = s.gpu_clock_mhz;
    r->memory_clock_mhz = s.memory_clock_mhz;
    r->gpu_load = s.gpu_load;
    r->temperature_c = s.temperature_c;
    r->temperature_max_c = fmax(r->temperature_max_c, s.temperature_c);
    r->device_bytes = s.used_bytes;
    r->throttle = s.throttle;
}

static void count_sensors(vb_telemetry *t)
{
    for (int i = 0; i < t->sensors.n; i++) {
        double v = t->sensors.list[i].value;
        tally *y = &t->tallies[i];

        if (isnan(v))
            continue;
        y->min = y->n ? fmin(y->min, v) : v;
        y->max = y->n ? fmax(y->max, v) : v;
        y->sum += v;
        y->n++;
    }
}

/* One sample; the lock is held. edge: no frame is at work, so that a slow counter may be read too. */
static vb_telemetry_row sample(vb_telemetry *t, bool edge)
{
    vb_telemetry_row r = {0};
    double now = vb_now_ms();

    vb_sensors_read(&t->sensors);
    read_machine(t, &r);
    if (t->nvml)
        read_gpu(t, &r, edge);
    r.rss_bytes = resident_bytes();
    if (isnan(r.power_w) && !isnan(r.energy_j) && now > t->last_ms)
        r.power_w = (r.energy_j - t->last_j) / (now - t->last_ms) * 1e3; /* NaN before the second one */
    if (!isnan(r.energy_j)) {
        t->last_ms = now;
        t->last_j = r.energy_j;
    }
    r.t_ms = now - t->t0_ms;
    if (t->recording) {
        count_sensors(t);
        if (t->failed == VB_OK)
            t->failed = vb_rows_add(&t->rows, &r, NULL);
    }
    return r;
}

static void *sampler(void *arg)
{
    vb_telemetry *t = arg;
    struct timespec next;
    long period_ns = 1000000000L / t->config.hz;

    pthread_mutex_lock(&t->lock);
    clock_gettime(CLOCK_MONOTONIC, &next);
    while (!t->stop) {
        if (t->recording)
            sample(t, false);
        next.tv_nsec += period_ns;
        next.tv_sec += next.tv_nsec / 1000000000L;
        next.tv_nsec %= 1000000000L;
        while (!t->stop && pthread_cond_timedwait(&t->wake, &t->lock, &next) == 0)
            ; /* woken to stop, or for nothing */
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

static void find_gpu(vb_telemetry *t)
{
    if (t->config.device != VB_DEVICE_CUDA || t->board.unified || !*t->config.pci || vb_nvml_open(&t->nvml, NULL))
        return;
    t->nvml_device = vb_nvml_find(t->nvml, t->config.pci);
    if (t->nvml_device < 0) {
        vb_nvml_close(t->nvml);
        t->nvml = NULL;
    }
}

static void name_source(vb_telemetry *t)
{
    char name[80];

    if (t->nvml) {
        snprintf(t->power_source, sizeof t->power_source, "nvml");
        return;
    }
    if (t->config.device == VB_DEVICE_CUDA && !t->board.unified)
        return; /* the packages' power is not the GPU's */
    vb_sensors_total_name(t->power_source, sizeof t->power_source, &t->sensors, VB_SENSOR_POWER);
    vb_sensors_total_name(name, sizeof name, &t->sensors, VB_SENSOR_ENERGY);
    if (!*t->power_source && *name)
        snprintf(t->power_source, sizeof t->power_source, "rapl %s", name);
}

/* A GPU without NVML on a PC: rails and packages of the host are left out, its clocks and memory stay. */
static void drop_foreign_power(vb_telemetry *t)
{
    for (int i = 0; i < t->sensors.n; i++)
        if (!*t->power_source || t->nvml)
            t->sensors.list[i].total = false;
}

static vb_status start(vb_telemetry *t, vb_err *err)
{
    pthread_condattr_t attr;
    size_t n = (size_t)t->sensors.n + 1;

    t->tallies = calloc(n, sizeof *t->tallies);
    t->energy = calloc(n, sizeof *t->energy);
    t->counter = malloc(n * sizeof *t->counter);
    t->events = malloc(n * sizeof *t->events);
    if (!t->tallies || !t->energy || !t->counter || !t->events)
        return vb_fail(err, VB_ENOMEM, "telemetry of %zu sensors", n);
    for (size_t i = 0; i < n; i++)
        t->counter[i] = t->events[i] = NAN;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&t->wake, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&t->thread, NULL, sampler, t)) {
        pthread_cond_destroy(&t->wake);
        return vb_fail(err, VB_EIO, "telemetry: no thread can be started; --telemetry-hz 0 does without");
    }
    t->started = true;
    return VB_OK;
}

vb_status vb_telemetry_open(vb_telemetry **out, const vb_telemetry_config *c, vb_err *err)
{
    vb_telemetry *t = calloc(1, sizeof *t);
    vb_status st = VB_OK;

    *out = NULL;
    if (!t)
        return vb_fail(err, VB_ENOMEM, "telemetry");
    t->config = *c;
    t->idle_w = t->last_ms = t->last_j = t->base_j = NAN;
    vb_rows_init(&t->rows, sizeof(vb_telemetry_row));
    pthread_mutex_init(&t->lock, NULL);
    vb_board_read(&t->board, vb_board_root());
    if (c->hz > 0 && (st = vb_sensors_open(&t->sensors, vb_board_root(), err)) == VB_OK) {
        find_gpu(t);
        t->config.pci = NULL; /* the caller's */
        name_source(t);
        drop_foreign_power(t);
        st = start(t, err);
    }
    if (st) {
        vb_telemetry_close(t);
        return st;
    }
    *out = t;
    return VB_OK;
}

void vb_telemetry_close(vb_telemetry *t)
{
    if (!t)
        return;
    if (t->started) {
        pthread_mutex_lock(&t->lock);
        t->stop = true;
        pthread_cond_signal(&t->wake);
        pthread_mutex_unlock(&t->lock);
        pthread_join(t->thread, NULL);
        pthread_cond_destroy(&t->wake);
    }
    pthread_mutex_destroy(&t->lock);
    vb_nvml_close(t->nvml);
    vb_sensors_close(&t->sensors);
    vb_rows_deinit(&t->rows);
    free(t->tallies);
    free(t->energy);
    free(t->counter);
    free(t->events);
    free(t);
}

void vb_telemetry_describe(const vb_telemetry *t, vb_provenance *p)
{
    vb_nvml_facts f;

    snprintf(p->power_source, sizeof p->power_source, "%s", t->power_source);
    vb_board_mode_text(p->power_mode, sizeof p->power_mode, &t->board);
    if (!t->nvml)
        return;
    vb_nvml_describe(&f, t->nvml, t->nvml_device);
    snprintf(p->device_uuid, sizeof p->device_uuid, "%s", f.uuid);
    if (!*p->driver)
        snprintf(p->driver, sizeof p->driver, "%s", f.driver);
    /* A lowered limit makes another kind of device of it. */
    if (f.limit_w < f.default_limit_w - 0.5)
        snprintf(p->power_mode, sizeof p->power_mode, "limit %.0f W", f.limit_w);
}

/* Mean watts over the next ms milliseconds; NaN where not told. */
static double watch(vb_telemetry *t, int ms)
{
    double end, w;

    if (vb_telemetry_begin(t, vb_now_ms(), NULL))
        return NAN;
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
    pthread_mutex_lock(&t->lock);
    end = sample(t, true).t_ms;
    t->recording = false;
    w = vb_energy_between(t->rows.data, (int)t->rows.n, 0, end) / end * 1e3;
    pthread_mutex_unlock(&t->lock);
    return w;
}

/* What the source tells is this engine's doing alone. */
static bool is_ours(const vb_telemetry *t)
{
    return t->config.alone || (t->nvml && !t->config.shares_gpu);
}

void vb_telemetry_measure_idle(vb_telemetry *t, int ms)
{
    if (!t->started || !*t->power_source || !is_ours(t))
        return;
    /* A device that has just worked falls to its idle power over seconds. */
    for (int i = 0; i < MAX_WATCHES; i++) {
        double w = watch(t, ms), before = t->idle_w;

        t->idle_w = fmin(before, w); /* fmin leaves NaN aside */
        if (!(w < SETTLED * before) && i > 0)
            return;
    }
}

vb_status vb_telemetry_begin(vb_telemetry *t, double t0_ms, vb_err *err)
{
    vb_telemetry_row first;
    vb_status st;

    if (!t->started)
        return VB_OK;
    pthread_mutex_lock(&t->lock);
    t->rows.n = 0;
    t->skipped = false;
    memset(t->tallies, 0, (size_t)t->sensors.n * sizeof *t->tallies);
    t->t0_ms = t0_ms;
    t->recording = false;
    first = sample(t, true);
    if (!t->nvml)
        first.throttle = sysfs_throttle(t); /* events before the trial are not its own */
    count_sensors(t);
    st = t->failed = vb_rows_add(&t->rows, &first, NULL);
    t->recording = st == VB_OK;
    pthread_mutex_unlock(&t->lock);
    return st ? vb_fail(err, st, "rows of telemetry") : VB_OK;
}

void vb_telemetry_skip(vb_telemetry *t, double ms)
{
    vb_telemetry_row *rows;
    double now;

    if (!t->started)
        return;
    pthread_mutex_lock(&t->lock);
    rows = t->rows.data;
    t->t0_ms += ms;
    now = vb_now_ms() - t->t0_ms;
    while (t->rows.n > 0 && rows[t->rows.n - 1].t_ms > now)
        t->rows.n--;
    t->skipped = true;
    pthread_mutex_unlock(&t->lock);
}

void vb_telemetry_stop(vb_telemetry *t)
{
    if (!t->started)
        return;
    pthread_mutex_lock(&t->lock);
    t->recording = false;
    pthread_mutex_unlock(&t->lock);
}

static vb_status take_sensors(const vb_telemetry *t, vb_trial *trial, vb_err *err)
{
    if (t->sensors.n && !(trial->sensors = calloc((size_t)t->sensors.n, sizeof *trial->sensors)))
        return vb_fail(err, VB_ENOMEM, "rows of %d sensors", t->sensors.n);
    for (int i = 0; i < t->sensors.n; i++) {
        const vb_sensor *s = &t->sensors.list[i];
        const tally *y = &t->tallies[i];
        vb_sensor_row *r = &trial->sensors[trial->n_sensors];

        if (s->kind == VB_SENSOR_ENERGY) /* a counter: its mean says nothing */
            continue;
        trial->n_sensors++;
        snprintf(r->sensor, sizeof r->sensor, "%s", s->name);
        snprintf(r->kind, sizeof r->kind, "%s", vb_sensor_kind_name(s->kind));
        snprintf(r->unit, sizeof r->unit, "%s", vb_sensor_kind_unit(s->kind));
        r->n = y->n;
        r->mean = y->n ? y->sum / y->n : NAN;
        r->min = y->n ? y->min : NAN;
        r->max = y->n ? y->max : NAN;
    }
    return VB_OK;
}

void vb_telemetry_clear(vb_trial *t)
{
    t->energy_j = t->idle_j = t->power_mean_w = t->power_max_w = t->temperature_max_c = t->gpu_clock_mhz =
        t->rss_bytes_per_frame = NAN;
    t->throttled = -1;
    t->throttle_reasons[0] = '\0';
}

vb_status vb_telemetry_finish(vb_telemetry *t, vb_trial *trial, vb_err *err)
{
    vb_status st;

    vb_telemetry_clear(trial);
    trial->unified = t->config.device == VB_DEVICE_CUDA && t->board.unified;
    if (!t->started)
        return VB_OK;
    pthread_mutex_lock(&t->lock);
    sample(t, true);
    t->recording = false;
    st = t->failed ? vb_fail(err, t->failed, "rows of telemetry") : take_sensors(t, trial, err);
    if (st == VB_OK)
        trial->telemetry = vb_rows_take(&t->rows, &trial->n_telemetry);
    for (int32_t i = 0; t->skipped && i < trial->n_telemetry; i++)
        trial->telemetry[i].energy_j = NAN;
    pthread_mutex_unlock(&t->lock);
    if (st == VB_OK)
        vb_telemetry_sum(trial, t->idle_w, is_ours(t));
    return st;
}

int64_t vb_telemetry_throttle(vb_telemetry *t)
{
    int64_t bits = -1;

    if (!t->started)
        return bits;
    pthread_mutex_lock(&t->lock);
    bits = sample(t, false).throttle;
    pthread_mutex_unlock(&t->lock);
    return bits;
}
