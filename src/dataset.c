/* A data set: its folders, its split list, the limits on it, its manifest hash. Videos are in dataset_scan.c. */
#include "dataset.h"

#include "hash.h"
#include "listing.h"
#include "random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LIST_MAX_BYTES = 16 << 20 };

/* Names as they are collected. */
typedef struct {
    char (*names)[VB_NAME_MAX];
    int n, capacity;
} name_list;

static vb_status add_name(name_list *l, const char *name, vb_err *err)
{
    if (l->n == l->capacity) {
        const int capacity = l->capacity ? 2 * l->capacity : 64;
        char(*grown)[VB_NAME_MAX] = realloc(l->names, (size_t)capacity * sizeof *grown);

        if (!grown)
            return vb_fail(err, VB_ENOMEM, "host memory for %d video names", capacity);
        l->names = grown;
        l->capacity = capacity;
    }
    memset(l->names[l->n], 0, sizeof l->names[0]); /* names travel as whole fields */
    strcpy(l->names[l->n++], name);
    return VB_OK;
}

/* The whole list file, NUL-terminated; *out is malloc'ed. */
static vb_status read_text(char **out, const char *path, vb_err *err)
{
    FILE *f = fopen(path, "rbe");
    char *text = malloc(LIST_MAX_BYTES + 1);
    size_t n;
    vb_status st = VB_OK;

    if (!f)
        st = vb_fail(err, VB_EIO, "split list '%s': cannot open: %s", path, strerror(errno));
    else if (!text)
        st = vb_fail(err, VB_ENOMEM, "split list '%s': host memory", path);
    else {
        n = fread(text, 1, LIST_MAX_BYTES + 1, f);
        if (ferror(f))
            st = vb_fail(err, VB_EIO, "split list '%s': cannot read: %s", path, strerror(errno));
        else if (n > LIST_MAX_BYTES || memchr(text, '\0', n))
            st = vb_fail(err, VB_EFORMAT, "split list '%s': no list of names (too long or binary)", path);
        else
            text[n] = '\0';
    }
    if (f)
        fclose(f);
    if (st) {
        free(text);
        return st;
    }
    *out = text;
    return VB_OK;
}

/* Names come from whoever made the list: only what is one plain path component passes, and is shown cut off
 * and without control characters otherwise. */
static vb_status refuse_name(const char *where, int line, const char *name, vb_err *err)
{
    char shown[VB_NAME_MAX];

    snprintf(shown, sizeof shown, "%s", name);
    for (char *p = shown; *p; p++)
        if ((unsigned char)*p < 32 || *p == 127)
            *p = '?';
    return vb_fail(err, VB_EFORMAT, "%s, line %d: '%s' is no video name (A-Z a-z 0-9 _ . + -, at most %d characters)", where,
                   line, shown, VB_NAME_MAX - 1);
}

static int by_name(const void *a, const void *b) { return strcmp(a, b); }

static vb_status refuse_repeats(const name_list *l, const char *path, vb_err *err)
{
    char(*sorted)[VB_NAME_MAX] = malloc((size_t)l->n * sizeof *sorted);
    vb_status st = VB_OK;

    if (!sorted)
        return vb_fail(err, VB_ENOMEM, "host memory for %d video names", l->n);
    memcpy(sorted, l->names, (size_t)l->n * sizeof *sorted);
    qsort(sorted, (size_t)l->n, sizeof *sorted, by_name);
    for (int i = 1; i < l->n && st == VB_OK; i++)
        if (!strcmp(sorted[i - 1], sorted[i]))
            st = vb_fail(err, VB_EFORMAT, "split list '%s': video '%s' is listed twice", path, sorted[i]);
    free(sorted);
    return st;
}

static vb_status read_split(name_list *l, const char *path, vb_err *err)
{
    char *text = NULL, *next;
    int line = 0;
    vb_status st = read_text(&text, path, err);

    if (st)
        return st;
    for (char *p = text; p && st == VB_OK; p = next) {
        char *end;

        line++;
        if ((next = strchr(p, '\n')))
            *next++ = '\0';
        if (line == 1 && !strncmp(p, "\xEF\xBB\xBF", 3))
            p += 3;
        p += strspn(p, " \t\r");
        for (end = p + strlen(p); end > p && strchr(" \t\r", end[-1]); end--)
            ;
        *end = '\0';
        if (*p == '\0' || *p == '#')
            continue;
        st = vb_name_ok(p) ? add_name(l, p, err) : refuse_name(path, line, p, err);
    }
    free(text);
    if (st == VB_OK && l->n == 0)
        st = vb_fail(err, VB_EFORMAT, "split list '%s' names no video", path);
    return st ? st : refuse_repeats(l, path, err);
}

static vb_status list_folders(name_list *l, const char *frames_dir, vb_err *err)
{
    vb_listing all;
    vb_status st = vb_listing_read(&all, frames_dir, err);

    if (st)
        return st;
    for (size_t i = 0; i < all.n && st == VB_OK; i++)
        if (all.names[i][0] != '.' && vb_is_folder(frames_dir, all.names[i]))
            st = vb_name_ok(all.names[i]) ? add_name(l, all.names[i], err)
                                          : refuse_name(frames_dir, (int)i + 1, all.names[i], err);
    vb_listing_deinit(&all);
    if (st == VB_OK && l->n == 0)
        st = vb_fail(err, VB_EARG, "'%s' has no video folder", frames_dir);
    return st;
}

/* The list's path, or "" when root has none and every folder is meant. */
static vb_status find_split(char *path, size_t n, const char *root, const char *split_name, vb_err *err)
{
    vb_listing files;
    vb_status st;
    char found[256] = "";
    size_t lists = 0, used = 0;
    struct stat s;

    if (split_name) {
        if (!vb_name_ok(split_name))
            return vb_fail(err, VB_EARG, "split name '%.64s': the name of a list in '%s', without folders", split_name, root);
        snprintf(path, n, "%s/%s", root, split_name);
        if (!stat(path, &s) && S_ISREG(s.st_mode))
            return VB_OK;
        snprintf(path, n, "%s/%s.txt", root, split_name);
        if (!stat(path, &s) && S_ISREG(s.st_mode))
            return VB_OK;
        return vb_fail(err, VB_EARG, "split '%s': neither '%s/%s' nor '%s' exists", split_name, root, split_name, path);
    }
    if ((st = vb_listing_read(&files, root, err)))
        return st;
    path[0] = '\0';
    for (size_t i = 0; i < files.n; i++)
        if (vb_has_suffix(files.names[i], ".txt") && files.names[i][0] != '.' && !vb_is_folder(root, files.names[i])) {
            if (used < sizeof found)
                used += (size_t)snprintf(found + used, sizeof found - used, "%s%s", lists ? ", " : "", files.names[i]);
            lists++;
            snprintf(path, n, "%s/%s", root, files.names[i]);
        }
    vb_listing_deinit(&files);
    if (lists > 1)
        return vb_fail(err, VB_EARG, "'%s' has %zu lists (%s): choose one by --split-name", root, lists, found);
    return VB_OK;
}

static vb_status require_folder(const char *path, const char *what, vb_err *err)
{
    struct stat s;

    if (stat(path, &s))
        return vb_fail(err, VB_EIO, "%s '%s': %s", what, path, strerror(errno));
    if (!S_ISDIR(s.st_mode))
        return vb_fail(err, VB_EIO, "%s '%s': not a folder", what, path);
    return VB_OK;
}

vb_status vb_dataset_open(vb_dataset **out, const char *root, const char *split_name, const vb_limits *limits, vb_err *err)
{
    static const vb_limits no_limits;
    char list[4400];
    name_list l = {0};
    vb_dataset *d = NULL;
    vb_status st;
    size_t n = strlen(root);

    *out = NULL;
    while (n > 1 && root[n - 1] == '/')
        n--;
    if (n == 0 || n >= sizeof d->root)
        return vb_fail(err, VB_EARG, "data set folder: the path is empty or too long");
    if (!(d = calloc(1, sizeof *d)))
        return vb_fail(err, VB_ENOMEM, "host memory for a data set");
    memcpy(d->root, root, n);
    snprintf(d->frames_dir, sizeof d->frames_dir, "%s/JPEGImages_24fps", d->root);
    snprintf(d->masks_dir, sizeof d->masks_dir, "%s/Annotations_6fps", d->root);
    d->limits = limits ? *limits : no_limits;
    if (d->limits.limit_videos < 0 || d->limits.limit_objects < 0 || d->limits.max_clip_frames < 0) {
        st = vb_fail(err, VB_EARG, "limits on videos, objects and frames are 0 (none) or more");
        goto out;
    }
    if ((st = require_folder(d->root, "data set folder", err)) ||
        (st = require_folder(d->frames_dir, "no SA-V layout: frames folder", err)) ||
        (st = require_folder(d->masks_dir, "no SA-V layout: annotations folder", err)) ||
        (st = find_split(list, sizeof list, d->root, split_name, err)) ||
        (st = list[0] ? read_split(&l, list, err) : list_folders(&l, d->frames_dir, err)))
        goto out;
    if (d->limits.shuffle)
        vb_shuffle(l.names, l.n, sizeof *l.names, d->limits.seed);
    d->names = l.names;
    d->n_videos = d->limits.limit_videos && d->limits.limit_videos < l.n ? d->limits.limit_videos : l.n;
    l.names = NULL;
    *out = d;
    d = NULL;
out:
    free(l.names);
    vb_dataset_free(d);
    return st;
}

void vb_dataset_free(vb_dataset *d)
{
    if (!d)
        return;
    free(d->names);
    free(d);
}

/* "FOLDER/NAME SIZE" for each file of a folder with that suffix; a folder that cannot be listed as "FOLDER -". */
static vb_status hash_folder(vb_sha *sha, const char *base, const char *folder, const char *suffix, vb_err *err)
{
    char path[4700], line[512];
    vb_listing files;
    vb_status st = VB_OK;
    struct stat s;

    snprintf(path, sizeof path, "%s/%s", base, folder);
    if (vb_listing_read(&files, path, NULL)) {
        snprintf(line, sizeof line, "%s -\n", folder);
        return vb_sha_add(sha, line, strlen(line), err);
    }
    for (size_t i = 0; i < files.n && st == VB_OK; i++) {
        if (!vb_has_suffix(files.names[i], suffix))
            continue;
        snprintf(path, sizeof path, "%s/%s/%s", base, folder, files.names[i]);
        snprintf(line, sizeof line, "%s/%s %lld\n", folder, files.names[i], stat(path, &s) ? -1LL : (long long)s.st_size);
        st = vb_sha_add(sha, line, strlen(line), err);
    }
    vb_listing_deinit(&files);
    return st;
}

static vb_status hash_video(vb_sha *sha, const vb_dataset *d, const char *name, vb_err *err)
{
    char path[4400], folder[VB_NAME_MAX + 260];
    vb_listing objects;
    vb_status st = hash_folder(sha, d->frames_dir, name, ".jpg", err);

    if (st)
        return st;
    snprintf(path, sizeof path, "%s/%s", d->masks_dir, name);
    if (vb_listing_read(&objects, path, NULL))
        return hash_folder(sha, d->masks_dir, name, ".png", err);
    for (size_t i = 0; i < objects.n && st == VB_OK; i++)
        if (vb_is_folder(path, objects.names[i])) {
            snprintf(folder, sizeof folder, "%s/%s", name, objects.names[i]);
            st = hash_folder(sha, d->masks_dir, folder, ".png", err);
        }
    vb_listing_deinit(&objects);
    return st;
}

vb_status vb_dataset_manifest(char out[65], const vb_dataset *d, vb_err *err)
{
    char(*sorted)[VB_NAME_MAX] = malloc((size_t)d->n_videos * sizeof *sorted + 1);
    vb_sha *sha = NULL;
    vb_status st = VB_OK, done;

    if (!sorted)
        return vb_fail(err, VB_ENOMEM, "host memory for %d video names", d->n_videos);
    memcpy(sorted, d->names, (size_t)d->n_videos * sizeof *sorted);
    qsort(sorted, (size_t)d->n_videos, sizeof *sorted, by_name);
    if ((st = vb_sha_create(&sha, err)))
        goto out;
    for (int i = 0; i < d->n_videos && st == VB_OK; i++)
        st = hash_video(sha, d, sorted[i], err);
    done = vb_sha_finish(sha, out, st ? NULL : err);
    st = st ? st : done;
out:
    free(sorted);
    return st;
}
