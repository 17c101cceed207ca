/* Surroundings of an engine; see engine_env.h. */
#include "engine_env.h"

#include "board.h"
#include "cli.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MAX_LISTED = 64 };

static int from_environment(const char *name, int without, int min)
{
    const char *s = getenv(name);
    int v;

    return s && vb_cli_int(&v, name, s, min, 65536, NULL) == VB_OK ? v : without;
}

int vb_local_size(void)
{
    return from_environment("VB_LOCAL_SIZE", 1, 1);
}

int vb_local_rank(void)
{
    return from_environment("VB_LOCAL_RANK", 0, 0);
}

int vb_default_threads(void)
{
    cpu_set_t set;
    int cores = 1;

    if (!sched_getaffinity(0, sizeof set, &set))
        cores = CPU_COUNT(&set);
    cores /= vb_local_size();
    return cores > 1 ? cores : 1;
}

vb_status vb_device_choose(vb_device *out, const char *word, vb_err *err)
{
    vb_backend_info info;
    int index = -1;

    *out = (vb_device){.kind = VB_DEVICE_CPU};
    if (!strcmp(word, "cpu"))
        return VB_OK;
    if (!strncmp(word, "cuda:", 5)) {
        if (vb_cli_int(&index, "--device cuda:N", word + 5, 0, 1023, err))
            return VB_EARG;
    } else if (strcmp(word, "auto") && strcmp(word, "cuda")) {
        return vb_fail(err, VB_EARG, "--device '%.32s' is none of auto, cpu, cuda, cuda:N", word);
    }
    vb_backend_describe(&info, (vb_device){.kind = VB_DEVICE_CUDA});
    if (info.n_devices == 0) {
        if (!strcmp(word, "auto"))
            return VB_OK;
        return vb_fail(err, VB_EARG, "--device %s: %s; `savbench doctor` says more", word,
                       *info.cuda ? "no CUDA device is visible" : "this build's libtorch has no CUDA");
    }
    if (index < 0)
        index = vb_local_rank() % info.n_devices;
    if (index >= info.n_devices)
        return vb_fail(err, VB_EARG, "--device %s: %d CUDA devices are visible", word, info.n_devices);
    *out = (vb_device){.kind = VB_DEVICE_CUDA, .index = index};
    return VB_OK;
}

vb_status vb_postprocess_choose(char which[VB_POSTPROCESS_NAME], vb_postprocess asked, bool wanted, vb_device device, vb_err *err)
{
    const char *what = "off";
    vb_err why = {0};

    if (wanted)
        what = asked == VB_POST_CPU ? "cpu" : vb_backend_hole_filling(device, &why);
    if (asked == VB_POST_CUDA && !strcmp(what, "cpu"))
        return vb_fail(err, VB_EARG, "--postprocess cuda: %s; --postprocess auto takes the CPU code then", why.msg);
    snprintf(which, VB_POSTPROCESS_NAME, "%s", what);
    return VB_OK;
}

/* --devices as ordinals. */
static vb_status listed_devices(int *list, int *n, const char *devices, int n_visible, vb_err *err)
{
    char item[64];

    *n = 0;
    for (const char *cur = devices; vb_cli_item(&cur, item, sizeof item); ++*n) {
        if (*n == MAX_LISTED)
            return vb_fail(err, VB_EARG, "--devices: more than %d", MAX_LISTED);
        if (vb_cli_int(&list[*n], "--devices", item, 0, 1023, err))
            return VB_EARG;
        if (list[*n] >= n_visible)
            return vb_fail(err, VB_EARG, "--devices %s: %d CUDA devices are visible, numbered from 0", item, n_visible);
        for (int i = 0; i < *n; i++)
            if (list[i] == list[*n])
                return vb_fail(err, VB_EARG, "--devices: %s appears twice; --ranks-per-device shares devices", item);
    }
    return VB_OK;
}

vb_status vb_device_pick(int *index, const vb_options *o, int n_visible, int rank, int size, vb_err *err)
{
    int list[MAX_LISTED], n;
    vb_status st;

    if (o->devices) {
        if ((st = listed_devices(list, &n, o->devices, n_visible, err)))
            return st;
    } else {
        for (n = 0; n < n_visible && n < MAX_LISTED; n++)
            list[n] = n;
    }
    if (!strncmp(o->device, "cuda:", 5)) { /* one for all of them */
        list[0] = *index;
        n = 1;
    }
    if (rank / o->ranks_per_device >= n)
        return vb_fail(err, VB_EARG, "%d engines for %d CUDA device%s of this host: start fewer (--workers, slots= in the host file), "
                       "or let --ranks-per-device N share them", size, n, n == 1 ? "" : "s");
    *index = list[rank / o->ranks_per_device];
    return VB_OK;
}

vb_status vb_device_assign(vb_device *out, const vb_options *o, vb_err *err)
{
    vb_backend_info info;
    vb_status st;

    if ((st = vb_device_choose(out, o->device, err)))
        return st;
    if (out->kind == VB_DEVICE_CPU)
        return o->devices ? vb_fail(err, VB_EARG, "--devices %.64s: the engine runs on the CPU; leave it out, or see `savbench doctor`", o->devices)
                          : VB_OK;
    vb_backend_describe(&info, *out);
    return vb_device_pick(&out->index, o, info.n_devices, from_environment("VB_DEVICE_RANK", 0, 0),
                          from_environment("VB_DEVICE_SIZE", 1, 1), err);
}

void vb_device_name(char *buf, size_t n, vb_device device)
{
    vb_backend_info info;

    vb_backend_describe(&info, device);
    snprintf(buf, n, "%s", info.device);
    if (!*buf) /* a build without torch */
        vb_board_cpu_name(buf, n, vb_board_root());
}

#ifndef __has_feature
#define __has_feature(what) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { SANITIZED = true };
#else
enum { SANITIZED = false };
#endif

void vb_limit_memory(vb_device device)
{
    const long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
    struct rlimit l;

    if (SANITIZED || device.kind != VB_DEVICE_CPU || pages <= 0 || bytes <= 0 || getrlimit(RLIMIT_DATA, &l))
        return;
    if (l.rlim_cur != RLIM_INFINITY && l.rlim_cur <= (rlim_t)pages * (rlim_t)bytes)
        return; /* whoever started it has set a lower one */
    l.rlim_cur = (rlim_t)pages * (rlim_t)bytes;
    setrlimit(RLIMIT_DATA, &l);
}

static int64_t status_bytes(const char *name)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    long long kib = -1;

    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, name, strlen(name)) && sscanf(line + strlen(name), "%lld kB", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib < 0 ? -1 : (int64_t)kib * 1024;
}

int64_t vb_peak_rss_bytes(void)
{
    return status_bytes("VmHWM:");
}

int64_t vb_own_bytes(void)
{
    return status_bytes("RssAnon:");
}

void vb_reset_peak_rss(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w"); /* proc(5): 5 resets the peak */

    if (f) {
        fputs("5", f);
        fclose(f);
    }
}
