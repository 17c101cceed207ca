/* What a machine is and how it is set; see board.h. */
#include "board.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *vb_board_root(void)
{
    const char *root = getenv("SAVBENCH_SYSFS_ROOT");

    return root ? root : "";
}

/* The first line, or all up to a NUL (device tree). */
static bool read_text(char *buf, size_t n, const char *root, const char *folder, const char *name)
{
    char path[PATH_MAX];
    FILE *f;
    size_t got;

    buf[0] = '\0';
    if ((size_t)snprintf(path, sizeof path, "%s%s%s%s", root, folder, *name ? "/" : "", name) >= sizeof path || !(f = fopen(path, "r")))
        return false;
    got = fread(buf, 1, n - 1, f);
    fclose(f);
    buf[got] = '\0';
    buf[strcspn(buf, "\n")] = '\0';
    return *buf;
}

/* "< POWER_MODEL ID=2 NAME=15W >" */
static bool mode_name(char *buf, size_t n, const char *root, int id)
{
    char path[PATH_MAX], line[256], name[40];
    FILE *f;
    int found, i;

    snprintf(path, sizeof path, "%s/etc/nvpmodel.conf", root);
    if (!(f = fopen(path, "r")))
        return false;
    for (found = 0; !found && fgets(line, sizeof line, f);)
        found = sscanf(line, " < POWER_MODEL ID=%d NAME=%39[^ >\n]", &i, name) == 2 && i == id;
    fclose(f);
    if (found)
        snprintf(buf, n, "%s", name);
    return found;
}

static void read_mode(vb_board *b, const char *root)
{
    char text[64];
    int id;

    if (!read_text(text, sizeof text, root, "/var/lib/nvpmodel/status", "") || sscanf(text, "pmode:%d", &id) != 1)
        return;
    if (!mode_name(b->power_mode, sizeof b->power_mode, root, id))
        snprintf(b->power_mode, sizeof b->power_mode, "mode %d", id);
}

/* 1: both files hold the same number; -1: one is not there. */
static int same(const char *root, const char *folder, const char *least, const char *most)
{
    char a[32], b[32];

    if (!read_text(a, sizeof a, root, folder, least) || !read_text(b, sizeof b, root, folder, most))
        return -1;
    return !strcmp(a, b);
}

/* jetson_clocks leaves no word behind but its work: least clock = greatest clock, of the GPU and of every core. */
static int fixed_clocks(const char *root)
{
    static const struct {
        const char *folder, *prefix, *below, *least, *most;
    } where[] = {{"/sys/class/devfreq", "", "", "min_freq", "max_freq"},
                 {"/sys/devices/system/cpu", "cpu", "/cpufreq", "scaling_min_freq", "scaling_max_freq"}};
    int all = -1;

    for (size_t w = 0; w < sizeof where / sizeof *where; w++) {
        char path[PATH_MAX];
        struct dirent **names = NULL;
        int n;

        snprintf(path, sizeof path, "%s%s", root, where[w].folder);
        n = scandir(path, &names, NULL, alphasort);
        for (int i = 0; i < n; i++) {
            const char *name = names[i]->d_name;
            int one = -1;

            if (name[0] != '.' && !strncmp(name, where[w].prefix, strlen(where[w].prefix)) &&
                (w == 1 || strstr(name, "gpu") || strstr(name, "ga10b"))) {
                snprintf(path, sizeof path, "%s/%s%s", where[w].folder, name, where[w].below);
                one = same(root, path, where[w].least, where[w].most);
            }
            if (one >= 0)
                all = all == 0 ? 0 : one;
            free(names[i]);
        }
        free(names);
    }
    return all;
}

void vb_board_read(vb_board *b, const char *root)
{
    char soc[64];

    memset(b, 0, sizeof *b);
    read_text(b->model, sizeof b->model, root, "/proc/device-tree/model", "");
    b->unified = strstr(b->model, "Jetson") != NULL || read_text(soc, sizeof soc, root, "/etc/nv_tegra_release", "");
    b->fixed_clocks = -1;
    if (b->unified) { /* elsewhere equal limits are a governor's habit, not a setting to be named */
        read_mode(b, root);
        b->fixed_clocks = fixed_clocks(root);
    }
}

/* "key : value" of the first processor that has it */
static bool cpuinfo(char *buf, size_t n, const char *root, const char *key)
{
    char path[PATH_MAX], line[256];
    FILE *f;

    buf[0] = '\0';
    if ((size_t)snprintf(path, sizeof path, "%s/proc/cpuinfo", root) >= sizeof path || !(f = fopen(path, "r")))
        return false;
    while (!*buf && fgets(line, sizeof line, f)) {
        char *value = strstr(line, ": ");

        if (value && !strncmp(line, key, strlen(key)))
            snprintf(buf, n, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
    }
    fclose(f);
    return *buf;
}

void vb_board_cpu_name(char *buf, size_t n, const char *root)
{
    char maker[16], part[16];

    if (read_text(buf, n, root, "/proc/device-tree/model", ""))
        return;
    /* ahead of the model name, which is "ARMv8 Processor rev 1 (v8l)" for many */
    if (cpuinfo(maker, sizeof maker, root, "CPU implementer") && cpuinfo(part, sizeof part, root, "CPU part"))
        snprintf(buf, n, "Arm implementer %s part %s", maker, part);
    else if (!cpuinfo(buf, n, root, "model name"))
        snprintf(buf, n, "CPU");
}

void vb_board_gpu_name(char *buf, size_t n, const char *root, const char *name)
{
    vb_board b;

    vb_board_read(&b, root);
    if (b.unified && *b.model)
        snprintf(buf, n, "%s (%s)", b.model, name);
    else
        snprintf(buf, n, "%s", name);
}

void vb_board_mode_text(char *buf, size_t n, const vb_board *b)
{
    snprintf(buf, n, "%s%s%s", b->power_mode, *b->power_mode && b->fixed_clocks == 1 ? ", " : "",
             b->fixed_clocks == 1 ? "fixed clocks" : "");
}
