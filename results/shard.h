/* Shard: one trial as an HDF5 file image in memory. Built by the engine (core driver), decoded by the coordinator;
 * nobody writes into a published one again.
 *
 * Layout (schema 1): root attributes = key, provenance and scalars of vb_trial; /frames, /scores, /objects,
 * /masks (object, frame_idx, rle), /attention: compound tables, fixed types, units as attributes. */
#ifndef VB_SHARD_H
#define VB_SHARD_H

#include "trial.h"

#define VB_SHARD_SCHEMA 1
#define VB_SHARD_MAX_BYTES (512u << 20) /* a larger one is refused */

vb_status vb_shard_encode(uint8_t **bytes, size_t *n, const vb_trial *t, vb_err *err); /* *bytes malloc'ed */

/* Takes hostile bytes: every table's type and size is checked before it is read. VB_EFORMAT names the part. */
vb_status vb_shard_decode(vb_trial *out, const uint8_t *bytes, size_t n, vb_err *err);

#endif
