/* Free host memory; see free_memory.h. */
#include "free_memory.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The files of one version of control groups. */
typedef struct {
    const char *mount, *limit, *usage, *droppable; /* the last one is a line of memory.stat */
} group_files;
static const group_files v1 = {"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};
static const group_files v2 = {"/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"};

/* The number behind `name` and blanks at the start of a line ("" : the file's first word); -1: there is none ("max" is none). */
static int64_t number_in(const char *path, const char *name)
{
    FILE *f = fopen(path, "r");
    char line[256];
    long long v = -1;
    size_t n = strlen(name);

    while (f && v < 0 && fgets(line, sizeof line, f)) {
        if (strncmp(line, name, n) || sscanf(line + n, "%lld", &v) != 1)
            v = -1;
        if (!n)
            break;
    }
    if (f)
        fclose(f);
    return v;
}

/* What one group leaves of its limit; -1: it has none. */
static int64_t room_in(const char *root, const group_files *files, const char *group)
{
    char path[PATH_MAX];
    int64_t limit, usage, droppable;

#define IN_GROUP(name, word) \
    ((size_t)snprintf(path, sizeof path, "%s%s%s/%s", root, files->mount, group, name) < sizeof path ? number_in(path, word) : -1)
    limit = IN_GROUP(files->limit, "");
    usage = IN_GROUP(files->usage, "");
    droppable = IN_GROUP("memory.stat", files->droppable);
#undef IN_GROUP
    if (limit < 0 || usage < 0)
        return -1;
    if (droppable > 0)
        usage -= droppable < usage ? droppable : usage;
    return usage < limit ? limit - usage : 0;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* Of the group and of all that it lies in. In a container the name may be one of outside: then what it lies in tells. */
static int64_t room_upwards(const char *root, const group_files *files, char *group)
{
    int64_t room = -1;

    for (;;) {
        char *slash = strrchr(group, '/');

        room = least(room, room_in(root, files, group));
        if (!slash)
            return room;
        *slash = '\0';
    }
}

int64_t vb_free_memory(const char *root)
{
    char path[PATH_MAX], line[PATH_MAX];
    int64_t bytes;
    FILE *f;

    snprintf(path, sizeof path, "%s/proc/meminfo", root);
    bytes = number_in(path, "MemAvailable:");
    bytes = bytes < 0 ? -1 : bytes * 1024;
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    if (!(f = fopen(path, "r")))
        return bytes;
    while (fgets(line, sizeof line, f)) {
        char *group = strchr(line, '/'), *memory = strstr(line, ":memory:");
        bool unified = !strncmp(line, "0::", 3);

        if (!group || (!memory && !unified))
            continue;
        group[strcspn(group, "\n")] = '\0';
        bytes = least(bytes, room_upwards(root, unified ? &v2 : &v1, group));
    }
    fclose(f);
    return bytes;
}
