/* Reasons of attempts; see outcome.h. */
#include "outcome.h"

#include "err.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

bool vb_outcome_driver_oom(const char *log)
{
    const char *at = strcasestr(log, "NvMapMem");

    return at && strcasestr(at, "error 12"); /* ENOMEM */
}

const char *vb_outcome_of_error(const char *code, const char *reason)
{
    bool cuda = !strcmp(code, vb_status_name(VB_ECUDA)) || strcasestr(reason, "cuda");

    if (!strncmp(reason, "memory guard: ", 14))
        return "too_large";
    if (vb_outcome_driver_oom(reason))
        return "oom_device";
    if (!strcmp(code, vb_status_name(VB_ENOMEM)) || strcasestr(reason, "out of memory"))
        return cuda ? "oom_device" : "oom_host";
    if (!strcmp(code, vb_status_name(VB_ECUDA)))
        return "cuda";
    return !strcmp(code, vb_status_name(VB_EFORMAT)) ? "bad_input" : "error";
}

long long vb_outcome_oom_kills(void)
{
    FILE *f = fopen("/proc/vmstat", "r");
    char line[128];
    long long n = 0;

    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "oom_kill %lld", &n) == 1)
            break;
    if (f)
        fclose(f);
    return n;
}
