/* Columns of every table of a result; see tables.h. Units and meanings: METRICS.md. */
#include "tables.h"

#define COL(row, field, kind, unit) {#field, unit, VB_COL_##kind, offsetof(row, field), sizeof(((row *)0)->field)}
#define STAGE(name, stage) \
    {name "_ms", "ms", VB_COL_F64, offsetof(vb_frame_row, stage_ms) + (stage) * sizeof(double), sizeof(double)}
#define TABLE(symbol, text, row, list)                                                     \
    const vb_table symbol = {text, sizeof(row), (int)(sizeof(list) / sizeof *(list)), list}

_Static_assert(VB_STAGE_COUNT == 8, "a column per stage in frame_columns");
static const vb_column frame_columns[] = {
    COL(vb_frame_row, frame_idx, I32, "1"),
    COL(vb_frame_row, first, U8, "1"),
    COL(vb_frame_row, prompted, U8, "1"),
    COL(vb_frame_row, annotated, U8, "1"),
    COL(vb_frame_row, n_objects, I32, "1"),
    COL(vb_frame_row, start_ms, F64, "ms"),
    COL(vb_frame_row, end_ms, F64, "ms"),
    COL(vb_frame_row, stored_ms, F64, "ms"),
    COL(vb_frame_row, latency_ms, F64, "ms"),
    STAGE("decode", VB_STAGE_DECODE),
    STAGE("preprocess", VB_STAGE_PREPROCESS),
    STAGE("encode", VB_STAGE_ENCODE),
    STAGE("attend", VB_STAGE_ATTEND),
    STAGE("mask_decode", VB_STAGE_MASK_DECODE),
    STAGE("memorize", VB_STAGE_MEMORIZE),
    STAGE("postprocess", VB_STAGE_POSTPROCESS),
    STAGE("score", VB_STAGE_SCORE),
    COL(vb_frame_row, nonfinite, I64, "logits"),
};
TABLE(VB_TABLE_FRAMES, "frames", vb_frame_row, frame_columns);

static const vb_column score_columns[] = {
    COL(vb_score_row, object, I32, "1"),
    COL(vb_score_row, frame_idx, I32, "1"),
    COL(vb_score_row, counted, U8, "1"),
    COL(vb_score_row, j, F64, "1"),
    COL(vb_score_row, f, F64, "1"),
    COL(vb_score_row, predicted_iou, F32, "1"),
    COL(vb_score_row, object_score, F32, "logit"),
    COL(vb_score_row, nonfinite, I64, "logits"),
    COL(vb_score_row, area, I64, "pixels"),
    COL(vb_score_row, mask_hash, U64, "1"),
};
TABLE(VB_TABLE_SCORES, "scores", vb_score_row, score_columns);

static const vb_column object_columns[] = {
    COL(vb_object_row, obj_id, TEXT, ""),
    COL(vb_object_row, prompt_frame, I32, "1"),
    COL(vb_object_row, prompt, TEXT, ""),
    COL(vb_object_row, n_counted, I32, "frames"),
    COL(vb_object_row, j, F64, "1"),
    COL(vb_object_row, f, F64, "1"),
};
TABLE(VB_TABLE_OBJECTS, "objects", vb_object_row, object_columns);

static const vb_column mask_columns[] = {
    COL(vb_mask_span, object, I32, "1"),
    COL(vb_mask_span, frame_idx, I32, "1"),
    COL(vb_mask_span, rle_start, I64, "bytes"),
    COL(vb_mask_span, rle_bytes, I32, "bytes"),
};
TABLE(VB_TABLE_MASKS, "masks", vb_mask_span, mask_columns);

static const vb_column overlay_columns[] = {
    COL(vb_overlay_span, frame_idx, I32, "1"),
    COL(vb_overlay_span, png_start, I64, "bytes"),
    COL(vb_overlay_span, png_bytes, I32, "bytes"),
};
TABLE(VB_TABLE_OVERLAYS, "overlays", vb_overlay_span, overlay_columns);

static const vb_column attention_columns[] = {
    COL(vb_attention_row, site, TEXT, ""),
    COL(vb_attention_row, dtype, TEXT, ""),
    COL(vb_attention_row, backend, TEXT, ""),
    COL(vb_attention_row, op, TEXT, ""),
    COL(vb_attention_row, reason, TEXT, ""),
    COL(vb_attention_row, batch, I32, "1"),
    COL(vb_attention_row, heads, I32, "1"),
    COL(vb_attention_row, q_len, I32, "tokens"),
    COL(vb_attention_row, k_len, I32, "tokens"),
    COL(vb_attention_row, head_dim, I32, "1"),
    COL(vb_attention_row, calls, I64, "1"),
};
TABLE(VB_TABLE_ATTENTION, "attention", vb_attention_row, attention_columns);

static const vb_column telemetry_columns[] = {
    COL(vb_telemetry_row, t_ms, F64, "ms"),
    COL(vb_telemetry_row, power_w, F64, "W"),
    COL(vb_telemetry_row, energy_j, F64, "J"),
    COL(vb_telemetry_row, gpu_clock_mhz, F64, "MHz"),
    COL(vb_telemetry_row, memory_clock_mhz, F64, "MHz"),
    COL(vb_telemetry_row, cpu_clock_mhz, F64, "MHz"),
    COL(vb_telemetry_row, gpu_load, F64, "1"),
    COL(vb_telemetry_row, temperature_c, F64, "C"),
    COL(vb_telemetry_row, temperature_max_c, F64, "C"),
    COL(vb_telemetry_row, device_bytes, F64, "bytes"),
    COL(vb_telemetry_row, available_bytes, F64, "bytes"),
    COL(vb_telemetry_row, rss_bytes, F64, "bytes"),
    COL(vb_telemetry_row, throttle, I64, "1"),
};
TABLE(VB_TABLE_TELEMETRY, "telemetry", vb_telemetry_row, telemetry_columns);

static const vb_column sensor_columns[] = {
    COL(vb_sensor_row, sensor, TEXT, ""),
    COL(vb_sensor_row, kind, TEXT, ""),
    COL(vb_sensor_row, unit, TEXT, ""),
    COL(vb_sensor_row, n, I32, "1"),
    COL(vb_sensor_row, mean, F64, "unit"),
    COL(vb_sensor_row, min, F64, "unit"),
    COL(vb_sensor_row, max, F64, "unit"),
};
TABLE(VB_TABLE_SENSORS, "sensors", vb_sensor_row, sensor_columns);

static const vb_column trial_columns[] = {
    COL(vb_trial, h, I32, "pixels"),
    COL(vb_trial, w, I32, "pixels"),
    COL(vb_trial, n_video_frames, I32, "frames"),
    COL(vb_trial, order_in_block, I32, "1"),
    COL(vb_trial, threads, I32, "1"),
    COL(vb_trial, clicks, I32, "1"),
    COL(vb_trial, warmup_ms, F64, "ms"),
    COL(vb_trial, warmup_frames_ms, F64, "ms"),
    COL(vb_trial, warmup_frames, I32, "frames"),
    COL(vb_trial, warmup_converged, I32, "1"),
    COL(vb_trial, wall_ms, F64, "ms"),
    COL(vb_trial, peak_device_bytes, I64, "bytes"),
    COL(vb_trial, peak_rss_bytes, I64, "bytes"),
    COL(vb_trial, weights_bytes, I64, "bytes"),
    COL(vb_trial, estimate_device_bytes, I64, "bytes"),
    COL(vb_trial, estimate_rss_bytes, I64, "bytes"),
    COL(vb_trial, max_batch, I32, "objects"),
    COL(vb_trial, oom_retries, I32, "1"),
    COL(vb_trial, holes_filled, I64, "pixels"),
    COL(vb_trial, energy_j, F64, "J"),
    COL(vb_trial, idle_j, F64, "J"),
    COL(vb_trial, power_mean_w, F64, "W"),
    COL(vb_trial, power_max_w, F64, "W"),
    COL(vb_trial, temperature_max_c, F64, "C"),
    COL(vb_trial, gpu_clock_mhz, F64, "MHz"),
    COL(vb_trial, rss_bytes_per_frame, F64, "bytes"),
    COL(vb_trial, throttled, I32, "1"),
    COL(vb_trial, throttle_repeats, I32, "1"),
    COL(vb_trial, unified, I32, "1"),
    COL(vb_trial, throttle_reasons, TEXT, ""),
    COL(vb_trial, sprinkles_removed, I64, "pixels"),
#define PROVENANCE(name, size) \
    {#name, "", VB_COL_TEXT, offsetof(vb_trial, from) + offsetof(vb_provenance, name), size},
    VB_PROVENANCE(PROVENANCE)
#undef PROVENANCE
};
TABLE(VB_TABLE_TRIAL, "trial", vb_trial, trial_columns);
