/* Signs of life; see heartbeat.h. */
#include "heartbeat.h"

#include "json_whole.h"
#include "progress.h"
#include "timing.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static json_t *worker_json(const vb_ticker_worker *w)
{
    char tag[VB_TAG_MAX];
    json_t *o;

    if (!w->video)
        return json_pack("{s:i, s:s?, s:s?}", "rank", w->rank, "host", w->host, "device", w->device);
    vb_variant_tag(tag, w->variant);
    o = json_pack("{s:i, s:s?, s:s?, s:s, s:s}", "rank", w->rank, "host", w->host, "device", w->device, "video", w->video,
                  "variant", tag);
    if (o && w->frame_idx >= 0) {
        json_object_set_new(o, "frame", json_integer(w->frame_idx));
        json_object_set_new(o, "n_frames", json_integer(w->n_frames));
    }
    return o;
}

static void write_state(vb_store *s, const vb_heartbeat *b, const char *state)
{
    json_t *workers = json_array(), *all;
    char *text;

    for (int i = 0; i < b->n_workers; i++)
        json_array_append_new(workers, worker_json(&b->workers[i]));
    all = json_pack("{s:s, s:s, s:s, s:i, s:I, s:I, s:I, s:f, s:o}", "state", state, "run_id", b->run_id, "host", b->host, "pid",
                    (int)getpid(), "total", (json_int_t)b->r->total, "done", (json_int_t)b->r->done, "failed",
                    (json_int_t)b->r->failed, "left_s", b->left_s, "workers", workers);
    text = vb_json_whole(all, JSON_COMPACT);
    if (text)
        vb_progress_write(s, text);
    free(text);
    json_decref(all);
}

void vb_heartbeat_write(vb_store *s, const vb_heartbeat *b)
{
    write_state(s, b, "running");
}

void vb_heartbeat_finalizing(vb_store *s, const vb_heartbeat *b)
{
    write_state(s, b, "finalizing");
}

vb_pulse_state vb_pulse_look(vb_pulse *p)
{
    double now = vb_now_ms(), age_s = 0, expected_s = p->age_s + (now - p->looked_ms) / 1000;
    char *text = NULL;
    bool running;

    if (now < p->looked_ms + 1000)
        return VB_PULSE_OK;
    p->looked_ms = now;
    if (vb_progress_read(&text, &age_s, p->out_dir, NULL))
        return VB_PULSE_OK; /* what cannot be read says nothing */
    if (!text) {
        if (p->seen && p->gone_ms == 0)
            p->gone_ms = now;
        return p->seen && now - p->gone_ms > 1000.0 * VB_ENDED_S ? VB_PULSE_ENDED : VB_PULSE_OK;
    }
    /* By our own clock: only that it changes matters, not what the file system takes the time to be. */
    if (!p->seen || age_s < expected_s - 0.5)
        p->changed_ms = now;
    p->seen = true;
    p->gone_ms = 0;
    p->age_s = age_s;
    running = strstr(text, "\"state\":\"running\"") != NULL;
    free(text);
    return running && now - p->changed_ms > 1000.0 * VB_SILENT_S ? VB_PULSE_SILENT : VB_PULSE_OK;
}
