/* Fuzz target: values in a shard's rows and attributes. (The seal refuses everything that did not come from an engine of ours, and
 * libhdf5 is trusted with what came from one: shard.h. So what is fuzzed is what an engine could say.)
 * Input: pieces of [table, offset u16, length] and bytes that are laid over a sound trial. What is decoded must be as encoded. */
#include "fuzz.h"

#include "../results/sample.h"
#include "shard.h"
#include "trial.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    void *at;
    size_t n;
} region;

static void lay_over(vb_trial *t, const uint8_t *data, size_t size)
{
    const region regions[] = {
        {t->frames, (size_t)t->n_frames * sizeof *t->frames},
        {t->scores, (size_t)t->n_scores * sizeof *t->scores},
        {t->objects, (size_t)t->n_objects * sizeof *t->objects},
        {t->attention, (size_t)t->n_attention * sizeof *t->attention},
        {&t->from, sizeof t->from},
        {&t->h, offsetof(vb_trial, n_telemetry) - offsetof(vb_trial, h)},
        {&t->key, sizeof t->key.video},
    };

    while (size >= 4) {
        const region *r = &regions[data[0] % (sizeof regions / sizeof *regions)];
        const size_t at = r->n ? ((size_t)data[1] | (size_t)data[2] << 8) % r->n : 0;
        size_t n = data[3];

        data += 4;
        size -= 4;
        n = n < size ? n : size;
        if (at < r->n)
            memcpy((char *)r->at + at, data, n < r->n - at ? n : r->n - at);
        data += n;
        size -= n;
    }
    /* masks too: texts of any kind */
    if (size && t->n_masks)
        t->masks[0].frame_idx = (int8_t)data[0];
    /* what is no text any more is cut where its field ends, as an engine's snprintf does */
#define END(name, bytes) t->from.name[bytes - 1] = '\0';
    VB_PROVENANCE(END)
#undef END
    t->throttle_reasons[sizeof t->throttle_reasons - 1] = '\0';
    t->key.video[sizeof t->key.video - 1] = '\0';
    for (int i = 0; i < t->n_objects; i++) {
        t->objects[i].obj_id[VB_NAME_MAX - 1] = '\0';
        t->objects[i].prompt[sizeof t->objects[i].prompt - 1] = '\0';
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vb_trial t, got, again;
    uint8_t *bytes = NULL, *twice = NULL;
    size_t n, n_twice;
    vb_err err = {.msg = ""};

    sample_trial(&t, "v1", VB_FLOAT16, 0, 1);
    lay_over(&t, data, size);
    if (fuzz_took(vb_shard_encode(&bytes, &n, &t, &err), &err) && fuzz_took(vb_shard_decode(&got, bytes, n, &err), &err)) {
        fuzz_hold(vb_shard_encode(&twice, &n_twice, &got, &err) == VB_OK, "what was decoded can be encoded");
        fuzz_hold(vb_shard_decode(&again, twice, n_twice, &err) == VB_OK, "and decoded again");
        fuzz_hold(got.n_frames == again.n_frames && !memcmp(got.frames, again.frames, (size_t)got.n_frames * sizeof *got.frames),
                  "with the same frames");
        vb_trial_deinit(&again);
        vb_trial_deinit(&got);
    }
    free(bytes);
    free(twice);
    vb_trial_deinit(&t);
    return 0;
}
