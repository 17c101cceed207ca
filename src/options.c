/* The option table of `run`, `plan` and the engine; see options.h. One row per option: nothing about an option is said
 * anywhere else. */
#include "options.h"

#include "checkpoint.h"
#include "cli.h"
#include "json_whole.h"
#include "memory_estimate.h"
#include "models.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static vb_status set_checkpoint(void *p, const char *value, vb_err *err)
{
    vb_options *o = p;

    if (o->n_checkpoints == VB_LIST_MAX)
        return vb_fail(err, VB_EARG, "--checkpoint: more than %d", VB_LIST_MAX);
    o->checkpoints[o->n_checkpoints++] = value;
    return VB_OK;
}

static json_t *get_checkpoint(const void *p)
{
    const vb_options *o = p;
    return vb_cli_words(o->checkpoints, o->n_checkpoints);
}

static vb_status set_rule(void *p, const char *value, vb_err *err)
{
    return vb_point_rule_parse(&((vb_options *)p)->point_rule, value, err);
}

static json_t *get_rule(const void *p)
{
    return json_string(vb_point_rule_name(((const vb_options *)p)->point_rule));
}

enum { BATCH_FRAMES_CUDA = 8 };

/* A word out of a small table, by its index. */
static vb_status word(int *out, const char *option, const char *const *words, int n, const char *value, vb_err *err)
{
    char all[96] = "";

    for (int i = 0; i < n; i++) {
        if (!strcasecmp(words[i], value)) {
            *out = i;
            return VB_OK;
        }
        strncat(all, i ? ", " : "", sizeof all - strlen(all) - 1);
        strncat(all, words[i], sizeof all - strlen(all) - 1);
    }
    return vb_fail(err, VB_EARG, "--%s: '%.64s' is none of %s", option, value, all);
}

static const char *const save_words[] = {"annotated", "all", "none"};
static const char *const post_words[] = {"auto", "cuda", "cpu", "off"};
static const char *const objects_words[] = {"together", "separate"};
static const char *const guard_words[] = {"on", "off"};
static const char *const throttle_words[] = {"mark", "wait", "repeat"};
static const char *const flash_words[] = {"no", "any", "strict"};

#define WORD_OPTION(fn, field, type, option, words)                                              \
    static vb_status set_##fn(void *p, const char *value, vb_err *err)                           \
    {                                                                                            \
        int v = 0;                                                                               \
        vb_status st = word(&v, option, words, (int)(sizeof words / sizeof *words), value, err); \
        if (st == VB_OK)                                                                         \
            ((vb_options *)p)->field = (type)v;                                                  \
        return st;                                                                               \
    }                                                                                            \
    static json_t *get_##fn(const void *p) { return json_string(words[((const vb_options *)p)->field]); }
WORD_OPTION(save, save_masks, vb_save_masks, "save-masks", save_words)
WORD_OPTION(post, postprocess, vb_postprocess, "postprocess", post_words)
WORD_OPTION(objects, objects, vb_objects, "objects", objects_words)
WORD_OPTION(guard, memory_guard, vb_memory_guard_mode, "memory-guard", guard_words)
WORD_OPTION(throttle, on_throttle, vb_on_throttle, "on-throttle", throttle_words)
WORD_OPTION(flash_word, require_flash, int, "require-flash", flash_words)

static vb_status set_slice(void *p, const char *value, vb_err *err)
{
    vb_options *o = p;
    int used = 0;

    if (sscanf(value, "%d/%d%n", &o->slice, &o->n_slices, &used) != 2 || value[used] || o->n_slices < 1 || o->slice < 1 ||
        o->slice > o->n_slices)
        return vb_fail(err, VB_EARG, "--slice '%.32s': I/N is wanted with I from 1 to N, for example 2/4", value);
    return VB_OK;
}

static json_t *get_slice(const void *p)
{
    const vb_options *o = p;

    return o->n_slices ? json_sprintf("%d/%d", o->slice, o->n_slices) : json_null();
}

static vb_status set_flash(void *p, const char *value, vb_err *err)
{
    return set_flash_word(p, value ? value : "any", err);
}

vb_status vb_postprocess_parse(int *out, const char *value, vb_err *err)
{
    return word(out, "postprocess", post_words, (int)(sizeof post_words / sizeof *post_words), value, err);
}

vb_status vb_objects_parse(int *out, const char *value, vb_err *err)
{
    return word(out, "objects", objects_words, (int)(sizeof objects_words / sizeof *objects_words), value, err);
}

int vb_options_batch(const vb_options *o, bool cuda, int n_objects)
{
    int batch = o->objects == VB_OBJECTS_SEPARATE ? 1 : o->max_batch > 0 ? o->max_batch : vb_default_batch(cuda);

    return batch < n_objects ? batch : n_objects;
}

int vb_options_batch_frames(const vb_options *o, bool cuda, vb_mode mode)
{
    if (mode != VB_OFFLINE)
        return 1;
    return o->batch_frames > 0 ? o->batch_frames : cuda ? BATCH_FRAMES_CUDA : 1; /* a CPU gains nothing */
}

/* The numbers of clicks that SAM 2 is evaluated with. */
static vb_status set_clicks(void *p, const char *value, vb_err *err)
{
    int n;

    if (vb_cli_int(&n, "--clicks", value, 1, 5, err) || n % 2 == 0)
        return vb_fail(err, VB_EARG, "--clicks: '%.32s' is none of 1, 3, 5", value);
    ((vb_options *)p)->clicks = n;
    return VB_OK;
}

static json_t *get_clicks(const void *p)
{
    return json_integer(((const vb_options *)p)->clicks);
}

static const vb_opt table[] = {
    VB_ROW_TEXT(vb_options, split_dir, "split-dir", "data", "DIR", "dataset in SA-V layout: JPEGImages_24fps, Annotations_6fps, a split list"),
    VB_ROW_TEXT(vb_options, split_name, "split-name", NULL, "FILE", "split list in DIR (default: its one *.txt)"),
    VB_ROW_TEXT(vb_options, models, "models", "model", "LIST", "models, each with _point, _box or _mask if you like; all, or globs: sam2.1_*, sam2*_points"),
    VB_ROW_TEXT(vb_options, prompts, "prompts", "prompt", "LIST", "point, box, mask: for models without a prompt in their name (default point)"),
    VB_ROW_TEXT(vb_options, image_sizes, "image-size", "imgsz image-sizes", "LIST", "side of the square network input (default 1024)"),
    VB_ROW_TEXT(vb_options, dtype_list, "dtype", "dtypes autocast-dtype", "LIST", "float32, tf32, float16, bfloat16 (default bfloat16)"),
    VB_ROW_TEXT(vb_options, bank_list, "bank-dtype", "bank-dtypes", "LIST", "memory bank: bfloat16, float32, float16, autocast (default bfloat16, as upstream)"),
    VB_ROW_TEXT(vb_options, mode_list, "mode", "modes", "LIST", "stream (default): a frame's masks are out before the next frame starts; offline: frames go through\nthe image encoder in batches, ahead of their tracking: throughput"),
    VB_ROW_CALL(set_checkpoint, get_checkpoint, "checkpoint", NULL, "[MODEL=]FILE", "weights, or seed:N for the seeded ones; may repeat", .fixed = false),
    VB_ROW_TEXT(vb_options, weights_dir, "weights-dir", NULL, "DIR", "where official checkpoint files lie (default ./checkpoints)"),
    VB_ROW_TEXT(vb_options, out_dir, "out-dir", "out output-dir", "DIR", "results; the same folder again resumes (default savbench-out)"),
    VB_ROW_TEXT(vb_options, state_dir, "state-dir", NULL, "DIR", "live database, on a local disk (default the results folder)"),
    VB_ROW_INT(vb_options, repeats, 1, 1000, "repeats", "repetitions", "N", "repetitions of each trial (default 1)", .fixed = false),
    VB_ROW_INT(vb_options, limits.limit_videos, 0, 100000000, "limit-videos", NULL, "N", "first N videos only", .fixed = false),
    VB_ROW_INT(vb_options, limits.limit_objects, 0, 100000, "limit-objects", NULL, "N", "first N masklets of each video only", .fixed = true),
    VB_ROW_INT(vb_options, limits.max_clip_frames, 0, 100000000, "max-clip-frames", NULL, "N", "first N frames of each video only", .fixed = true),
    VB_ROW_FLAG(vb_options, limits.shuffle, "shuffle-videos", NULL, "seeded order of videos before --limit-videos"),
    VB_ROW_U64(vb_options, seed, "seed", NULL, "N", "of every random choice (default 0)"),
    VB_ROW_CALL(set_rule, get_rule, "point-rule", NULL, "RULE", "center (default): farthest from the mask's edge; centroid: mean of its pixels", .fixed = true),
    VB_ROW_CALL(set_clicks, get_clicks, "clicks", NULL, "N", "clicks on the conditioning frame of point prompts: 1 (default), 3 or 5; each after the first\ncorrects the mask shown, by SAM 2's rule", .fixed = true),
    VB_ROW_CALL(set_objects, get_objects, "objects", NULL, "HOW", "together (default): as many objects of a video in one pass as the model takes; separate: one by one", .fixed = true),
    VB_ROW_INT(vb_options, max_batch, 0, 1024, "max-batch", NULL, "N", "objects in one pass at most (default 0: 16 on CUDA, 1 on a CPU); halved where memory does not do", .fixed = true),
    VB_ROW_CALL(set_guard, get_guard, "memory-guard", NULL, "WHICH", "on (default): a trial that by its estimate does not fit into free memory fails without being\nstarted; off", .fixed = false),
    VB_ROW_INT(vb_options, fill_hole_area, 0, 1000000, "fill-hole-area", NULL, "N", "fill holes of at most N pixels at a quarter of the image size (default 8, as upstream; 0: off)", .fixed = true),
    VB_ROW_INT(vb_options, sprinkle_area, 0, 1000000, "sprinkle-area", NULL, "N", "remove sprinkles, spots of at most N pixels at a quarter of the image size, after the holes (default 0: off, as upstream)", .fixed = true),
    {.name = "non-overlap", .help = "each pixel to the object of the greatest logit alone (default: masks may overlap)", .type = VB_OPT_FLAG, .offset = offsetof(vb_options, non_overlap), .fixed = true},
    VB_ROW_CALL(set_post, get_post, "postprocess", NULL, "WHICH", "implementation of hole filling and sprinkle removal: auto (default: cuda where it can), cuda, cpu, off", .fixed = true),
    VB_ROW_CALL(set_flash, get_flash_word, "require-flash", NULL, "[=strict]", "half dtypes: refuse attention that is neither flash, cuDNN nor fused (strict: FlashAttention alone)", .fixed = false),
    VB_ROW_CALL(set_save, get_save, "save-masks", NULL, "WHICH", "masks kept in the results: annotated (default), all, none", .fixed = false),
    VB_ROW_INT(vb_options, save_overlays, 0, 10000, "save-overlays", NULL, "N", "pictures of masks over frames per trial (default 0)", .fixed = false),
    VB_ROW_INT(vb_options, warmup_frames, -1, 1000, "warmup-frames", NULL, "N", "frames tracked and thrown away before each trial; -1 (default): until their times fall no more, on CUDA after every\nshape of a frame's work has its graph; at most 30 s", .fixed = false),
    VB_ROW_INT(vb_options, batch_frames, 0, 256, "batch-frames", NULL, "N", "offline: frames in one pass of the image encoder (default 0: 8 on CUDA, 1 on a CPU)", .fixed = true),
    {.name = "eager", .help = "CUDA: as libtorch alone would: kernels launched one by one, none of ours, attention by its choice; no graphs, nothing measured", .type = VB_OPT_FLAG, .offset = offsetof(vb_options, eager), .fixed = true},
    {.name = "repeatable", .help = "CUDA: attention by libtorch's choice, not the fastest as measured by each engine anew: the same bits in every run", .type = VB_OPT_FLAG, .offset = offsetof(vb_options, repeatable), .fixed = true},
    VB_ROW_TEXT(vb_options, device, "device", NULL, "DEVICE", "auto (default), cpu, cuda, cuda:N"),
    VB_ROW_TEXT(vb_options, devices, "devices", NULL, "LIST", "CUDA devices that engines may use, in that order: 0,2 (default: every visible one)"),
    VB_ROW_INT(vb_options, ranks_per_device, 1, 64, "ranks-per-device", NULL, "N", "engines that may share one device (default 1: a rank without a device of its own is refused)", .fixed = false),
    VB_ROW_CALL(set_slice, get_slice, "slice", NULL, "I/N", "the I-th of N disjoint parts of the plan, for job arrays; savbench merge joins them", .fixed = true),
    VB_ROW_INT(vb_options, telemetry_hz, 0, 100, "telemetry-hz", NULL, "N", "samples per second of power, clocks and temperature (default 10; 0: none)", .fixed = false),
    VB_ROW_CALL(set_throttle, get_throttle, "on-throttle", NULL, "WHAT", "heat or supply holds clocks down: mark the trial (default), wait before each until it is\nover, or wait and repeat a throttled trial (twice at most)", .fixed = false),
    VB_ROW_INT(vb_options, threads, 0, 4096, "threads", NULL, "N", "CPU threads per engine (default: a host's cores shared out among its engines)", .fixed = false),
    VB_ROW_INT(vb_options, workers, 0, 4096, "workers", NULL, "N", "without mpirun: workers to start (default one per device)", .fixed = false),
    VB_ROW_TEXT(vb_options, hostfile, "hostfile", NULL, "FILE", "without mpirun: hosts, as mpirun's --hostfile"),
    VB_ROW_INT(vb_options, grace_s, 0, 86400, "grace", NULL, "SECONDS", "after INT, TERM or USR1: time for running trials to end (default 60); a second signal\nstops at once", .fixed = false),
    VB_ROW_FLAG(vb_options, retry_failed, "retry-failed", NULL, "run trials again that are recorded as failed"),
    VB_ROW_FLAG(vb_options, quiet, "quiet", "q", "no progress"),
};
static const size_t table_n = sizeof table / sizeof *table;

/* Parses a comma-separated list of words into values without repeats. */
#define LIST_PARSER(fn, type, parse_one, cap)                                                       \
    static vb_status fn(type *out, int *n, const char *option, const char *list, vb_err *err)       \
    {                                                                                               \
        char item[64];                                                                              \
        for (const char *cur = list; vb_cli_item(&cur, item, sizeof item);) {                       \
            type v;                                                                                 \
            int i = 0;                                                                              \
            if (!*item)                                                                             \
                return vb_fail(err, VB_EARG, "--%s: empty item in '%.64s'", option, list);          \
            if (parse_one(&v, item, err))                                                           \
                return VB_EARG;                                                                     \
            while (i < *n && out[i] != v)                                                           \
                i++;                                                                                \
            if (i == (cap))                                                                         \
                return vb_fail(err, VB_EARG, "--%s: more than %d items", option, (int)(cap));       \
            if (i == *n)                                                                            \
                out[(*n)++] = v;                                                                    \
        }                                                                                           \
        return VB_OK;                                                                               \
    }
static vb_status size_parse(int *out, const char *s, vb_err *err)
{
    return vb_cli_int(out, "--image-size", s, 1, VB_MAX_SIDE, err);
}
LIST_PARSER(parse_dtypes, vb_dtype, vb_dtype_parse, VB_DTYPE_COUNT)
LIST_PARSER(parse_banks, vb_bank, vb_bank_parse, VB_BANK_COUNT)
LIST_PARSER(parse_modes, vb_mode, vb_mode_parse, VB_MODE_COUNT)
LIST_PARSER(parse_prompts, vb_prompt_kind, vb_prompt_kind_parse, VB_PROMPT_COUNT)
LIST_PARSER(parse_sizes, int, size_parse, VB_LIST_MAX)

static vb_status add_setup(vb_options *o, const vb_model_info *m, vb_prompt_kind prompt, int size, vb_err *err)
{
    vb_setup s = {.prompt = prompt, .image_size = size};

    snprintf(s.model, sizeof s.model, "%s", m->name);
    if (vb_model_check_size(m, size, err))
        return VB_EARG;
    for (int i = 0; i < o->n_setups; i++)
        if (vb_setup_equal(&o->setups[i], &s))
            return VB_OK;
    if (o->n_setups == (int)(sizeof o->setups / sizeof *o->setups))
        return vb_fail(err, VB_EARG, "--models, --prompts and --image-size make more than %d setups", o->n_setups);
    o->setups[o->n_setups++] = s;
    return VB_OK;
}

/* models x prompts x sizes */
static vb_status cross(vb_options *o, vb_err *err)
{
    vb_prompt_kind prompts[VB_PROMPT_COUNT];
    int sizes[VB_LIST_MAX], n_prompts = 0, n_sizes = 0;
    char item[64];

    if (parse_prompts(prompts, &n_prompts, "prompts", o->prompts, err) ||
        parse_sizes(sizes, &n_sizes, "image-size", o->image_sizes, err))
        return VB_EARG;
    for (const char *cur = o->models; vb_cli_item(&cur, item, sizeof item);) {
        const vb_model_info *m[VB_MODEL_MAX];
        int n;
        bool own;
        vb_prompt_kind kind = VB_PROMPT_POINT;

        if (vb_model_expand(m, &n, &own, &kind, item, err))
            return VB_EARG;
        for (int i = 0; i < n; i++)
            for (int p = 0; p < (own ? 1 : n_prompts); p++)
                for (int s = 0; s < n_sizes; s++)
                    if (add_setup(o, m[i], own ? kind : prompts[p], sizes[s], err))
                        return VB_EARG;
    }
    return VB_OK;
}

/* MODEL=FILE: the model and the file; a plain FILE, which may have '=' in its path: NULL and the whole word. */
static vb_status split_checkpoint(const vb_model_info **model, const char **file, const char *word, vb_err *err)
{
    const char *eq = strchr(word, '=');
    vb_prompt_kind kind;
    char name[64];
    bool own;

    *model = NULL;
    *file = word;
    if (!eq || memchr(word, '/', (size_t)(eq - word)))
        return VB_OK;
    snprintf(name, sizeof name, "%.*s", (int)(eq - word), word);
    if (vb_model_parse(model, &own, &kind, name, err))
        return VB_EARG;
    *file = eq + 1;
    return VB_OK;
}

static bool one_model_has_weights(const vb_options *o)
{
    const char *first = NULL;

    for (int i = 0; i < o->n_setups; i++) {
        const char *name = o->setups[i].model;

        if (!vb_model_info_find(name)->checkpoint)
            continue;
        if (first && strcmp(first, name))
            return false;
        first = name;
    }
    return true;
}

static vb_status check_checkpoints(const vb_options *o, vb_err *err)
{
    const vb_model_info *model;
    const char *file;
    uint64_t seed;
    bool seeded;

    for (int i = 0; i < o->n_checkpoints; i++) {
        if (split_checkpoint(&model, &file, o->checkpoints[i], err) || vb_seed_parse(&seeded, &seed, file, err))
            return VB_EARG;
        if (!model && !seeded && !one_model_has_weights(o))
            return vb_fail(err, VB_EARG, "--checkpoint %.160s: several models run; say whose weights it holds: --checkpoint MODEL=FILE", file);
    }
    return VB_OK;
}

/* The table with more rows behind it; malloc'ed. */
static vb_opt *joined(const vb_opt *more, size_t n_more)
{
    vb_opt *all = malloc((table_n + n_more) * sizeof *all);

    if (all) {
        memcpy(all, table, sizeof table);
        if (n_more)
            memcpy(all + table_n, more, n_more * sizeof *all);
    }
    return all;
}

static vb_status parse_all(vb_options *o, const vb_opt *more, size_t n_more, int argc, char **argv, int *operand, vb_err *err)
{
    vb_opt *all = joined(more, n_more);
    vb_status st = all ? vb_cli_parse(all, table_n + n_more, o, argc, argv, operand, err)
                       : vb_fail(err, VB_ENOMEM, "table of options");

    free(all);
    return st;
}

static void set_defaults(vb_options *o)
{
    memset(o, 0, sizeof *o);
    o->out_dir = "savbench-out";
    o->prompts = "point";
    o->image_sizes = "1024";
    o->dtype_list = "bfloat16";
    o->bank_list = "bfloat16";
    o->mode_list = "stream";
    o->device = "auto";
    o->ranks_per_device = 1;
    o->telemetry_hz = 10;
    o->repeats = 1;
    o->clicks = 1;
    o->fill_hole_area = 8;
    o->warmup_frames = -1;
    o->grace_s = 60;
}

vb_status vb_options_parse_loose(vb_options *o, const vb_opt *more, size_t n_more, int argc, char **argv, vb_err *err)
{
    int operand;
    vb_status st;

    set_defaults(o);
    if ((st = parse_all(o, more, n_more, argc, argv, &operand, err)))
        return st;
    if (operand < argc)
        return vb_fail(err, VB_EARG, "unexpected argument '%.64s': every input is an option; see --help", argv[operand]);
    return VB_OK;
}

vb_status vb_options_parse_with(vb_options *o, const vb_opt *more, size_t n_more, int argc, char **argv, vb_err *err)
{
    vb_status st = vb_options_parse_loose(o, more, n_more, argc, argv, err);

    if (st)
        return st;
    if (!o->split_dir)
        return vb_fail(err, VB_EARG, "--split-dir DIR is missing: the dataset in SA-V layout");
    if (!o->models)
        return vb_fail(err, VB_EARG, "--models LIST is missing: for example --models edgetam");
    if (parse_dtypes(o->dtypes, &o->n_dtypes, "dtype", o->dtype_list, err) ||
        parse_banks(o->banks, &o->n_banks, "bank-dtype", o->bank_list, err) ||
        parse_modes(o->modes, &o->n_modes, "mode", o->mode_list, err) || cross(o, err) || check_checkpoints(o, err))
        return VB_EARG;
    for (int i = 0; i < o->n_setups; i++)
        if (o->clicks > 1 && o->setups[i].prompt != VB_PROMPT_POINT)
            return vb_fail(err, VB_EARG, "--clicks %d: only point prompts are corrected by clicks, and %s runs with a %s prompt; run it into another --out-dir", o->clicks,
                           o->setups[i].model, vb_prompt_kind_name(o->setups[i].prompt));
    if (o->postprocess == VB_POST_OFF)
        o->fill_hole_area = o->sprinkle_area = 0;
    o->limits.seed = o->seed;
    return VB_OK;
}

vb_status vb_options_parse(vb_options *o, int argc, char **argv, vb_err *err)
{
    vb_status st = vb_options_parse_with(o, NULL, 0, argc, argv, err);

    if (st)
        return st;
    for (int i = 0; i < o->n_setups; i++)
        if (vb_model_check_built(vb_model_info_find(o->setups[i].model), err))
            return VB_EARG;
    return VB_OK;
}

void vb_options_help_with(FILE *to, const char *usage, const char *about, const vb_opt *more, size_t n_more)
{
    vb_opt *all = joined(more, n_more);

    vb_cli_help(to, usage, about, all ? all : table, all ? table_n + n_more : table_n);
    free(all);
}

void vb_options_help(FILE *to, const char *command)
{
    char usage[96];

    snprintf(usage, sizeof usage, "%s --split-dir DIR --models LIST [options]", command);
    vb_options_help_with(to, usage,
                         "Tracks every masklet of the split with every model, prompt, size and dtype asked for and records\n"
                         "J&F, times, memory and attention kernels. The same command again resumes. Under mpirun (or\n"
                         "srun --mpi=pmix) rank 0 coordinates and every other rank runs one engine; without it, mpirun is\n"
                         "started.",
                         NULL, 0);
}

vb_status vb_options_json(char **out, const vb_options *o, vb_err *err)
{
    json_t *all;
    vb_status st = vb_cli_record(&all, table, table_n, o, err);

    *out = vb_json_whole(all, JSON_COMPACT);
    json_decref(all);
    return st || *out ? st : vb_fail(err, VB_ENOMEM, "the record of options");
}

/* The first fixed option that differs between two records, and both its values; NULL: none. */
static const vb_opt *differing(char was[81], char is[81], const json_t *a, const json_t *b, bool of_one_folder)
{
    for (size_t i = 0; i < table_n; i++) {
        const json_t *x = json_object_get(a, table[i].name), *y = json_object_get(b, table[i].name);
        char *then, *now;

        if (!table[i].fixed || !x || !y || json_equal(x, y) || (!of_one_folder && !strcmp(table[i].name, "slice")))
            continue;
        then = vb_json_whole(x, JSON_ENCODE_ANY);
        now = vb_json_whole(y, JSON_ENCODE_ANY);
        snprintf(was, 81, "%s", then ? then : "?");
        snprintf(is, 81, "%s", now ? now : "?");
        free(then);
        free(now);
        return &table[i];
    }
    return NULL;
}

vb_status vb_options_same_fixed(const vb_options *o, const char *earlier, vb_err *err)
{
    json_t *then = json_loads(earlier, JSON_REJECT_DUPLICATES, NULL), *now = NULL;
    vb_status st = then ? vb_cli_record(&now, table, table_n, o, err)
                        : vb_fail(err, VB_EFORMAT, "the options that this results folder was begun with cannot be read: out of memory, or the record is damaged");
    char was[81], is[81];
    const vb_opt *other = st ? NULL : differing(was, is, then, now, true);

    if (other)
        st = vb_fail(err, VB_EARG, "--%s was %s when this results folder was begun and is %s now: results would not compare; use another --out-dir",
                     other->name, was, is);
    json_decref(then);
    json_decref(now);
    return st;
}

vb_status vb_options_same_fixed_records(const char *a, const char *b, vb_err *err)
{
    json_t *first = json_loads(a, 0, NULL), *second = json_loads(b, 0, NULL);
    vb_status st = first && second ? VB_OK : vb_fail(err, VB_EFORMAT, "a record of options cannot be read: out of memory, or it is damaged");
    char was[81], is[81];
    const vb_opt *other = st ? NULL : differing(was, is, first, second, false);

    if (other)
        st = vb_fail(err, VB_EARG, "--%s is %s there and %s here: results would not compare", other->name, was, is);
    json_decref(first);
    json_decref(second);
    return st;
}

vb_status vb_options_checkpoint(char *path, size_t n, const vb_options *o, const char *model, vb_err *err)
{
    const vb_model_info *m = vb_model_info_find(model);
    const char *found = NULL, *dir = o->weights_dir ? o->weights_dir : "checkpoints";
    uint64_t seed;
    bool seeded;

    if (!m)
        return vb_fail(err, VB_EARG, "unknown model '%s'", model);
    if (!m->checkpoint) {
        *path = '\0';
        return VB_OK;
    }
    for (int i = 0; i < o->n_checkpoints; i++) {
        const vb_model_info *named;
        const char *file;

        if (split_checkpoint(&named, &file, o->checkpoints[i], err))
            return VB_EARG;
        if (named == m || (!named && !found))
            found = file;
    }
    if (found)
        snprintf(path, n, "%s", found);
    else
        snprintf(path, n, "%s/%s", dir, m->checkpoint);
    if (vb_seed_parse(&seeded, &seed, path, err))
        return VB_EARG;
    if (!seeded && access(path, R_OK))
        return vb_fail(err, VB_EARG, "no checkpoint for %s: '%s' cannot be read; give --checkpoint %s=FILE, or --weights-dir DIR with the official %s in it", m->name, path, m->name, m->checkpoint);
    return VB_OK;
}
