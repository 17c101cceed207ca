/* The tables of a result as data: name, unit, type and place of every column. The shard's compounds, the columns of
 * results.h5 and the checks on both are made from these; nothing lists columns a second time. */
#ifndef VB_TABLES_H
#define VB_TABLES_H

#include "trial.h"

typedef enum { VB_COL_I32, VB_COL_I64, VB_COL_U8, VB_COL_U64, VB_COL_F32, VB_COL_F64, VB_COL_TEXT } vb_column_type;

typedef struct {
    const char *name;
    const char *unit; /* "ms", "bytes", "pixels", ...; "1" for counts, flags and ratios; "" for text */
    vb_column_type type;
    size_t offset, size; /* in the C row; a text's size includes its NUL */
} vb_column;

typedef struct {
    const char *name; /* of the dataset */
    size_t row_size;
    int n_columns;
    const vb_column *columns;
} vb_table;

/* A row of /masks as it is stored: rle_bytes bytes from rle_start of /mask_rle. */
typedef struct {
    int32_t object, frame_idx;
    int64_t rle_start;
    int32_t rle_bytes;
} vb_mask_span;

/* A row of /overlays as it is stored: png_bytes bytes from png_start of /overlay_png. */
typedef struct {
    int32_t frame_idx;
    int64_t png_start;
    int32_t png_bytes;
} vb_overlay_span;

extern const vb_table VB_TABLE_FRAMES;    /* vb_frame_row */
extern const vb_table VB_TABLE_SCORES;    /* vb_score_row */
extern const vb_table VB_TABLE_OBJECTS;   /* vb_object_row */
extern const vb_table VB_TABLE_MASKS;     /* vb_mask_span */
extern const vb_table VB_TABLE_OVERLAYS;  /* vb_overlay_span */
extern const vb_table VB_TABLE_ATTENTION; /* vb_attention_row */
extern const vb_table VB_TABLE_TELEMETRY; /* vb_telemetry_row */
extern const vb_table VB_TABLE_SENSORS;   /* vb_sensor_row */
/* Numbers and provenance of vb_trial itself: attributes of the shard, columns of /trials. */
extern const vb_table VB_TABLE_TRIAL;

#endif
