/* Prompts from ground-truth masks by rule, from the words of `track --object`, and back to words.
 *
 * The center rule needs the distance of each foreground pixel to the nearest background pixel, exactly. It is
 * computed in integers (squared) in two passes over the foreground's bounding box. No scaling to model size. */
#include "prompt.h"

#include "image_io.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int x0, y0, x1, y1; /* inclusive */
    int64_t area, sum_x, sum_y;
} extent;

/* False when the mask is empty. */
static bool find_extent(extent *e, const vb_mask *m)
{
    *e = (extent){m->w, m->h, -1, -1, 0, 0, 0};
    for (int y = 0; y < m->h; y++)
        for (size_t i = 0; i < m->stride; i++)
            for (uint64_t bits = m->bits[(size_t)y * m->stride + i]; bits; bits &= bits - 1) {
                const int x = (int)(i * 64) + __builtin_ctzll(bits);

                e->x0 = x < e->x0 ? x : e->x0;
                e->x1 = x > e->x1 ? x : e->x1;
                e->y0 = y < e->y0 ? y : e->y0;
                e->y1 = y;
                e->area++;
                e->sum_x += x;
                e->sum_y += y;
            }
    return e->area > 0;
}

/* Squared distance from column x of a row to the nearest background, when column k is 'up[k]' rows away from one. */
static int64_t nearest_in_row(const int32_t *up, int n, int x)
{
    int64_t best = (int64_t)up[x] * up[x];

    /* Columns further away than the best so far cannot win. Columns -1 and n are background. */
    for (int64_t d = 1; d * d < best; d++) {
        const int64_t left = x - d >= 0 ? up[x - d] : 0, right = x + d < n ? up[x + d] : 0;
        const int64_t side = left < right ? left : right;

        if (d * d + side * side < best)
            best = d * d + side * side;
    }
    return best;
}

/* What surrounds the bounding box is background, like what lies outside the picture. */
static vb_status find_center(int *cx, int *cy, const vb_mask *m, const extent *e, vb_err *err)
{
    const int w = e->x1 - e->x0 + 1, h = e->y1 - e->y0 + 1;
    int32_t *up = malloc((size_t)w * (size_t)h * sizeof *up);
    int64_t best = 0;

    if (!up)
        return vb_fail(err, VB_ENOMEM, "host memory for the center of a mask of %d x %d", m->w, m->h);
    for (int x = 0; x < w; x++) {
        int32_t d = 0;

        for (int y = 0; y < h; y++)
            up[(size_t)y * (size_t)w + (size_t)x] = d = vb_mask_get(m, e->y0 + y, e->x0 + x) ? d + 1 : 0;
        d = 0;
        for (int y = h - 1; y >= 0; y--) {
            int32_t *at = &up[(size_t)y * (size_t)w + (size_t)x];

            d = *at ? d + 1 : 0;
            *at = d < *at ? d : *at;
        }
    }
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            const int32_t *row = up + (size_t)y * (size_t)w;
            int64_t d;

            if ((int64_t)row[x] * row[x] <= best)
                continue;
            d = nearest_in_row(row, w, x);
            /* upstream compares float32 roots, which are equal for some neighbouring squares over 2^22 */
            if (d > best && sqrtf((float)d) > sqrtf((float)best)) {
                best = d;
                *cx = e->x0 + x;
                *cy = e->y0 + y;
            }
        }
    free(up);
    return VB_OK;
}

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
    extent e;
    int x = 0, y = 0;
    vb_status st = VB_OK;

    memset(out, 0, sizeof *out);
    if (!find_extent(&e, gt))
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
        st = find_center(&x, &y, gt, &e, err);
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
