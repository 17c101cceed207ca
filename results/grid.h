/* A table for terminals: cells as text, columns aligned, numbers to the right. */
#ifndef VB_GRID_H
#define VB_GRID_H

#include "err.h"

#include <stdbool.h>
#include <stdio.h>

typedef struct vb_grid vb_grid;

vb_status vb_grid_create(vb_grid **out, int n_columns, vb_err *err);
void vb_grid_free(vb_grid *g);
/* The next cell, row by row; the first row is the head. Made printable and copied. right: aligned to the right. */
vb_status vb_grid_add(vb_grid *g, const char *text, bool right, vb_err *err);
void vb_grid_hide(vb_grid *g, int column); /* a column that has nothing to say */
void vb_grid_print(const vb_grid *g, const char *indent, FILE *to);

#endif
