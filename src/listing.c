/* Folders to sorted names; see listing.h. */
#include "listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static vb_status fail(const char *folder, vb_err *err)
{
    return vb_fail(err, VB_EIO, "'%s': cannot list the folder: %s", folder, strerror(errno));
}

vb_status vb_listing_of(vb_listing *out, int fd, const char *folder, vb_err *err)
{
    vb_listing l = {0, NULL};
    size_t capacity = 0;
    vb_status st = VB_ENOMEM;
    int again = dup(fd);
    DIR *dir = again < 0 ? NULL : fdopendir(again);
    struct dirent *e;

    *out = l;
    if (!dir) {
        st = fail(folder, err);
        if (again >= 0)
            close(again);
        return st;
    }
    rewinddir(dir); /* a duplicate shares its place */
    while ((errno = 0, e = readdir(dir))) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        if (l.n == capacity) {
            char **grown = realloc(l.names, (capacity = capacity ? 2 * capacity : 64) * sizeof *grown);

            if (!grown)
                goto out;
            l.names = grown;
        }
        if (!(l.names[l.n] = strdup(e->d_name)))
            goto out;
        l.n++;
    }
    if (errno) {
        st = fail(folder, err);
        goto out;
    }
    if (l.n)
        qsort(l.names, l.n, sizeof *l.names, by_bytes);
    *out = l;
    l = (vb_listing){0, NULL};
    st = VB_OK;
out:
    if (st == VB_ENOMEM)
        vb_fail(err, st, "'%s': host memory for the folder's list", folder);
    closedir(dir);
    vb_listing_deinit(&l);
    return st;
}

vb_status vb_listing_read(vb_listing *out, const char *folder, vb_err *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    vb_status st;

    *out = (vb_listing){0, NULL};
    if (fd < 0)
        return fail(folder, err);
    st = vb_listing_of(out, fd, folder, err);
    close(fd);
    return st;
}

void vb_listing_deinit(vb_listing *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->names[i]);
    free(l->names);
    memset(l, 0, sizeof *l);
}

bool vb_has_suffix(const char *name, const char *suffix)
{
    const size_t n = strlen(name), k = strlen(suffix);

    return n >= k && !strcmp(name + n - k, suffix);
}

bool vb_is_folder(const char *parent, const char *name)
{
    char path[PATH_MAX];
    struct stat s;
    const int n = snprintf(path, sizeof path, "%s/%s", parent, name);

    return n > 0 && (size_t)n < sizeof path && !stat(path, &s) && S_ISDIR(s.st_mode);
}
