/* Aligned tables; see grid.h. */
#include "grid.h"

#include "text_safe.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    char *text;
    bool right;
} cell;

struct vb_grid {
    int columns;
    size_t n, room;
    cell *cells;
    bool *hidden;
};

vb_status vb_grid_create(vb_grid **out, int n_columns, vb_err *err)
{
    vb_grid *g = calloc(1, sizeof *g);

    if (!g || !(g->hidden = calloc((size_t)n_columns + 1, sizeof *g->hidden))) {
        free(g);
        return vb_fail(err, VB_ENOMEM, "table of %d columns", n_columns);
    }
    g->columns = n_columns;
    *out = g;
    return VB_OK;
}

void vb_grid_free(vb_grid *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->n; i++)
        free(g->cells[i].text);
    free(g->cells);
    free(g->hidden);
    free(g);
}

vb_status vb_grid_add(vb_grid *g, const char *text, bool right, vb_err *err)
{
    if (g->n == g->room) {
        size_t room = g->room ? 2 * g->room : 256;
        cell *more = realloc(g->cells, room * sizeof *more);

        if (!more)
            return vb_fail(err, VB_ENOMEM, "table of %zu cells", g->n);
        g->cells = more;
        g->room = room;
    }
    if (!(g->cells[g->n].text = vb_text_printable(text)))
        return vb_fail(err, VB_ENOMEM, "table of %zu cells", g->n);
    g->cells[g->n++].right = right;
    return VB_OK;
}

void vb_grid_hide(vb_grid *g, int column) { g->hidden[column] = true; }

static void print_row(const vb_grid *g, size_t row, const size_t *width, const char *indent, FILE *to)
{
    size_t owed = 0; /* spaces that come before the next cell, if there is one */

    fputs(indent, to);
    for (int c = 0; c < g->columns; c++) {
        const cell *k = &g->cells[row * (size_t)g->columns + (size_t)c];
        size_t pad = g->hidden[c] ? 0 : width[c] - vb_text_width(k->text);

        if (g->hidden[c])
            continue;
        if (k->text[0]) {
            fprintf(to, "%*s%s", (int)(owed + (k->right ? pad : 0)), "", k->text);
            owed = 2 + (k->right ? 0 : pad);
        } else
            owed += 2 + pad;
    }
    putc('\n', to);
}

void vb_grid_print(const vb_grid *g, const char *indent, FILE *to)
{
    size_t rows = g->n / (size_t)g->columns, *width = calloc((size_t)g->columns, sizeof *width);

    if (!width)
        return;
    for (size_t i = 0; i < rows * (size_t)g->columns; i++) {
        size_t w = vb_text_width(g->cells[i].text), c = i % (size_t)g->columns;

        width[c] = w > width[c] ? w : width[c];
    }
    for (size_t r = 0; r < rows; r++)
        print_row(g, r, width, indent, to);
    free(width);
}
