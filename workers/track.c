/* `savbench track`: a folder of JPEG frames and prompts said on the command line; no dataset, no records.
 * What it says and what a golden case holds are the same facts: every golden can be run in these words. See track.h. */
#include "track.h"

#include "cli.h"
#include "dump.h"
#include "engine_env.h"
#include "image_io.h"
#include "models.h"
#include "options.h"
#include "overlay.h"
#include "reader.h"
#include "timing.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_OBJECTS = 256, MAX_FILLS = 64 };

typedef struct {
    char id[VB_NAME_MAX];
    vb_prompt prompt;
    vb_mask mask;
} vb_tracked;

typedef struct {
    /* as given */
    const char *model_word, *checkpoint, *frames_dir, *dtype, *bank, *frame_order, *masks_dir, *overlay_dir, *dump_path, *device;
    int image_size, limit_frames, fill_hole_area, sprinkle_area, threads;
    int postprocess, objects_how; /* vb_postprocess, vb_objects */
    bool dump_trace, non_overlap, eager, repeatable;
    int n_fills;
    vb_weight_fill fills[MAX_FILLS];
    char *fill_keys[MAX_FILLS]; /* owned */
    int require_flash;

    /* made from it */
    int n_objects;
    vb_tracked tracked[MAX_OBJECTS];
    vb_track_object objects[MAX_OBJECTS];
    vb_object_out outs[MAX_OBJECTS];
    int n_files;
    int *files; /* numbers in the JPEGs' names, ascending, owned */
    int n_frames;
    int *order; /* [n_frames] index into files, owned */
    int *shown; /* [n_frames] numbers of those files, for the dump, owned */
    vb_dump_object dumped[MAX_OBJECTS];
    int h, w;
} vb_track;

/* ID[@FRAME]:SPEC */
static vb_status set_object(void *p, const char *value, vb_err *err)
{
    vb_track *t = p;
    const char *colon = strchr(value, ':');
    vb_tracked *o = &t->tracked[t->n_objects];
    char head[VB_NAME_MAX + 16], *at;
    int frame = 0;
    vb_status st;

    if (t->n_objects == MAX_OBJECTS)
        return vb_fail(err, VB_EARG, "--object: more than %d objects", MAX_OBJECTS);
    if (!colon || (size_t)(colon - value) >= sizeof head)
        return vb_fail(err, VB_EARG, "--object '%.64s': say ID[@FRAME]:SPEC, for example 1@0:point:210,140,1", value);
    snprintf(head, sizeof head, "%.*s", (int)(colon - value), value);
    if ((at = strchr(head, '@'))) {
        *at++ = '\0';
        if (vb_cli_int(&frame, "--object ID@FRAME", at, 0, INT_MAX, err))
            return VB_EARG;
    }
    if (!vb_name_ok(head))
        return vb_fail(err, VB_EARG, "--object: '%.64s' is no name for an object (letters, digits, '_', '.', '+', '-')", head);
    for (int i = 0; i < t->n_objects; i++)
        if (!strcmp(t->tracked[i].id, head))
            return vb_fail(err, VB_EARG, "--object: '%s' is there twice; join its prompts by '+'", head);
    if ((st = vb_prompt_parse(&o->prompt, colon + 1, err)))
        return st;
    memcpy(o->id, head, strlen(head) + 1); /* vb_name_ok: it fits */
    t->objects[t->n_objects] = (vb_track_object){.prompt_frame = frame, .prompt = &o->prompt};
    t->outs[t->n_objects].mask = &o->mask;
    t->n_objects++;
    return VB_OK;
}

/* KEY=VALUE */
static vb_status set_weight(void *p, const char *value, vb_err *err)
{
    vb_track *t = p;
    const char *eq = strrchr(value, '=');
    char *end;
    double v = eq ? strtod(eq + 1, &end) : 0;

    if (!eq || eq == value || !eq[1] || *end)
        return vb_fail(err, VB_EARG, "--weight '%.64s': say KEY=VALUE, a state-dict key and a number", value);
    if (t->n_fills == MAX_FILLS)
        return vb_fail(err, VB_EARG, "--weight: more than %d", MAX_FILLS);
    if (!(t->fill_keys[t->n_fills] = strndup(value, (size_t)(eq - value))))
        return vb_fail(err, VB_ENOMEM, "--weight");
    t->fills[t->n_fills] = (vb_weight_fill){t->fill_keys[t->n_fills], v};
    t->n_fills++;
    return VB_OK;
}

static vb_status set_post(void *p, const char *value, vb_err *err)
{
    return vb_postprocess_parse(&((vb_track *)p)->postprocess, value, err);
}

static vb_status set_objects(void *p, const char *value, vb_err *err)
{
    return vb_objects_parse(&((vb_track *)p)->objects_how, value, err);
}

static vb_status set_flash(void *p, const char *value, vb_err *err)
{
    if (value && strcmp(value, "strict") && strcmp(value, "any"))
        return vb_fail(err, VB_EARG, "--require-flash: '%.32s' is none of any, strict", value);
    ((vb_track *)p)->require_flash = value && !strcmp(value, "strict") ? VB_FLASH_STRICT : VB_FLASH_REQUIRED;
    return VB_OK;
}

static const vb_opt table[] = {
    VB_ROW_TEXT(vb_track, model_word, "model", "models", "MODEL", "model to run"),
    VB_ROW_TEXT(vb_track, checkpoint, "checkpoint", NULL, "FILE", "weights, or seed:N for the seeded ones"),
    VB_ROW_TEXT(vb_track, frames_dir, "frames", NULL, "DIR", "folder of JPEG frames named by number"),
    VB_ROW_CALL(set_object, NULL, "object", NULL, "ID[@FRAME]:SPEC", "an object and its prompt on a frame (default 0), in video pixels; parts joined by '+':\npoint:X,Y,LABEL[;X,Y,LABEL...] box:X0,Y0,X1,Y1 mask:FILE.png; may repeat", .fixed = false),
    VB_ROW_INT(vb_track, image_size, 1, VB_MAX_SIDE, "image-size", "imgsz", "N", "side of the square network input (default 1024)", .fixed = false),
    VB_ROW_TEXT(vb_track, dtype, "dtype", "autocast-dtype", "DTYPE", "float32 (default), tf32, float16, bfloat16"),
    VB_ROW_TEXT(vb_track, bank, "bank-dtype", NULL, "DTYPE", "memory bank: bfloat16 (default), float32, float16, autocast"),
    VB_ROW_INT(vb_track, limit_frames, 1, INT_MAX, "limit-frames", NULL, "N", "the video is N frames long, for the model too", .fixed = false),
    VB_ROW_TEXT(vb_track, frame_order, "frame-order", NULL, "LIST", "numbers of the JPEGs to show as frame 0, 1, ..."),
    VB_ROW_INT(vb_track, fill_hole_area, 0, 1000000, "fill-hole-area", NULL, "N", "fill holes of at most N pixels at a quarter of the image size (default 0: off)", .fixed = false),
    VB_ROW_INT(vb_track, sprinkle_area, 0, 1000000, "sprinkle-area", NULL, "N", "remove sprinkles, spots of at most N pixels at a quarter of the image size, after the holes (default 0: off)", .fixed = false),
    VB_ROW_CALL(set_post, NULL, "postprocess", NULL, "WHICH", "implementation of hole filling and sprinkle removal: auto (default: cuda where it can), cuda, cpu, off", .fixed = false),
    VB_ROW_CALL(set_objects, NULL, "objects", NULL, "HOW", "together (default): as many objects in one pass as the model takes; separate: one by one", .fixed = false),
    VB_ROW_FLAG(vb_track, eager, "eager", NULL, "CUDA: as libtorch alone would: kernels launched one by one, none of ours, attention by its choice; no graphs, nothing measured"),
    VB_ROW_FLAG(vb_track, repeatable, "repeatable", NULL, "CUDA: attention by libtorch's choice, not the fastest as measured anew: the same bits in every run"),
    VB_ROW_FLAG(vb_track, non_overlap, "non-overlap", NULL, "each pixel to the object of the greatest logit alone (default: masks may overlap)"),
    VB_ROW_CALL(set_weight, NULL, "weight", NULL, "KEY=VALUE", "fill one tensor with a constant; may repeat", .fixed = false),
    VB_ROW_TEXT(vb_track, masks_dir, "masks", NULL, "DIR", "write DIR/ID/FRAME.png, as SA-V's evaluator reads them"),
    VB_ROW_TEXT(vb_track, overlay_dir, "overlay", NULL, "DIR", "write DIR/FRAME.png, masks over frames"),
    VB_ROW_TEXT(vb_track, dump_path, "dump", NULL, "CASE.h5", "write tensors in the layout of the golden cases"),
    VB_ROW_FLAG(vb_track, dump_trace, "dump-trace", NULL, "with --dump: inner tensors of the first three frames too"),
    VB_ROW_CALL(set_flash, NULL, "require-flash", NULL, "[=strict]", "half dtypes: refuse attention that is neither flash, cuDNN nor fused", .fixed = false),
    VB_ROW_TEXT(vb_track, device, "device", NULL, "DEVICE", "auto (default), cpu, cuda, cuda:N"),
    VB_ROW_INT(vb_track, threads, 0, 4096, "threads", NULL, "N", "CPU threads (default all cores)", .fixed = false),
};

static int by_number(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;

    return (x > y) - (x < y);
}

static void file_path(const vb_track *t, int file, char *buf, size_t n)
{
    snprintf(buf, n, "%s/%05d.jpg", t->frames_dir, t->files[file]);
}

/* The JPEGs of the folder by number. */
static vb_status list_files(vb_track *t, vb_err *err)
{
    DIR *dir = opendir(t->frames_dir);
    int capacity = 0;

    if (!dir)
        return vb_fail(err, VB_EIO, "--frames '%s': %s", t->frames_dir, strerror(errno));
    for (struct dirent *e; (e = readdir(dir));) {
        size_t digits = strspn(e->d_name, "0123456789");

        if (digits != 5 || strcmp(e->d_name + 5, ".jpg"))
            continue;
        if (t->n_files == capacity) {
            int *grown = realloc(t->files, (size_t)(capacity = 2 * capacity + 64) * sizeof *t->files);

            if (!grown) {
                closedir(dir);
                return vb_fail(err, VB_ENOMEM, "list of frames");
            }
            t->files = grown;
        }
        t->files[t->n_files++] = atoi(e->d_name);
    }
    closedir(dir);
    if (!t->n_files)
        return vb_fail(err, VB_EARG, "--frames '%s': no frame named like 00000.jpg in it", t->frames_dir);
    qsort(t->files, (size_t)t->n_files, sizeof *t->files, by_number);
    return VB_OK;
}

static vb_status make_order(vb_track *t, vb_err *err)
{
    char item[32];
    int n = t->n_files, number;

    if (t->frame_order) {
        n = 1;
        for (const char *c = t->frame_order; *c; c++)
            n += *c == ',';
    }
    if (!(t->order = malloc((size_t)n * sizeof *t->order)))
        return vb_fail(err, VB_ENOMEM, "order of %d frames", n);
    if (t->frame_order) {
        for (const char *cur = t->frame_order; vb_cli_item(&cur, item, sizeof item);) {
            int *found;

            if (vb_cli_int(&number, "--frame-order", item, 0, INT_MAX, err))
                return VB_EARG;
            if (!(found = bsearch(&number, t->files, (size_t)t->n_files, sizeof *t->files, by_number)))
                return vb_fail(err, VB_EARG, "--frame-order: '%s' has no frame %05d.jpg", t->frames_dir, number);
            t->order[t->n_frames++] = (int)(found - t->files);
        }
    } else {
        for (int i = 0; i < n; i++)
            t->order[t->n_frames++] = i;
    }
    if (t->limit_frames && t->limit_frames < t->n_frames)
        t->n_frames = t->limit_frames;
    return VB_OK;
}

/* Sizes of the video and of the prompts' masks; where tracking begins: as upstream's predictor, every object is
 * tracked from the first prompted frame of any. */
static vb_status check_objects(vb_track *t, vb_err *err)
{
    char path[PATH_MAX];
    int first = INT_MAX;
    vb_status st;

    file_path(t, t->order[0], path, sizeof path);
    st = vb_jpeg_size(path, &t->h, &t->w, err);
    for (int i = 0; i < t->n_objects && st == VB_OK; i++) {
        const vb_prompt *p = &t->tracked[i].prompt;

        if (t->objects[i].prompt_frame >= t->n_frames)
            st = vb_fail(err, VB_EARG, "--object '%s': frame %d, but the video has %d frames", t->tracked[i].id,
                         t->objects[i].prompt_frame, t->n_frames);
        else if (p->has_mask && (p->mask.h != t->h || p->mask.w != t->w))
            st = vb_fail(err, VB_ESHAPE, "--object '%s': the mask is %dx%d, the video %dx%d", t->tracked[i].id, p->mask.w,
                         p->mask.h, t->w, t->h);
        else
            st = vb_mask_init(&t->tracked[i].mask, t->h, t->w, err);
        if (t->objects[i].prompt_frame < first)
            first = t->objects[i].prompt_frame;
    }
    for (int i = 0; i < t->n_objects; i++)
        t->objects[i].start_frame = first;
    return st;
}

static vb_status make_dir(const char *path, vb_err *err)
{
    if (mkdir(path, 0777) && errno != EEXIST)
        return vb_fail(err, VB_EIO, "cannot make folder '%s': %s", path, strerror(errno));
    return VB_OK;
}

static vb_status make_dirs(const vb_track *t, vb_err *err)
{
    char path[PATH_MAX];

    if (t->overlay_dir && make_dir(t->overlay_dir, err))
        return VB_EIO;
    if (t->masks_dir && make_dir(t->masks_dir, err))
        return VB_EIO;
    for (int i = 0; i < t->n_objects && t->masks_dir; i++) {
        snprintf(path, sizeof path, "%s/%s", t->masks_dir, t->tracked[i].id);
        if (make_dir(path, err))
            return VB_EIO;
    }
    return VB_OK;
}

static vb_status write_outputs(const vb_track *t, int place, const uint8_t *rgb, vb_err *err)
{
    int number = t->frame_order ? place : t->files[t->order[place]];
    char path[PATH_MAX];
    vb_mask shown[MAX_OBJECTS];
    vb_status st = VB_OK;
    int n = 0;

    for (int i = 0; i < t->n_objects && st == VB_OK; i++) {
        if (!t->outs[i].active)
            continue;
        shown[n++] = t->tracked[i].mask;
        if (t->masks_dir) {
            snprintf(path, sizeof path, "%s/%s/%05d.png", t->masks_dir, t->tracked[i].id, number);
            st = vb_png_write_mask(path, &t->tracked[i].mask, err);
        }
    }
    if (t->overlay_dir && st == VB_OK) {
        snprintf(path, sizeof path, "%s/%05d.png", t->overlay_dir, number);
        st = vb_overlay_write(path, rgb, t->h, t->w, shown, NULL, n, err);
    }
    return st;
}

/* Objects that are tracked before their prompt's frame: prompted now, out of order. */
static vb_status prompt_ahead(const vb_track *t, const vb_model_ops *ops, vb_model *model, vb_err *err)
{
    vb_image image = {0};
    vb_jpeg *jpeg;
    vb_status st = vb_jpeg_create(&jpeg, err);

    for (int i = 0; i < t->n_objects && st == VB_OK; i++) {
        char path[PATH_MAX];
        int place = t->objects[i].prompt_frame;

        if (place == t->objects[i].start_frame)
            continue;
        file_path(t, t->order[place], path, sizeof path);
        if ((st = vb_jpeg_decode(jpeg, path, &image, err)))
            break;
        if (image.h != t->h || image.w != t->w)
            st = vb_fail(err, VB_EFORMAT, "'%s' is %dx%d, the video's first frame %dx%d", path, image.w, image.h, t->w, t->h);
        else
            st = ops->prompt(model, i, &(vb_frame){.frame_idx = place, .rgb = image.rgb}, NULL, err);
    }
    vb_image_deinit(&image);
    vb_jpeg_free(jpeg);
    return st;
}

static void frame_path(void *ctx, int place, char *buf, size_t n)
{
    const vb_track *t = ctx;

    file_path(t, t->order[place], buf, n);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Median of n values, which are put in order; 0 of none. */
static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, by_value);
    return n ? values[(n - 1) / 2] : 0;
}

/* enqueue_ms: host time to queue a frame, of the frames after the first. */
static vb_status track_frames(vb_track *t, const vb_model_ops *ops, vb_model *model, double *latency_ms, double *enqueue_ms, int *n, vb_err *err)
{
    vb_reader_source src = {.n_frames = t->n_frames, .h = t->h, .w = t->w, .threads = 2, .ahead = 4, .ctx = t, .path = frame_path};
    int first = t->objects[0].start_frame;
    vb_reader *reader = NULL;
    vb_status st = vb_reader_open(&reader, &src, first, err);
    vb_step step = {.objects = t->outs};
    const vb_decoded *decoded;

    for (int place = first; place < t->n_frames && st == VB_OK; place++) {
        vb_frame frame = {.frame_idx = place};
        double start;

        if ((st = vb_reader_next(reader, &decoded, err)))
            break;
        frame.rgb = decoded->image.rgb;
        start = vb_now_ms();
        for (int i = 0; i < t->n_objects && st == VB_OK; i++)
            if (t->objects[i].prompt_frame == place && t->objects[i].start_frame == place)
                st = ops->prompt(model, i, &frame, NULL, err);
        if (st == VB_OK)
            st = ops->step(model, &frame, &step, err);
        if (*n)
            enqueue_ms[*n - 1] = step.enqueue_ms;
        latency_ms[(*n)++] = vb_now_ms() - start;
        if (st == VB_OK)
            st = write_outputs(t, place, frame.rgb, err);
    }
    vb_reader_close(reader);
    return st;
}

static vb_status open_dump(vb_dump **out, vb_track *t, const vb_model_info *info, const vb_precision *precision, vb_err *err)
{
    const char *slash = strrchr(t->frames_dir, '/');
    vb_dump_info d = {.model = info->name, .checkpoint = t->checkpoint ? t->checkpoint : "", .video = slash && slash[1] ? slash + 1 : t->frames_dir,
                      .image_size = t->image_size, .h = t->h, .w = t->w, .fill_hole_area = t->fill_hole_area,
                      .dtype = precision->dtype, .bank = precision->bank, .n_frames = t->n_frames,
                      .frame_order = t->shown, .n_objects = t->n_objects, .objects = t->dumped, .trace = t->dump_trace};

    if (!(t->shown = malloc((size_t)t->n_frames * sizeof *t->shown)))
        return vb_fail(err, VB_ENOMEM, "dump of %d frames", t->n_frames);
    for (int i = 0; i < t->n_frames; i++)
        t->shown[i] = t->files[t->order[i]];
    d.frame_order = t->shown;
    for (int i = 0; i < t->n_objects; i++) {
        if (vb_cli_int(&t->dumped[i].obj_id, "--dump takes numbers as object names", t->tracked[i].id, 0, INT_MAX, err))
            return VB_EARG;
        t->dumped[i].track = &t->objects[i];
    }
    return vb_dump_open(out, t->dump_path, &d, err);
}

static vb_status track(vb_track *t, vb_err *err)
{
    const vb_model_info *info;
    const vb_model_ops *ops;
    vb_precision precision = {.mode = VB_STREAM, .require_flash = (vb_require_flash)t->require_flash};
    vb_model_config config = {.image_size = t->image_size, .checkpoint = t->checkpoint, .fills = t->fills,
                              .n_fills = (size_t)t->n_fills, .threads = t->threads ? t->threads : vb_default_threads()};
    vb_model *model = NULL;
    vb_dump *dump = NULL;
    double *latency_ms = NULL, *enqueue_ms;
    char postprocess[VB_POSTPROCESS_NAME];
    vb_prompt_kind kind;
    bool own;
    int n = 0;
    vb_status st;

    if (!t->model_word || !t->frames_dir || !t->n_objects)
        return vb_fail(err, VB_EARG, "--model, --frames and at least one --object are needed; see --help");
    if ((st = vb_model_parse(&info, &own, &kind, t->model_word, err)) || (st = vb_model_check_built(info, err)) ||
        (st = vb_model_check_size(info, t->image_size, err)) || (st = vb_dtype_parse(&precision.dtype, t->dtype, err)) ||
        (st = vb_bank_parse(&precision.bank, t->bank, err)) || (st = vb_device_choose(&config.device, t->device, err)))
        return st;
    if (t->postprocess == VB_POST_OFF)
        t->fill_hole_area = t->sprinkle_area = 0;
    if ((st = vb_postprocess_choose(postprocess, (vb_postprocess)t->postprocess, t->fill_hole_area || t->sprinkle_area, config.device, err)))
        return st;
    config.holes_on_cpu = t->postprocess == VB_POST_CPU;
    config.eager = t->eager;
    config.repeatable = t->repeatable;
    if (info->checkpoint && !t->checkpoint)
        return vb_fail(err, VB_EARG, "--checkpoint is missing: a file such as %s, or seed:N", info->checkpoint);
    config.model = info->name;
    if (!(ops = vb_model_find(info->name)))
        return vb_fail(err, VB_EARG, "model '%s' is not in this build of savbench-engine; a package's engine with all of them is made by `savbench build-engine`", info->name);
    if ((st = list_files(t, err)) || (st = make_order(t, err)) || (st = check_objects(t, err)) || (st = make_dirs(t, err)))
        return st;
    if (!(latency_ms = calloc(2 * (size_t)t->n_frames, sizeof *latency_ms)))
        return vb_fail(err, VB_ENOMEM, "times of %d frames", t->n_frames);
    enqueue_ms = latency_ms + t->n_frames;
    if ((t->dump_path && (st = open_dump(&dump, t, info, &precision, err))) || (st = ops->open(&model, &config, err)) ||
        (st = ops->configure(model, &precision, err)))
        goto out;
    st = ops->begin(model, &(vb_clip){.n_frames = t->n_frames, .h = t->h, .w = t->w, .n_objects = t->n_objects,
                                      .objects = t->objects, .fill_hole_area = t->fill_hole_area,
                                      .sprinkle_area = t->sprinkle_area, .non_overlap = t->non_overlap,
                                      .max_batch = t->objects_how == VB_OBJECTS_SEPARATE ? 1 : 0,
                                      .probe = dump ? vb_dump_probe(dump) : NULL}, err);
    if (st == VB_OK && (st = prompt_ahead(t, ops, model, err)) == VB_OK)
        st = track_frames(t, ops, model, latency_ms, enqueue_ms, &n, err);
    ops->end(model);
    if (st == VB_OK) {
        printf("track: %d frames, %d objects, %dx%d, latency median %.3f ms, postprocess %s", n, t->n_objects, t->w, t->h,
               median(latency_ms, n), postprocess);
        if (config.device.kind == VB_DEVICE_CUDA)
            printf(", queued in %.3f ms", median(enqueue_ms, n - 1));
        printf("\n");
    }
out:
    if (dump) {
        vb_status closed = vb_dump_close(dump, st ? NULL : err);

        st = st ? st : closed;
    }
    if (model)
        ops->close(model);
    free(latency_ms);
    return st;
}

int vb_track_main(int argc, char **argv)
{
    static vb_track t; /* large: prompts of all objects */
    const size_t n = sizeof table / sizeof *table;
    vb_err err = {0};
    int operand;
    vb_status st;

    t = (vb_track){.image_size = 1024, .dtype = "float32", .bank = "bfloat16", .device = "auto"};
    if (vb_cli_wants_help(argc, argv)) {
        vb_cli_help(stdout, "track --model MODEL --checkpoint FILE --frames DIR --object ID:SPEC... [options]",
                    "Tracks the given objects through one folder of frames.", table, n);
        return VB_EXIT_OK;
    }
    st = vb_cli_parse(table, n, &t, argc, argv, &operand, &err);
    if (st == VB_OK && operand < argc)
        st = vb_fail(&err, VB_EARG, "unexpected argument '%.64s'; see --help", argv[operand]);
    if (st == VB_OK)
        st = track(&t, &err);
    for (int i = 0; i < t.n_objects; i++) {
        vb_prompt_deinit(&t.tracked[i].prompt);
        vb_mask_deinit(&t.tracked[i].mask);
    }
    for (int i = 0; i < t.n_fills; i++)
        free(t.fill_keys[i]);
    free(t.files);
    free(t.order);
    free(t.shown);
    return st ? vb_cli_fail("track", &err) : VB_EXIT_OK;
}
