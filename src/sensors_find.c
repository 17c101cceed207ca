/* Sensors: finding them in sysfs; see sensors.h.
 *
 * Rails and totals: NVIDIA Jetson Linux Developer Guide, "Platform Power and Performance", power monitors. VDD_IN (Orin
 * Nano, Orin NX) and VIN (Thor) are a module's whole supply. AGX Orin has no such rail: its supply is VDD_GPU_SOC,
 * VDD_CPU_CV and VIN_SYS_5V0; VDDQ_VDD2_1V8AO is fed from the last and must not be counted again. */
#include "sensors.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    vb_sensors *to;
    const char *root;
    vb_err *err;
    vb_status st;
} search;

static int open_file(const search *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int open_file(const search *f, const char *fmt, ...)
{
    char path[PATH_MAX], rest[PATH_MAX / 2];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(rest, sizeof rest, fmt, ap);
    va_end(ap);
    snprintf(path, sizeof path, "%s%s", f->root, rest);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static bool read_text(char *buf, size_t n, int fd)
{
    ssize_t got = fd < 0 ? -1 : pread(fd, buf, n - 1, 0);

    buf[got < 0 ? 0 : got] = '\0';
    buf[strcspn(buf, "\n")] = '\0';
    if (fd >= 0)
        close(fd);
    return *buf;
}

/* Takes the files over; without the first (or with a second that is wanted and missing) there is no sensor. */
static vb_sensor *add(search *f, vb_sensor_kind kind, const char *name, double scale, int fd)
{
    vb_sensor *more;

    if (fd < 0 || f->st) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    if (!(more = realloc(f->to->list, (size_t)(f->to->n + 1) * sizeof *more))) {
        close(fd);
        f->st = vb_fail(f->err, VB_ENOMEM, "list of sensors");
        return NULL;
    }
    f->to->list = more;
    more += f->to->n++;
    *more = (vb_sensor){.kind = kind, .fd = fd, .fd2 = -1, .scale = scale, .value = NAN};
    snprintf(more->name, sizeof more->name, "%.47s", name);
    return more;
}

/* Calls found for every entry of a folder whose name begins so, in the order of names. */
static void each(search *f, const char *folder, const char *prefix, void (*found)(search *f, const char *path))
{
    char path[PATH_MAX];
    struct dirent **names = NULL;
    int n;

    snprintf(path, sizeof path, "%s%s", f->root, folder);
    n = scandir(path, &names, NULL, versionsort);
    for (int i = 0; i < n; i++) {
        if (!strncmp(names[i]->d_name, prefix, strlen(prefix)) && names[i]->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
            found(f, path);
        }
        free(names[i]);
    }
    free(names);
}

static void find_ina3221(search *f, const char *path)
{
    for (int i = 1; i <= 3; i++) {
        char label[48];
        vb_sensor *s;
        int volts, amperes;

        if (!read_text(label, sizeof label, open_file(f, "%s/in%d_label", path, i)) || !strcmp(label, "NC"))
            continue;
        volts = open_file(f, "%s/in%d_input", path, i);
        amperes = open_file(f, "%s/curr%d_input", path, i);
        s = amperes < 0 ? NULL : add(f, VB_SENSOR_POWER, label, 1e-6, volts); /* mV x mA */
        if (s)
            s->fd2 = amperes;
        else if (amperes >= 0)
            close(amperes);
        if (!s && amperes < 0 && volts >= 0)
            close(volts);
        add(f, VB_SENSOR_ALARM, label, 1, open_file(f, "%s/curr%d_crit_alarm", path, i));
    }
}

static void find_ina238(search *f, const char *path)
{
    char label[48];

    if (!read_text(label, sizeof label, open_file(f, "%s/in1_label", path)) &&
        !read_text(label, sizeof label, open_file(f, "%s/power1_label", path)))
        snprintf(label, sizeof label, "VIN"); /* Thor's one INA238 measures the supply */
    add(f, VB_SENSOR_POWER, label, 1e-6, open_file(f, "%s/power1_input", path));
}

static void find_hwmon(search *f, const char *path)
{
    char chip[32];

    read_text(chip, sizeof chip, open_file(f, "%s/name", path));
    if (!strncmp(chip, "ina3221", 7))
        find_ina3221(f, path);
    else if (!strncmp(chip, "ina238", 6))
        find_ina238(f, path);
    else if (!strcmp(chip, "soctherm_oc"))
        for (int i = 1; i <= 8; i++) {
            char name[16];

            snprintf(name, sizeof name, "oc%d", i);
            add(f, VB_SENSOR_EVENTS, name, 1, open_file(f, "%s/oc%d_event_cnt", path, i));
        }
}

static void find_zone(search *f, const char *path)
{
    char type[48];

    if (read_text(type, sizeof type, open_file(f, "%s/type", path)))
        add(f, VB_SENSOR_TEMPERATURE, type, 1e-3, open_file(f, "%s/temp", path));
}

/* Fans are cooling devices too: only what takes speed away counts. */
static void find_cooling(search *f, const char *path)
{
    char type[48];

    if (read_text(type, sizeof type, open_file(f, "%s/type", path)) &&
        (strstr(type, "throttle") || !strncmp(type, "cpufreq", 7) || !strncmp(type, "devfreq", 7)))
        add(f, VB_SENSOR_COOLING, type, 1, open_file(f, "%s/cur_state", path));
}

/* "17000000.ga10b", "17000000.gpu", "gpu-gpc-0" (Thor) */
static void find_devfreq(search *f, const char *path)
{
    const char *name = strrchr(path, '/') + 1;
    int load;

    if (!strstr(name, "ga10b") && !strstr(name, "gv11b") && !strstr(name, "gpu"))
        return;
    add(f, VB_SENSOR_GPU_CLOCK, name, 1e-6, open_file(f, "%s/cur_freq", path));
    if ((load = open_file(f, "%s/device/load", path)) < 0)
        load = open_file(f, "%s/load", path);
    add(f, VB_SENSOR_GPU_LOAD, name, 1e-3, load);
}

static void find_core(search *f, const char *path)
{
    if (strspn(strrchr(path, '/') + 4, "0123456789") > 0)
        add(f, VB_SENSOR_CPU_CLOCK, strrchr(path, '/') + 1, 1e-3, open_file(f, "%s/cpufreq/scaling_cur_freq", path));
}

static void find_rapl(search *f, const char *path)
{
    char name[48], range[32];
    vb_sensor *s;

    /* Packages alone: their parts ("intel-rapl:0:1") are inside them. */
    if (strchr(path, ':') != strrchr(path, ':') || !read_text(name, sizeof name, open_file(f, "%s/name", path)) ||
        strncmp(name, "package", 7))
        return;
    s = add(f, VB_SENSOR_ENERGY, name, 1e-6, open_file(f, "%s/energy_uj", path));
    if (s && read_text(range, sizeof range, open_file(f, "%s/max_energy_range_uj", path)))
        s->wrap = strtod(range, NULL) * 1e-6;
    if (s)
        s->total = true;
}

static vb_sensor *rail(vb_sensors *s, const char *name)
{
    for (int i = 0; i < s->n; i++)
        if (s->list[i].kind == VB_SENSOR_POWER && !strcmp(s->list[i].name, name))
            return &s->list[i];
    return NULL;
}

/* A board's supply: one rail, or else the parts that make it up. With a part missing there is no total: the rest would pass
 * for the whole. */
static void choose_total(vb_sensors *s)
{
    static const char *const supplies[][3] = {{"VDD_IN"},
                                              {"VIN"},
                                              {"POM_5V_IN"},
                                              {"VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"},
                                              {"VDD_GPU", "VDD_CPU_SOC_MSS", "VIN_SYS_5V0"}};

    for (size_t k = 0; k < sizeof supplies / sizeof *supplies; k++) {
        vb_sensor *parts[3];
        int n = 0, there = 0;

        for (; n < 3 && supplies[k][n]; n++)
            there += (parts[n] = rail(s, supplies[k][n])) != NULL;
        if (there < n)
            continue;
        while (n > 0)
            parts[--n]->total = true;
        return;
    }
}

vb_status vb_sensors_open(vb_sensors *s, const char *root, vb_err *err)
{
    search f = {.to = s, .root = root, .err = err};

    *s = (vb_sensors){0};
    each(&f, "/sys/class/hwmon", "hwmon", find_hwmon);
    each(&f, "/sys/class/thermal", "thermal_zone", find_zone);
    each(&f, "/sys/class/thermal", "cooling_device", find_cooling);
    each(&f, "/sys/class/devfreq", "", find_devfreq);
    each(&f, "/sys/devices/system/cpu", "cpu", find_core);
    each(&f, "/sys/class/powercap", "intel-rapl:", find_rapl);
    add(&f, VB_SENSOR_MEMORY, "MemAvailable", 1024, open_file(&f, "/proc/meminfo"));
    choose_total(s);
    if (f.st)
        vb_sensors_close(s);
    return f.st;
}
