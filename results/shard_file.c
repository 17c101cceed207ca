/* Shards by path; see shard_file.h. */
#include "shard_file.h"

#include "hash.h"
#include "publish.h"
#include "shard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

vb_status vb_shard_file_read(uint8_t **bytes, size_t *n, bool *found, int dir, const char *path, vb_err *err)
{
    char video[VB_NAME_MAX] = "";
    const char *file = strrchr(path, '/');
    int shards = -1, folder = -1;
    vb_err why = {0};
    vb_status st;

    *bytes = NULL;
    *found = false;
    if (sscanf(path, "shards/%63[^/]/", video) != 1 || !vb_name_ok(video) || !vb_file_name_ok(file + 1) ||
        (size_t)(file - path) != strlen("shards/") + strlen(video))
        return VB_OK;
    if ((st = vb_folder_open(&shards, dir, "shards", false, err)) || shards < 0)
        return st;
    if ((st = vb_folder_open(&folder, shards, video, false, err)) == VB_OK && folder >= 0) {
        st = vb_read_file(bytes, n, found, folder, file + 1, VB_SHARD_MAX_BYTES, &why);
        close(folder);
        if (st == VB_EFORMAT) {
            *found = false;
            st = VB_OK;
        } else if (st)
            vb_fail(err, st, "%s", why.msg);
    }
    close(shards);
    return st;
}

vb_status vb_shard_file_check(uint8_t **bytes, size_t *n, bool *holds, int dir, const char *path, const char *sha256,
                              int64_t size, vb_err *err)
{
    uint8_t *b = NULL;
    size_t length = 0;
    char hash[65];
    vb_status st = vb_shard_file_read(&b, &length, holds, dir, path, err);

    if (st == VB_OK && *holds && (st = vb_sha256(hash, b, length, err)) == VB_OK)
        *holds = (int64_t)length == size && strcmp(hash, sha256) == 0;
    if (st == VB_OK && *holds && bytes) {
        *bytes = b;
        *n = length;
        return VB_OK;
    }
    free(b);
    return st;
}
