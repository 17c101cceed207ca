/* The model without torch: every frame shows the prompt's mask. All of scheduling, storage and scoring runs on it.
 *
 *   point  a disc of radius 5 % of the shorter side around each point: set where its label is 1, cleared where it is 0,
 *          in the order of the points
 *   box    the filled box
 *   mask   the mask
 *
 * Frames that are given ahead it only holds to the order that model.h asks for, and a step's pixels to what was given.
 *
 * It has no logits, hence neither holes nor sprinkles; without overlaps, a pixel is the first object's that shows it.
 *
 * Faults for the tests of everything that must survive an engine: SAVBENCH_STUB_FAULT=ACTION:WIDTH:FRAME[:FILE]
 * acts at frame FRAME of each video that is WIDTH pixels wide (0: any). ACTION is kill, segv, abort, stop (signals
 * to this process), exit (status 7), leave (status 0), fail (step fails), sleep (a second per frame from FRAME on). With FILE it happens
 * only when FILE does not exist yet; it is created first, so that the next process passes.
 * SAVBENCH_STUB_BATCH=N: memory does for N objects in a pass; with more it runs out of it on the second frame of a clip.
 * SAVBENCH_STUB_SHORT=N: with more than N an allocation of every frame is late. */
#include "model.h"

#include "timing.h"

#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef enum { FAULT_NONE, FAULT_KILL, FAULT_SEGV, FAULT_ABORT, FAULT_STOP, FAULT_EXIT, FAULT_LEAVE, FAULT_FAIL, FAULT_SLEEP } fault_action;

typedef struct {
    fault_action action;
    int width, frame;
    char once[512]; /* "": every time */
} fault;

struct vb_model {
    fault fault;
    vb_clip clip;
    vb_mask *shown; /* [clip.n_objects], what each object's prompt stands for */
    bool *prompted;
    const uint8_t **given; /* [2 * clip.ahead], by frame modulo that: pixels of frames given ahead and not yet stepped */
    int n_given, next_given;
    int batch; /* that memory does for */
    int at_ease; /* objects in a pass with which no allocation is late */
    int n_steps;
    int64_t late_allocs;
};

static vb_status parse_fault(fault *f, const char *spec, vb_err *err)
{
    static const char *const names[] = {"", "kill", "segv", "abort", "stop", "exit", "leave", "fail", "sleep"};
    char action[16];

    memset(f, 0, sizeof *f);
    if (!spec || !*spec)
        return VB_OK;
    if (sscanf(spec, "%15[a-z]:%d:%d:%511s", action, &f->width, &f->frame, f->once) >= 3)
        for (size_t i = 1; i < sizeof names / sizeof *names; i++)
            if (!strcmp(names[i], action)) {
                f->action = (fault_action)i;
                return VB_OK;
            }
    return vb_fail(err, VB_EARG, "SAVBENCH_STUB_FAULT='%s': write ACTION:WIDTH:FRAME[:FILE]", spec);
}

static vb_status act(const fault *f, vb_err *err)
{
    static const int signals[] = {
        [FAULT_KILL] = SIGKILL, [FAULT_SEGV] = SIGSEGV, [FAULT_ABORT] = SIGABRT, [FAULT_STOP] = SIGSTOP};

    if (f->once[0]) {
        int fd = open(f->once, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

        if (fd < 0)
            return VB_OK;
        close(fd);
    }
    switch (f->action) {
    case FAULT_KILL:
    case FAULT_SEGV:
    case FAULT_ABORT:
    case FAULT_STOP:
        signal(signals[f->action], SIG_DFL);
        kill(getpid(), signals[f->action]);
        break;
    case FAULT_EXIT:
        _exit(7);
    case FAULT_LEAVE:
        _exit(0);
    case FAULT_FAIL:
        return vb_fail(err, VB_EMODEL, "stub: asked to fail at frame %d", f->frame);
    case FAULT_SLEEP:
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
        break;
    case FAULT_NONE:
        break;
    }
    return VB_OK;
}

static vb_status stub_open(vb_model **out, const vb_model_config *config, vb_err *err)
{
    vb_model *m = calloc(1, sizeof *m);
    vb_status st;

    (void)config;
    *out = NULL;
    if (!m)
        return vb_fail(err, VB_ENOMEM, "stub model");
    if ((st = parse_fault(&m->fault, getenv("SAVBENCH_STUB_FAULT"), err))) {
        free(m);
        return st;
    }
    m->batch = getenv("SAVBENCH_STUB_BATCH") ? atoi(getenv("SAVBENCH_STUB_BATCH")) : INT_MAX;
    m->at_ease = getenv("SAVBENCH_STUB_SHORT") ? atoi(getenv("SAVBENCH_STUB_SHORT")) : INT_MAX;
    *out = m;
    return VB_OK;
}

static vb_status stub_configure(vb_model *m, const vb_precision *p, vb_err *err)
{
    (void)m, (void)p, (void)err;
    return VB_OK;
}

static void stub_end(vb_model *m)
{
    for (int i = 0; m->shown && i < m->clip.n_objects; i++)
        vb_mask_deinit(&m->shown[i]);
    free(m->shown);
    free(m->prompted);
    free(m->given);
    m->shown = NULL;
    m->prompted = NULL;
    m->given = NULL;
    m->n_given = m->next_given = 0;
    memset(&m->clip, 0, sizeof m->clip);
}

static vb_status stub_begin(vb_model *m, const vb_clip *clip, vb_err *err)
{
    stub_end(m);
    m->shown = calloc((size_t)clip->n_objects + 1, sizeof *m->shown);
    m->prompted = calloc((size_t)clip->n_objects + 1, sizeof *m->prompted);
    m->given = calloc((size_t)(2 * clip->ahead + 1), sizeof *m->given);
    if (!m->shown || !m->prompted || !m->given) {
        stub_end(m);
        return vb_fail(err, VB_ENOMEM, "stub model: %d objects", clip->n_objects);
    }
    m->clip = *clip;
    m->n_steps = 0;
    return VB_OK;
}

/* Sets or clears the pixels of one row from x0 to x1, both inclusive, as far as they lie in the mask. */
static void fill_row(vb_mask *m, int y, int x0, int x1, bool set)
{
    x0 = x0 < 0 ? 0 : x0;
    x1 = x1 >= m->w ? m->w - 1 : x1;
    for (int x = x0; y >= 0 && y < m->h && x <= x1; x++) {
        uint64_t *word = &m->bits[(size_t)y * m->stride + (size_t)x / 64], bit = (uint64_t)1 << (x % 64);

        *word = set ? *word | bit : *word & ~bit;
    }
}

static void fill_disc(vb_mask *m, float cx, float cy, bool set)
{
    double r = 0.05 * (m->h < m->w ? m->h : m->w);

    r = r < 1 ? 1 : r;
    for (int y = (int)floor(cy - r); y <= (int)ceil(cy + r); y++) {
        double dy = y - (double)cy, half = r * r - dy * dy;

        if (half >= 0)
            fill_row(m, y, (int)ceil(cx - sqrt(half)), (int)floor(cx + sqrt(half)), set);
    }
}

static void fill_box(vb_mask *m, const float box[4])
{
    int y0 = (int)fmaxf(box[1], 0), y1 = (int)fminf(box[3], (float)(m->h - 1));

    for (int y = y0; y <= y1; y++)
        fill_row(m, y, (int)fmaxf(box[0], 0), (int)fminf(box[2], (float)(m->w - 1)), true);
}

static vb_status stub_prompt(vb_model *m, int object, const vb_frame *frame, vb_mask *shown_out, vb_err *err)
{
    const vb_prompt *p = m->clip.objects[object].prompt;
    vb_mask *shown = &m->shown[object];
    vb_status st = VB_OK;

    (void)frame;
    if (!shown->bits && (st = vb_mask_init(shown, m->clip.h, m->clip.w, err)))
        return st;
    if (p->has_mask) {
        if (p->mask.h != shown->h || p->mask.w != shown->w)
            return vb_fail(err, VB_ESHAPE, "stub: prompt mask %dx%d for a video of %dx%d", p->mask.w, p->mask.h,
                           shown->w, shown->h);
        memcpy(shown->bits, p->mask.bits, (size_t)shown->h * shown->stride * sizeof *shown->bits);
    } else {
        memset(shown->bits, 0, (size_t)shown->h * shown->stride * sizeof *shown->bits);
        if (p->has_box)
            fill_box(shown, p->box);
        for (int i = 0; i < p->n_points; i++)
            fill_disc(shown, p->xy[i][0], p->xy[i][1], p->label[i] == 1);
    }
    m->prompted[object] = true;
    if (shown_out)
        memcpy(shown_out->bits, shown->bits, (size_t)shown->h * shown->stride * sizeof *shown->bits);
    return VB_OK;
}

/* Leaves to a mask what none of the objects before it shows. */
static void take_away(vb_mask *m, const vb_object_out *before, int n)
{
    for (int k = 0; k < n; k++)
        for (size_t i = 0; before[k].active && i < (size_t)m->h * m->stride; i++)
            m->bits[i] &= ~before[k].mask->bits[i];
}

static vb_status stub_ahead(vb_model *m, const vb_frame *frames, int n, vb_err *err)
{
    if (n < 1 || n > m->clip.ahead || m->n_given + n > 2 * m->clip.ahead)
        return vb_fail(err, VB_EMODEL, "stub: %d frames given ahead, %d wait, the clip began with batches of %d", n, m->n_given, m->clip.ahead);
    for (int i = 0; i < n; i++) {
        if (m->next_given && frames[i].frame_idx != m->next_given)
            return vb_fail(err, VB_EMODEL, "stub: frame %d given ahead in place of %d", frames[i].frame_idx, m->next_given);
        m->given[frames[i].frame_idx % (2 * m->clip.ahead)] = frames[i].rgb;
        m->next_given = frames[i].frame_idx + 1;
        m->n_given++;
    }
    return VB_OK;
}

static vb_status stub_step(vb_model *m, const vb_frame *frame, vb_step *out, vb_err *err)
{
    const fault *f = &m->fault;
    double t0 = vb_now_ms();
    vb_status st;

    if (f->action && (f->width == 0 || f->width == m->clip.w) &&
        (f->action == FAULT_SLEEP ? frame->frame_idx >= f->frame : frame->frame_idx == f->frame) &&
        (st = act(f, err)))
        return st;
    if (m->n_given > 0) {
        if (m->given[frame->frame_idx % (2 * m->clip.ahead)] != frame->rgb)
            return vb_fail(err, VB_EMODEL, "stub: frame %d is not what was given ahead", frame->frame_idx);
        m->n_given--;
    }
    if (m->n_steps++ == 1 && m->clip.max_batch > m->batch)
        return vb_fail(err, VB_ENOMEM, "stub: memory does for %d objects in a pass, not for %d", m->batch, m->clip.max_batch);
    m->late_allocs += m->clip.max_batch > m->at_ease;
    for (int i = 0; i < m->clip.n_objects; i++) {
        vb_object_out *o = &out->objects[i];

        o->active = m->prompted[i] && frame->frame_idx >= m->clip.objects[i].start_frame;
        if (!o->active)
            continue;
        memcpy(o->mask->bits, m->shown[i].bits, (size_t)m->clip.h * m->shown[i].stride * sizeof(uint64_t));
        if (m->clip.non_overlap)
            take_away(o->mask, out->objects, i);
        o->predicted_iou = 1;
        o->object_score = 10;
        o->nonfinite = 0;
    }
    if (m->clip.times)
        m->clip.times[frame->frame_idx].stage_ms[VB_STAGE_MASK_DECODE] += vb_now_ms() - t0;
    out->holes_filled = out->sprinkles_removed = 0;
    return VB_OK;
}

static vb_status stub_memory(vb_model *m, vb_model_memory *out, bool reset_peaks, vb_err *err)
{
    (void)err;
    if (reset_peaks)
        m->late_allocs = 0;
    *out = (vb_model_memory){.late_allocs = m->late_allocs};
    return VB_OK;
}

static size_t stub_attention(vb_model *m, vb_attention_site *out, size_t cap)
{
    (void)m, (void)out, (void)cap;
    return 0;
}

static void stub_close(vb_model *m)
{
    if (m)
        stub_end(m);
    free(m);
}

const vb_model_ops vb_stub_ops = {
    .open = stub_open,
    .configure = stub_configure,
    .begin = stub_begin,
    .prompt = stub_prompt,
    .step = stub_step,
    .end = stub_end,
    .memory = stub_memory,
    .attention = stub_attention,
    .close = stub_close,
    .ahead = stub_ahead,
};
