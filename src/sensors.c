/* Sensors: reading them and adding them up; see sensors.h. Finding them: sensors_find.c. */
#include "sensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const struct {
    const char *name, *unit;
} kinds[] = {{"power", "W"},     {"energy", "J"},    {"temperature", "C"}, {"gpu clock", "MHz"}, {"cpu clock", "MHz"},
             {"gpu load", "1"},  {"memory", "bytes"}, {"cooling", "1"},    {"alarm", "1"},       {"events", "1"}};
_Static_assert(sizeof kinds / sizeof *kinds == VB_SENSOR_KIND_COUNT, "a name and a unit per kind");

const char *vb_sensor_kind_name(vb_sensor_kind k) { return k < VB_SENSOR_KIND_COUNT ? kinds[k].name : "?"; }
const char *vb_sensor_kind_unit(vb_sensor_kind k) { return k < VB_SENSOR_KIND_COUNT ? kinds[k].unit : "?"; }

/* The number that a file begins with; in meminfo, the one behind MemAvailable. */
static double read_number(int fd, vb_sensor_kind kind)
{
    char text[512];
    const char *at = text;
    char *end;
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    double v;

    if (n <= 0)
        return NAN;
    text[n] = '\0';
    if (kind == VB_SENSOR_MEMORY) {
        if (!(at = strstr(text, "MemAvailable:")))
            return NAN;
        at += strlen("MemAvailable:");
    }
    v = strtod(at, &end);
    return end == at ? NAN : v;
}

void vb_sensors_read(vb_sensors *s)
{
    for (int i = 0; i < s->n; i++) {
        vb_sensor *o = &s->list[i];

        o->value = read_number(o->fd, o->kind) * o->scale;
        if (o->fd2 >= 0)
            o->value *= read_number(o->fd2, o->kind);
    }
}

void vb_sensors_close(vb_sensors *s)
{
    for (int i = 0; i < s->n; i++) {
        close(s->list[i].fd);
        if (s->list[i].fd2 >= 0)
            close(s->list[i].fd2);
    }
    free(s->list);
    *s = (vb_sensors){0};
}

double vb_sensors_total_power(const vb_sensors *s)
{
    double sum = 0; /* NaN from the first rail that does not tell */
    int n = 0;

    for (int i = 0; i < s->n; i++)
        if (s->list[i].kind == VB_SENSOR_POWER && s->list[i].total) {
            sum += s->list[i].value;
            n++;
        }
    return n ? sum : NAN;
}

void vb_sensors_total_name(char *buf, size_t n, const vb_sensors *s, vb_sensor_kind kind)
{
    buf[0] = '\0';
    for (int i = 0; i < s->n; i++)
        if (s->list[i].kind == kind && s->list[i].total) {
            size_t used = strlen(buf);

            snprintf(buf + used, n - used, "%s%s", used ? "+" : "", s->list[i].name);
        }
}

double vb_sensors_mean(const vb_sensors *s, vb_sensor_kind kind)
{
    double sum = 0;
    int n = 0;

    for (int i = 0; i < s->n; i++)
        if (s->list[i].kind == kind && !isnan(s->list[i].value)) {
            sum += s->list[i].value;
            n++;
        }
    return n ? sum / n : NAN;
}

double vb_sensors_max(const vb_sensors *s, vb_sensor_kind kind)
{
    double most = NAN;

    for (int i = 0; i < s->n; i++)
        if (s->list[i].kind == kind)
            most = fmax(most, s->list[i].value); /* fmax leaves NaN aside */
    return most;
}

const vb_sensor *vb_sensors_named(const vb_sensors *s, vb_sensor_kind kind, const char *prefix)
{
    for (int i = 0; i < s->n; i++)
        if (s->list[i].kind == kind && !strncasecmp(s->list[i].name, prefix, strlen(prefix)))
            return &s->list[i];
    return NULL;
}
