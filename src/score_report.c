/* The table of scores as Meta's CSV; see score.h. */
#include "score.h"

#include <errno.h>
#include <string.h>

static int characters(const char *s) /* of UTF-8 */
{
    int n = 0;

    for (; *s; s++)
        n += (*s & 0xC0) != 0x80;
    return n;
}

static void print_name(FILE *to, const char *name, int width)
{
    fprintf(to, "%s%*s", name, width - characters(name), "");
}

void vb_score_print(FILE *to, const vb_score_summary *s, char separator)
{
    const char c = separator;
    int width = characters("Global score");

    for (int i = 0; i < s->n_objects; i++)
        width = characters(s->objects[i].video) > width ? characters(s->objects[i].video) : width;
    print_name(to, "sequence", width);
    fprintf(to, "%cobj%c  J&F%c    J%c    F\n", c, c, c, c);
    print_name(to, "Global score", width);
    fprintf(to, "%c   %c %.1f%c %.1f%c %.1f\n", c, c, s->jf * 100, c, s->j * 100, c, s->f * 100);
    for (int i = 0; i < s->n_objects; i++) {
        const vb_object_score *o = &s->objects[i];
        const double j = o->j * 100, f = o->f * 100;

        if (!o->scored)
            continue;
        print_name(to, o->video, width);
        fprintf(to, "%c%-3s%c %4.1f%c %4.1f%c %4.1f\n", c, o->obj_id, c, (j + f) / 2, c, j, c, f);
    }
}

vb_status vb_score_write_csv(const char *path, const vb_score_summary *s, vb_err *err)
{
    FILE *f = fopen(path, "we");
    int bad;

    if (!f)
        return vb_fail(err, VB_EIO, "'%s': cannot create: %s; choose another file by --out", path, strerror(errno));
    vb_score_print(f, s, ',');
    bad = ferror(f);
    if (fclose(f) || bad)
        return vb_fail(err, VB_EIO, "'%s': cannot write: %s", path, strerror(errno));
    return VB_OK;
}
