/* Sensors: what a machine's own files (sysfs, procfs) tell about power, temperature, clocks and memory while it works.
 *
 * Found once, then read again and again through open files: a sample costs a pread per sensor. A file that is missing,
 * unreadable or holds no number gives NaN, never 0. GPUs with NVML are nvml.h's; what does not change while a program
 * runs is board.h's. */
#ifndef VB_SENSORS_H
#define VB_SENSORS_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum {
    VB_SENSOR_POWER,       /* W, of one rail */
    VB_SENSOR_ENERGY,      /* J, a counter that wraps at `wrap` */
    VB_SENSOR_TEMPERATURE, /* degrees Celsius */
    VB_SENSOR_GPU_CLOCK,   /* MHz */
    VB_SENSOR_CPU_CLOCK,   /* MHz, one per core */
    VB_SENSOR_GPU_LOAD,    /* 0..1 */
    VB_SENSOR_MEMORY,      /* bytes that could be had: MemAvailable */
    VB_SENSOR_COOLING,     /* state of a throttle: above 0 it slows something down */
    VB_SENSOR_ALARM,       /* 1: a rail's current is over its limit */
    VB_SENSOR_EVENTS,      /* over-current events so far */
    VB_SENSOR_KIND_COUNT
} vb_sensor_kind;
const char *vb_sensor_kind_name(vb_sensor_kind k);
const char *vb_sensor_kind_unit(vb_sensor_kind k);

typedef struct {
    vb_sensor_kind kind;
    char name[48]; /* "VDD_IN", "gpu-thermal", "package-0" */
    int fd, fd2;   /* fd2 >= 0: the value is the product of both (volts and amperes) */
    double scale;
    double wrap;   /* VB_SENSOR_ENERGY: joules after which it begins anew; 0: never */
    bool total;    /* VB_SENSOR_POWER, VB_SENSOR_ENERGY: part of the machine's total */
    double value;  /* of the last vb_sensors_read; NaN: not told */
} vb_sensor;

typedef struct {
    int n;
    vb_sensor *list; /* owned */
} vb_sensors;

/* Every sensor under root ("" is the machine itself): INA3221 and INA238 rails, thermal zones, the GPU's devfreq,
 * RAPL packages, cores' frequencies, MemAvailable, throttles and alarms. None is no error. VB_ENOMEM. */
vb_status vb_sensors_open(vb_sensors *s, const char *root, vb_err *err);
void vb_sensors_read(vb_sensors *s);
void vb_sensors_close(vb_sensors *s); /* takes a zeroed struct too */

/* Watts of the whole machine: the rails that make up its supply; NaN when there are none or one of them is not told. */
double vb_sensors_total_power(const vb_sensors *s);
/* Text of what the total is made of, "VDD_IN" or "VDD_GPU_SOC+VDD_CPU_CV+VIN_SYS_5V0"; "" without one. */
void vb_sensors_total_name(char *buf, size_t n, const vb_sensors *s, vb_sensor_kind kind);
/* Mean or maximum over the sensors of a kind that tell; NaN when none does. */
double vb_sensors_mean(const vb_sensors *s, vb_sensor_kind kind);
double vb_sensors_max(const vb_sensors *s, vb_sensor_kind kind);
/* The sensor of a kind whose name begins so; NULL: none. */
const vb_sensor *vb_sensors_named(const vb_sensors *s, vb_sensor_kind kind, const char *prefix);

#endif
