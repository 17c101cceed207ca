/* One line of JSON about the engine's device; see device_line.h. */
#include "device_line.h"

#include "board.h"
#include "cli.h"
#include "engine_env.h"
#include "nvml.h"

#include <jansson.h>
#include <string.h>
#include <unistd.h>

static int64_t host_memory(void) { return (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE); }

/* What NVML adds, and a power limit below the default in the place of a power mode. */
static void ask_nvml(vb_nvml_facts *f, char *mode, size_t n, const char *pci)
{
    vb_nvml *nvml;
    int i;

    if (!*pci || vb_nvml_open(&nvml, NULL))
        return;
    if ((i = vb_nvml_find(nvml, pci)) >= 0)
        vb_nvml_describe(f, nvml, i);
    if (i >= 0 && !*mode && f->limit_w < f->default_limit_w - 0.5)
        snprintf(mode, n, "limit %.0f W", f->limit_w);
    vb_nvml_close(nvml);
}

static json_t *describe(const vb_options *o, vb_err *err)
{
    char host[64] = "", name[96], mode[64];
    vb_backend_info info;
    vb_nvml_facts f = {.uuid = ""};
    vb_device device;
    vb_board board;

    if (vb_device_assign(&device, o, err))
        return NULL;
    gethostname(host, sizeof host - 1);
    vb_backend_describe(&info, device);
    vb_device_name(name, sizeof name, device);
    vb_board_read(&board, vb_board_root());
    vb_board_mode_text(mode, sizeof mode, &board);
    if (device.kind == VB_DEVICE_CUDA)
        ask_nvml(&f, mode, sizeof mode, info.pci);
    return json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:I, s:b, s:s, s:s, s:s}", "host", host, "kind",
                     device.kind == VB_DEVICE_CUDA ? "cuda" : "cpu", "index", device.index, "device", name, "pci", info.pci, "uuid",
                     f.uuid, "capability", info.capability, "memory_bytes",
                     (json_int_t)(device.kind == VB_DEVICE_CUDA ? info.device_memory_bytes : host_memory()), "unified",
                     device.kind == VB_DEVICE_CUDA && board.unified, "driver", *info.driver ? info.driver : f.driver, "power_mode",
                     mode, "torch", info.torch);
}

int vb_device_line_main(int argc, char **argv)
{
    vb_options o;
    vb_err err = {0};
    json_t *line = NULL;
    int code = VB_EXIT_OK;

    if (vb_options_parse_loose(&o, NULL, 0, argc, argv, &err) || !(line = describe(&o, &err))) {
        line = json_pack("{s:s}", "error", err.msg[0] ? err.msg : "out of memory");
        code = VB_EXIT_USAGE;
    }
    if (line)
        json_dumpf(line, stdout, JSON_COMPACT);
    fputc('\n', stdout);
    json_decref(line);
    return code;
}
