/* Recovery, at each start: makes folder and database say the same again after any kind of end.
 *   a done row whose shard is missing or altered: the row goes, the trial runs again
 *   a valid shard without a done row: the row is made from it
 *   an invalid shard without a row, and every temporary file: removed */
#include "hash.h"
#include "listing.h"
#include "publish.h"
#include "record.h"
#include "shard.h"
#include "shard_file.h"
#include "store_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    char path[512]; /* shards/VIDEO/FILE */
    char sha256[65];
    int64_t trial_id, bytes;
} known_row;

static bool is_temporary(const char *name) { return strncmp(name, VB_TEMPORARY_PREFIX, sizeof VB_TEMPORARY_PREFIX - 1) == 0; }

static vb_status remove_temporaries(int fd, const vb_listing *l, vb_recovery *r, vb_err *err)
{
    for (size_t i = 0; i < l->n; i++)
        if (is_temporary(l->names[i])) {
            if (unlinkat(fd, l->names[i], 0) != 0)
                return vb_fail(err, VB_EIO, "remove '%s': %s", l->names[i], strerror(errno));
            r->temporaries++;
        }
    return VB_OK;
}

static vb_status check_rows(vb_store *s, vb_recovery *r, vb_err *err)
{
    int64_t last = 0;

    for (;;) {
        sqlite3_stmt *q;
        known_row k = {0};
        bool row, holds;
        vb_status st = vb_db_query(&q, s->db, err,
                                   "SELECT trial_id, shard, shard_sha256, shard_bytes FROM trial"
                                   " WHERE status = 'done' AND trial_id > ?1 ORDER BY trial_id LIMIT 1",
                                   "i", last);

        if (st || (st = vb_db_step(&row, s->db, q, err)) || !row)
            return st;
        last = k.trial_id = sqlite3_column_int64(q, 0);
        vb_db_text(k.path, sizeof k.path, q, 1);
        vb_db_text(k.sha256, sizeof k.sha256, q, 2);
        k.bytes = sqlite3_column_int64(q, 3);
        sqlite3_reset(q);
        if ((st = vb_shard_file_check(NULL, NULL, &holds, s->dir, k.path, k.sha256, k.bytes, err)))
            return st;
        if (holds)
            continue;
        vb_log(&s->log, VB_LOG_WARN, "%s is missing or altered: its trial runs again", k.path);
        if ((st = vb_store_begin(s, err)) ||
            (st = vb_store_end(s, vb_db_run(s->db, err, "DELETE FROM trial WHERE trial_id = ?1", "i", k.trial_id), err)))
            return st;
        r->redone++;
    }
}

/* VB_EFORMAT: not the shard that belongs under this name. */
static vb_status decode_own(vb_trial *t, const uint8_t *bytes, size_t n, const char *video, const char *file, vb_err *err)
{
    char own[VB_SHARD_PATH_MAX];
    vb_status st = vb_shard_decode(t, bytes, n, err);

    if (st)
        return st;
    if (vb_store_shard_name(own, &t->key, NULL) || strcmp(own, file) != 0 || strcmp(t->key.video, video) != 0)
        return vb_fail(err, VB_EFORMAT, "it is of another trial");
    return VB_OK;
}

/* A shard that no done row names: adopted when it is whole and lies under its own name, else removed. */
static vb_status adopt(vb_store *s, int folder, const char *video, const char *file, vb_recovery *r, vb_err *err)
{
    char path[512], now[32], hash[65];
    vb_record_source from = {0, now, path, hash, 0};
    uint8_t *bytes = NULL;
    size_t n = 0;
    bool found = false;
    vb_trial t = {0};
    vb_err why = {0};
    vb_status st;

    snprintf(path, sizeof path, "shards/%s/%s", video, file);
    if ((st = vb_shard_file_read(&bytes, &n, &found, s->dir, path, err)))
        return st;
    st = found ? decode_own(&t, bytes, n, video, file, &why) : vb_fail(&why, VB_EFORMAT, "no regular file");
    if (st && st != VB_EFORMAT) { /* it could not be found out: a sound shard is not removed for lack of memory */
        vb_fail(err, st, "%s: %.200s", path, why.msg);
        goto out;
    }
    if (st) {
        st = VB_OK;
        vb_log(&s->log, VB_LOG_WARN, "%s has no record and is not valid (%s): removed", path, why.msg);
        if (unlinkat(folder, file, 0) != 0)
            st = vb_fail(err, VB_EIO, "remove '%s': %s", path, strerror(errno));
        r->refused++;
        goto out;
    }
    if ((st = vb_sha256(hash, bytes, n, err)) || (st = vb_store_publish_overlays(s, &t, err)) || (st = vb_store_begin(s, err)))
        goto out;
    from.bytes = (int64_t)n;
    from.epoch = s->epoch;
    vb_store_now(now);
    if ((st = vb_record_done(s->db, &t, &from, err)) == VB_OK)
        st = vb_attempt_done(s, &t, "adopted", now, err);
    if ((st = vb_store_end(s, st, err)) == VB_OK)
        r->adopted++;
out:
    vb_trial_deinit(&t);
    free(bytes);
    return st;
}

static vb_status recover_folder(vb_store *s, const char *video, vb_recovery *r, vb_err *err)
{
    vb_listing l = {0};
    int fd = -1;
    vb_status st = vb_folder_open(&fd, s->shards, video, false, err);

    if (st || fd < 0)
        return st;
    if ((st = vb_listing_of(&l, fd, video, err)) || (st = remove_temporaries(fd, &l, r, err)))
        goto out;
    for (size_t i = 0; st == VB_OK && i < l.n; i++) {
        const char *end = strrchr(l.names[i], '.');
        char path[512];
        int64_t known = 0;

        if (is_temporary(l.names[i]) || !end || strcmp(end, ".h5") != 0 || !vb_file_name_ok(l.names[i]))
            continue;
        snprintf(path, sizeof path, "shards/%s/%s", video, l.names[i]);
        st = vb_db_int(&known, NULL, s->db, err, "SELECT count(*) FROM trial WHERE shard = ?1 AND status = 'done'", "s", path);
        if (st == VB_OK && !known)
            st = adopt(s, fd, video, l.names[i], r, err);
    }
out:
    vb_listing_deinit(&l);
    close(fd);
    return st;
}

/* Pictures are copies: what is half written goes. What is no folder there is not ours. */
static vb_status recover_overlays(vb_store *s, vb_recovery *r, vb_err *err)
{
    vb_listing videos = {0}, l = {0};
    int all = -1, fd = -1;
    vb_status st;

    if (vb_folder_open(&all, s->dir, "overlays", false, NULL) || all < 0)
        return VB_OK;
    st = vb_listing_of(&videos, all, "overlays", err);
    for (size_t i = 0; i < videos.n && st == VB_OK; i++) {
        if (!vb_name_ok(videos.names[i]) || vb_folder_open(&fd, all, videos.names[i], false, NULL) || fd < 0)
            continue;
        if ((st = vb_listing_of(&l, fd, videos.names[i], err)) == VB_OK)
            st = remove_temporaries(fd, &l, r, err);
        vb_listing_deinit(&l);
        close(fd);
    }
    vb_listing_deinit(&videos);
    close(all);
    return st;
}

vb_status vb_store_recover(vb_store *s, vb_recovery *out, vb_err *err)
{
    vb_listing l = {0};
    vb_recovery r = {0};
    vb_status st;

    if ((st = vb_listing_of(&l, s->dir, s->paths.out, err)) || (st = remove_temporaries(s->dir, &l, &r, err)))
        goto out;
    vb_listing_deinit(&l);
    if ((st = recover_overlays(s, &r, err)) || (st = check_rows(s, &r, err)) || s->shards < 0)
        goto out;
    if ((st = vb_listing_of(&l, s->shards, "shards", err)))
        goto out;
    for (size_t i = 0; st == VB_OK && i < l.n; i++)
        if (vb_name_ok(l.names[i]))
            st = recover_folder(s, l.names[i], &r, err);
out:
    vb_listing_deinit(&l);
    *out = r;
    return st;
}
