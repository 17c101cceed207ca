/* `savbench doctor`; see doctor.h.
 *
 * The attention table is not guessed: EdgeTAM with seeded weights tracks three frames of a test picture in each dtype
 * on the device, and what ran is what is printed. */
#include "doctor.h"

#include "checkpoint.h"
#include "cli.h"
#include "engine_env.h"
#include "libtorch_there.h"
#include "models.h"
#include "version.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROBE_SIDE = 256, PROBE_FRAMES = 3, MAX_SITES = 64 };

typedef struct {
    const char *device, *weights_dir;
    bool no_probe;
    int threads;
} vb_doctor;

static const vb_opt table[] = {
    VB_ROW_TEXT(vb_doctor, device, "device", NULL, "DEVICE", "auto (default), cpu, cuda, cuda:N"),
    VB_ROW_TEXT(vb_doctor, weights_dir, "weights-dir", NULL, "DIR", "where official checkpoint files lie (default ./checkpoints)"),
    VB_ROW_INT(vb_doctor, threads, 0, 4096, "threads", NULL, "N", "CPU threads (default all cores)", .fixed = false),
    VB_ROW_FLAG(vb_doctor, no_probe, "no-probe", NULL, "leave out the attention table (it runs the model)"),
};

/* Three frames with one point prompt. */
static vb_status probe_dtype(const vb_model_ops *ops, vb_model *model, vb_dtype dtype, vb_err *err)
{
    vb_precision precision = {.dtype = dtype, .bank = dtype == VB_FLOAT16 ? VB_BANK_FLOAT32 : VB_BANK_BFLOAT16};
    vb_prompt prompt = {.n_points = 1, .xy = {{PROBE_SIDE / 2, PROBE_SIDE / 2}}, .label = {1}};
    vb_track_object object = {.prompt = &prompt};
    vb_clip clip = {.n_frames = PROBE_FRAMES, .h = PROBE_SIDE, .w = PROBE_SIDE, .n_objects = 1, .objects = &object};
    vb_mask mask = {0};
    vb_object_out out = {.mask = &mask};
    vb_step step = {.objects = &out};
    uint8_t *rgb = malloc((size_t)PROBE_SIDE * PROBE_SIDE * 3);
    vb_status st = rgb ? vb_mask_init(&mask, PROBE_SIDE, PROBE_SIDE, err) : vb_fail(err, VB_ENOMEM, "test picture");

    for (size_t i = 0; rgb && i < (size_t)PROBE_SIDE * PROBE_SIDE * 3; i++)
        rgb[i] = (uint8_t)(i * 2654435761u >> 24);
    if (st == VB_OK && (st = ops->configure(model, &precision, err)) == VB_OK && (st = ops->begin(model, &clip, err)) == VB_OK) {
        st = ops->prompt(model, 0, &(vb_frame){.rgb = rgb}, NULL, err);
        for (int i = 0; i < PROBE_FRAMES && st == VB_OK; i++)
            st = ops->step(model, &(vb_frame){.frame_idx = i, .rgb = rgb}, &step, err);
        ops->end(model);
    }
    vb_mask_deinit(&mask);
    free(rgb);
    return st;
}

static void print_sites(const vb_model_ops *ops, vb_model *model, vb_dtype dtype)
{
    vb_attention_site sites[MAX_SITES];
    size_t n = ops->attention(model, sites, MAX_SITES);

    for (size_t i = 0; i < n && i < MAX_SITES; i++)
        printf("  %-9s %-28s %-9s %s%s%s\n", vb_dtype_name(dtype), sites[i].site, sites[i].backend, sites[i].op,
               *sites[i].reason ? "  not flash: " : "", sites[i].reason);
}

/* Returns how many dtypes do not run. */
static int attention_table(const vb_doctor *d, vb_device device, vb_err *err)
{
    const vb_model_ops *ops = vb_model_find("edgetam");
    vb_model_config config = {.model = "edgetam", .image_size = PROBE_SIDE, .device = device, .checkpoint = "seed:1",
                              .threads = d->threads ? d->threads : vb_default_threads()};
    vb_model *model = NULL;
    int lacks = 0;

    if (!ops) {
        printf("attention    none: this build has no libtorch. From a package: savbench build-engine; from source: -DVB_TORCH=ON, with a torch wheel.\n");
        return 1;
    }
    if (ops->open(&model, &config, err)) {
        printf("attention    edgetam does not start here: %s\n", err->msg);
        return 1;
    }
    printf("attention    as it ran (EdgeTAM, %d pixels, seeded weights)\n", PROBE_SIDE);
    for (int dtype = 0; dtype < VB_DTYPE_COUNT; dtype++) {
        if (dtype == VB_TF32 && device.kind == VB_DEVICE_CPU)
            continue; /* not a lack: tf32 is a mode of CUDA's matrix units */
        if (probe_dtype(ops, model, (vb_dtype)dtype, err)) {
            printf("  %-9s does not run: %s\n", vb_dtype_name((vb_dtype)dtype), err->msg);
            lacks++;
        } else {
            print_sites(ops, model, (vb_dtype)dtype);
        }
    }
    ops->close(model);
    return lacks;
}

static void list_checkpoints(const char *dir)
{
    int found = 0;

    for (size_t i = 0; i < vb_model_count; i++) {
        const vb_model_info *m = &vb_models[i];
        char path[4096];
        vb_checkpoint *c;
        vb_err err;

        if (!m->checkpoint)
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, m->checkpoint);
        if (access(path, R_OK))
            continue;
        found++;
        if (vb_checkpoint_open(&c, path, &err)) {
            printf("  %-10s bad: %s\n", m->name, err.msg);
        } else {
            printf("  %-10s %s\n", m->name, path);
            vb_checkpoint_free(c);
        }
    }
    if (!found)
        printf("  none in '%s'. Put the official files there (edgetam.pt, sam2.1_hiera_tiny.pt, ...), or give --weights-dir,\n"
               "  or --checkpoint FILE. Without any, --checkpoint data/edgetam_shapes.pt runs the demo weights, seed:N random ones.\n", dir);
}

static int doctor(const vb_doctor *d, vb_err *err)
{
    vb_backend_info info;
    vb_device device;
    vb_err why = {0};
    const char *filling;
    char there[64], name[96], folder[PATH_MAX];
    int lacks = 0;

    printf("savbench     %s %s\n", vb_version, vb_git_revision);
    if (vb_device_choose(&device, d->device, err))
        return vb_cli_fail("doctor", err);
    vb_backend_describe(&info, device);
    printf("libtorch     %s\n", *info.torch ? info.torch : "none in this build");
    if (*info.torch && vb_libtorch_there(there, sizeof there, folder, sizeof folder) && !vb_libtorch_same(info.torch, there)) {
        printf("             but '%s' is %s now: this engine does not fit it. Build it anew (from a package: savbench build-engine),\n"
               "             or put %s back\n", folder, there, info.torch);
        lacks++;
    }
    vb_device_name(name, sizeof name, device);
    printf("device       %s%s%s\n", device.kind == VB_DEVICE_CUDA ? "cuda: " : "cpu: ", name,
           device.kind == VB_DEVICE_CPU && *info.cuda ? " (the build has CUDA, but no GPU is visible: see nvidia-smi)" : "");
    if (device.kind == VB_DEVICE_CUDA) {
        printf("capability   %s; driver %s; CUDA %s; %.1f GiB\n", info.capability, info.driver, info.cuda,
               (double)info.device_memory_bytes / (1 << 30));
        printf("kernels for  %s\n", info.arch_list);
    } else if (*info.capability) {
        printf("cpu flags    %s\n", info.capability);
    }
    filling = vb_backend_hole_filling(device, &why);
    printf("holes        %s (filled, and sprinkles removed, by 8-connected components equal to upstream's extension)%s%s\n", filling,
           *why.msg && device.kind == VB_DEVICE_CUDA ? "; not cuda: " : "", device.kind == VB_DEVICE_CUDA ? why.msg : "");
    if (!d->no_probe)
        lacks += attention_table(d, device, err);
    printf("checkpoints\n");
    list_checkpoints(d->weights_dir);
    return lacks ? VB_EXIT_SOME_FAILED : VB_EXIT_OK;
}

int vb_doctor_main(int argc, char **argv)
{
    const size_t n = sizeof table / sizeof *table;
    vb_doctor d = {.device = "auto", .weights_dir = "checkpoints"};
    vb_err err = {0};
    int operand;

    if (vb_cli_wants_help(argc, argv)) {
        vb_cli_help(stdout, "doctor [options]", "Prints what this machine and this build can run and what to do about each lack.\nExit code 1: something is lacking.", table, n);
        return VB_EXIT_OK;
    }
    if (vb_cli_parse(table, n, &d, argc, argv, &operand, &err) == VB_OK && operand < argc)
        vb_fail(&err, VB_EARG, "unexpected argument '%.64s'; see --help", argv[operand]);
    return err.code ? vb_cli_fail("doctor", &err) : doctor(&d, &err);
}
