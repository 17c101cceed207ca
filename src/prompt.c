/* Prompts from ground-truth masks by rule, from the words of `track --object`, and back to words. Points are video
 * pixels: scaling to the network's input is the model's affair. */
#include "prompt.h"

#include "center.h"
#include "image_io.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void vb_prompt_deinit(vb_prompt *p)
{
    vb_mask_deinit(&p->mask);
    memset(p, 0, sizeof *p);
}

static vb_status copy_mask(vb_mask *out, const vb_mask *m, vb_err *err)
{
    vb_status st = vb_mask_init(out, m->h, m->w, err);

    if (st == VB_OK)
        memcpy(out->bits, m->bits, (size_t)m->h * m->stride * sizeof *m->bits);
    return st;
}

vb_status vb_prompt_from_mask(vb_prompt *out, const vb_mask *gt, vb_prompt_kind kind, vb_point_rule rule, vb_err *err)
{
    vb_extent e;
    int x = 0, y = 0;
    int64_t squared;
    vb_status st = VB_OK;

    memset(out, 0, sizeof *out);
    if (!vb_mask_extent(&e, gt))
        return vb_fail(err, VB_EARG, "no prompt from an empty mask");
    switch (kind) {
    case VB_PROMPT_POINT:
        out->n_points = 1;
        out->label[0] = 1;
        if (rule == VB_RULE_CENTROID) {
            out->xy[0][0] = (float)((double)e.sum_x / (double)e.area);
            out->xy[0][1] = (float)((double)e.sum_y / (double)e.area);
            break;
        }
        st = vb_mask_center(&x, &y, &squared, gt, &e, err);
        out->xy[0][0] = (float)x;
        out->xy[0][1] = (float)y;
        break;
    case VB_PROMPT_BOX:
        out->has_box = true;
        out->box[0] = (float)e.x0;
        out->box[1] = (float)e.y0;
        out->box[2] = (float)e.x1;
        out->box[3] = (float)e.y1;
        break;
    case VB_PROMPT_MASK:
        out->has_mask = true;
        st = copy_mask(&out->mask, gt, err);
        break;
    default:
        st = vb_fail(err, VB_EARG, "unknown prompt kind %d", (int)kind);
    }
    if (st)
        vb_prompt_deinit(out);
    return st;
}

/* The pixels that a has and b has not; their center and its squared distance from the border, 0 0 and 0 for none. */
static vb_status center_of_rest(int *x, int *y, int64_t *squared, vb_mask *scratch, const vb_mask *a, const vb_mask *b, vb_err *err)
{
    vb_extent e;

    *x = *y = 0;
    *squared = 0;
    for (size_t i = 0; i < (size_t)a->h * a->stride; i++)
        scratch->bits[i] = a->bits[i] & ~b->bits[i];
    return vb_mask_extent(&e, scratch) ? vb_mask_center(x, y, squared, scratch, &e, err) : VB_OK;
}

vb_status vb_prompt_correct(vb_prompt *p, const vb_mask *gt, const vb_mask *shown, vb_err *err)
{
    int missed_x, missed_y, extra_x, extra_y;
    int64_t missed, extra;
    vb_mask rest = {0};
    bool add; /* the click adds to the mask */
    vb_status st;

    if (gt->h != shown->h || gt->w != shown->w)
        return vb_fail(err, VB_ESHAPE, "corrective click: the mask shown is %d x %d, the ground truth %d x %d", shown->w, shown->h, gt->w, gt->h);
    if (p->n_points == VB_MAX_POINTS)
        return vb_fail(err, VB_EARG, "corrective click: a prompt holds at most %d points", VB_MAX_POINTS);
    if ((st = vb_mask_init(&rest, gt->h, gt->w, err)) || (st = center_of_rest(&missed_x, &missed_y, &missed, &rest, gt, shown, err)) ||
        (st = center_of_rest(&extra_x, &extra_y, &extra, &rest, shown, gt, err)))
        goto out;
    add = vb_center_deeper(missed, extra);
    p->xy[p->n_points][0] = (float)(add ? missed_x : extra_x);
    p->xy[p->n_points][1] = (float)(add ? missed_y : extra_y);
    p->label[p->n_points++] = add;
out:
    vb_mask_deinit(&rest);
    return st;
}

/* "V,V,...": n finite numbers from *s, which is moved past them. */
static bool get_numbers(float *v, int n, const char **s)
{
    for (int i = 0; i < n; i++) {
        char *end;

        if (i && *(*s)++ != ',')
            return false;
        if (**s == '\0' || strchr(" \t\n+", **s))
            return false;
        v[i] = strtof(*s, &end);
        if (end == *s || !isfinite(v[i]))
            return false;
        *s = end;
    }
    return true;
}

static vb_status parse_points(vb_prompt *p, const char **s, const char *spec, vb_err *err)
{
    do {
        float v[3];

        if (p->n_points == VB_MAX_POINTS)
            return vb_fail(err, VB_EARG, "prompt '%.160s': more than %d points", spec, VB_MAX_POINTS);
        if (!get_numbers(v, 3, s) || (v[2] != 0 && v[2] != 1))
            return vb_fail(err, VB_EARG, "prompt '%.160s': a point is X,Y,LABEL with LABEL 1 (object) or 0 (background)",
                           spec);
        p->xy[p->n_points][0] = v[0];
        p->xy[p->n_points][1] = v[1];
        p->label[p->n_points++] = (int)v[2];
    } while (**s == ';' && (*s)++);
    return VB_OK;
}

static vb_status parse_box(vb_prompt *p, const char **s, const char *spec, vb_err *err)
{
    if (p->has_box)
        return vb_fail(err, VB_EARG, "prompt '%.160s': more than one box", spec);
    if (!get_numbers(p->box, 4, s) || p->box[0] > p->box[2] || p->box[1] > p->box[3])
        return vb_fail(err, VB_EARG, "prompt '%.160s': a box is X0,Y0,X1,Y1 with X0 <= X1 and Y0 <= Y1", spec);
    p->has_box = true;
    return VB_OK;
}

vb_status vb_prompt_parse(vb_prompt *out, const char *spec, vb_err *err)
{
    const char *s = spec;
    vb_status st = VB_OK;

    memset(out, 0, sizeof *out);
    if (!strncmp(s, "mask:", 5)) { /* the rest is a file name, whatever is in it */
        if ((st = vb_png_read_mask(&out->mask, s + 5, err)) == VB_OK)
            out->has_mask = true;
        return st;
    }
    for (;;) {
        if (!strncmp(s, "point:", 6)) {
            s += 6;
            st = parse_points(out, &s, spec, err);
        } else if (!strncmp(s, "box:", 4)) {
            s += 4;
            st = parse_box(out, &s, spec, err);
        } else if (!strncmp(s, "mask:", 5)) {
            st = vb_fail(err, VB_EARG, "prompt '%.160s': a mask comes alone, without points or box", spec);
        } else {
            st = vb_fail(err, VB_EARG, "prompt '%.160s': '%.40s' is none of point:X,Y,LABEL[;...], box:X0,Y0,X1,Y1, "
                         "mask:FILE.png", spec, s);
        }
        if (st || *s == '\0')
            break;
        if (*s != '+') {
            st = vb_fail(err, VB_EARG, "prompt '%.160s': cannot read it from '%.40s' on; parts are joined by '+'", spec, s);
            break;
        }
        s++;
    }
    if (st)
        vb_prompt_deinit(out);
    return st;
}

/* The shortest decimal that reads back as v. */
static const char *number_text(char buf[32], float v)
{
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(buf, 32, "%.*g", digits, (double)v);
        if (strtof(buf, NULL) == v)
            break;
    }
    return buf;
}

/* Appends to buf of n bytes, of which *used are in use; what does not fit is cut off. */
static void append(char *buf, size_t n, size_t *used, const char *text)
{
    const size_t len = strlen(text), room = n - *used - 1, take = len < room ? len : room;

    memcpy(buf + *used, text, take);
    *used += take;
    buf[*used] = '\0';
}

void vb_prompt_text(char *buf, size_t n, const vb_prompt *p)
{
    size_t used = 0;
    char number[32];

    if (n == 0)
        return;
    buf[0] = '\0';
    if (p->has_mask) {
        snprintf(buf, n, "mask:area=%lld", (long long)vb_mask_area(&p->mask));
        return;
    }
    for (int i = 0; p->has_box && i < 4; i++) {
        append(buf, n, &used, i ? "," : "box:");
        append(buf, n, &used, number_text(number, p->box[i]));
    }
    for (int i = 0; i < p->n_points; i++) {
        append(buf, n, &used, i ? ";" : p->has_box ? "+point:" : "point:");
        append(buf, n, &used, number_text(number, p->xy[i][0]));
        append(buf, n, &used, ",");
        append(buf, n, &used, number_text(number, p->xy[i][1]));
        append(buf, n, &used, p->label[i] ? ",1" : ",0");
    }
}
