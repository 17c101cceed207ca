/* Commits: a shard on disk, then its row; failed trials. See store.h for the order and why; attempts: attempt.c. */
#include "hash.h"
#include "publish.h"
#include "record.h"
#include "shard.h"
#include "store_impl.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

vb_status vb_store_shard_name(char file[VB_SHARD_PATH_MAX], const vb_trial_key *key, vb_err *err)
{
    char tag[VB_TAG_MAX];

    if (!vb_name_ok(key->video) || !vb_name_ok(key->variant.setup.model) || key->repetition < 0)
        return vb_fail(err, VB_EARG, "trial of video '%.64s', model '%.32s': no plain names", key->video,
                       key->variant.setup.model);
    vb_variant_tag(tag, &key->variant);
    for (char *c = tag; *c; c++)
        if (*c == '/')
            *c = ',';
    snprintf(file, VB_SHARD_PATH_MAX, "%s_r%d.h5", tag, key->repetition);
    return VB_OK;
}

/* The shard, durable under its final name; in a group that comes at its end. */
static vb_status publish_shard(vb_store *s, const vb_trial_key *key, const char *file, const uint8_t *bytes, size_t n, vb_err *err)
{
    vb_status st;
    int video = -1;

    if (s->shards < 0 && (st = vb_folder_open(&s->shards, s->dir, "shards", true, err)))
        return st;
    if (s->group) {
        bool made;

        if ((st = vb_folder_make(&video, &made, s->shards, key->video, err)))
            return st;
        s->new_folder |= made;
        return vb_staged_add(s, video, file, bytes, n, err);
    }
    if ((st = vb_folder_open(&video, s->shards, key->video, true, err)))
        return st;
    st = vb_publish(video, file, bytes, n, err);
    close(video);
    return st;
}

vb_status vb_store_publish_overlays(vb_store *s, const vb_trial *t, vb_err *err)
{
    char shard[VB_SHARD_PATH_MAX], file[VB_SHARD_PATH_MAX + 16];
    int all = -1, video = -1;
    vb_status st;

    if (!t->n_overlays)
        return VB_OK;
    if ((st = vb_store_shard_name(shard, &t->key, err)) || (st = vb_folder_open(&all, s->dir, "overlays", true, err)))
        return st;
    st = vb_folder_open(&video, all, t->key.video, true, err);
    for (int32_t i = 0; i < t->n_overlays && st == VB_OK; i++) {
        snprintf(file, sizeof file, "%.*s_%05d.png", (int)(strrchr(shard, '.') - shard), shard, t->overlays[i].frame_idx);
        st = s->group ? vb_staged_add(s, dup(video), file, t->overlays[i].png, t->overlays[i].n_bytes, err)
                      : vb_publish(video, file, t->overlays[i].png, t->overlays[i].n_bytes, err);
    }
    if (video >= 0)
        close(video);
    close(all);
    return st;
}

vb_status vb_store_commit(vb_store *s, const vb_trial_key *key, const uint8_t *bytes, size_t n, const char sha256[65],
                          bool *fresh, vb_err *err)
{
    char hash[65], file[VB_SHARD_PATH_MAX], path[VB_SHARD_PATH_MAX + VB_NAME_MAX + 16], now[32];
    vb_record_source from = {0, now, path, hash, (int64_t)n};
    vb_trial_status status;
    vb_trial t = {0};
    vb_status st;

    *fresh = false;
    if ((st = vb_sha256(hash, bytes, n, err)) || (st = vb_store_shard_name(file, key, err)))
        return st;
    if (strcmp(hash, sha256) != 0)
        return vb_fail(err, VB_EFORMAT, "shard of video '%s': SHA-256 %.16s..., announced as %.16s...", key->video, hash, sha256);
    if ((st = vb_store_status(s, key, &status, err)) || status == VB_TRIAL_DONE)
        return st;
    if ((st = vb_shard_decode(&t, bytes, n, err)))
        return st;
    if (!vb_trial_key_equal(&t.key, key)) {
        char tag[VB_TAG_MAX];

        vb_variant_tag(tag, &t.key.variant);
        st = vb_fail(err, VB_EFORMAT, "shard of video '%s' is of another trial: '%s', %s, repetition %d", key->video, t.key.video,
                     tag, t.key.repetition);
        goto out;
    }
    /* The transaction is open while the shard is published, so that a coordinator that has been taken over cannot lay its
     * shard over its successor's. It is committed after that. */
    if ((st = vb_store_begin(s, err)))
        goto out;
    snprintf(path, sizeof path, "shards/%s/%s", key->video, file);
    vb_store_now(now);
    from.epoch = s->epoch;
    if ((st = publish_shard(s, key, file, bytes, n, err)) == VB_OK &&
        (st = vb_store_publish_overlays(s, &t, err)) == VB_OK && (st = vb_record_done(s->db, &t, &from, err)) == VB_OK)
        st = vb_attempt_done(s, &t, "done", now, err);
    st = vb_store_end(s, st, err);
    *fresh = st == VB_OK;
out:
    vb_trial_deinit(&t);
    return st;
}

vb_status vb_store_fail(vb_store *s, const vb_trial_key *key, vb_trial_status status, const char *code, const char *reason,
                        const char *host, const char *device, vb_err *err)
{
    char now[32], file[VB_SHARD_PATH_MAX];
    int64_t video, variant;
    vb_status st;

    if (status != VB_TRIAL_FAILED && status != VB_TRIAL_QUARANTINED)
        return vb_fail(err, VB_EARG, "a trial fails as failed or quarantined, not as '%s'", vb_trial_status_name(status));
    if ((st = vb_store_shard_name(file, key, err)) || (st = vb_store_begin(s, err)))
        return st;
    vb_store_now(now);
    if ((st = vb_record_video(&video, s->db, key->video, err)) == VB_OK &&
        (st = vb_record_variant(&variant, s->db, &key->variant, err)) == VB_OK)
        /* A done record stays: what was measured is not undone by a later failure. */
        st = vb_db_run(s->db, err,
                       "INSERT INTO trial (video_id, variant_id, repetition, status, epoch, recorded_utc, code, reason,"
                       " failed_host, failed_device) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
                       " ON CONFLICT (video_id, variant_id, repetition) DO UPDATE SET status = ?4, epoch = ?5,"
                       " recorded_utc = ?6, code = ?7, reason = ?8, failed_host = ?9, failed_device = ?10"
                       " WHERE trial.status <> 'done'",
                       "iiisisssss", video, variant, (int64_t)key->repetition, vb_trial_status_name(status), s->epoch, now,
                       code, reason, host, device);
    return vb_store_end(s, st, err);
}
