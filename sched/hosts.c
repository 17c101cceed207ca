/* Number of engines; see hosts.h. */
#include "hosts.h"

#include "cli.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* GPUs by their device files, without a library: /dev/nvidia0 ...; a Jetson's one has other names and counts as
 * the one engine that there always is. CUDA_VISIBLE_DEVICES narrows it. */
static int count_gpus(void)
{
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    DIR *d = opendir("/dev");
    struct dirent *f;
    int n = 0, listed = 0;

    while (d && (f = readdir(d)))
        n += !strncmp(f->d_name, "nvidia", 6) && f->d_name[6] && strspn(f->d_name + 6, "0123456789") == strlen(f->d_name + 6);
    if (d)
        closedir(d);
    if (!visible)
        return n;
    for (const char *p = visible; *p && *p != '-'; p += *p == ',') {
        listed++;
        p += strcspn(p, ",");
    }
    return listed < n ? listed : n;
}

vb_status vb_hosts_read(vb_hosts *h, const char *hostfile, vb_err *err)
{
    FILE *f = fopen(hostfile, "r");
    char line[1024], slots_of[320];
    vb_status st = VB_OK;

    snprintf(slots_of, sizeof slots_of, "host file '%.250s': slots=", hostfile);
    *h = (vb_hosts){0};
    if (!f)
        return vb_fail(err, VB_EIO, "host file '%s': %s", hostfile, strerror(errno));
    while (st == VB_OK && fgets(line, sizeof line, f)) {
        char *host, *word, *save = NULL;
        int slots = 1;
        vb_host *more;

        line[strcspn(line, "#\r\n")] = '\0';
        if (!(host = strtok_r(line, " \t", &save)))
            continue;
        while ((word = strtok_r(NULL, " \t", &save)) && st == VB_OK)
            if (!strncmp(word, "slots=", 6))
                st = vb_cli_int(&slots, slots_of, word + 6, 0, 1024, err);
        if (st)
            break;
        if (strlen(host) >= sizeof more->name)
            st = vb_fail(err, VB_EARG, "host file '%s': the name '%.64s...' is too long", hostfile, host);
        else if (!(more = realloc(h->list, (size_t)(h->n + 1) * sizeof *more)))
            st = vb_fail(err, VB_ENOMEM, "list of hosts");
        else {
            h->list = more;
            more += h->n++;
            more->slots = slots;
            strcpy(more->name, host);
        }
    }
    fclose(f);
    if (st == VB_OK && h->n == 0)
        st = vb_fail(err, VB_EARG, "host file '%s' names no host", hostfile);
    for (int i = 1; st == VB_OK && i < h->n; i++)
        if (h->list[i].slots == 0)
            st = vb_fail(err, VB_EARG, "host file '%s': %s has slots=0; only the first host may, which coordinates then without a worker: "
                         "remove the line", hostfile, h->list[i].name);
    if (st == VB_OK && h->n == 1 && h->list[0].slots == 0)
        st = vb_fail(err, VB_EARG, "host file '%s': its one host has slots=0 and nothing would work", hostfile);
    if (st)
        vb_hosts_deinit(h);
    return st;
}

void vb_hosts_deinit(vb_hosts *h)
{
    free(h->list);
    *h = (vb_hosts){0};
}

static vb_status count_slots(int *n, const char *hostfile, vb_err *err)
{
    vb_hosts h;
    vb_status st = vb_hosts_read(&h, hostfile, err);

    *n = 0;
    for (int i = 0; st == VB_OK && i < h.n; i++)
        *n += h.list[i].slots;
    vb_hosts_deinit(&h);
    return st;
}

static int count_items(const char *list)
{
    char item[64];
    int n = 0;

    for (const char *cur = list; vb_cli_item(&cur, item, sizeof item);)
        n++;
    return n;
}

vb_status vb_hosts_engines(int *n, const vb_options *o, vb_err *err)
{
    if (o->hostfile)
        return count_slots(n, o->hostfile, err);
    if (strcmp(o->device, "auto") && strcmp(o->device, "cuda"))
        *n = 1;
    else
        *n = o->devices ? count_items(o->devices) : count_gpus();
    if (*n < 1)
        *n = 1;
    *n *= o->ranks_per_device;
    return VB_OK;
}
