/* Shard: one trial as an HDF5 file image in memory. Built by the engine (core driver), decoded by the coordinator;
 * nobody writes into a published one again.
 *
 * Layout (schema 1). The first 512 bytes are an HDF5 user block: a line of text with the SHA-256 of all that follows,
 * so that a damaged shard is refused before the HDF5 library sees it and one without a row can be adopted.
 * Then an HDF5 file that h5py, h5dump and pandas open as it is:
 *   root attributes   key (video, tag and its parts, repetition), numbers and provenance of vb_trial
 *   /frames /scores /objects /attention /telemetry /sensors   compound tables, a row per struct of trial.h; attribute "units" by column
 *   /masks            compound (object, frame_idx, rle_start, rle_bytes); /mask_rle  uint8, COCO RLE texts end to end
 *   /overlays         compound (frame_idx, png_start, png_bytes); /overlay_png  uint8, PNG files end to end */
#ifndef VB_SHARD_H
#define VB_SHARD_H

#include "trial.h"

#define VB_SHARD_SCHEMA 1
#define VB_SHARD_MAX_BYTES (512u << 20) /* a larger one is refused */

/* *bytes malloc'ed. VB_ESTORE, VB_ENOMEM. */
vb_status vb_shard_encode(uint8_t **bytes, size_t *n, const vb_trial *t, vb_err *err);

/* Takes damaged bytes of every kind: hash first, then every table's type and size before it is read, then every row's
 * values. VB_EFORMAT names the part that is not as it should be; another error is of HDF5 behind a seal that holds, and says
 * nothing about the shard. What the seal cannot give is trust in who made it: libhdf5 is not safe on headers
 * forged under a valid seal, so shards are taken from the run's own engines only. */
vb_status vb_shard_decode(vb_trial *out, const uint8_t *bytes, size_t n, vb_err *err);

#endif
