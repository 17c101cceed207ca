/* Masks that are hard on connected components: long paths, many components, contacts by corners alone. */
#ifndef VB_MASK_SHAPES_H
#define VB_MASK_SHAPES_H

#include <stdint.h>

/* name, and what sets pixel (y, x) of an h x w mask is in mask_shapes.c */
typedef enum {
    SHAPE_RANDOM,       /* pixels by chance, any density */
    SHAPE_THRESHOLD,    /* density 0.41: components of every size */
    SHAPE_BLOBS,        /* smooth noise: as predicted masks are */
    SHAPE_SPIRAL,       /* one path inwards */
    SHAPE_CORNERS,      /* zigzags that hold together by corners alone */
    SHAPE_CHECKERBOARD, /* one component by corners */
    SHAPE_DOTS,         /* every pixel a component */
    SHAPE_COMB,         /* teeth joined in the last row */
    SHAPE_SERPENTINE,   /* teeth joined in turns above and below: one path */
    SHAPE_RINGS,        /* one inside the other */
    SHAPE_STRIPES,      /* diagonal */
    SHAPE_FULL,
    SHAPE_EMPTY,
    SHAPE_COUNT
} mask_shape;

extern const char *const mask_shape_names[SHAPE_COUNT];

/* A sequence of numbers from a seed (splitmix64). */
uint64_t draw(uint64_t *state);
int draw_int(uint64_t *state, int least, int most);

/* fg [h, w] of 0 and 1; mirrored, turned over and inverted by chance. */
void mask_shape_draw(uint8_t *fg, int h, int w, mask_shape shape, uint64_t *state);

#endif
